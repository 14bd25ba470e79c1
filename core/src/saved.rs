//! What a host keeps for the engine: versioned bytes that show any damage.
//!
//! Four bytes say what it is, two (big-endian) in which version, eight are the beginning of the SHA-256 of all the
//! others; then comes the content in MessagePack. It is no protection from whoever may write the host's storage,
//! who may as well change the app.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest;
use crate::error::{Code, Error, Result};

/// One kind of kept bytes.
pub(crate) struct Kind {
    pub(crate) mark: [u8; 4],
    pub(crate) format: u16,
    /// Most bytes that are read.
    pub(crate) limit: usize,
    /// The code of damaged ones.
    pub(crate) damaged: Code,
}

const HEADER: usize = 6;
const CHECKSUM: usize = 8;

impl Kind {
    pub(crate) fn damaged(&self, detail: impl Into<String>) -> Error {
        Error::new(self.damaged, detail)
    }
}

/// The bytes that keep `value`.
pub(crate) fn write<T: Serialize>(kind: &Kind, value: &T) -> Result<Vec<u8>> {
    let content = rmp_serde::to_vec(value).map_err(|error| kind.damaged(format!("{error}.")))?;
    let header = [&kind.mark[..], &kind.format.to_be_bytes()].concat();
    let checksum = checksum(&header, &content);
    Ok([&header, &checksum[..], &content].concat())
}

/// The value that [`write`] kept.
pub(crate) fn read<T: DeserializeOwned>(kind: &Kind, bytes: &[u8]) -> Result<T> {
    if bytes.len() > kind.limit {
        let detail = format!("{} bytes, at most {} are read.", bytes.len(), kind.limit);
        return Err(Error::new(Code::TooLarge, detail));
    }
    let parts = bytes.split_first_chunk::<HEADER>();
    let parts = parts.and_then(|(header, rest)| Some((header, rest.split_first_chunk::<CHECKSUM>()?)));
    let Some((header, (found, content))) = parts else {
        return Err(kind.damaged(format!("it ends after {} bytes.", bytes.len())));
    };
    if header[..4] != kind.mark || *found != checksum(header, content) {
        return Err(kind.damaged("it does not match its checksum."));
    }
    let format = u16::from_be_bytes([header[4], header[5]]);
    if format != kind.format {
        let detail = format!("format {format}, this version reads {}.", kind.format);
        return Err(Error::new(Code::FormatUnknown, detail));
    }
    rmp_serde::from_slice(content).map_err(|error| kind.damaged(format!("{error}.")))
}

/// Where the content begins.
#[cfg(test)]
pub(crate) const PREFIX: usize = HEADER + CHECKSUM;

/// Makes the checksum fit, as somebody would who changes kept bytes on purpose.
#[cfg(test)]
pub(crate) fn seal(bytes: &mut [u8]) {
    let checksum = checksum(&bytes[..HEADER], &bytes[PREFIX..]);
    bytes[HEADER..PREFIX].copy_from_slice(&checksum);
}

fn checksum(header: &[u8], content: &[u8]) -> [u8; CHECKSUM] {
    digest::short([header, content])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { mark: *b"test", format: 3, limit: 100, damaged: Code::SessionDamaged };

    #[test]
    fn another_version_is_told_from_damage() {
        let bytes = write(&KIND, &"kept").unwrap();
        assert_eq!(read::<String>(&KIND, &bytes).unwrap(), "kept");
        let newer = write(&Kind { format: 4, ..KIND }, &"kept").unwrap();
        assert_eq!(read::<String>(&KIND, &newer).unwrap_err().code(), Code::FormatUnknown);
        let other = write(&Kind { mark: *b"else", ..KIND }, &"kept").unwrap();
        assert_eq!(read::<String>(&KIND, &other).unwrap_err().code(), Code::SessionDamaged);
        assert_eq!(read::<String>(&KIND, &[0; 101]).unwrap_err().code(), Code::TooLarge);
    }
}
