//! Copying one file, durably and with its hash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::list::Held;
use crate::hash::hex;
use crate::stores::disk::{create_folder, sync_folder};

/// Copies `path` of one folder into another, with its mode.
pub(super) fn copy(from: &Path, to: &Path, path: &Path) -> io::Result<Held> {
    let source = File::open(from.join(path))?;
    let mode = source.metadata()?.mode() & 0o777;
    write(source, mode, to, path)
}

/// Writes what `source` gives to the new file `path` of a folder.
pub(super) fn write(mut source: impl io::Read, mode: u32, to: &Path, path: &Path) -> io::Result<Held> {
    let target = to.join(path);
    let above = target.parent().unwrap_or(to);
    create_folder(above)?;
    let mut written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target)?;
    let (mut digest, mut part, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        let read = source.read(&mut part)?;
        if read == 0 {
            break;
        }
        written.write_all(&part[..read])?;
        digest.update(&part[..read]);
        bytes += read as u64;
    }
    written.sync_all()?;
    sync_folder(above)?;
    Ok(Held { path: path.to_owned(), bytes, sha256: hex(&digest.finalize()), link: None })
}

/// Makes the link `path` of one folder in another.
pub(super) fn link(from: &Path, to: &Path, path: &Path) -> io::Result<Held> {
    let link = fs::read_link(from.join(path))?;
    make_link(&link, &to.join(path))?;
    Ok(Held { path: path.to_owned(), bytes: 0, sha256: String::new(), link: Some(link) })
}

/// Makes a link that leads to `link`.
pub(super) fn make_link(link: &Path, at: &Path) -> io::Result<()> {
    let above = at.parent().unwrap_or(Path::new("."));
    create_folder(above)?;
    std::os::unix::fs::symlink(link, at)?;
    sync_folder(above)
}
