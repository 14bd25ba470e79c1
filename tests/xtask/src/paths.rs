//! Where the project, its cache and its build outputs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The folders every command works in.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// What outlives a checkout: downloads, build outputs, generated catalogues, logs.
    pub(crate) cache: PathBuf,
    /// Cargo's build outputs, outside the checkout so that a fresh clone starts warm.
    pub(crate) target: PathBuf,
}

impl Paths {
    /// Finds the folders and makes those that are missing.
    ///
    /// # Errors
    /// Says which folder could not be found or made.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = find_root()?;
        let cache = cache_base()?.join("segue");
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => cache.join("target"),
        };
        for folder in [&cache, &target] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let paths = Self { root, cache, target };
        paths.claim_target()?;
        Ok(paths)
    }

    /// A file of the checkout.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where public data sets lie, beside the checkout, when somebody put them there.
    pub(crate) fn public_data(&self) -> PathBuf {
        match env::var_os("SEGUE_PUBLIC_DATA") {
            Some(folder) => PathBuf::from(folder),
            None => self.root.join("../shared/data"),
        }
    }

    /// An executable that cargo built in `profile` (`debug`, `release`).
    pub(crate) fn executable(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Forgets what another checkout built of this workspace's own packages.
    ///
    /// Cargo names them by their place inside the workspace and judges them by
    /// file times, so a second clone could run what the first one compiled.
    /// Dependencies stay warm.
    fn claim_target(&self) -> anyhow::Result<()> {
        let stamp = self.target.join(".segue-checkout");
        let owner = self.root.display().to_string();
        if fs::read_to_string(&stamp).is_ok_and(|text| text == owner) {
            return Ok(());
        }
        for profile in fingerprint_folders(&self.target) {
            forget_own_packages(&profile)?;
        }
        fs::write(&stamp, owner).with_context(|| format!("cannot write {}", stamp.display()))
    }
}

fn find_root() -> anyhow::Result<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => env::current_dir()?,
    };
    for folder in start.ancestors() {
        let manifest = folder.join("Cargo.toml");
        if fs::read_to_string(manifest).is_ok_and(|text| text.contains("[workspace]")) {
            return Ok(folder.to_path_buf());
        }
    }
    bail!("{} is not inside the project: run `cargo xtask` in a checkout", start.display())
}

fn cache_base() -> anyhow::Result<PathBuf> {
    if let Some(folder) = env::var_os("XDG_CACHE_HOME").filter(|folder| Path::new(folder).is_absolute()) {
        return Ok(PathBuf::from(folder));
    }
    let home = env::home_dir().context("no home folder is known: set XDG_CACHE_HOME to an absolute path")?;
    Ok(home.join(".cache"))
}

/// `<target>/<profile>/.fingerprint` and `<target>/<triple>/<profile>/.fingerprint`.
fn fingerprint_folders(target: &Path) -> Vec<PathBuf> {
    let children = subfolders(target);
    let grandchildren = children.iter().flat_map(|folder| subfolders(folder));
    let all = children.iter().cloned().chain(grandchildren);
    all.map(|folder| folder.join(".fingerprint")).filter(|folder| folder.is_dir()).collect()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn forget_own_packages(fingerprints: &Path) -> anyhow::Result<()> {
    for package in subfolders(fingerprints) {
        let own = package.file_name().and_then(|name| name.to_str()).is_some_and(is_own_package);
        if own {
            fs::remove_dir_all(&package).with_context(|| format!("cannot remove {}", package.display()))?;
        }
    }
    Ok(())
}

fn is_own_package(fingerprint: &str) -> bool {
    fingerprint.starts_with("segue-") || fingerprint.starts_with("xtask-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_workspace_s_own_packages_are_forgotten() {
        assert!(is_own_package("segue-core-0123456789abcdef"));
        assert!(is_own_package("xtask-0123456789abcdef"));
        assert!(!is_own_package("serde-0123456789abcdef"));
    }

    #[test]
    fn the_root_is_the_folder_of_the_workspace_manifest() {
        let root = find_root().expect("tests run inside the project");
        assert!(root.join("tests/xtask/Cargo.toml").is_file());
    }
}
