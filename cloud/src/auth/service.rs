//! Keys of services: programs of the operator's own that may ask for more than a client may. Some of them may administer.
//!
//! Only the SHA-256 of a key is kept, so neither a core dump nor a debug line shows one, and comparing says nothing about
//! how much of a guess was right.

use std::path::Path;

use anyhow::{Context as _, ensure};
use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::{ApiError, Code};

/// The variable that may hold keys, separated by commas.
pub const VARIABLE: &str = "SEGUE_SERVICE_KEYS";

/// Shorter keys could be guessed.
const LEAST_BYTES: usize = 32;

/// The SHA-256 of a key.
pub type KeyDigest = [u8; 32];

/// What stands behind a key that may administer.
const ADMIN: &str = "admin";

#[derive(Clone)]
struct Key {
    digest: KeyDigest,
    may_administer: bool,
}

/// The keys that admit a service; several, so that one can be replaced without an interruption.
#[derive(Clone, Default)]
pub struct ServiceKeys(Vec<Key>);

impl std::fmt::Debug for ServiceKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} service keys", self.0.len())
    }
}

impl ServiceKeys {
    /// The keys of `file`, one a line, `#` begins a remark, and those of `variable`, separated by commas. One that the word
    /// `admin` follows may administer.
    ///
    /// # Errors
    /// When the file cannot be read, a key has fewer than 32 bytes, or another word follows it.
    pub fn read(file: Option<&Path>, variable: Option<&str>) -> anyhow::Result<Self> {
        let text = match file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the service keys in {}", file.display()))?,
            None => String::new(),
        };
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let keys = lines.chain(variable.unwrap_or_default().split(',')).map(str::trim);
        keys.filter(|key| !key.is_empty()).map(Key::read).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Whether the request's `Authorization: Bearer KEY` names one of them.
    ///
    /// # Errors
    /// `service_keys_missing` where the operator gave none, `credentials_missing`, `credentials_invalid`.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.0.is_empty() {
            let detail =
                format!("this service has no service keys; the operator sets {VARIABLE} or --service-keys");
            return Err(ApiError::new(Code::ServiceKeysMissing, detail));
        }
        let Some(key) = super::credentials(headers) else {
            let detail = "send a service key as `Authorization: Bearer KEY`";
            return Err(ApiError::new(Code::CredentialsMissing, detail));
        };
        match self.hold(key) {
            true => Ok(()),
            false => {
                Err(ApiError::new(Code::CredentialsInvalid, "the service key is none of this service's"))
            }
        }
    }

    /// Whether the request names one that may administer.
    ///
    /// # Errors
    /// As [`Self::check`], and `admin_forbidden`.
    pub fn check_admin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.check(headers)?;
        match self.key_of(headers).is_some_and(|shown| self.know(&shown, true)) {
            true => Ok(()),
            false => {
                let detail =
                    "this service key may not administer; the operator writes `admin` behind one that may";
                Err(ApiError::new(Code::AdminForbidden, detail))
            }
        }
    }

    /// The key that a request shows, where it is one of them.
    pub(crate) fn key_of(&self, headers: &HeaderMap) -> Option<KeyDigest> {
        let shown = super::credentials(headers).filter(|_| !self.0.is_empty()).map(digest);
        shown.filter(|shown| self.know(shown, false))
    }

    /// Whether `key` is one of them.
    pub(super) fn hold(&self, key: &str) -> bool {
        self.know(&digest(key), false)
    }

    /// Whether it is one of them, and may administer where that is asked.
    fn know(&self, found: &KeyDigest, to_administer: bool) -> bool {
        // Every key is compared, so that the time does not say which one it was.
        let is_it = |key: &Key| bool::from(key.digest.ct_eq(found)) & (key.may_administer | !to_administer);
        self.0.iter().fold(false, |known, key| is_it(key) | known)
    }
}

impl Key {
    fn read(text: &str) -> anyhow::Result<Self> {
        let mut words = text.split_whitespace();
        let key = words.next().unwrap_or_default();
        ensure!(
            key.len() >= LEAST_BYTES,
            "a service key has fewer than {LEAST_BYTES} bytes; `openssl rand -hex 32` makes a good one"
        );
        let right = words.next();
        // Without what was found there: it might be a key.
        ensure!(
            right.is_none_or(|right| right == ADMIN) && words.next().is_none(),
            "only `{ADMIN}` may follow a service key; write one key a line, or commas between them in {VARIABLE}"
        );
        Ok(Self { digest: digest(key), may_administer: right.is_some() })
    }
}

fn digest(key: &str) -> KeyDigest {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn asked(value: &str) -> HeaderMap {
        [(header::AUTHORIZATION, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn keys_come_from_a_file_and_from_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, format!("# the shop's\n{KEY}\n\n")).unwrap();
        let other = KEY.replace('0', "f");
        let keys = ServiceKeys::read(Some(&file), Some(&format!("{other},"))).unwrap();
        for key in [KEY, &other] {
            keys.check(&asked(&format!("Bearer {key}"))).unwrap();
        }
        assert_eq!(format!("{keys:?}"), "2 service keys");
        assert!(ServiceKeys::read(None, Some("short")).unwrap_err().to_string().contains("32 bytes"));
        assert!(ServiceKeys::read(Some(&folder.path().join("none")), None).is_err());
    }

    #[test]
    fn only_a_key_that_says_so_may_administer() {
        let other = KEY.replace('0', "f");
        let keys = ServiceKeys::read(None, Some(&format!("{KEY} admin, {other}"))).unwrap();
        keys.check_admin(&asked(&format!("Bearer {KEY}"))).unwrap();
        keys.check(&asked(&format!("Bearer {KEY}"))).unwrap();
        let refused = |value: &str| keys.check_admin(&asked(value)).unwrap_err().code;
        assert_eq!(refused(&format!("Bearer {other}")), Code::AdminForbidden);
        assert_eq!(refused(&format!("Bearer {KEY} admin")), Code::CredentialsInvalid);
        assert_eq!(refused(""), Code::CredentialsMissing);
        for wrong in [format!("{KEY} root"), format!("{KEY} admin admin")] {
            let error = ServiceKeys::read(None, Some(&wrong)).unwrap_err().to_string();
            assert!(error.contains("`admin`") && !error.contains(KEY), "{error}");
        }
    }

    #[test]
    fn whoever_has_no_key_is_told_what_is_missing() {
        let code = |keys: &ServiceKeys, headers| keys.check(&headers).unwrap_err().code;
        let keys = ServiceKeys::read(None, Some(KEY)).unwrap();
        assert_eq!(code(&ServiceKeys::default(), asked(&format!("Bearer {KEY}"))), Code::ServiceKeysMissing);
        assert_eq!(code(&keys, HeaderMap::new()), Code::CredentialsMissing);
        assert_eq!(code(&keys, asked(KEY)), Code::CredentialsMissing);
        assert_eq!(code(&keys, asked(&format!("Bearer {KEY}0"))), Code::CredentialsInvalid);
        assert_eq!(code(&keys, asked("Bearer ")), Code::CredentialsInvalid);
    }
}
