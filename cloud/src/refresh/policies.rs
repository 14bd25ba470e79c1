//! The policies in force for a data folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use segue_core::policies;
use segue_core::policy::Policy;

/// The policy of each surface as a file: those that ship, and those in `policies/` of the data folder in their place.
#[derive(Debug, Clone)]
pub struct Policies {
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Policies {
    /// Those of data folder `data`: every `*.json` in its `policies/`, whatever it is called.
    ///
    /// # Errors
    /// When a file cannot be read or is no valid policy; names it.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let folder = data.join("policies");
        let shipped = policies::ALL.iter().map(|(surface, bytes)| ((*surface).to_owned(), bytes.to_vec()));
        let mut files: BTreeMap<String, Vec<u8>> = shipped.collect();
        for path in own(&folder)? {
            let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let policy =
                Policy::from_json(&bytes).with_context(|| format!("{} cannot be used", path.display()))?;
            files.insert(policy.surface, bytes);
        }
        Ok(Self { folder, files })
    }

    /// The policy of `surface`.
    ///
    /// # Errors
    /// When there is none; says where to put it.
    pub fn of(&self, surface: &str) -> anyhow::Result<Policy> {
        let bytes = self.files.get(surface).with_context(|| {
            format!("there is no policy for the surface `{surface}`: put one into {}", self.folder.display())
        })?;
        Ok(Policy::from_json(bytes)?)
    }

    /// The files by surface, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(surface, bytes)| (surface.as_str(), bytes.as_slice()))
    }
}

/// The folder's policy files, in order of their names: of two for one surface the last counts on every machine.
fn own(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_data_folder_takes_the_place_of_the_shipped_policy_of_its_surface() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(Policies::read(data.path()).unwrap().files().count(), policies::ALL.len());
        std::fs::create_dir(data.path().join("policies")).unwrap();
        let write = |name: &str, surface: &str, decay: f64| {
            let mut policy: serde_json::Value = serde_json::from_slice(policies::RADIO).unwrap();
            policy["surface"] = surface.into();
            policy["feedback"]["decay"] = decay.into();
            std::fs::write(data.path().join("policies").join(name), policy.to_string()).unwrap();
        };
        write("b.json", "radio", 0.25);
        write("a.json", "radio", 0.75);
        write("own.json", "kiosk", 0.5);
        std::fs::write(data.path().join("policies/notes.txt"), "mine").unwrap();
        let policies = Policies::read(data.path()).unwrap();
        assert_eq!(policies.of("radio").unwrap().feedback.decay, 0.25);
        assert_eq!(policies.of("kiosk").unwrap().feedback.decay, 0.5);
        let error = policies.of("lobby").unwrap_err().to_string();
        assert!(error.contains("lobby") && error.contains("policies"), "{error}");
        std::fs::write(data.path().join("policies/bad.json"), "{}").unwrap();
        assert!(Policies::read(data.path()).unwrap_err().to_string().contains("bad.json"));
    }
}
