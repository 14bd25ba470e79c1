//! `jsonl`, `csv` and `parquet`: files named after the four tables.

use std::collections::HashSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use rayon::prelude::*;
use segue_core::session::event::Event;
use serde_json::{Map, Value};

use super::builder::{Builder, Description, Outcome};
use super::columns::Table;
use super::csv_file;
use super::lines::{Line, Lines};
use super::reject::{Reason, Reject, shorten};
use super::{Format, LINE_BYTES};

/// Lines that are parsed together on all cores.
const BATCH: usize = 8_192;

const MICROSECONDS: i64 = 1_000;
const NANOSECONDS: i64 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

/// Imports a folder of tables, or one file named after its table.
///
/// # Errors
/// When no table is found or a file cannot be read.
pub(super) fn import(format: Format, path: &Path, data: &Path, builder: Builder) -> anyhow::Result<Outcome> {
    let tables = find(format, path)?;
    let mut builder = builder;
    for (table, file) in &tables {
        if *table == Table::Items {
            builder.items_are_given();
        }
        read(format, *table, file, &mut builder)?;
    }
    builder.finish(Description { surface: "home", timed: true, rule: None }, data)
}

/// Reads the events of one file, whatever it is called; its ending says what it is.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn events(path: &Path, builder: &mut Builder) -> anyhow::Result<()> {
    let is = |format: &Format| path.extension().is_some_and(|ending| ending == format.name());
    let format = [Format::Csv, Format::Parquet].into_iter().find(is).unwrap_or(Format::Jsonl);
    read(format, Table::Events, path, builder)
}

fn read(format: Format, table: Table, path: &Path, builder: &mut Builder) -> anyhow::Result<()> {
    match format {
        Format::Csv => read_csv(table, path, builder),
        Format::Parquet => read_parquet(table, path, builder),
        _ => read_jsonl(table, path, builder),
    }
}

fn find(format: Format, path: &Path) -> anyhow::Result<Vec<(Table, PathBuf)>> {
    let extension = format.name();
    let found: Vec<(Table, PathBuf)> = if path.is_file() {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let table = Table::ALL.into_iter().find(|table| table.name() == stem);
        let table = table.with_context(|| {
            format!("{}: name the file items, users, events or collections .{extension}", path.display())
        })?;
        vec![(table, path.to_owned())]
    } else {
        let named = |table: Table| (table, path.join(format!("{}.{extension}", table.name())));
        Table::ALL.into_iter().map(named).filter(|(_, file)| file.is_file()).collect()
    };
    let enough = found.iter().any(|(table, _)| matches!(table, Table::Items | Table::Events));
    ensure!(enough, "{}: neither items.{extension} nor events.{extension} is there", path.display());
    Ok(found)
}

enum Parsed {
    Event(Box<Event>),
    Cells(Map<String, Value>),
    Bad(Reject),
}

fn read_jsonl(table: Table, path: &Path, builder: &mut Builder) -> anyhow::Result<()> {
    let mut lines = Lines::open(path)?;
    let before = builder.counted();
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH {
            let Some(line) = lines.next_line()? else { break };
            batch.push(line);
        }
        if batch.is_empty() {
            builder.end_of(table.name(), before);
            return Ok(());
        }
        let parsed: Vec<Parsed> = batch.par_iter().map(|line| parse(table, line)).collect();
        for (line, parsed) in batch.iter().zip(parsed) {
            let outcome = match parsed {
                Parsed::Event(event) => builder.event(*event),
                Parsed::Cells(cells) => table.add(builder, line.number, cells),
                Parsed::Bad(reject) => Err(reject),
            };
            builder.count_row();
            if let Err(reject) = outcome {
                let text = String::from_utf8_lossy(&line.bytes);
                builder.reject(table.name(), line.number, reject, &text);
            }
        }
    }
}

