//! The tombstones of a data folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::hash::hex;
use crate::stores::disk::{DiskFile, sync_folder};

/// The file in the data folder.
const FILE: &str = "erased.jsonl";

/// The version of the file that this program writes and reads.
const FORMAT: u32 = 1;

/// Who is to be forgotten, as something to ask; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Erased(Arc<Known>);

#[derive(Debug, Clone, Default)]
struct Known {
    salt: String,
    receipts: BTreeMap<String, Receipt>,
}

/// How far an erasure has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Erasure)]
pub struct Receipt {
    /// When it was asked for, in milliseconds since 1970.
    pub asked_ms: i64,
    /// When tables and logs held nothing of the person any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_ms: Option<i64>,
    /// The last generation that may hold a pack of theirs; 0 where none was published.
    #[serde(default)]
    pub generation: u64,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head {
        format: u32,
        salt: String,
    },
    Tombstone {
        who: String,
        #[serde(flatten)]
        receipt: Receipt,
    },
}

impl Erased {
    /// Those of data folder `data`.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let mut known = Known::default();
        // A line without an end was cut by a crash before anybody was told of it.
        for (index, line) in text.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate() {
            match serde_json::from_str(line) {
                Ok(Line::Head { format, salt }) => {
                    ensure!(format == FORMAT, "{} has format {format}; start a newer segue", path.display());
                    known.salt = salt;
                }
                Ok(Line::Tombstone { who, receipt }) => {
                    known.receipts.insert(who, receipt);
                }
                Err(error) => anyhow::bail!("{}, line {}: {error}", path.display(), index + 1),
            }
        }
        Ok(Self(Arc::new(known)))
    }

    /// Whether this person is to be forgotten.
    #[must_use]
    pub fn contains(&self, user: &str) -> bool {
        !self.0.receipts.is_empty() && !user.is_empty() && self.0.receipts.contains_key(&self.0.name(user))
    }

    /// Whether these are the very same tombstones.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Stands for those whose rows are gone: what was made from rows is out of date when it changes, once for each erasure.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for (who, receipt) in self.0.receipts.iter().filter(|(_, receipt)| receipt.erased_ms.is_some()) {
            digest.update(format!("{who} {}\n", receipt.asked_ms));
        }
        hex(&digest.finalize())
    }

    /// When the first of those asked whose rows have still to be taken out, in milliseconds since 1970; none where nobody waits.
    #[must_use]
    pub fn waits_since_ms(&self) -> Option<i64> {
        let pending = self.0.receipts.values().filter(|receipt| receipt.erased_ms.is_none());
        pending.map(|receipt| receipt.asked_ms).min()
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.receipts.is_empty()
    }
}

impl Known {
    fn name(&self, user: &str) -> String {
        hex(&Sha256::digest([self.salt.as_bytes(), b"\0", user.as_bytes()].concat()))
    }
}

/// The tombstones as the service writes them.
#[derive(Debug)]
pub struct Tombstones {
    path: PathBuf,
    known: RwLock<Erased>,
    writing: Mutex<()>,
}

