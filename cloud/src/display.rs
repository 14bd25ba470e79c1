//! What people look at (title, creator, picture): rows of `items.jsonl`, found by id.
//!
//! Only the places of the rows are kept in memory; the rows stay on the disk.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::catalog::Item;

/// The item table, opened for looking rows up.
#[derive(Debug)]
pub struct Display {
    file: File,
    places: HashMap<Box<str>, (u64, u32)>,
    vector_length: Option<usize>,
    version: (SystemTime, u64),
}

impl Display {
    /// Opens the item table of data folder `data`.
    ///
    /// # Errors
    /// The table is missing or a line is no item.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Id {
            item: Box<str>,
            #[serde(default)]
            vector: Option<Vec<IgnoredAny>>,
        }
        let path = data.join("items.jsonl");
        let file = File::open(&path)
            .with_context(|| format!("opening {}; run `segue import` or `segue generate`", path.display()))?;
        let metadata = file.metadata()?;
        let (mut places, mut vector_length) = (HashMap::new(), None);
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        let (mut line, mut offset, mut number) = (Vec::new(), 0, 0);
        while reader.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            if !line.trim_ascii().is_empty() {
                let Id { item, vector } = serde_json::from_slice(&line)
                    .with_context(|| format!("{}, line {number}: no item; import again", path.display()))?;
                vector_length = vector_length.or(vector.map(|vector| vector.len()));
                places.insert(item, (offset, u32::try_from(line.len())?));
            }
            offset += line.len() as u64;
            line.clear();
        }
        let version = (metadata.modified()?, metadata.len());
        Ok(Self { file, places, vector_length, version })
    }

    /// How many values the vectors have that came with the rows; none where no row has one.
    #[must_use]
    pub fn vector_length(&self) -> Option<usize> {
        self.vector_length
    }

    /// Whether the table in `data` is no longer the one that was opened.
    #[must_use]
    pub fn is_outdated(&self, data: &Path) -> bool {
        let metadata = std::fs::metadata(data.join("items.jsonl"));
        metadata.is_ok_and(|now| now.modified().ok() != Some(self.version.0) || now.len() != self.version.1)
    }

    /// The row of one item without its vector, if there is one.
    ///
    /// # Errors
    /// The disk refuses, or the row changed under the open table.
    pub fn get(&self, item: &str) -> anyhow::Result<Option<Item>> {
        let Some((offset, length)) = self.places.get(item) else { return Ok(None) };
        let mut line = vec![0; *length as usize];
        self.file.read_exact_at(&mut line, *offset).context("reading items.jsonl")?;
        let mut row: Item = serde_json::from_slice(&line).context("items.jsonl changed while it was open")?;
        anyhow::ensure!(row.item == item, "items.jsonl changed while it was open");
        row.vector = None;
        Ok(Some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_id_without_their_vectors_and_a_new_table_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("items.jsonl");
        std::fs::write(
            &path,
            "{\"item\":\"a\",\"title\":\"A\",\"vector\":[1.0]}\n\n{\"item\":\"b\",\"title\":\"é\"}\n",
        )
        .unwrap();
        let display = Display::open(data.path()).unwrap();
        let row = display.get("a").unwrap().unwrap();
        assert_eq!((row.title.as_str(), row.vector), ("A", None));
        assert_eq!(display.get("b").unwrap().unwrap().title, "é");
        assert!(display.get("c").unwrap().is_none());
        assert!(!display.is_outdated(data.path()));
        std::fs::write(&path, "{\"item\":\"c\"}\n").unwrap();
        assert!(display.is_outdated(data.path()));
    }

    #[test]
    fn a_line_that_is_no_item_is_named() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("items.jsonl"), "{\"item\":\"a\"}\n[]\n").unwrap();
        let error = Display::open(data.path()).unwrap_err();
        assert!(format!("{error:#}").contains("line 2"), "{error:#}");
    }
}
