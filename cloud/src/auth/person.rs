//! JSON Web Tokens (RFC 7519) of people, as the app's sign-in gives them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use crate::error::{ApiError, Code};

/// The variable that may hold a shared secret.
pub const VARIABLE: &str = "SEGUE_PERSON_SECRET";
/// Shorter secrets could be guessed.
const LEAST_BYTES: usize = 32;
/// How far clocks may be apart, in seconds.
const LEEWAY_SECONDS: u64 = 60;

/// What a token has to say.
#[derive(Deserialize)]
struct Claims {
    /// The user's id.
    sub: String,
}

/// What people's tokens are checked by.
#[derive(Clone)]
pub struct PersonTokens {
    key: Arc<DecodingKey>,
    validation: Arc<Validation>,
}

impl std::fmt::Debug for PersonTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "tokens by {:?}", self.validation.algorithms)
    }
}

impl PersonTokens {
    /// By the public key in `file` (PEM: Ed25519, EC P-256 or RSA), or by `secret` (HS256); nothing where there is neither.
    /// Tokens have to name `audience`, where there is one.
    ///
    /// # Errors
    /// When both are given, the file cannot be read, or the key cannot be used.
    pub fn read(
        file: Option<&Path>,
        secret: Option<&str>,
        audience: Option<&str>,
    ) -> anyhow::Result<Option<Self>> {
        let (key, algorithm) = match (file, secret.filter(|secret| !secret.is_empty())) {
            (None, None) => return Ok(None),
            (Some(file), Some(_)) => {
                anyhow::bail!("people's tokens are checked by {} or by {VARIABLE}, not both", file.display())
            }
            (Some(file), None) => public_key(file)?,
            (None, Some(secret)) => {
                ensure!(
                    secret.len() >= LEAST_BYTES,
                    "{VARIABLE} has fewer than {LEAST_BYTES} bytes; `openssl rand -hex 32` makes a good one"
                );
                (DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256)
            }
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        match audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.set_required_spec_claims(&["exp", "sub", "aud"]);
            }
            None => validation.validate_aud = false,
        }
        Ok(Some(Self { key: Arc::new(key), validation: Arc::new(validation) }))
    }

    /// The id of the person that a token is of.
    ///
    /// # Errors
    /// `credentials_invalid` for one that is damaged, expired, for somebody else or not signed by the key.
    pub fn person(&self, token: &str) -> Result<String, ApiError> {
        match decode::<Claims>(token, &self.key, &self.validation) {
            Ok(token) if !token.claims.sub.is_empty() => Ok(token.claims.sub),
            Ok(_) => Err(ApiError::new(Code::CredentialsInvalid, "the token's `sub` is empty")),
            // The library's words name the claim or the signature, never the token.
            Err(error) => {
                let detail = format!("the token cannot be accepted ({error}); sign in again");
                Err(ApiError::new(Code::CredentialsInvalid, detail))
            }
        }
    }
}

