//! JSON Lines: one object per line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows of [`each`] that are read at a time: bounds the memory.
const AT_A_TIME: usize = 1 << 14;

/// Reads a whole table that this program wrote; a missing file is an empty table.
///
/// # Errors
/// When the file cannot be read or a line is not a row of the table.
pub fn read<T: DeserializeOwned + Send>(path: &Path) -> anyhow::Result<Vec<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines: Vec<(usize, &[u8])> =
        bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()).collect();
    lines
        .par_iter()
        .with_min_len(1_024)
        .map(|(index, line)| {
            serde_json::from_slice(line).with_context(|| {
                format!("{}, line {}: not a row of this table; import again", path.display(), index + 1)
            })
        })
        .collect()
}

/// As [`read`], but shows row after row to `each` instead of holding all of them.
///
/// # Errors
/// As [`read`]; the rows before the one that cannot be read were shown.
pub fn each<T: DeserializeOwned + Send>(path: &Path, mut each: impl FnMut(T)) -> anyhow::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut before = 0;
    loop {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        while lines.len() < AT_A_TIME {
            let mut line = Vec::new();
            let read = reader.read_until(b'\n', &mut line);
            if read.with_context(|| format!("cannot read {}", path.display()))? == 0 {
                break;
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let row = |(index, line): (usize, &Vec<u8>)| -> anyhow::Result<Option<T>> {
            if line.trim_ascii().is_empty() {
                return Ok(None);
            }
            serde_json::from_slice(line).map(Some).with_context(|| {
                let number = before + index + 1;
                format!("{}, line {number}: not a row of this table; import again", path.display())
            })
        };
        let rows = lines.par_iter().enumerate().with_min_len(1_024).map(row);
        let rows: Vec<Option<T>> = rows.collect::<anyhow::Result<_>>()?;
        before += lines.len();
        rows.into_iter().flatten().for_each(&mut each);
    }
}

/// Writes a table row by row.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    rows: u64,
}

impl Writer {
    /// Creates the file, replacing one that is there.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 18, file), rows: 0 })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write<T: Serialize>(&mut self, row: &T) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.file, row)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.file.write_all(b"\n").with_context(|| format!("cannot write {}", self.path.display()))?;
        self.rows += 1;
        Ok(())
    }

    /// Appends many rows, turning them into text on all cores.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_all<T: Serialize + Sync>(&mut self, rows: &[T]) -> anyhow::Result<()> {
        for part in rows.chunks(1 << 16) {
            let texts: Vec<Vec<u8>> = part.par_chunks(1 << 11).map(lines).collect::<Result<_, _>>()?;
            for text in texts {
                self.file
                    .write_all(&text)
                    .with_context(|| format!("cannot write {}", self.path.display()))?;
            }
            self.rows += part.len() as u64;
        }
        Ok(())
    }

    /// Rows written so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Flushes, syncs to disk and returns the number of rows.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> anyhow::Result<u64> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.rows)
    }
}

fn lines<T: Serialize>(rows: &[T]) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = Vec::with_capacity(rows.len() * 200);
    for row in rows {
        serde_json::to_writer(&mut text, row)?;
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_order_and_a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        let mut writer = Writer::create(&path).unwrap();
        for number in 0..5_000_u32 {
            writer.write(&number).unwrap();
        }
        writer.write_all(&(5_000..80_000_u32).collect::<Vec<_>>()).unwrap();
        assert_eq!(writer.finish().unwrap(), 80_000);
        assert_eq!(read::<u32>(&path).unwrap(), (0..80_000).collect::<Vec<_>>());
        std::fs::write(&path, "1\nx\n").unwrap();
        assert!(format!("{:#}", read::<u32>(&path).unwrap_err()).contains("line 2"));
        assert!(read::<u32>(&folder.path().join("none")).unwrap().is_empty());
    }
}
