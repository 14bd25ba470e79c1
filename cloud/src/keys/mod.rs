//! The signing key, the root key that clients are built with, and the rotations between them.
//!
//! `D/keys` is never served. The private key is a file with mode 0600 or the environment value `SEGUE_SIGNING_KEY`;
//! it is never printed. The root public key stays what it was at the beginning; each rotation is a record signed by
//! the old key and by the new one, and the list of them travels with each generation.

mod files;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use segue_core::trust::{PrivateKey, PublicKey, Trust, rotate, write_rotations};

use crate::lock::FileLock;

/// Holds the private key where there is to be no file: 64 hexadecimal digits.
pub const KEY_VARIABLE: &str = "SEGUE_SIGNING_KEY";
/// Holds the successor while a key from the environment is rotated.
pub const NEXT_KEY_VARIABLE: &str = "SEGUE_SIGNING_KEY_NEXT";

/// The keys of one data folder, ready to sign.
#[derive(Debug, Clone)]
pub struct Keys {
    signing: PrivateKey,
    root: PublicKey,
    rotations: Vec<Vec<u8>>,
    from_environment: bool,
}

impl Keys {
    /// The key that packs and manifests are signed with.
    #[must_use]
    pub fn signing(&self) -> &PrivateKey {
        &self.signing
    }

    /// The public key that clients are built with.
    #[must_use]
    pub fn root(&self) -> &PublicKey {
        &self.root
    }

    /// How often the key was rotated.
    #[must_use]
    pub fn rotations(&self) -> usize {
        self.rotations.len()
    }

    /// Whether the private key comes from the environment rather than from a file.
    #[must_use]
    pub fn from_environment(&self) -> bool {
        self.from_environment
    }

    /// The list of rotations, as clients fetch it.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn rotation_list(&self) -> anyhow::Result<Vec<u8>> {
        Ok(write_rotations(&self.rotations)?)
    }
}

/// Private keys given by the environment of the process.
#[derive(Clone, Default)]
pub struct Environment {
    /// Value of [`KEY_VARIABLE`].
    pub key: Option<String>,
    /// Value of [`NEXT_KEY_VARIABLE`].
    pub next: Option<String>,
}

impl Environment {
    /// What the process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        let read = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        Self { key: read(KEY_VARIABLE), next: read(NEXT_KEY_VARIABLE) }
    }
}

/// The folder `D/keys`.
#[derive(Clone)]
pub struct KeyStore {
    folder: PathBuf,
    environment: Environment,
}

