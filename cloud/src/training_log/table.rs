//! A table of optional columns, as a Parquet file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::parser::parse_message_type;

use crate::stores::disk::write_synced;

/// Rows of one group: what a reader holds at once.
const GROUP: usize = 100_000;

/// A value of a row; absent where there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Absent,
    Text(String),
    Whole(i64),
    Number(f64),
    Bytes(Vec<u8>),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    Number,
    Bytes,
}

/// A column's name and what it holds.
pub(super) type Column = (&'static str, Kind);

/// One row, in the order of the columns.
pub(super) type Row = Vec<Value>;

/// Puts a file of `rows` in the place of the one at `path`, durably and as a whole.
pub(super) fn write(path: &Path, columns: &[Column], rows: &[Row]) -> anyhow::Result<()> {
    let schema = Arc::new(parse_message_type(&schema(columns))?);
    let level = Compression::ZSTD(ZstdLevel::try_new(3)?);
    let properties = Arc::new(WriterProperties::builder().set_compression(level).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    for rows in rows.chunks(GROUP) {
        let mut group = writer.next_row_group()?;
        for (at, (_, kind)) in columns.iter().enumerate() {
            column(&mut group, *kind, rows.iter().map(|row| &row[at]))?;
        }
        group.close()?;
    }
    let bytes = writer.into_inner()?;
    write_synced(path, &bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn schema(columns: &[Column]) -> String {
    let line = |(name, kind): &Column| match kind {
        Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (UTF8);"),
        Kind::Whole => format!("OPTIONAL INT64 {name};"),
        Kind::Number => format!("OPTIONAL DOUBLE {name};"),
        Kind::Bytes => format!("OPTIONAL BYTE_ARRAY {name};"),
    };
    format!("message shown {{ {} }}", columns.iter().map(line).collect::<String>())
}

fn column<'a>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    kind: Kind,
    values: impl Iterator<Item = &'a Value>,
) -> anyhow::Result<()> {
    let bytes = |value: &Value| match value {
        Value::Text(text) => Some(ByteArray::from(text.as_str())),
        Value::Bytes(bytes) => Some(ByteArray::from(bytes.clone())),
        _ => None,
    };
    let whole = |value: &Value| if let Value::Whole(number) = value { Some(*number) } else { None };
    let number = |value: &Value| if let Value::Number(number) = value { Some(*number) } else { None };
    match kind {
        Kind::Text | Kind::Bytes => put::<ByteArrayType>(group, values.map(bytes)),
        Kind::Whole => put::<Int64Type>(group, values.map(whole)),
        Kind::Number => put::<DoubleType>(group, values.map(number)),
    }
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: impl Iterator<Item = Option<T::T>>,
) -> anyhow::Result<()> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    let mut writer = group.next_column()?.context("the schema has fewer columns than the table")?;
    writer.typed::<T>().write_batch(&present, Some(&levels), None)?;
    Ok(writer.close()?)
}

/// The rows of the file at `path`, which has these columns.
pub(super) fn read(path: &Path, columns: &[Column]) -> anyhow::Result<Vec<Row>> {
    let damaged = || format!("{} is no file of the training log", path.display());
    let reader = SerializedFileReader::new(File::open(path).with_context(damaged)?).with_context(damaged)?;
    let mut rows = Vec::new();
    for record in reader.get_row_iter(None).with_context(damaged)? {
        let fields = record.with_context(damaged)?.into_columns();
        if !fields.iter().map(|(name, _)| name.as_str()).eq(columns.iter().map(|(name, _)| *name)) {
            bail!(
                "{}: it has other columns than this version writes; move D/training away and write it anew",
                damaged()
            );
        }
        rows.push(fields.into_iter().map(|(_, field)| value(field)).collect::<anyhow::Result<Row>>()?);
    }
    Ok(rows)
}

fn value(field: Field) -> anyhow::Result<Value> {
    Ok(match field {
        Field::Null => Value::Absent,
        Field::Str(text) => Value::Text(text),
        Field::Long(number) => Value::Whole(number),
        Field::Double(number) => Value::Number(number),
        Field::Bytes(bytes) => Value::Bytes(bytes.data().to_vec()),
        other => bail!("a value {other} of a kind that this version does not write"),
    })
}

impl Value {
    /// A text, absent where it is empty.
    pub(super) fn text(text: &str) -> Self {
        if text.is_empty() { Self::Absent } else { Self::Text(text.to_owned()) }
    }

    /// The bytes of numbers, little-endian f32.
    pub(super) fn floats(numbers: &[f32]) -> Self {
        Self::Bytes(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    }

    /// The text, or an empty one.
    pub(super) fn as_text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }
}

impl<T: Into<i64>> From<Option<T>> for Value {
    fn from(number: Option<T>) -> Self {
        number.map_or(Self::Absent, |number| Self::Whole(number.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_written_the_absent_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let columns = [("a", Kind::Text), ("b", Kind::Whole), ("c", Kind::Number), ("d", Kind::Bytes)];
        let row =
            vec![Value::text("é"), Some(-5_i64).into(), Value::Number(0.25), Value::floats(&[1.5, -2.0])];
        let rows = [row, vec![Value::Absent; 4]];
        write(&path, &columns, &rows).unwrap();
        assert_eq!(read(&path, &columns).unwrap(), rows);
        let error = read(&path, &columns[..3]).unwrap_err().to_string();
        assert!(error.contains("other columns"), "{error}");
        std::fs::write(&path, "PAR1").unwrap();
        assert!(read(&path, &columns).unwrap_err().to_string().contains("part.parquet"));
    }
}
