//! A change of the signing key, signed by the old key and by the new one.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

#[cfg(feature = "encode")]
use super::PrivateKey;
use super::PublicKey;
use super::envelope::Purpose;
use crate::error::{Code, Error, Result};
use crate::limits;

/// One change of key: `payload` holds both keys, each of them signed it.
#[derive(Serialize, Deserialize)]
struct Rotation {
    payload: ByteBuf,
    signature_old: ByteBuf,
    signature_new: ByteBuf,
}

#[derive(Serialize, Deserialize)]
struct Change {
    format: u16,
    sequence: u64,
    old: ByteBuf,
    new: ByteBuf,
}

const FORMAT: u16 = 1;

/// The key that `bytes` (MessagePack list of rotations, oldest first) lead to from `key`.
pub(super) fn follow(key: &PublicKey, bytes: &[u8]) -> Result<(PublicKey, usize)> {
    if bytes.len() > limits::ROTATIONS_BYTES {
        return Err(Error::new(Code::TooLarge, format!("{} bytes of key rotations.", bytes.len())));
    }
    let rotations: Vec<Rotation> = rmp_serde::from_slice(bytes)
        .map_err(|error| Error::new(Code::EnvelopeDamaged, format!("key rotations: {error}.")))?;
    let mut key = key.clone();
    let mut followed = 0;
    for rotation in &rotations {
        // The signature comes first: nothing of the payload is read unless the trusted key made it.
        if key.verify(&rotation.signature_old, &message(&rotation.payload)).is_ok() {
            key = rotation.successor(&key)?;
            followed += 1;
        }
    }
    Ok((key, followed))
}

impl Rotation {
    fn successor(&self, old: &PublicKey) -> Result<PublicKey> {
        let damaged = |detail: String| Error::new(Code::PayloadDamaged, detail);
        let change: Change = rmp_serde::from_slice(&self.payload)
            .map_err(|error| damaged(format!("key rotation: {error}.")))?;
        if change.format != FORMAT {
            return Err(Error::new(
                Code::FormatUnknown,
                format!("key rotation of format {}.", change.format),
            ));
        }
        if change.old.as_slice() != old.to_bytes() {
            return Err(damaged("a key rotation names another old key than the one that signed it.".into()));
        }
        let new = PublicKey::from_bytes(&change.new)?;
        new.verify(&self.signature_new, &message(&self.payload))?;
        Ok(new)
    }
}

fn message(payload: &[u8]) -> Vec<u8> {
    [Purpose::Rotation.external_data(), payload].concat()
}

/// One rotation record from `old` to `new`; `sequence` counts the rotations of this root.
///
/// # Errors
/// `payload_damaged` when it cannot be written.
#[cfg(feature = "encode")]
pub fn rotate(old: &PrivateKey, new: &PrivateKey, sequence: u64) -> Result<Vec<u8>> {
    let change = Change {
        format: FORMAT,
        sequence,
        old: ByteBuf::from(old.public().to_bytes()),
        new: ByteBuf::from(new.public().to_bytes()),
    };
    let payload = encode(&change)?;
    let message = message(&payload);
    encode(&Rotation {
        payload: ByteBuf::from(payload),
        signature_old: ByteBuf::from(old.sign(&message)),
        signature_new: ByteBuf::from(new.sign(&message)),
    })
}

/// The list that clients follow, from records made by [`rotate`], oldest first.
///
/// # Errors
/// `payload_damaged` when a record is none.
#[cfg(feature = "encode")]
pub fn write_rotations(records: &[Vec<u8>]) -> Result<Vec<u8>> {
    let rotations = records
        .iter()
        .map(|record| rmp_serde::from_slice::<Rotation>(record))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| Error::new(Code::PayloadDamaged, format!("key rotation: {error}.")))?;
    encode(&rotations)
}

#[cfg(feature = "encode")]
fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|error| Error::new(Code::PayloadDamaged, format!("{error}.")))
}
