//! The attributes and categories that a catalogue turns out to have.

use std::collections::{BTreeMap, HashSet};

use super::builder::tally;
use crate::catalog::{Attribute, AttributeKind, AttributeValue, Item};

/// Most words of one attribute, and most declared categories.
pub const WORDS: usize = 256;
/// Most declared attributes.
pub const ATTRIBUTES: usize = 64;
/// Most entries of given vectors that are declared.
pub const ENTRIES: usize = 256;
/// What given vectors are declared as.
const VECTOR: &str = "vector";

/// What goes into `dataset.json`.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Declared attributes, sorted by name.
    pub attributes: Vec<Attribute>,
    /// Declared categories, sorted: the [`WORDS`] most common ones.
    pub categories: Vec<String>,
    /// Attributes that no feature can use, with the reason.
    pub dropped: Vec<String>,
}

/// Declares what the items have. Dropped attributes are taken off the items; an
/// attribute with numbers and words becomes words; rare categories stay on the
/// items but are not declared.
pub fn discover(items: &mut [Item]) -> Vocabulary {
    let mut vocabulary = Vocabulary { categories: categories(items), ..Vocabulary::default() };
    for (name, mixed) in names(items) {
        if mixed {
            numbers_to_words(items, &name);
        }
        match declare(items, &name) {
            Ok(_) if vocabulary.attributes.len() == ATTRIBUTES => {
                vocabulary.dropped.push(format!("{name}: more than {ATTRIBUTES} attributes"));
            }
            Ok(kind) => vocabulary.attributes.push(Attribute { name, kind }),
            Err(reason) => {
                for item in items.iter_mut() {
                    item.attributes.remove(&name);
                }
                vocabulary.dropped.push(format!("{name}: {reason}"));
            }
        }
    }
    if let Some(dimension) = items.iter().find_map(|item| item.vector.as_ref()).map(Vec::len) {
        match unusable(&vocabulary.attributes, dimension) {
            Some(reason) => vocabulary.dropped.push(format!("{VECTOR}: {reason}")),
            None => {
                let kind = AttributeKind::Vector { dimension };
                vocabulary.attributes.push(Attribute { name: VECTOR.to_owned(), kind });
                vocabulary.attributes.sort_by(|one, other| one.name.cmp(&other.name));
            }
        }
    }
    vocabulary
}

/// Why given vectors of `dimension` entries are not declared beside these attributes; none where they are.
fn unusable(declared: &[Attribute], dimension: usize) -> Option<String> {
    if dimension > ENTRIES {
        return Some(format!("{dimension} entries, at most {ENTRIES} are used"));
    }
    if declared.iter().any(|attribute| attribute.name == VECTOR) {
        return Some("an attribute of the items has this name".to_owned());
    }
    (declared.len() >= ATTRIBUTES).then(|| format!("more than {ATTRIBUTES} attributes"))
}

fn categories(items: &[Item]) -> Vec<String> {
    let counts = tally(items.iter().flat_map(|item| &item.categories).map(String::as_str));
    let mut ranked: Vec<(&str, u64)> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut words: Vec<String> = ranked.into_iter().take(WORDS).map(|(word, _)| word.to_owned()).collect();
    words.sort();
    words
}

// Every attribute name with whether it has both numbers and words.
fn names(items: &[Item]) -> BTreeMap<String, bool> {
    let mut seen: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for (name, value) in items.iter().flat_map(|item| &item.attributes) {
        if !seen.contains_key(name) {
            seen.insert(name.clone(), (false, false));
        }
        if let Some((numbers, words)) = seen.get_mut(name) {
            *numbers |= value.number().is_some();
            *words |= value.text().is_some();
        }
    }
    seen.into_iter().map(|(name, (numbers, words))| (name, numbers && words)).collect()
}

fn numbers_to_words(items: &mut [Item], name: &str) {
    for value in items.iter_mut().filter_map(|item| item.attributes.get_mut(name)) {
        if let AttributeValue::Number(number) = value {
            *value = AttributeValue::Text(number.to_string());
        }
    }
}

