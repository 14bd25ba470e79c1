//! Small files of JSON that say how far something is: one value with the version of its format, replaced as a whole.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::write_synced;
use super::if_found;

/// What such a file holds.
pub(crate) trait StateFile: Serialize + DeserializeOwned {
    /// The version that this program writes and reads.
    const FORMAT: u32;
    /// What to do about a damaged one, and what comes of that.
    const REMEDY: &'static str;

    /// The version of this one.
    fn format(&self) -> u32;
}

/// What the file at `path` holds; none where there is none.
///
/// # Errors
/// When it cannot be read, is damaged, or is of another version.
pub(crate) fn read<T: StateFile>(path: &Path) -> anyhow::Result<Option<T>> {
    let found = if_found(std::fs::read(path)).with_context(|| format!("cannot read {}", path.display()))?;
    let Some(bytes) = found else { return Ok(None) };
    let state: T = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged; {}", path.display(), T::REMEDY))?;
    let format = state.format();
    ensure!(format == T::FORMAT, "{} has format {format}; start a newer segue", path.display());
    Ok(Some(state))
}

/// Puts `state` in the place of what the file at `path` holds, durably.
///
/// # Errors
/// When it cannot be written; what was there stays.
pub(crate) fn write<T: StateFile>(path: &Path, state: &T) -> anyhow::Result<()> {
    write_synced(path, &serde_json::to_vec(state)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Place {
        format: u32,
        at: u64,
    }

    impl StateFile for Place {
        const FORMAT: u32 = 2;
        const REMEDY: &'static str = "remove it: it is found out anew";

        fn format(&self) -> u32 {
            self.format
        }
    }

    #[test]
    fn a_damaged_file_and_one_of_another_version_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("place.json");
        assert_eq!(read::<Place>(&path).unwrap(), None);
        write(&path, &Place { format: 2, at: 7 }).unwrap();
        assert_eq!(read(&path).unwrap(), Some(Place { format: 2, at: 7 }));
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read::<Place>(&path).unwrap_err().to_string()
        };
        let shown = path.display();
        assert_eq!(refused("{"), format!("{shown} is damaged; remove it: it is found out anew"));
        assert_eq!(refused(r#"{"format":3,"at":7}"#), format!("{shown} has format 3; start a newer segue"));
    }
}