impl KeyStore {
    /// The keys of data folder `data`, with the environment of this process.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self::with_environment(data, Environment::of_process())
    }

    /// The keys of data folder `data` with a given environment.
    #[must_use]
    pub fn with_environment(data: &Path, environment: Environment) -> Self {
        Self { folder: data.join("keys"), environment }
    }

    /// The public root key that clients are built with, if keys were made.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn root(&self) -> anyhow::Result<Option<PublicKey>> {
        let path = self.root_path();
        let Some(text) = files::read_if_present(&path)? else { return Ok(None) };
        PublicKey::from_hex(&text)
            .map(Some)
            .with_context(|| format!("{} holds no public key", path.display()))
    }

    /// Whether there is a key to sign with and a root key.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.root_path().exists() && (self.environment.key.is_some() || self.key_path().exists())
    }

    /// Makes the keys of this data folder.
    ///
    /// # Errors
    /// When there are keys already, or they cannot be written.
    pub fn init(&self) -> anyhow::Result<Keys> {
        let _lock = self.lock()?;
        self.init_locked()
    }

    fn init_locked(&self) -> anyhow::Result<Keys> {
        ensure!(
            !self.root_path().exists(),
            "{} is there already: clients trust it. Use `segue keys rotate` for a new signing key",
            self.root_path().display()
        );
        let signing = match &self.environment.key {
            Some(key) => environment_key(key, KEY_VARIABLE)?,
            // A file without a root key is what a killed `init` left: its key was never used.
            None if self.key_path().exists() => files::read_private(&self.key_path())?,
            None => self.create_key(&self.key_path())?,
        };
        crate::stores::disk::write_synced(
            &self.root_path(),
            format!("{}\n", signing.public().to_hex()).as_bytes(),
        )?;
        self.load_locked()
    }

    /// Reads the keys, or makes them when there are none; tells which.
    ///
    /// # Errors
    /// As [`KeyStore::load`] and [`KeyStore::init`].
    pub fn load_or_init(&self) -> anyhow::Result<(Keys, bool)> {
        let _lock = self.lock()?;
        let made = !self.root_path().exists();
        let keys = if made { self.init_locked() } else { self.load_locked() }?;
        Ok((keys, made))
    }

    /// Reads the keys and checks that the rotations lead from the root key to the signing key.
    ///
    /// # Errors
    /// When a file is missing, readable by others, damaged, or the keys do not fit together.
    pub fn load(&self) -> anyhow::Result<Keys> {
        self.ensure_made()?;
        let _lock = self.lock()?;
        self.load_locked()
    }

    fn load_locked(&self) -> anyhow::Result<Keys> {
        let root = self.root()?.with_context(|| self.missing())?;
        let rotations = self.read_rotations()?;
        let trusted = trusted_key(&root, &rotations)?;
        let from_environment = self.environment.key.is_some();
        let signing = match &self.environment.key {
            Some(key) => environment_key(key, KEY_VARIABLE)?,
            None => self.finish_rotation(&trusted)?,
        };
        ensure!(
            signing.public() == trusted,
            "clients of {} trust key {}, but the signing key is that of {}: put the right key back",
            self.folder.display(),
            trusted.to_hex(),
            signing.public().to_hex()
        );
        Ok(Keys { signing, root, rotations, from_environment })
    }

    /// Makes a new signing key that clients will believe because the old one signed the change.
    ///
    /// A key from the environment is replaced by the operator: the new one is taken from [`NEXT_KEY_VARIABLE`].
    ///
    /// # Errors
    /// When the present keys cannot be loaded or the new ones cannot be written; the old key then stays in use.
    pub fn rotate(&self) -> anyhow::Result<Keys> {
        self.ensure_made()?;
        let _lock = self.lock()?;
        let keys = self.load_locked()?;
        let next = self.next_key(keys.from_environment)?;
        let sequence = keys.rotations.len() as u64 + 1;
        let record = rotate(&keys.signing, &next, sequence)?;
        // The new key is on disk before the record: a record without its key would lock everybody out.
        crate::stores::disk::write_synced(&self.rotation_path(sequence), &record)?;
        if !keys.from_environment {
            return self.load_locked();
        }
        let rotations = self.read_rotations()?;
        Ok(Keys { signing: next, root: keys.root, rotations, from_environment: true })
    }

    /// Whoever reads or changes the keys waits for the others: reading finishes or undoes an interrupted rotation,
    /// and must not do so to one that is going on.
    fn lock(&self) -> anyhow::Result<FileLock> {
        files::create_private_folder(&self.folder)?;
        FileLock::take(&self.folder.join("lock"))
            .with_context(|| format!("locking {}", self.folder.display()))
    }

    /// Before anything is written: asking for keys in a wrong folder leaves nothing there.
    fn ensure_made(&self) -> anyhow::Result<()> {
        ensure!(self.root_path().exists(), self.missing());
        Ok(())
    }

    fn missing(&self) -> String {
        format!("{} is missing: make keys with `segue keys init`", self.root_path().display())
    }

    fn next_key(&self, from_environment: bool) -> anyhow::Result<PrivateKey> {
        if !from_environment {
            return self.create_key(&self.next_path());
        }
        let Some(next) = &self.environment.next else {
            bail!("the signing key comes from {KEY_VARIABLE}: give its successor in {NEXT_KEY_VARIABLE}")
        };
        environment_key(next, NEXT_KEY_VARIABLE)
    }

    /// The signing key on disk; a rotation that was interrupted is finished or undone first.
    fn finish_rotation(&self, trusted: &PublicKey) -> anyhow::Result<PrivateKey> {
        if self.next_path().exists() {
            let next = files::read_private(&self.next_path())?;
            if next.public() == *trusted {
                files::replace(&self.next_path(), &self.key_path())?;
            } else {
                files::remove(&self.next_path())?;
            }
        }
        files::read_private(&self.key_path())
    }

    fn create_key(&self, path: &Path) -> anyhow::Result<PrivateKey> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        let key = PrivateKey::from_seed(seed);
        files::write_private(path, &key)?;
        Ok(key)
    }

    fn read_rotations(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        while let Some(record) = files::read_bytes_if_present(&self.rotation_path(records.len() as u64 + 1))?
        {
            records.push(record);
        }
        Ok(records)
    }

    fn key_path(&self) -> PathBuf {
        self.folder.join("signing.key")
    }

    fn next_path(&self) -> PathBuf {
        self.folder.join("signing.key.next")
    }

    fn root_path(&self) -> PathBuf {
        self.folder.join("root.pub")
    }

    fn rotation_path(&self, sequence: u64) -> PathBuf {
        self.folder.join(format!("{sequence:06}.rotation"))
    }
}

/// The key that a client built with `root` trusts after `rotations`.
fn trusted_key(root: &PublicKey, rotations: &[Vec<u8>]) -> anyhow::Result<PublicKey> {
    let mut trust = Trust::new(root.clone())?;
    let followed = trust.accept_rotations(&write_rotations(rotations)?)?;
    ensure!(
        followed == rotations.len(),
        "only {followed} of {} key rotations can be followed",
        rotations.len()
    );
    Ok(trust.key().clone())
}

fn environment_key(value: &str, name: &str) -> anyhow::Result<PrivateKey> {
    // The value itself must not appear in the message.
    PrivateKey::from_hex(value)
        .map_err(|_| anyhow::anyhow!("{name} is to hold a private key: 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests;