/// The key in a PEM file, and the algorithm that goes with it.
fn public_key(file: &Path) -> anyhow::Result<(DecodingKey, Algorithm)> {
    let pem =
        std::fs::read(file).with_context(|| format!("cannot read the public key in {}", file.display()))?;
    let kinds = [
        (DecodingKey::from_ed_pem(&pem), Algorithm::EdDSA),
        (DecodingKey::from_ec_pem(&pem), Algorithm::ES256),
        (DecodingKey::from_rsa_pem(&pem), Algorithm::RS256),
    ];
    let found = kinds.into_iter().find_map(|(key, algorithm)| Some((key.ok()?, algorithm)));
    found.with_context(|| format!("{} holds no public key in PEM: Ed25519, EC P-256 or RSA", file.display()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::super::{Caller, Callers, SentBy, ServiceKeys};
    use super::*;
    use crate::clock::now_ms;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    /// Ed25519 keys made for these tests.
    const PRIVATE: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIIkuB2EfOMb8swra4rYFnPB0pRhJL434ulNTXnGnIg0J\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAhRNgw3Sypx+CAABzHLPeb/VOJ2dF6ybrrNIVH82jT/4=\n-----END PUBLIC KEY-----\n";

    fn token(claims: &Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn in_an_hour() -> i64 {
        now_ms() / 1000 + 3_600
    }

    fn asked(credentials: &str) -> HeaderMap {
        [(header::AUTHORIZATION, format!("Bearer {credentials}").parse().unwrap())].into_iter().collect()
    }

    fn callers() -> Callers {
        let services = ServiceKeys::read(None, Some(&SECRET.replace('0', "f"))).unwrap();
        Callers { services, people: PersonTokens::read(None, Some(SECRET), None).unwrap() }
    }

    #[test]
    fn whoever_knows_a_devices_id_acts_for_it_and_one_that_could_be_guessed_is_anybodys() {
        let callers = callers();
        let signed_in = callers.caller(&asked(&token(&json!({"sub": "u1", "exp": in_an_hour()})))).unwrap();
        for caller in [Caller::Nobody, signed_in] {
            caller.check("device-0123456789abcdef0123456789abcdef").unwrap();
            for other in [
                "device-",
                "device-0123456789abcdef0123456789abcde",
                "device-0123456789abcdef0123456789abcdeg",
            ] {
                assert!(caller.check(other).is_err(), "{other}");
            }
        }
    }

    #[test]
    fn a_person_acts_for_themselves_a_service_for_everybody_and_nobody_for_nobody() {
        let callers = callers();
        let person = callers.caller(&asked(&token(&json!({"sub": "u1", "exp": in_an_hour()})))).unwrap();
        assert_eq!(person, Caller::Person("u1".into()));
        person.check("u1").unwrap();
        person.check("").unwrap();
        assert_eq!(person.check("u2").unwrap_err().code, Code::UserForbidden);
        callers.caller(&asked(&SECRET.replace('0', "f"))).unwrap().check("u2").unwrap();
        let nobody = callers.caller(&HeaderMap::new()).unwrap();
        nobody.check("").unwrap();
        assert_eq!(nobody.check("u1").unwrap_err().code, Code::CredentialsMissing);
        let unchecked = Callers::default();
        unchecked.caller(&HeaderMap::new()).unwrap().check("u1").unwrap();
        let own = unchecked.check_own(SentBy(Ok(Caller::Everybody)), &HeaderMap::new(), "u1").unwrap_err();
        assert_eq!(own.code, Code::ServiceKeysMissing);
    }

    #[test]
    fn a_token_that_is_expired_early_forged_or_without_a_person_is_refused() {
        let callers = callers();
        let refused = |token: &str| {
            let error = callers.caller(&asked(token)).unwrap_err();
            assert!(!error.detail.contains(token), "the answer repeats the token");
            error.code == Code::CredentialsInvalid
        };
        let (past, later) = (now_ms() / 1000 - 3_600, in_an_hour());
        for claims in [
            json!({"sub": "u1", "exp": past}),
            json!({"sub": "u1"}),
            json!({"sub": "", "exp": later}),
            json!({"exp": later}),
            json!({"sub": "u1", "exp": later + 3_600, "nbf": later}),
        ] {
            assert!(refused(&token(&claims)), "{claims}");
        }
        let good = token(&json!({"sub": "u1", "exp": later}));
        let mut parts: Vec<&str> = good.split('.').collect();
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        parts[0] = unsigned;
        assert!(refused(&parts.join(".")) && refused(&good[..good.len() - 2]) && refused("x"));
    }

    #[test]
    fn tokens_by_a_public_key_have_its_algorithm_and_the_audience() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        std::fs::write(&file, PUBLIC).unwrap();
        let tokens = PersonTokens::read(Some(&file), None, Some("segue")).unwrap().unwrap();
        let sign = |header: &Header, claims: Value| {
            encode(header, &claims, &EncodingKey::from_ed_pem(PRIVATE).unwrap()).unwrap()
        };
        let header = Header::new(Algorithm::EdDSA);
        let good = sign(&header, json!({"sub": "u1", "exp": in_an_hour(), "aud": "segue"}));
        assert_eq!(tokens.person(&good).unwrap(), "u1");
        for claims in [
            json!({"sub": "u1", "exp": in_an_hour()}),
            json!({"sub": "u1", "exp": in_an_hour(), "aud": "other"}),
        ] {
            assert!(tokens.person(&sign(&header, claims)).is_err());
        }
        // The public key as if it were a secret.
        assert!(tokens.person(&token(&json!({"sub": "u1", "exp": in_an_hour(), "aud": "segue"}))).is_err());
        std::fs::write(&file, "no key").unwrap();
        assert!(PersonTokens::read(Some(&file), None, None).unwrap_err().to_string().contains("PEM"));
        assert!(PersonTokens::read(None, Some("short"), None).is_err());
        assert!(PersonTokens::read(None, None, None).unwrap().is_none());
    }
}
