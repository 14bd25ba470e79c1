//! Ed25519 keys.

use std::fmt;

use ed25519_dalek::VerifyingKey;
#[cfg(feature = "encode")]
use ed25519_dalek::{Signer, SigningKey};

use crate::digest;
use crate::error::{Code, Error, Result};

/// An Ed25519 public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// `key_invalid` when they are no point of the curve.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; 32] = bytes
            .try_into()
            .map_err(|_| Error::new(Code::KeyInvalid, format!("a public key of {} bytes.", bytes.len())))?;
        VerifyingKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| Error::new(Code::KeyInvalid, "the public key is no point of the curve."))
    }

    /// A key from 64 hexadecimal digits.
    ///
    /// # Errors
    /// `key_invalid`.
    pub fn from_hex(text: &str) -> Result<Self> {
        Self::from_bytes(&from_hex(text)?)
    }

    /// A key under which nothing verifies: the curve's neutral point, which strict verification refuses as weak.
    #[cfg(feature = "encode")]
    pub(crate) fn of_nobody() -> Result<Self> {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        Self::from_bytes(&neutral)
    }

    /// The key's 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key as 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        super::to_hex(&self.to_bytes())
    }

    /// The first 8 bytes of the key's SHA-256, written into each envelope.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        digest::short([self.to_bytes().as_slice()])
    }

    pub(crate) fn verify(&self, signature: &[u8], message: &[u8]) -> Result<()> {
        let invalid = || Error::new(Code::SignatureInvalid, "the bytes were not signed by the trusted key.");
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| invalid())?;
        self.0.verify_strict(message, &signature).map_err(|_| invalid())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.to_hex())
    }
}

/// An Ed25519 private key. Never printed.
#[cfg(feature = "encode")]
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

#[cfg(feature = "encode")]
impl PrivateKey {
    /// The key that belongs to 32 secret bytes; the host draws them from its own source of randomness.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// A key from its seed as 64 hexadecimal digits.
    ///
    /// # Errors
    /// `key_invalid`.
    pub fn from_hex(text: &str) -> Result<Self> {
        let bytes = from_hex(text)?;
        let seed: [u8; 32] = bytes.try_into().map_err(|bytes: Vec<u8>| {
            Error::new(Code::KeyInvalid, format!("a private key of {} bytes.", bytes.len()))
        })?;
        Ok(Self::from_seed(seed))
    }

    /// The seed as 64 hexadecimal digits, to be kept secret.
    #[must_use]
    pub fn to_secret_hex(&self) -> String {
        super::to_hex(self.0.as_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_bytes().to_vec()
    }
}

#[cfg(feature = "encode")]
impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey(of {})", self.public().to_hex())
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let text = text.trim();
    let invalid =
        || Error::new(Code::KeyInvalid, format!("{} characters that are not hexadecimal.", text.len()));
    if text.len() > 128 || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err(invalid());
    }
    (0..text.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&text[start..start + 2], 16).map_err(|_| invalid()))
        .collect()
}
