//! `segue.toml`: its entries with the line of each.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// One `key = value` of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key with its table's name.
    pub(super) name: String,
    /// The value as text; a list's members are separated by commas.
    pub(super) text: String,
    /// The line it stands on, from 1.
    pub(super) line: usize,
}

/// The entries in the order of their names.
///
/// # Errors
/// Line and reason when the text is no TOML.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let document = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        (line, error.message().to_owned())
    })?;
    let mut found = Vec::new();
    gather(text, "", document.get_ref(), &mut found);
    Ok(found)
}

fn gather(text: &str, table: &str, content: &DeTable<'_>, found: &mut Vec<Entry>) {
    for (key, value) in content {
        let name = format!("{table}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => gather(text, &format!("{name}."), inner, found),
            other => found.push(Entry { name, text: written(other), line: line_at(text, key.span().start) }),
        }
    }
}

fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(members) => list(members),
        DeValue::Table(_) => "{...}".to_owned(),
    }
}

fn list(members: &DeArray<'_>) -> String {
    members.iter().map(Spanned::get_ref).map(written).collect::<Vec<_>>().join(",")
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_full_names_and_lines() {
        let text = "data = \"D\"\n\n[serve]\ncors_origins = [\n  \"a\",\n  \"b\",\n]\n[limits]\nbody_bytes = 1_000\n";
        let found = entries(text).unwrap();
        let found: Vec<_> =
            found.iter().map(|entry| (entry.name.as_str(), entry.text.as_str(), entry.line)).collect();
        assert_eq!(
            found,
            [("data", "D", 1), ("limits.body_bytes", "1000", 9), ("serve.cors_origins", "a,b", 4)]
        );
    }

    #[test]
    fn what_is_no_toml_is_named_by_its_line() {
        let (line, why) = entries("data = \"D\"\n[serve\n").unwrap_err();
        assert_eq!(line, 2);
        assert!(!why.is_empty());
    }
}
