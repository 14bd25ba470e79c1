//! Signed bytes: a COSE_Sign1 ([RFC 9052](https://www.rfc-editor.org/rfc/rfc9052)) with Ed25519.
//!
//! The purpose is signed along as external data, so that a pack can never be passed off as a manifest.

use coset::{CborSerializable, CoseSign1};
#[cfg(feature = "encode")]
use coset::{CoseSign1Builder, HeaderBuilder, iana};

#[cfg(feature = "encode")]
use super::PrivateKey;
use super::PublicKey;
use crate::error::{Code, Error, Result};

/// What the signed bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A candidate pack.
    Pack,
    /// What changed from one candidate pack to another.
    PackDelta,
    /// A generation's manifest.
    Manifest,
    /// A change of the signing key.
    Rotation,
}

impl Purpose {
    pub(crate) fn external_data(self) -> &'static [u8] {
        match self {
            Self::Pack => b"segue pack",
            Self::PackDelta => b"segue pack delta",
            Self::Manifest => b"segue manifest",
            Self::Rotation => b"segue rotation",
        }
    }
}

/// Returns the payload if `key` signed it for `purpose`; nothing of the payload is read before.
///
/// # Errors
/// `too_large` above `limit` bytes, `envelope_damaged`, `signer_unknown`, `signature_invalid`.
pub fn open(purpose: Purpose, bytes: &[u8], key: &PublicKey, limit: usize) -> Result<Vec<u8>> {
    if bytes.len() > limit {
        let detail = format!("{} bytes, at most {limit} are read.", bytes.len());
        return Err(Error::new(Code::TooLarge, detail));
    }
    let damaged = || Error::new(Code::EnvelopeDamaged, format!("{} bytes are no COSE_Sign1.", bytes.len()));
    let envelope = CoseSign1::from_slice(bytes).map_err(|_| damaged())?;
    if envelope.protected.header.key_id != key.id() {
        let found = super::to_hex(&envelope.protected.header.key_id);
        return Err(Error::new(Code::SignerUnknown, format!("signed by key {found}.")));
    }
    if envelope.payload.is_none() {
        return Err(damaged());
    }
    envelope
        .verify_signature(purpose.external_data(), |signature, message| key.verify(signature, message))?;
    envelope.payload.ok_or_else(damaged)
}

/// Signs `payload` for `purpose`.
///
/// # Errors
/// `payload_damaged` when the envelope cannot be written.
#[cfg(feature = "encode")]
pub fn seal(purpose: Purpose, payload: Vec<u8>, key: &PrivateKey) -> Result<Vec<u8>> {
    let header =
        HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).key_id(key.public().id().to_vec()).build();
    CoseSign1Builder::new()
        .protected(header)
        .payload(payload)
        .create_signature(purpose.external_data(), |message| key.sign(message))
        .build()
        .to_vec()
        .map_err(|error| Error::new(Code::PayloadDamaged, format!("{error}.")))
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_the_same_purpose_and_key_only() {
        let key = PrivateKey::from_seed([1; 32]);
        let sealed = seal(Purpose::Pack, b"hello".to_vec(), &key).unwrap();
        assert_eq!(open(Purpose::Pack, &sealed, &key.public(), 1_000).unwrap(), b"hello");
        let other_purpose = open(Purpose::Manifest, &sealed, &key.public(), 1_000).unwrap_err();
        assert_eq!(other_purpose.code(), Code::SignatureInvalid);
        let stranger = PrivateKey::from_seed([2; 32]).public();
        assert_eq!(open(Purpose::Pack, &sealed, &stranger, 1_000).unwrap_err().code(), Code::SignerUnknown);
        assert_eq!(open(Purpose::Pack, &sealed, &key.public(), 4).unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn no_truncation_and_no_flipped_byte_opens() {
        let key = PrivateKey::from_seed([1; 32]);
        let sealed = seal(Purpose::Pack, b"some payload".to_vec(), &key).unwrap();
        for length in 0..sealed.len() {
            assert!(open(Purpose::Pack, &sealed[..length], &key.public(), 1_000).is_err());
        }
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            if let Ok(payload) = open(Purpose::Pack, &flipped, &key.public(), 1_000) {
                assert_eq!(payload, b"some payload", "byte {index} changed what is believed");
            }
        }
    }
}
