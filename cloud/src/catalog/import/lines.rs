//! Lines of a file, with a limit on their length.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;

use super::LINE_BYTES;
use super::reject::{Reason, Reject};

/// One line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes; only the beginning of a line that is too long.
    pub bytes: Vec<u8>,
    /// Whether it was longer than [`LINE_BYTES`].
    pub too_long: bool,
}

impl Line {
    /// The text; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// `line_too_long`.
    pub fn text(&self) -> Result<String, Reject> {
        if self.too_long {
            return Err(Reject::new(Reason::LineTooLong, format!("more than {LINE_BYTES} bytes")));
        }
        Ok(String::from_utf8_lossy(&self.bytes).into_owned())
    }
}

/// Reads a file line by line; memory stays bounded whatever the file holds.
#[derive(Debug)]
pub struct Lines {
    reader: BufReader<File>,
    number: u64,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { reader: BufReader::with_capacity(1 << 18, file), number: 0 })
    }

    /// The next line that is not empty; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_line(&mut self) -> anyhow::Result<Option<Line>> {
        loop {
            let Some(mut line) = self.physical_line()? else { return Ok(None) };
            if line.bytes.last() == Some(&b'\r') {
                line.bytes.pop();
            }
            if line.number == 1 && line.bytes.starts_with(b"\xef\xbb\xbf") {
                line.bytes.drain(..3);
            }
            if !line.bytes.is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn physical_line(&mut self) -> anyhow::Result<Option<Line>> {
        let mut line = Line { number: self.number + 1, bytes: Vec::new(), too_long: false };
        let mut begun = false;
        loop {
            let part = self.reader.fill_buf().context("cannot read the file to import")?;
            if part.is_empty() {
                self.number += u64::from(begun);
                return Ok(begun.then_some(line));
            }
            begun = true;
            let end = part.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(part.len());
            let room = LINE_BYTES - line.bytes.len();
            line.too_long |= taken > room;
            line.bytes.extend_from_slice(&part[..taken.min(room)]);
            self.reader.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                self.number += 1;
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_empty_lines_and_long_lines_are_taken_care_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let long = "x".repeat(LINE_BYTES + 5);
        std::fs::write(&path, format!("\u{feff}a\r\n\n{long}\nlast")).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let read: Vec<Line> = std::iter::from_fn(|| lines.next_line().unwrap()).collect();
        assert_eq!(read.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(read[0].bytes, b"a");
        assert!(read[1].too_long && read[1].bytes.len() == LINE_BYTES);
        assert_eq!(read[2].bytes, b"last");
    }
}