// Most events are already in shape, so that way is tried first.
fn parse(table: Table, line: &Line) -> Parsed {
    if line.too_long {
        return Parsed::Bad(Reject::new(Reason::LineTooLong, format!("more than {LINE_BYTES} bytes")));
    }
    let Ok(text) = std::str::from_utf8(&line.bytes) else {
        return Parsed::Bad(Reject::new(Reason::NotUtf8, "the line is not UTF-8"));
    };
    if table == Table::Events
        && let Ok(event) = serde_json::from_str::<Event>(text)
    {
        return Parsed::Event(Box::new(event));
    }
    match serde_json::from_str(text) {
        Ok(cells) => Parsed::Cells(cells),
        Err(error) => Parsed::Bad(Reject::new(Reason::NotJson, format!("not a JSON object: {error}"))),
    }
}

fn read_csv(table: Table, path: &Path, builder: &mut Builder) -> anyhow::Result<()> {
    csv_file::for_each_row(path, table.name(), &[], builder, |builder, row| {
        let cells = row.cells().map(|(name, cell)| (name.to_owned(), Value::from(cell))).collect();
        table.add(builder, row.line, cells)
    })
}

fn read_parquet(table: Table, path: &Path, builder: &mut Builder) -> anyhow::Result<()> {
    for_each_parquet_row(path, table.name(), builder, |builder, number, row| table.add(builder, number, row))
}

/// Calls `each` with every row of a file, its number from 1 and its cells; a bad row is a reject of the builder.
///
/// # Errors
/// When the file cannot be read.
// The record reader panics on column types it does not know; that is an error of the file.
pub(super) fn for_each_parquet_row(
    path: &Path,
    table: &str,
    builder: &mut Builder,
    mut each: impl FnMut(&mut Builder, u64, Map<String, Value>) -> Result<(), Reject>,
) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let unreadable = || format!("{} is not a Parquet file that can be read", path.display());
    catch_unwind(AssertUnwindSafe(|| {
        let reader = SerializedFileReader::new(file).with_context(unreadable)?;
        let nanoseconds = nanosecond_columns(&reader);
        let before = builder.counted();
        for (row, number) in reader.get_row_iter(None).with_context(unreadable)?.zip(1..) {
            builder.count_row();
            let (outcome, text) = match row {
                Ok(row) => {
                    let text = shorten(&row.to_string(), 500);
                    (each(builder, number, cells(row, &nanoseconds)), text)
                }
                Err(error) => (Err(Reject::new(Reason::NotParquet, error.to_string())), String::new()),
            };
            if let Err(reject) = outcome {
                builder.reject(table, number, reject, &text);
            }
        }
        builder.end_of(table, before);
        anyhow::Ok(())
    }))
    .map_err(|_| anyhow!("{} has a column type that cannot be read", path.display()))?
}

// The record reader hands these out as plain whole numbers.
fn nanosecond_columns(reader: &impl FileReader) -> HashSet<String> {
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let nanoseconds = |kind: Option<&LogicalType>| matches!(kind, Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS);
    let named = columns.iter().filter(|column| nanoseconds(column.logical_type_ref()));
    named.map(|column| column.path().string()).collect()
}

fn cells(row: Row, nanoseconds: &HashSet<String>) -> Map<String, Value> {
    let cell = |(name, field): (String, Field)| match field {
        Field::Long(time) if nanoseconds.contains(&name) => (name, time.div_euclid(NANOSECONDS).into()),
        field => (name, value(&field)),
    };
    row.into_columns().into_iter().map(cell).collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(yes) => (*yes).into(),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) | Field::TimestampMillis(number) => (*number).into(),
        Field::TimestampMicros(number) => number.div_euclid(MICROSECONDS).into(),
        Field::Date(days) => (i64::from(*days) * DAY_MS).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => (*number).into(),
        Field::Double(number) => (*number).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into(),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::Group(row) => {
            row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
        }
        Field::MapInternal(map) => {
            let entries = map.entries().iter();
            entries.map(|(key, field)| (key.to_string().trim_matches('"').to_owned(), value(field))).collect()
        }
        other => other.to_string().into(),
    }
}
