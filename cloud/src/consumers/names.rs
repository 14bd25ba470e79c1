//! Numbers for things that come again and again.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize, Serializer};

/// Things, each with the number of its first coming.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<T>", bound = "T: Clone + Eq + Hash + Deserialize<'de>")]
pub(super) struct Names<T: Eq + Hash> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T: Eq + Hash> Default for Names<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    /// The number of a thing; a new one gets the next.
    pub(super) fn number<Q: Eq + Hash + ToOwned<Owned = T> + ?Sized>(&mut self, name: &Q) -> u32
    where
        T: Borrow<Q>,
    {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Whether the thing came before.
    pub(super) fn contains<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.numbers.contains_key(name)
    }

    /// All of them, in the order of their numbers.
    pub(super) fn all(&self) -> &[T] {
        &self.all
    }
}

impl<T: Clone + Eq + Hash> From<Vec<T>> for Names<T> {
    fn from(all: Vec<T>) -> Self {
        let numbers = all.iter().cloned().zip(0..).collect();
        Self { all, numbers }
    }
}

impl<T: Eq + Hash + Serialize> Serialize for Names<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}