fn declare(items: &[Item], name: &str) -> Result<AttributeKind, String> {
    let values = || items.iter().filter_map(|item| item.attributes.get(name));
    let words: HashSet<&str> = values().filter_map(AttributeValue::text).collect();
    if words.len() > WORDS {
        return Err(format!("{} different words, at most {WORDS} are used", words.len()));
    }
    if words.len() > 1 {
        let mut values: Vec<String> = words.into_iter().map(str::to_owned).collect();
        values.sort();
        return Ok(AttributeKind::Category { values });
    }
    let minimum = values().filter_map(AttributeValue::number).fold(f64::INFINITY, f64::min);
    let maximum = values().filter_map(AttributeValue::number).fold(f64::NEG_INFINITY, f64::max);
    if minimum < maximum {
        return Ok(AttributeKind::Number { minimum, maximum });
    }
    Err("every item has the same value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_vectors_are_declared_as_far_as_they_are_not_too_long() {
        let of = |entries: usize| Item { vector: Some(vec![1.0; entries]), ..Item::default() };
        let found = discover(&mut [Item::default(), of(3)]);
        let declared = Attribute { name: VECTOR.into(), kind: AttributeKind::Vector { dimension: 3 } };
        assert_eq!((found.attributes, found.dropped.len()), (vec![declared], 0));
        let long = discover(&mut [of(ENTRIES + 1)]);
        assert!(long.attributes.is_empty() && long.dropped[0].contains("256"));
    }

    fn item(name: &str, value: AttributeValue) -> Item {
        Item { attributes: BTreeMap::from([(name.to_owned(), value)]), ..Item::default() }
    }

    #[test]
    fn given_vectors_that_are_not_declared_say_why() {
        let items = |names: &[String]| {
            let rows = [1.0, 2.0].map(|number| {
                let attribute = |name: &String| (name.clone(), AttributeValue::Number(number));
                let attributes = names.iter().map(attribute).collect();
                Item { attributes, vector: Some(vec![0.5, 1.0]), ..Item::default() }
            });
            discover(&mut rows.into_iter().collect::<Vec<Item>>())
        };
        let many: Vec<String> = (0..ATTRIBUTES).map(|at| format!("a{at}")).collect();
        let full = items(&many);
        assert_eq!(
            (full.attributes.len(), full.dropped),
            (ATTRIBUTES, vec!["vector: more than 64 attributes".into()])
        );
        let named = items(&[VECTOR.to_owned()]);
        assert_eq!(named.attributes.len(), 1, "{named:?}");
        assert!(named.dropped[0].contains("this name"), "{named:?}");
    }

    #[test]
    fn numbers_get_a_range_and_words_a_vocabulary() {
        let mut items = vec![
            item("size", AttributeValue::Number(3.0)),
            item("size", AttributeValue::Number(-1.0)),
            item("colour", AttributeValue::Text("red".into())),
            item("colour", AttributeValue::Text("blue".into())),
        ];
        let vocabulary = discover(&mut items);
        assert_eq!(vocabulary.attributes[1].kind, AttributeKind::Number { minimum: -1.0, maximum: 3.0 });
        let values = vec!["blue".to_owned(), "red".to_owned()];
        assert_eq!(vocabulary.attributes[0].kind, AttributeKind::Category { values });
    }

    #[test]
    fn mixed_values_become_words() {
        let mut items =
            vec![item("size", AttributeValue::Number(38.0)), item("size", AttributeValue::Text("XL".into()))];
        let values = vec!["38".to_owned(), "XL".to_owned()];
        assert_eq!(discover(&mut items).attributes[0].kind, AttributeKind::Category { values });
        assert_eq!(items[0].attributes["size"].text(), Some("38"));
    }

    #[test]
    fn what_no_feature_can_use_is_dropped_and_named() {
        let mut items: Vec<Item> =
            (0..300).map(|number| item("sku", AttributeValue::Text(format!("sku-{number}")))).collect();
        items.push(item("one", AttributeValue::Number(1.0)));
        let vocabulary = discover(&mut items);
        assert!(vocabulary.attributes.is_empty());
        assert_eq!(vocabulary.dropped.len(), 2);
        assert!(items.iter().all(|item| item.attributes.is_empty()));
    }

    #[test]
    fn the_rarest_categories_are_not_declared() {
        let mut items: Vec<Item> = (0..400)
            .map(|number| Item { categories: vec![format!("c{:03}", number % 300)], ..Item::default() })
            .collect();
        let vocabulary = discover(&mut items);
        assert_eq!(vocabulary.categories.len(), WORDS);
        assert!(vocabulary.categories.contains(&"c099".to_owned()));
    }
}
