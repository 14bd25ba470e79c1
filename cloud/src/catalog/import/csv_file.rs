//! Rows of a file of comma-separated values.
//!
//! A quote that is never closed would swallow the rest of the file; here it
//! costs its own line only.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use anyhow::{bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::LINE_BYTES;
use super::builder::Builder;
use super::lines::{Line, Lines};
use super::reject::{Reason, Reject};

/// Most lines that one quoted cell may span.
const LINES_PER_ROW: usize = 200;

/// One row with named cells.
#[derive(Debug)]
pub struct Row<'a> {
    /// Where it begins in the file, from 1.
    pub line: u64,
    columns: &'a HashMap<String, usize>,
    cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// A cell without surrounding spaces; none when it is empty or the column does not exist.
    #[must_use]
    pub fn optional(&self, column: &str) -> Option<&'a str> {
        let place = *self.columns.get(column)?;
        self.cells.get(place).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }

    /// A cell that must not be empty.
    ///
    /// # Errors
    /// `column_missing`.
    pub fn text(&self, column: &str) -> Result<&'a str, Reject> {
        self.optional(column).ok_or_else(|| match self.columns.contains_key(column) {
            true => Reject::missing(column),
            false => Reject::new(Reason::ColumnMissing, format!("there is no column `{column}`")),
        })
    }

    /// A whole number.
    ///
    /// # Errors
    /// `column_missing` or `value_invalid`.
    pub fn integer(&self, column: &str) -> Result<i64, Reject> {
        let text = self.text(column)?;
        text.parse().map_err(|_| Reject::invalid(column, text, "a whole number"))
    }

    /// A finite number.
    ///
    /// # Errors
    /// `column_missing` or `value_invalid`.
    pub fn number(&self, column: &str) -> Result<f64, Reject> {
        let text = self.text(column)?;
        let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| Reject::invalid(column, text, "a number"))
    }

    /// Every named cell that is not empty.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.columns.keys().filter_map(|name| Some((name.as_str(), self.optional(name)?)))
    }
}

/// Calls `each` for every row of a file. Where the first line is no header (its
/// first cell is a number), `columns` are the names in order.
///
/// # Errors
/// When the file cannot be read, or its header where there has to be one; a bad row is a reject of the builder instead.
pub fn for_each_row(
    path: &Path,
    table: &str,
    columns: &[&str],
    builder: &mut Builder,
    mut each: impl FnMut(&mut Builder, &Row<'_>) -> Result<(), Reject>,
) -> anyhow::Result<()> {
    let mut rows = Rows { lines: Lines::open(path)?, waiting: VecDeque::new() };
    let mut names: Option<HashMap<String, usize>> = None;
    let before = builder.counted();
    while let Some(raw) = rows.next_row()? {
        let text = String::from_utf8_lossy(&raw.line.bytes).into_owned();
        let cells = match split(&raw) {
            Ok(cells) => cells,
            Err(reject) if names.is_none() && columns.is_empty() => {
                bail!("the header of {} cannot be read: {}", path.display(), reject.detail);
            }
            Err(reject) => {
                builder.count_row();
                builder.reject(table, raw.line.number, reject, &text);
                continue;
            }
        };
        let known = match &names {
            Some(known) => known,
            None => {
                let is_data = cells[0].trim().parse::<f64>().is_ok();
                ensure!(
                    !is_data || !columns.is_empty(),
                    "{} has no header row: its first cell is {:?}. Put the names of the columns into its first line",
                    path.display(),
                    cells[0]
                );
                let given: Vec<&str> = if is_data { columns.to_vec() } else { cells.clone() };
                let place = |(place, name): (usize, &&str)| (name.trim().to_owned(), place);
                let known = names.insert(given.iter().enumerate().map(place).collect());
                if !is_data {
                    continue;
                }
                known
            }
        };
        let outcome = if cells.len() < known.len() {
            let detail = format!("{} cells where the header has {}", cells.len(), known.len());
            Err(Reject::new(Reason::NotCsv, detail))
        } else {
            each(builder, &Row { line: raw.line.number, columns: known, cells })
        };
        builder.count_row();
        if let Err(reject) = outcome {
            builder.reject(table, raw.line.number, reject, &text);
        }
    }
    builder.end_of(table, before);
    Ok(())
}

struct RawRow {
    line: Line,
    record: ByteRecord,
    closed: bool,
}

struct Rows {
    lines: Lines,
    waiting: VecDeque<Line>,
}

impl Rows {
    fn line(&mut self) -> anyhow::Result<Option<Line>> {
        match self.waiting.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next_line(),
        }
    }

    // A row ends at the first line end outside quotes. When none comes, the row
    // is its first line alone and the others are read again.
    fn next_row(&mut self) -> anyhow::Result<Option<RawRow>> {
        let Some(mut line) = self.line()? else { return Ok(None) };
        let first = line.bytes.len();
        let mut taken: Vec<Line> = Vec::new();
        let mut open = !line.too_long && ends_in_quotes(&line.bytes, false);
        while open && taken.len() < LINES_PER_ROW && line.bytes.len() < LINE_BYTES {
            let Some(more) = self.line()? else { break };
            line.bytes.push(b'\n');
            open = ends_in_quotes(&more.bytes, true);
            line.bytes.extend_from_slice(&more.bytes);
            taken.push(more);
        }
        if open {
            line.bytes.truncate(first);
            for line in taken.into_iter().rev() {
                self.waiting.push_front(line);
            }
        }
        let record = if open || line.too_long { ByteRecord::new() } else { parse(&line.bytes) };
        Ok(Some(RawRow { line, record, closed: !open }))
    }
}

