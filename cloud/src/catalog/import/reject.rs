//! Why a row was left out.

use serde::Serialize;

/// The stable word for a reason, as written to `rejects.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The line is longer than [`super::LINE_BYTES`].
    LineTooLong,
    /// The line is not UTF-8.
    NotUtf8,
    /// The line is not a JSON object.
    NotJson,
    /// The line is not a row of comma-separated values with the header's number of cells.
    NotCsv,
    /// The row of a Parquet file cannot be read.
    NotParquet,
    /// A required column is missing or empty.
    ColumnMissing,
    /// A value is not of its column's type.
    ValueInvalid,
    /// A value is of its column's type but outside what is allowed.
    ValueOutOfRange,
    /// An id is longer than the core accepts, or holds control characters.
    IdInvalid,
    /// The table already has a row of this id.
    IdDuplicate,
    /// The row names an item that the items table does not have.
    ItemUnknown,
    /// The event's kind is not a word in lower case.
    KindInvalid,
    /// A list has too many entries.
    ListTooLong,
    /// The vector's length differs from that of the first vector.
    VectorLength,
}

impl Reason {
    /// The word itself: `"line_too_long"`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotCsv => "not_csv",
            Self::NotParquet => "not_parquet",
            Self::ColumnMissing => "column_missing",
            Self::ValueInvalid => "value_invalid",
            Self::ValueOutOfRange => "value_out_of_range",
            Self::IdInvalid => "id_invalid",
            Self::IdDuplicate => "id_duplicate",
            Self::ItemUnknown => "item_unknown",
            Self::KindInvalid => "kind_invalid",
            Self::ListTooLong => "list_too_long",
            Self::VectorLength => "vector_length",
        }
    }
}

/// A reason with the offending value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The stable word.
    pub reason: Reason,
    /// What was wrong, naming column and value.
    pub detail: String,
}

impl Reject {
    /// A reject of this reason.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// A required column that is missing or empty.
    #[must_use]
    pub fn missing(column: &str) -> Self {
        Self::new(Reason::ColumnMissing, format!("`{column}` is missing or empty"))
    }

    /// A value that is not of its column's type.
    #[must_use]
    pub fn invalid(column: &str, value: &str, wanted: &str) -> Self {
        Self::new(Reason::ValueInvalid, format!("`{column}` is {}, not {wanted}", shorten(value, 80)))
    }
}

/// One row of `rejects.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectRow {
    /// The table, or the source file's name.
    pub table: String,
    /// Line or row in the source, from 1.
    pub line: u64,
    /// The stable word.
    pub reason: Reason,
    /// What was wrong.
    pub detail: String,
    /// The row's beginning.
    pub text: String,
}

/// The beginning of a text, at most `bytes` long, cut between characters.
#[must_use]
pub fn shorten(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_as_its_code() {
        for reason in [Reason::LineTooLong, Reason::NotUtf8, Reason::IdDuplicate, Reason::ItemUnknown] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("añb", 2), "a…");
        assert_eq!(shorten("ab", 2), "ab");
    }
}
