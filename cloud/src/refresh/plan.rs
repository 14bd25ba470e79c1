//! What all processes of one run have to agree on: written once, by whichever comes first.
//!
//! A run lies in `D/refresh/runs/R`. Its plan says which generation it makes from which, at what time, and the hash of
//! everything that goes in; a process that finds something else says what changed, so that no generation is ever a
//! mixture.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Options, Policies, Report};
use crate::catalog::{Dataset, changes};
use crate::clock;
use crate::editorial::Editorial;
use crate::events::Filter;
use crate::expiry;
use crate::hash::hex;
use crate::index::Kind;
use crate::keys::Keys;
use crate::packs::PackStore;
use crate::stores::{FolderValues, KeyValue as _};
use crate::towers::ModelDirectory;

const FORMAT: u32 = 3;
/// The key of the plan among the values of a run.
const FILE: &str = "plan.json";
/// The tables that packs follow from.
const TABLES: [&str; 6] =
    ["dataset.json", "split.json", "items.jsonl", "users.jsonl", "events.jsonl", "collections.jsonl"];

/// What `dataset.json` declares, without its counts.
const DATASET: &str = "dataset";

/// What all processes of one run have to agree on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this file.
    pub format: u32,
    /// The run's name.
    pub run: String,
    /// The generation in force when it was planned; it is published only if that one still is.
    pub base: Option<u64>,
    /// The generation it makes.
    pub generation: u64,
    /// The moment that everything is seen from, in milliseconds since 1970.
    pub created_ms: i64,
    /// Packs and manifest are not accepted from this time on.
    pub expires_ms: i64,
    /// By the system's clock: from then on nobody's list is made anew.
    pub deadline_ms: Option<i64>,
    /// How old an unchanged person's list may be.
    pub reuse_ms: i64,
    /// How many of a person's latest events are held; a plan of before there was a bound has none.
    #[serde(default = "unbounded")]
    pub history: usize,
    /// How many of nobody's latest deeds are held.
    #[serde(default = "nobodys")]
    pub nobodys_history: usize,
    /// How candidates are retrieved.
    pub index: Kind,
    /// The model's folder, where one was named.
    pub model: Option<PathBuf>,
    /// The last event received by the service that counts.
    pub received: u64,
    /// How often old events had left the log by then; empty where none ever did.
    #[serde(default)]
    pub expired: String,
    /// The last change of an item that counts.
    pub changed: u64,
    /// What editors decided.
    pub editorial: Editorial,
    /// Which events count for nothing.
    pub filter: Filter,
    /// SHA-256 of every file that goes in, by name; the signing key in hexadecimal as `key`.
    pub inputs: BTreeMap<String, String>,
}

impl Plan {
    /// The plan of run `run`, which is made if there is none.
    ///
    /// # Errors
    /// When the name is no file name, or something that goes in cannot be read.
    pub fn open(data: &Path, run: &str, options: &Options, keys: &Keys) -> anyhow::Result<Self> {
        if let Some(plan) = Self::read(data, run)? {
            return Ok(plan);
        }
        let (plan, values) = (Self::make(data, run, options, keys)?, FolderValues::new(folder(data, run)?));
        if values.compare_and_set(FILE, None, &serde_json::to_vec_pretty(&plan)?)? {
            return Ok(plan);
        }
        // Another process was first; all go by one plan.
        Self::read(data, run)?
            .with_context(|| format!("the plan of run {run} was taken away; begin another run"))
    }

    /// The plan of run `run`, if it was made.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(data: &Path, run: &str) -> anyhow::Result<Option<Self>> {
        let values = FolderValues::new(folder(data, run)?);
        let place = values.place(FILE);
        let bytes = values.get(FILE).with_context(|| format!("reading {place}"))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let remedy = || format!("{place} cannot be used; remove the folder and plan again");
        let plan: Self = serde_json::from_slice(&bytes).with_context(remedy)?;
        ensure!(
            plan.format == FORMAT,
            "{}: it has format {}, this program reads {FORMAT}",
            remedy(),
            plan.format
        );
        Ok(Some(plan))
    }

    fn make(data: &Path, run: &str, options: &Options, keys: &Keys) -> anyhow::Result<Self> {
        let store = PackStore::new(data);
        let base = store.current()?;
        let dataset = Dataset::read(data)?;
        let model = super::job::model(data, options.model.as_deref(), &dataset)?;
        let created_ms = options.now_ms.unwrap_or_else(clock::now_ms);
        Ok(Self {
            format: FORMAT,
            run: run.to_owned(),
            base,
            generation: store.next_after(base)?,
            created_ms,
            expires_ms: created_ms.saturating_add(options.lifetime_ms),
            deadline_ms: options.deadline_ms.map(|deadline| clock::now_ms().saturating_add(deadline)),
            reuse_ms: options.reuse_ms,
            history: options.history,
            nobodys_history: options.nobodys_history,
            index: options.index,
            model: options.model.clone(),
            received: crate::events::last(data)?,
            expired: expiry::mark(data)?,
            changed: changes::last(data)?,
            editorial: Editorial::read(data)?,
            filter: options.filter,
            inputs: inputs(data, model.as_ref(), &Policies::read(data)?, keys)?,
        })
    }

    /// Whether what goes in is still what was planned with.
    ///
    /// # Errors
    /// Names what changed.
    pub fn check(&self, inputs: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let names = self.inputs.keys().chain(inputs.keys());
        let changed = names.into_iter().find(|name| self.inputs.get(*name) != inputs.get(*name));
        ensure!(
            changed.is_none(),
            "`{}` changed since run {} was planned; begin another run",
            changed.map_or("", String::as_str),
            self.run
        );
        Ok(())
    }

    /// Whether what the manifest names is still what was planned with. The tables may have gone on since: what was made
    /// from them stays a whole.
    ///
    /// # Errors
    /// Names what changed.
    pub(super) fn check_rules(&self, mut rules: BTreeMap<String, String>) -> anyhow::Result<()> {
        let tables = TABLES.iter().chain([&DATASET]).filter_map(|table| self.inputs.get_key_value(*table));
        rules.extend(tables.map(|(table, hash)| (table.clone(), hash.clone())));
        self.check(&rules)
    }

    /// Whether the time to make lists anew is over.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.deadline_ms.is_some_and(|deadline| clock::now_ms() >= deadline)
    }

    /// The inputs that decide what a person's list is made from, as one hash: but for events, and for changes of items,
    /// since one of them would make every list anew. What is withdrawn leaves lists that are taken over.
    #[must_use]
    pub fn shared(&self) -> String {
        // What is counted there changes with every event; `dataset` says what else it declares.
        let personal =
            ["dataset.json", "users.jsonl", "events.jsonl", "collections.jsonl", "split.json", "key"];
        let mut digest = Sha256::new();
        for (name, hash) in self.inputs.iter().filter(|(name, _)| !personal.contains(&name.as_str())) {
            digest.update(format!("{name} {hash}\n"));
        }
        let bounds = [super::RETRIEVED, super::KEPT, super::KEPT_OF_REGION];
        let histories = (self.history, self.nobodys_history);
        digest.update(format!("{bounds:?} {histories:?} {:?}", self.editorial));
        // Whether somebody did something is told by how many events there are of them, of which some may be gone since.
        digest.update(&self.expired);
        hex(&digest.finalize())
    }
}