impl Tombstones {
    /// Opens those of data folder `data`.
    ///
    /// # Errors
    /// As [`Erased::read`].
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let known = RwLock::new(Erased::read(data)?);
        Ok(Self { path: data.join(FILE), known, writing: Mutex::default() })
    }

    /// Who is to be forgotten as of now.
    #[must_use]
    pub fn erased(&self) -> Erased {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a tombstone, on the disk when this returns; answers its name, by which it is asked after. Asking again
    /// begins again: what came into the data meanwhile goes as well.
    ///
    /// # Errors
    /// When it cannot be made durable; nothing has happened then.
    pub fn ask(&self, user: &str, now_ms: i64, generation: u64) -> anyhow::Result<String> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.erased().0.salt.is_empty() {
            self.begin()?;
        }
        let who = self.erased().0.name(user);
        self.put(&who, Receipt { asked_ms: now_ms, erased_ms: None, generation })?;
        Ok(who)
    }

    /// Asks for everybody again: files of an earlier day were put back.
    ///
    /// # Errors
    /// When it cannot be made durable; doing it again does no harm.
    pub fn ask_all_again(&self) -> anyhow::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for (who, receipt) in &self.erased().0.receipts {
            self.put(who, Receipt { erased_ms: None, ..receipt.clone() })?;
        }
        Ok(())
    }

    /// Those whose rows have still to be taken out.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let erased = self.erased();
        let pending = erased.0.receipts.iter().filter(|(_, receipt)| receipt.erased_ms.is_none());
        pending.map(|(who, _)| who.clone()).collect()
    }

    /// Notes that the rows of these are gone, unless they were asked for again since.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn done(&self, whom: &Erased, now_ms: i64, generation: u64) -> anyhow::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for (who, before) in whom.0.receipts.iter().filter(|(_, receipt)| receipt.erased_ms.is_none()) {
            if self.receipt(who).as_ref() == Some(before) {
                let receipt = Receipt { erased_ms: Some(now_ms), generation, ..before.clone() };
                self.put(who, receipt)?;
            }
        }
        Ok(())
    }

    /// How far the erasure of this name has come.
    #[must_use]
    pub fn receipt(&self, who: &str) -> Option<Receipt> {
        self.erased().0.receipts.get(who).cloned()
    }

    /// The first line: a salt that no other folder has.
    fn begin(&self) -> anyhow::Result<()> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let salt = hex(&salt);
        self.append(&Line::Head { format: FORMAT, salt: salt.clone() })?;
        self.change(|known| known.salt = salt);
        Ok(())
    }

    fn put(&self, who: &str, receipt: Receipt) -> anyhow::Result<()> {
        self.append(&Line::Tombstone { who: who.to_owned(), receipt: receipt.clone() })?;
        self.change(|known| {
            known.receipts.insert(who.to_owned(), receipt);
        });
        Ok(())
    }

    fn append(&self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let written = || -> std::io::Result<()> {
            let mut file = match DiskFile::open(&self.path)? {
                Some(file) => file,
                None => DiskFile::create_new(&self.path)?,
            };
            file.cut(whole_lines(&self.path)?)?;
            file.write_all(&text)?;
            file.sync()?;
            sync_folder(self.path.parent().unwrap_or(Path::new(".")))
        };
        written().with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut known.0));
    }
}

/// How many bytes of a file are whole lines: a write that failed or a crash may have left half a one behind them.
fn whole_lines(path: &Path) -> std::io::Result<u64> {
    let bytes = std::fs::read(path)?;
    Ok(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_outlives_the_process_and_names_nobody() {
        let data = tempfile::tempdir().unwrap();
        let tombstones = Tombstones::open(data.path()).unwrap();
        assert!(!tombstones.erased().contains("ada"));
        let who = tombstones.ask("ada", 5, 3).unwrap();
        for erased in [tombstones.erased(), Erased::read(data.path()).unwrap()] {
            assert!(erased.contains("ada") && !erased.contains("grace") && !erased.contains(""));
        }
        assert!(!std::fs::read_to_string(data.path().join(FILE)).unwrap().contains("ada"));
        assert_eq!(Tombstones::open(data.path()).unwrap().receipt(&who), tombstones.receipt(&who));
    }

    #[test]
    fn who_asks_again_while_it_is_carried_out_is_pending_again() {
        let data = tempfile::tempdir().unwrap();
        let tombstones = Tombstones::open(data.path()).unwrap();
        let (first, second) = (tombstones.ask("ada", 5, 0).unwrap(), tombstones.ask("grace", 6, 0).unwrap());
        let carried = tombstones.erased();
        assert_eq!(tombstones.ask("ada", 7, 0).unwrap(), first);
        tombstones.done(&carried, 8, 4).unwrap();
        assert_eq!(tombstones.pending(), [first]);
        assert_eq!((carried.waits_since_ms(), tombstones.erased().waits_since_ms()), (Some(5), Some(7)));
        let receipt = Tombstones::open(data.path()).unwrap().receipt(&second).unwrap();
        assert_eq!(receipt, Receipt { asked_ms: 6, erased_ms: Some(8), generation: 4 });
    }

    #[test]
    fn a_line_cut_by_a_crash_is_as_if_never_written() {
        let data = tempfile::tempdir().unwrap();
        Tombstones::open(data.path()).unwrap().ask("ada", 5, 0).unwrap();
        let path = data.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [whole.as_slice(), b"{\"who\":\"12"].concat()).unwrap();
        let tombstones = Tombstones::open(data.path()).unwrap();
        tombstones.ask("grace", 6, 0).unwrap();
        let erased = Erased::read(data.path()).unwrap();
        assert!(erased.contains("ada") && erased.contains("grace"));
        std::fs::write(&path, "{\"format\":9,\"salt\":\"\"}\n").unwrap();
        assert!(Erased::read(data.path()).unwrap_err().to_string().contains("newer"));
    }
}
