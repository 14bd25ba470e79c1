//! Replaces the tables of a data folder as a whole.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::changes;
use super::dataset::{self, Dataset};
use super::jsonl::Writer;
use super::split::{self, Split};

/// The tables' file names, in the order they are put in place.
pub const TABLES: [&str; 5] =
    ["items.jsonl", "users.jsonl", "events.jsonl", "collections.jsonl", "rejects.jsonl"];

const INCOMING: &str = "incoming";

/// New tables, written beside the old ones until [`Tables::publish`] swaps them in.
///
/// `dataset.json` is taken away first and put back last, so that a run killed
/// half-way leaves a folder that says it has no data set, never a mixed one.
#[derive(Debug)]
pub struct Tables {
    data: PathBuf,
    incoming: PathBuf,
    /// `items.jsonl`.
    pub items: Writer,
    /// `users.jsonl`.
    pub users: Writer,
    /// `events.jsonl`; the caller writes them sorted by time, then event id.
    pub events: Writer,
    /// `collections.jsonl`.
    pub collections: Writer,
    /// `rejects.jsonl`.
    pub rejects: Writer,
}

impl Tables {
    /// Begins new tables for a data folder, which is made if missing.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(data: &Path) -> anyhow::Result<Self> {
        let incoming = data.join(INCOMING);
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming)
                .with_context(|| format!("cannot clear {}", incoming.display()))?;
        }
        std::fs::create_dir_all(&incoming).with_context(|| format!("cannot make {}", incoming.display()))?;
        let open = |name: &str| Writer::create(&incoming.join(name));
        Ok(Self {
            items: open("items.jsonl")?,
            users: open("users.jsonl")?,
            events: open("events.jsonl")?,
            collections: open("collections.jsonl")?,
            rejects: open("rejects.jsonl")?,
            data: data.to_owned(),
            incoming,
        })
    }

    /// Puts the new tables in place of the old ones; fills in `dataset.counts`.
    ///
    /// # Errors
    /// When a file cannot be written or renamed.
    pub fn publish(self, dataset: &mut Dataset, split: &Split) -> anyhow::Result<()> {
        dataset.counts.items = self.items.finish()?;
        dataset.counts.users = self.users.finish()?;
        dataset.counts.events = self.events.finish()?;
        dataset.counts.collections = self.collections.finish()?;
        dataset.counts.rejects = self.rejects.finish()?;
        write_json(&self.incoming.join(split::FILE), split)?;
        write_json(&self.incoming.join(dataset::FILE), dataset)?;
        remove(&self.data.join(dataset::FILE))?;
        // What changed about items of the former tables says nothing about these.
        remove(&self.data.join(changes::FILE))?;
        for name in TABLES.iter().chain(&[split::FILE, dataset::FILE]) {
            let to = self.data.join(name);
            std::fs::rename(self.incoming.join(name), &to)
                .with_context(|| format!("cannot replace {}", to.display()))?;
        }
        std::fs::remove_dir_all(&self.incoming)
            .with_context(|| format!("cannot remove {}", self.incoming.display()))
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot replace {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::dataset::Counts;
    use crate::catalog::split::Rule;
    use crate::catalog::{Catalogue, Item};

    fn write(data: &Path, names: &[&str]) {
        let mut tables = Tables::create(data).unwrap();
        for name in names {
            tables.items.write(&Item { item: (*name).into(), ..Item::default() }).unwrap();
        }
        let mut dataset = Dataset {
            format: dataset::FORMAT,
            name: "made".into(),
            attributes: Vec::new(),
            categories: Vec::new(),
            counts: Counts::default(),
            surface: "radio".into(),
            timed: true,
        };
        tables.publish(&mut dataset, &Split::new(Rule::Time { boundary_ms: 0 })).unwrap();
    }

    #[test]
    fn a_second_set_of_tables_replaces_the_first_and_touches_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kept.txt"), "kept").unwrap();
        write(folder.path(), &["a", "b", "c"]);
        write(folder.path(), &["d"]);
        let catalogue = Catalogue::load(folder.path()).unwrap();
        assert_eq!(catalogue.items.len(), 1);
        assert_eq!(catalogue.item_index("d"), Some(0));
        assert_eq!(catalogue.dataset.counts.items, 1);
        assert_eq!(std::fs::read_to_string(folder.path().join("kept.txt")).unwrap(), "kept");
        assert!(!folder.path().join(INCOMING).exists());
    }

    #[test]
    fn tables_that_were_never_published_leave_the_old_ones_in_use() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["a"]);
        drop(Tables::create(folder.path()).unwrap());
        assert_eq!(Catalogue::load(folder.path()).unwrap().items.len(), 1);
    }
}