/// The bound of what was made before there was one.
pub(super) fn unbounded() -> usize {
    usize::MAX
}

/// That of what was made before it could be set.
pub(super) fn nobodys() -> usize {
    super::NOBODYS_HISTORY
}

/// The last change of an item that every kept generation and every run has seen; who asks for changes asks for these at
/// least. None without a generation.
///
/// # Errors
/// When a report or plan cannot be read.
pub fn settled_changes(data: &Path) -> anyhow::Result<u64> {
    let store = PackStore::new(data);
    let mut settled = Vec::new();
    for number in store.kept()? {
        settled.push(Report::read(&store, number)?.changed);
    }
    let runs = fs::read_dir(runs(data)).into_iter().flatten().flatten();
    for run in runs.filter_map(|run| run.file_name().into_string().ok()).filter(|run| !run.starts_with('.')) {
        settled.extend(Plan::read(data, &run)?.map(|plan| plan.changed));
    }
    Ok(settled.into_iter().min().unwrap_or(0))
}

/// The folder of run `run`.
///
/// # Errors
/// When the name could be another folder's.
pub(super) fn folder(data: &Path, run: &str) -> anyhow::Result<PathBuf> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ensure!(
        (1..=64).contains(&run.len()) && !run.starts_with('.') && run.bytes().all(plain),
        "`{run}` is no name for a run: 1 to 64 letters, digits, `-`, `_` and `.`, not beginning with `.`"
    );
    Ok(runs(data).join(run))
}

/// The folder that all runs lie in.
pub(super) fn runs(data: &Path) -> PathBuf {
    data.join("refresh").join("runs")
}

/// Hashes of everything that goes in.
pub(super) fn inputs(
    data: &Path,
    model: Option<&ModelDirectory>,
    policies: &Policies,
    keys: &Keys,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut inputs = rules(model, policies, keys);
    let dataset = Dataset::read(data)?;
    let declared = [&dataset.name, &dataset.surface, &dataset.schema_hash()].map(String::as_str).join(" ");
    inputs.insert(DATASET.to_owned(), declared);
    for table in TABLES {
        if let Some(hash) = hash_file(&data.join(table))? {
            inputs.insert(table.to_owned(), hash);
        }
    }
    Ok(inputs)
}

/// Hashes of what the manifest names, and the key that signs it.
pub(super) fn rules(
    model: Option<&ModelDirectory>,
    policies: &Policies,
    keys: &Keys,
) -> BTreeMap<String, String> {
    let hash = segue_core::trust::hash;
    let mut rules: BTreeMap<String, String> =
        policies.files().map(|(surface, bytes)| (format!("policy {surface}"), hash(bytes))).collect();
    if let Some(model) = model {
        rules.extend(model.files().into_iter().map(|(name, bytes)| (format!("model {name}"), hash(bytes))));
    }
    rules.insert("key".to_owned(), keys.signing().public().to_hex());
    rules
}

fn hash_file(path: &Path) -> anyhow::Result<Option<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let (mut digest, mut part) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut part).with_context(|| format!("reading {}", path.display()))?;
        if read == 0 {
            return Ok(Some(hex(&digest.finalize())));
        }
        digest.update(&part[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_name_is_a_file_name() {
        let data = Path::new("D");
        assert_eq!(folder(data, "2026-11-21.a_1").unwrap(), Path::new("D/refresh/runs/2026-11-21.a_1"));
        for wrong in ["", ".", "..", "a/b", "ä", &"a".repeat(65)] {
            assert!(folder(data, wrong).unwrap_err().to_string().contains("no name for a run"), "{wrong}");
        }
    }
}
