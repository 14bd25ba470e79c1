//! Key files: made private from the first moment, refused when others can read them.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::trust::PrivateKey;

/// Creates `folder` for its owner only; one that is there is left alone.
pub(super) fn create_private_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let creating = || format!("creating {}", folder.display());
    let above = folder.parent().unwrap_or(Path::new("."));
    crate::stores::disk::create_folder(above).with_context(creating)?;
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).with_context(creating),
        _ => crate::stores::disk::sync_folder(above).with_context(creating),
    }
}

/// Writes a private key that only the owner can read, durably; a file that is there is never overwritten.
pub(super) fn write_private(path: &Path, key: &PrivateKey) -> anyhow::Result<()> {
    let temporary = path.with_extension("writing");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", temporary.display()));
        }
        _ => {}
    }
    let create = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
    let mut file = create.with_context(|| format!("creating {}", temporary.display()))?;
    file.write_all(format!("{}\n", key.to_secret_hex()).as_bytes())?;
    file.sync_all()?;
    ensure!(!path.exists(), "{} is there already", path.display());
    replace(&temporary, path)
}

/// Reads a private key, unless others can read it too.
pub(super) fn read_private(path: &Path) -> anyhow::Result<PrivateKey> {
    let mut file = File::open(path).with_context(|| {
        format!("opening {}; put the key back or give it in {}", path.display(), super::KEY_VARIABLE)
    })?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    ensure!(
        mode & 0o077 == 0,
        "{} can be read by others (mode {mode:o}): run `chmod 600` on it and consider `segue keys rotate`",
        path.display()
    );
    let mut text = String::new();
    std::io::Read::read_to_string(&mut file, &mut text)
        .with_context(|| format!("reading {}", path.display()))?;
    PrivateKey::from_hex(&text)
        .map_err(|_| anyhow::anyhow!("{} holds no private key (64 hexadecimal digits)", path.display()))
}

/// Renames `from` to `to`, durably.
pub(super) fn replace(from: &Path, to: &Path) -> anyhow::Result<()> {
    crate::stores::disk::rename_synced(from, to).with_context(|| format!("renaming {}", from.display()))
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
    fs::remove_file(path).with_context(|| format!("removing {}", path.display()))
}

/// The text of a file, if there is one.
pub(super) fn read_if_present(path: &Path) -> anyhow::Result<Option<String>> {
    let Some(bytes) = read_bytes_if_present(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).with_context(|| format!("{} is no text", path.display()))
}

/// The bytes of a file, if there is one.
pub(super) fn read_bytes_if_present(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}
