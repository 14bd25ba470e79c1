//! Values by name, as many as there is room for.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by name; the ones that were not asked for longest make room for others.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    most: usize,
    weigh: fn(&V) -> usize,
    known: Mutex<Known<K, V>>,
}

#[derive(Debug)]
struct Known<K, V> {
    values: HashMap<K, Kept<V>>,
    /// Names by when each was asked for last.
    order: BTreeMap<u64, K>,
    /// How often one was found or kept.
    asked: u64,
    /// What the values weigh together.
    weight: usize,
    /// How often one was let go of for good.
    forgotten: u64,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    weight: usize,
    /// When it was asked for last, by [`Known::asked`].
    last: u64,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    /// Room for values that weigh so much together; one that weighs more by itself is not kept.
    pub(crate) fn of(most: usize, weigh: fn(&V) -> usize) -> Self {
        let known =
            Known { values: HashMap::new(), order: BTreeMap::new(), asked: 0, weight: 0, forgotten: 0 };
        Self { most, weigh, known: Mutex::new(known) }
    }

    /// What is kept under `name`, where `is_it` says that it is what was asked for.
    pub(crate) fn get<Q>(&self, name: &Q, is_it: impl Fn(&V) -> bool) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.known().find(name, is_it)
    }

    /// Keeps `value`; what was kept under `name` before goes.
    pub(crate) fn keep(&self, name: K, value: V) {
        let weight = (self.weigh)(&value);
        self.known().keep(name, value, weight, self.most);
    }

    /// Lets go of what is kept under `name`, and of what is being made for it.
    pub(crate) fn forget<Q>(&self, name: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut known = self.known();
        known.forgotten += 1;
        known.remove(name);
    }

    /// What everything that is kept weighs.
    pub(crate) fn weight(&self) -> usize {
        self.known().weight
    }

    fn known(&self) -> MutexGuard<'_, Known<K, V>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone> Recent<String, V> {
    /// As [`Recent::get`]; where there is none, what `make` makes, which is kept.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn get_or_make<E>(
        &self,
        name: &str,
        is_it: impl Fn(&V) -> bool,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let forgotten = {
            let mut known = self.known();
            if let Some(value) = known.find(name, is_it) {
                return Ok(value);
            }
            known.forgotten
        };
        let value = make()?;
        let weight = (self.weigh)(&value);
        let mut known = self.known();
        // Something was forgotten while it was made: it may have been this.
        if known.forgotten == forgotten {
            known.keep(name.to_owned(), value.clone(), weight, self.most);
        }
        drop(known);
        Ok(value)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Known<K, V> {
    fn find<Q>(&mut self, name: &Q, is_it: impl Fn(&V) -> bool) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let kept = self.values.get_mut(name).filter(|kept| is_it(&kept.value))?;
        self.asked += 1;
        if let Some(name) = self.order.remove(&kept.last) {
            self.order.insert(self.asked, name);
        }
        kept.last = self.asked;
        Some(kept.value.clone())
    }

    fn keep(&mut self, name: K, value: V, weight: usize, most: usize) {
        self.remove(&name);
        if weight > most {
            return;
        }
        while self.weight + weight > most {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.remove(&oldest);
        }
        self.asked += 1;
        self.weight += weight;
        self.order.insert(self.asked, name.clone());
        self.values.insert(name, Kept { value, weight, last: self.asked });
    }

    fn remove<Q>(&mut self, name: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(gone) = self.values.remove(name) {
            self.order.remove(&gone.last);
            self.weight -= gone.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for values of so many letters.
    fn room(most: usize) -> Recent<String, &'static str> {
        Recent::of(most, |value: &&'static str| value.len())
    }

    fn names(recent: &Recent<String, &'static str>) -> Vec<String> {
        let known = recent.known();
        assert_eq!(known.order.len(), known.values.len());
        assert_eq!(known.values.values().map(|kept| kept.weight).sum::<usize>(), known.weight);
        known.order.values().cloned().collect()
    }

    #[test]
    fn who_was_not_asked_for_longest_makes_room_and_what_is_too_heavy_is_not_kept() {
        let recent = room(4);
        recent.keep("a".into(), "xx");
        recent.keep("b".into(), "yy");
        assert_eq!(recent.get("a", |_| true), Some("xx"));
        recent.keep("c".into(), "z");
        assert_eq!((names(&recent), recent.weight()), (vec!["a".to_owned(), "c".to_owned()], 3));
        recent.keep("a".into(), "heavy");
        assert_eq!(names(&recent), ["c"], "what was there before is not the value any more");
        recent.keep("c".into(), "zzzz");
        assert_eq!((names(&recent), recent.weight()), (vec!["c".to_owned()], 4));
        let none = room(0);
        none.keep("a".into(), "x");
        assert!(names(&none).is_empty() && none.weight() == 0);
    }

    #[test]
    fn what_is_there_is_not_made_and_what_is_another_is_made_anew() {
        let recent = room(9);
        let make = |name: &str, value: &'static str| {
            let mut made = 0;
            let found = recent.get_or_make(
                name,
                |kept| *kept == value,
                || {
                    made += 1;
                    Ok::<_, ()>(value)
                },
            );
            assert_eq!(found, Ok(value));
            made
        };
        assert_eq!([make("a", "one"), make("a", "one"), make("b", "one")], [1, 0, 1]);
        assert_eq!([make("a", "two"), make("a", "two"), make("a", "one")], [1, 0, 1]);
        assert_eq!(recent.get_or_make("c", |_| true, || Err::<&'static str, _>("no")), Err("no"));
        assert_eq!(recent.get("c", |_| true), None);
    }

    #[test]
    fn what_is_forgotten_while_it_is_made_is_not_kept() {
        let recent = room(9);
        let made = recent.get_or_make(
            "a",
            |_| true,
            || {
                recent.forget("a");
                Ok::<_, ()>("one")
            },
        );
        assert_eq!((made, names(&recent).len()), (Ok("one"), 0));
        recent.keep("a".into(), "one");
        recent.forget("a");
        assert_eq!(recent.get("a", |_| true), None);
    }
}
