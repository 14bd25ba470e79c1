//! A change of the signing key, signed by the old key and by the new one.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

#[cfg(feature = "encode")]
use super::PrivateKey;
use super::envelope::Purpose;
use super::{PublicKey, test_key};
use crate::error::{Code, Error, Result};
use crate::limits;

/// One change of key: `payload` holds both keys, each of them signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rotation {
    payload: ByteBuf,
    signature_old: ByteBuf,
    pub(super) signature_new: ByteBuf,
}

#[derive(Serialize, Deserialize)]
struct Change {
    format: u16,
    sequence: u64,
    old: ByteBuf,
    new: ByteBuf,
}

const FORMAT: u16 = 1;

/// The rotations in `bytes`, a MessagePack list, oldest first; nothing of them is believed yet.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Rotation>> {
    if bytes.len() > limits::ROTATIONS_BYTES {
        return Err(Error::new(Code::TooLarge, format!("{} bytes of key rotations.", bytes.len())));
    }
    rmp_serde::from_slice(bytes)
        .map_err(|error| Error::new(Code::EnvelopeDamaged, format!("key rotations: {error}.")))
}

/// The key trusted now, and how it came to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) key: PublicKey,
    /// Of the newest rotation followed; 0 before the first.
    pub(super) sequence: u64,
    /// The rotations that lead from the root to the key.
    pub(super) followed: Vec<Rotation>,
}

impl Chain {
    pub(super) fn new(root: PublicKey) -> Self {
        Self { key: root, sequence: 0, followed: Vec::new() }
    }

    /// The chain with those of `rotations` that go on from its end. What others signed and what was followed before is
    /// passed over: a key that was once given up is not returned to.
    pub(super) fn follow(&self, rotations: &[Rotation]) -> Result<Self> {
        let mut chain = self.clone();
        for rotation in rotations {
            // The signature comes first: nothing of the payload is read unless the trusted key made it.
            if chain.key.verify(&rotation.signature_old, &message(&rotation.payload)).is_err() {
                continue;
            }
            let (key, sequence) = rotation.successor(&chain.key)?;
            if sequence > chain.sequence {
                (chain.key, chain.sequence) = (key, sequence);
                chain.followed.push(rotation.clone());
            }
        }
        Ok(chain)
    }
}

impl Rotation {
    /// The new key, and which rotation of this root it is.
    fn successor(&self, old: &PublicKey) -> Result<(PublicKey, u64)> {
        let damaged = |detail: String| Error::new(Code::PayloadDamaged, detail);
        let change: Change = rmp_serde::from_slice(&self.payload)
            .map_err(|error| damaged(format!("key rotation: {error}.")))?;
        if change.format != FORMAT {
            let detail = format!("key rotation of format {}.", change.format);
            return Err(Error::new(Code::FormatUnknown, detail));
        }
        if change.old.as_slice() != old.to_bytes() {
            return Err(damaged("a key rotation names another old key than the one that signed it.".into()));
        }
        let new = PublicKey::from_bytes(&change.new)?;
        new.verify(&self.signature_new, &message(&self.payload))?;
        test_key::refuse(&new)?;
        Ok((new, change.sequence))
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
