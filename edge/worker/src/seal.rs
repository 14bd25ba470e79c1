//! Seals what a visitor carries: nobody can read it, change it or make one.
//!
//! XChaCha20-Poly1305 with a random nonce of 24 bytes; the key is made from the operator's secret by HKDF-SHA256
//! (RFC 5869). A token is the base64url of: version (1 byte), nonce, ciphertext with its tag. The version is
//! authenticated too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

/// Longest token, in characters: browsers keep cookies of 4,096 bytes with name and attributes.
pub const LONGEST: usize = 3_500;

/// Most bytes that fit into a token.
pub const ROOM: usize = LONGEST * 3 / 4 - 1 - NONCE - TAG;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const PURPOSE: &[u8] = b"segue session token 1";

/// Shortest secret: as many characters as 128 bits have hexadecimal digits.
const SHORTEST_SECRET: usize = 32;

/// The keys of tokens.
#[derive(Clone)]
pub struct Seal(Vec<XChaCha20Poly1305>);

impl Seal {
    /// Keys from secrets separated by commas: the first one seals, all of them open, so that a secret can be replaced
    /// without ending sessions.
    ///
    /// # Errors
    /// In words, when a secret is shorter than 32 characters.
    pub fn new(secrets: &str) -> Result<Self, String> {
        let keys = secrets.split(',').map(|secret| key(secret.trim())).collect::<Result<_, _>>()?;
        Ok(Self(keys))
    }

    /// `plain` as a token; `nonce` is drawn for it alone.
    ///
    /// # Errors
    /// In words, when it does not fit.
    pub fn seal(&self, plain: &[u8], nonce: [u8; NONCE]) -> Result<String, String> {
        if plain.len() > ROOM {
            return Err(format!("{} bytes do not fit into a token of {LONGEST} characters", plain.len()));
        }
        let cipher = self.0.first().ok_or("there is no secret")?;
        let payload = Payload { msg: plain, aad: &aad(VERSION) };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| "the token could not be sealed")?;
        Ok(URL_SAFE_NO_PAD.encode([&[VERSION][..], &nonce, &sealed].concat()))
    }

    /// What was sealed; none of a token that is damaged, made with another secret, or of another version.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Vec<u8>> {
        if token.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let aad = aad(*version);
        let open = |cipher: &XChaCha20Poly1305| {
            cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).ok()
        };
        (*version == VERSION).then(|| self.0.iter().find_map(open)).flatten()
    }
}

fn key(secret: &str) -> Result<XChaCha20Poly1305, String> {
    if secret.len() < SHORTEST_SECRET {
        let detail = format!("a secret of {} characters", secret.len());
        return Err(format!("SESSION_SECRET holds {detail}: draw one with `openssl rand -hex 32`"));
    }
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, secret.as_bytes())
        .expand(PURPOSE, &mut key)
        .map_err(|error| error.to_string())?;
    Ok(XChaCha20Poly1305::new(&key.into()))
}

fn aad(version: u8) -> Vec<u8> {
    [PURPOSE, &[version]].concat()
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Seal({} secrets)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";

    #[test]
    fn a_token_opens_with_its_secret_and_no_change_of_a_character_does() {
        let seal = Seal::new(OLD).unwrap();
        let token = seal.seal(b"session", [7; 24]).unwrap();
        assert_eq!(seal.open(&token).unwrap(), b"session");
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(seal.open(&String::from_utf8(changed).unwrap()), None, "character {at}");
            assert_eq!(seal.open(&token[..at]), None);
        }
        assert_eq!(Seal::new(NEW).unwrap().open(&token), None);
    }

    #[test]
    fn a_secret_is_replaced_without_ending_sessions() {
        let token = Seal::new(OLD).unwrap().seal(b"x", [1; 24]).unwrap();
        let both = Seal::new(&format!("{NEW}, {OLD}")).unwrap();
        assert_eq!(both.open(&token).unwrap(), b"x");
        assert_eq!(Seal::new(NEW).unwrap().open(&both.seal(b"y", [2; 24]).unwrap()).unwrap(), b"y");
    }

    #[test]
    fn the_longest_token_is_within_its_bound_and_more_is_refused() {
        let seal = Seal::new(OLD).unwrap();
        let token = seal.seal(&[1; ROOM], [3; 24]).unwrap();
        assert!(token.len() <= LONGEST && seal.open(&token).is_some());
        assert!(seal.seal(&[1; ROOM + 1], [3; 24]).is_err());
        assert!(Seal::new("short").is_err());
    }
}
