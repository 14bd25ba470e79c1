//! What the training log holds of somebody.

use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::erase::files;
use super::rows::{COLUMNS, SESSION, USER};
use super::table::{self, Row, Value};
use super::{folder, slates};
use crate::hash::hex;

/// Shows the rows that `is_theirs` says by user and session to `each`, as JSON, until it has enough; numbers that a model saw
/// as hexadecimal digits.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn export(
    data: &Path,
    is_theirs: impl Fn(&str, &str) -> bool,
    mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> anyhow::Result<ControlFlow<()>> {
    let folder = folder(data);
    let parts = if folder.is_dir() { files(&folder, "parquet")? } else { Vec::new() };
    for path in parts {
        let rows = table::read(&path, &COLUMNS)?;
        for row in rows.iter().filter(|row| is_theirs(row[USER].as_text(), row[SESSION].as_text())) {
            if each(&serde_json::to_vec(&json(row))?).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The files of kept lists.
///
/// # Errors
/// When their folder cannot be read.
pub(crate) fn lists(data: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    Ok(slates::files(&slates::folder(data))?.into_iter().map(|(_, path)| path).collect())
}

fn json(row: &Row) -> Json {
    let value = |value: &Value| match value {
        Value::Absent => None,
        Value::Text(text) => Some(Json::from(text.as_str())),
        Value::Whole(number) => Some(Json::from(*number)),
        Value::Number(number) => Some(Json::from(*number)),
        Value::Bytes(bytes) => Some(Json::from(hex(bytes))),
    };
    let columns = COLUMNS.iter().zip(row);
    let fields = columns.filter_map(|((name, _), field)| Some(((*name).to_owned(), value(field)?)));
    Json::Object(fields.collect::<Map<_, _>>())
}
