//! The named numbers of a candidate. All candidates of a pack share the names, which are many and the same.

use std::sync::Arc;

/// Named numbers of one candidate, in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// In ascending order, the pack's.
    names: Arc<[Arc<str>]>,
    /// One for each name; none where the pack does not know it.
    values: Box<[Option<f32>]>,
}

impl Columns {
    /// A value for each of these names, which are in ascending order.
    pub(crate) fn new(names: &Arc<[Arc<str>]>, values: impl Iterator<Item = Option<f32>>) -> Self {
        Self { names: Arc::clone(names), values: values.collect() }
    }

    /// The number of this name, where the pack knows it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f32> {
        let place = self.names.binary_search_by(|known| (**known).cmp(name)).ok()?;
        self.values.get(place).copied().flatten()
    }

    /// The names that the pack knows a number of, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.names.iter().zip(&self.values).filter_map(|(name, value)| Some((&**name, (*value)?)))
    }
}

impl Default for Columns {
    fn default() -> Self {
        Self { names: [].into(), values: [].into() }
    }
}

/// For candidates that come from no pack: one that is named twice has its last number.
impl<'a> FromIterator<(&'a str, f32)> for Columns {
    fn from_iter<I: IntoIterator<Item = (&'a str, f32)>>(named: I) -> Self {
        let named: std::collections::BTreeMap<&str, f32> = named.into_iter().collect();
        let names = named.keys().map(|name| Arc::from(*name)).collect();
        Self { names, values: named.into_values().map(Some).collect() }
    }
}

#[cfg(test)]
impl Columns {
    /// Sets the number of a name.
    pub(crate) fn insert(&mut self, name: &str, value: f32) {
        *self = self.clone().iter().chain([(name, value)]).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pack_does_not_know_is_nothing() {
        let names = ["age_days".into(), "popularity".into()].into();
        let columns = Columns::new(&names, [None, Some(0.5)].into_iter());
        assert_eq!((columns.get("age_days"), columns.get("popularity")), (None, Some(0.5)));
        assert_eq!(["", "age", "x"].map(|name| columns.get(name)), [None; 3]);
        assert_eq!(columns.iter().collect::<Vec<_>>(), [("popularity", 0.5)]);
    }

    #[test]
    fn named_in_any_order_they_are_found_and_the_last_counts() {
        let mut columns: Columns = [("z", 1.0), ("a", 2.0), ("z", 3.0)].into_iter().collect();
        columns.insert("m", 4.0);
        assert_eq!(["a", "m", "z"].map(|name| columns.get(name)), [2.0, 4.0, 3.0].map(Some));
        assert_eq!(Columns::default().get("a"), None);
    }
}