// Whether a line that begins inside (`quoted`) or outside quotes ends inside them.
fn ends_in_quotes(line: &[u8], mut quoted: bool) -> bool {
    let mut cell_begins = !quoted;
    let mut bytes = line.iter().peekable();
    while let Some(byte) = bytes.next() {
        if quoted {
            if *byte == b'"' && bytes.next_if_eq(&&b'"').is_none() {
                quoted = false;
            }
        } else if *byte == b'"' && cell_begins {
            quoted = true;
        }
        cell_begins = !quoted && *byte == b',';
    }
    quoted
}

fn parse(row: &[u8]) -> ByteRecord {
    if !row.contains(&b'"') {
        return row.split(|byte| *byte == b',').collect();
    }
    let mut record = ByteRecord::new();
    let mut builder = ReaderBuilder::new();
    builder
        .has_headers(false)
        .flexible(true)
        .terminator(Terminator::Any(b'\0'))
        .buffer_capacity(row.len() + 1);
    // Reading from memory cannot fail; an empty record is a reject of its own.
    let _ = builder.from_reader(row).read_byte_record(&mut record);
    record
}

fn split(raw: &RawRow) -> Result<Vec<&str>, Reject> {
    if raw.line.too_long {
        return Err(Reject::new(Reason::LineTooLong, format!("more than {LINE_BYTES} bytes")));
    }
    if !raw.closed {
        return Err(Reject::new(Reason::NotCsv, "a quote is never closed"));
    }
    if raw.record.is_empty() {
        return Err(Reject::new(Reason::NotCsv, "the line has no cells"));
    }
    let text =
        |cell| std::str::from_utf8(cell).map_err(|_| Reject::new(Reason::NotUtf8, "a cell is not UTF-8"));
    raw.record.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], columns: &[&str]) -> (Vec<String>, Vec<(u64, Reason)>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.csv");
        std::fs::write(&path, text).unwrap();
        let mut builder = Builder::new("made");
        let mut read = Vec::new();
        for_each_row(&path, "f", columns, &mut builder, |_, row| {
            read.push(format!("{}:{}|{}", row.line, row.text("a")?, row.optional("b").unwrap_or("-")));
            Ok(())
        })
        .unwrap();
        (read, builder.rejects().iter().map(|row| (row.line, row.reason)).collect())
    }

    #[test]
    fn quoted_cells_may_hold_commas_quotes_and_line_ends() {
        let (read, rejects) = rows(b"a,b\n1,\"x, \"\"y\"\"\"\n2,\"p\nq\"\r\n3,5\" disc\n", &[]);
        assert_eq!(read, ["2:1|x, \"y\"", "3:2|p\nq", "5:3|5\" disc"]);
        assert!(rejects.is_empty(), "{rejects:?}");
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_line() {
        let (read, rejects) = rows(b"a,b\n1,\"x\n2,y\n3,z\n", &[]);
        assert_eq!(read, ["3:2|y", "4:3|z"]);
        assert_eq!(rejects, [(2, Reason::NotCsv)]);
    }

    #[test]
    fn a_bad_row_counts_and_a_bad_header_ends_the_import() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.csv");
        let mut builder = Builder::new("made");
        std::fs::write(&path, "a,b\n1,x\n2,\"y\n").unwrap();
        for_each_row(&path, "f", &[], &mut builder, |_, _| Ok(())).unwrap();
        assert_eq!((builder.rows(), builder.rejects().len()), (2, 1));
        std::fs::write(&path, "\"a,b\n1,x\n2,y\n").unwrap();
        let error = for_each_row(&path, "f", &[], &mut builder, |_, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("header") && error.contains("f.csv"), "{error}");
        std::fs::write(&path, "1,x\n2,y\n").unwrap();
        let error = for_each_row(&path, "f", &[], &mut builder, |_, _| Ok(())).unwrap_err().to_string();
        assert!(error.contains("no header row") && error.contains("\"1\""), "{error}");
    }

    #[test]
    fn a_file_without_header_takes_the_given_names() {
        let (read, rejects) = rows(b"1,x\n2,y\n3\n,z\n\xff,w\n", &["a", "b"]);
        assert_eq!(read, ["1:1|x", "2:2|y"]);
        assert_eq!(rejects, [(3, Reason::NotCsv), (4, Reason::ColumnMissing), (5, Reason::NotUtf8)]);
    }
}
