//! JSON Web Tokens (RFC 7519) of people, as the app's sign-in gives them.
//!
//! Several keys are known at once, so that the sign-in can change its own without a valid token being refused. Each key checks
//! by the algorithm that goes with it, whatever the token's header says, and every key is tried: a `kid` is not heeded.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use tokio_rustls::rustls::pki_types::alg_id::ECDSA_P256;
use tokio_rustls::rustls::pki_types::pem::{PemObject as _, SectionKind};

use crate::error::{ApiError, Code};

/// The variables that may hold a shared secret: the one in force, and the one before it whose tokens are still about.
pub const VARIABLES: [&str; 2] = ["SEGUE_PERSON_SECRET", "SEGUE_PERSON_SECRET_BEFORE"];
/// Shorter secrets could be guessed.
const LEAST_BYTES: usize = 32;
/// Each key more makes a forged token dearer to refuse.
const MOST_KEYS: usize = 8;
/// How far clocks may be apart, in seconds.
const LEEWAY_SECONDS: u64 = 60;
/// How a block of a PEM file begins.
const BEGIN: &str = "-----BEGIN ";

/// What a token has to say.
#[derive(Deserialize)]
struct Claims {
    /// The user's id.
    sub: String,
}

/// A key, and what is asked of the tokens that it signed.
struct Key {
    key: DecodingKey,
    validation: Validation,
}

impl Key {
    fn new((key, algorithm): (DecodingKey, Algorithm), audience: Option<&str>) -> Self {
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
        Self { key, validation }
    }
}

/// What people's tokens are checked by.
#[derive(Clone)]
pub struct PersonTokens(Arc<[Key]>);

impl std::fmt::Debug for PersonTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let algorithms: Vec<_> = self.0.iter().flat_map(|key| &key.validation.algorithms).collect();
        write!(formatter, "tokens by {algorithms:?}")
    }
}

impl PersonTokens {
    /// By the public keys in `file` (PEM: Ed25519, EC P-256 or RSA), or by `secrets`, those of [`VARIABLES`] (HS256); nothing
    /// where there is neither. Tokens have to name `audience`, where there is one.
    ///
    /// # Errors
    /// When both are given, or only the secret before, the file cannot be read or has too many keys, or a key cannot be used.
    pub fn read(
        file: Option<&Path>,
        secrets: [Option<&str>; 2],
        audience: Option<&str>,
    ) -> anyhow::Result<Option<Self>> {
        let [now, before] = VARIABLES;
        let keys = match (file, secrets.map(|secret| secret.filter(|secret| !secret.is_empty()))) {
            (None, [None, None]) => return Ok(None),
            (Some(file), [None, None]) => public_keys(file)?,
            (Some(file), [secret, _]) => {
                let variable = if secret.is_some() { now } else { before };
                anyhow::bail!("people's tokens are checked by {} or by {variable}, not both", file.display())
            }
            (None, [None, Some(_)]) => {
                anyhow::bail!("{before} is for a secret that another took the place of; give that in {now}")
            }
            (None, [Some(secret), None]) => vec![shared(now, secret)?],
            (None, [Some(secret), Some(earlier)]) => vec![shared(now, secret)?, shared(before, earlier)?],
        };
        Ok(Some(Self(keys.into_iter().map(|key| Key::new(key, audience)).collect())))
    }

    /// The id of the person that a token is of.
    ///
    /// # Errors
    /// `credentials_invalid` for one that is damaged, expired, for somebody else or signed by none of the keys.
    pub fn person(&self, token: &str) -> Result<String, ApiError> {
        match self.claims(token) {
            Ok(claims) if !claims.sub.is_empty() => Ok(claims.sub),
            Ok(_) => Err(ApiError::new(Code::CredentialsInvalid, "the token's `sub` is empty")),
            // The library's words name the claim or the signature, never the token.
            Err(error) => {
                let detail = format!("the token cannot be accepted ({error}); sign in again");
                Err(ApiError::new(Code::CredentialsInvalid, detail))
            }
        }
    }

    /// What a token says that one of the keys signed.
    fn claims(&self, token: &str) -> Result<Claims, Error> {
        let mut refused = Error::from(ErrorKind::InvalidAlgorithm);
        for key in self.0.iter() {
            let error = match decode::<Claims>(token, &key.key, &key.validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) => error,
            };
            // Not this key's token, so perhaps the next one's. Whatever else is wrong is so by any key, and tells more.
            match error.kind() {
                ErrorKind::InvalidAlgorithm => {}
                ErrorKind::InvalidSignature => refused = error,
                _ => return Err(error),
            }
        }
        Err(refused)
    }
}

/// The secret that a variable holds.
fn shared(variable: &str, secret: &str) -> anyhow::Result<(DecodingKey, Algorithm)> {
    ensure!(
        secret.len() >= LEAST_BYTES,
        "{variable} has fewer than {LEAST_BYTES} bytes; `openssl rand -hex 32` makes a good one"
    );
    Ok((DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256))
}

/// The keys in a PEM file, each with the algorithm that goes with it.
fn public_keys(file: &Path) -> anyhow::Result<Vec<(DecodingKey, Algorithm)>> {
    let pem =
        std::fs::read(file).with_context(|| format!("cannot read the public keys in {}", file.display()))?;
    let text = String::from_utf8_lossy(&pem);
    let blocks: Vec<&str> = text.split(BEGIN).skip(1).collect();
    let (named, alone) = (file.display(), blocks.len() == 1);
    ensure!(!blocks.is_empty(), "{named} holds no public key in PEM: Ed25519, EC P-256 or RSA");
    ensure!(
        blocks.len() <= MOST_KEYS,
        "{named} holds {} keys, and at most {MOST_KEYS} are tried",
        blocks.len()
    );
    let keys = blocks.into_iter().zip(1..).map(|(block, number)| {
        public_key(&format!("{BEGIN}{block}"), alone).with_context(|| {
            format!(
                "block {number} of {named} is no public key in PEM: Ed25519, EC P-256 or RSA \
                 (a certificate is taken as the only block, never as one of several)"
            )
        })
    });
    keys.collect()
}

/// The key in a block of PEM, and the algorithm that goes with it; that of a certificate where it is `alone`.
fn public_key(block: &str, alone: bool) -> Option<(DecodingKey, Algorithm)> {
    // The library takes more: private RSA keys, by which it finds no signature right, and certificates, of which a chain
    // holds those of authorities, too, who vouch for the sign-in and sign no tokens.
    let label = block.strip_prefix(BEGIN)?.split_once("-----")?.0;
    let taken = matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY") || (label == "CERTIFICATE" && alone);
    if !taken {
        return None;
    }
    let kinds = [
        (DecodingKey::from_ed_pem(block.as_bytes()), Algorithm::EdDSA),
        (DecodingKey::from_ec_pem(block.as_bytes()), Algorithm::ES256),
        (DecodingKey::from_rsa_pem(block.as_bytes()), Algorithm::RS256),
    ];
    let (key, algorithm) = kinds.into_iter().find_map(|(key, algorithm)| Some((key.ok()?, algorithm)))?;
    (algorithm != Algorithm::ES256 || is_p256(block)).then_some((key, algorithm))
}

/// Whether the EC key in a block of PEM is a point of P-256 with both coordinates: the library takes those of other curves and
/// halved ones, too, and then finds no signature right.
fn is_p256(block: &str) -> bool {
    // As a key and a certificate both write it: the algorithm with its curve, then a bit string of 66 bytes that begins with
    // no unused bits and the mark of a whole point.
    let point = [&*ECDSA_P256, &[0x03, 66, 0x00, 0x04]].concat();
    <(SectionKind, Vec<u8>)>::from_pem_slice(block.as_bytes())
        .is_ok_and(|(_, der)| der.windows(point.len()).any(|part| part == point))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::super::{Caller, Callers, SentBy, ServiceKeys};
    use super::*;
    use crate::clock::now_ms;
    use crate::tls::tests::sample;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    /// Ed25519 keys made for these tests.
    const PRIVATE: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIIkuB2EfOMb8swra4rYFnPB0pRhJL434ulNTXnGnIg0J\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAhRNgw3Sypx+CAABzHLPeb/VOJ2dF6ybrrNIVH82jT/4=\n-----END PUBLIC KEY-----\n";
    const NEXT_PRIVATE: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIFzM+8TFvseDqtamCNajXeIRCBDBkXAYlGvgt1uxsNqg\n-----END PRIVATE KEY-----\n";
    const NEXT_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA+dB0bpGAQdA3DBXn1/nlJ3cThwUMc0FQNYLBi1ixTw=\n-----END PUBLIC KEY-----\n";
    /// EC P-256 keys made for these tests.
    const EC_PRIVATE: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqdwlYCBePBGJ79VA\nEtxmJt1X+lxydZRQeu7cdS5PYeqhRANCAASfhhQL+l7JWuDEQKa0cGOvY1qS6M7n\n46691J8EFM6VyYPD6A6JVQ/Cfp62mBtVsu1Jp8xnbcqbIe8wRqfYJWU4\n-----END PRIVATE KEY-----\n";
    const EC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn4YUC/peyVrgxECmtHBjr2NakujO\n5+OuvdSfBBTOlcmDw+gOiVUPwn6etpgbVbLtSafMZ23KmyHvMEan2CVlOA==\n-----END PUBLIC KEY-----\n";
    /// An EC key of P-384, and the one of P-256 above without the coordinate that follows from the other.
    const P384_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEnNwXomFipQgj9GdPSVLyHnB5wyN2uor/\nnHK0oJcBIBLue3Fwp3rKwN39NWqWHi5iRLQND7XvUCIKMZzgouDU/Ia+tPHEa8Ma\n1CPFZiQ9EhwSYofX4SIcxHsS0z4SMqiU\n-----END PUBLIC KEY-----\n";
    const SHORT_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACn4YUC/peyVrgxECmtHBjr2NakujO\n5+OuvdSfBBTOlck=\n-----END PUBLIC KEY-----\n";

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
        Callers { services, people: PersonTokens::read(None, [Some(SECRET), None], None).unwrap() }
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
        let tokens = PersonTokens::read(Some(&file), [None; 2], Some("segue")).unwrap().unwrap();
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
        assert!(PersonTokens::read(Some(&file), [None; 2], None).unwrap_err().to_string().contains("PEM"));
        assert!(PersonTokens::read(None, [Some("short"), None], None).is_err());
        assert!(PersonTokens::read(None, [None; 2], None).unwrap().is_none());
    }

    /// A token of `u1`, as `algorithm`'s, for so many seconds.
    fn signed(algorithm: Algorithm, key: &EncodingKey, seconds: i64) -> String {
        let header = Header { kid: Some("of another key".to_owned()), ..Header::new(algorithm) };
        encode(&header, &json!({"sub": "u1", "exp": now_ms() / 1000 + seconds}), key).unwrap()
    }

    #[test]
    fn a_token_by_any_key_of_the_file_is_taken_by_that_keys_own_algorithm_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.pem");
        let tokens = |text: String| {
            std::fs::write(&file, text).unwrap();
            PersonTokens::read(Some(&file), [None; 2], None).unwrap().unwrap()
        };
        let all = tokens(format!("the one in force\n{PUBLIC}the next\n{NEXT_PUBLIC}{EC_PUBLIC}"));
        assert_eq!(format!("{all:?}"), "tokens by [EdDSA, EdDSA, ES256]");
        let [first, next] = [PRIVATE, NEXT_PRIVATE].map(|key| EncodingKey::from_ed_pem(key).unwrap());
        let ec = EncodingKey::from_ec_pem(EC_PRIVATE).unwrap();
        let good = [(Algorithm::EdDSA, &first), (Algorithm::EdDSA, &next), (Algorithm::ES256, &ec)];
        for (algorithm, key) in good {
            assert_eq!(all.person(&signed(algorithm, key, 3_600)).unwrap(), "u1");
            // What is wrong besides is told, also where another key comes first or last.
            let expired = all.person(&signed(algorithm, key, -3_600)).unwrap_err();
            assert!(expired.detail.contains("ExpiredSignature"), "{}", expired.detail);
        }
        // A public key as if it were a secret.
        for text in [PUBLIC, EC_PUBLIC] {
            let secret = EncodingKey::from_secret(text.as_bytes());
            assert!(all.person(&signed(Algorithm::HS256, &secret, 3_600)).is_err());
        }
        let fewer = tokens(format!("{PUBLIC}{EC_PUBLIC}"));
        let refused = fewer.person(&signed(Algorithm::EdDSA, &next, 3_600)).unwrap_err();
        assert_eq!(refused.code, Code::CredentialsInvalid);
        assert!(refused.detail.contains("InvalidSignature"), "{}", refused.detail);
    }

    #[test]
    fn a_file_of_too_many_keys_or_with_one_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.pem");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            PersonTokens::read(Some(&file), [None; 2], None).map_err(|error| format!("{error:#}"))
        };
        assert!(read(&PUBLIC.repeat(MOST_KEYS)).is_ok());
        let many = read(&PUBLIC.repeat(MOST_KEYS + 1)).unwrap_err();
        assert!(many.contains("keys.pem") && many.contains("9 keys"), "{many}");
        let half = &EC_PUBLIC[..EC_PUBLIC.len() / 2];
        let private = String::from_utf8(EC_PRIVATE.to_vec()).unwrap();
        for second in [
            half,
            &private,
            "-----BEGIN RSA PRIVATE KEY-----\nBQA=\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            P384_PUBLIC,
            SHORT_PUBLIC,
        ] {
            let error = read(&format!("{PUBLIC}{second}")).unwrap_err();
            assert!(error.contains("keys.pem") && error.contains("block 2"), "{error}");
        }
    }

    #[test]
    fn a_certificate_is_taken_alone_and_no_chain_with_its_authorities() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.pem");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            PersonTokens::read(Some(&file), [None; 2], None).map_err(|error| format!("{error:#}"))
        };
        let [leaf, authority, key] = ["certificate.pem", "other-certificate.pem", "key.pem"]
            .map(|name| std::fs::read_to_string(sample(name)).unwrap());
        let key = EncodingKey::from_ec_pem(key.as_bytes()).unwrap();
        let token = signed(Algorithm::ES256, &key, 3_600);
        assert_eq!(read(&leaf).unwrap().unwrap().person(&token).unwrap(), "u1");
        for (text, number) in [(leaf.clone() + &authority, 1), (PUBLIC.to_owned() + &leaf, 2)] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(&format!("block {number}")) && error.contains("certificate"), "{error}");
        }
    }

    #[test]
    fn while_a_secret_is_replaced_tokens_by_the_one_before_are_taken_too() {
        let next = SECRET.replace('0', "e");
        let read = |secrets| PersonTokens::read(None, secrets, None).map_err(|error| error.to_string());
        let both = read([Some(&next), Some(SECRET)]).unwrap().unwrap();
        let [now, before] = [next.as_str(), SECRET]
            .map(|secret| signed(Algorithm::HS256, &EncodingKey::from_secret(secret.as_bytes()), 3_600));
        assert!(both.person(&now).is_ok() && both.person(&before).is_ok());
        let afterwards = read([Some(&next), Some("")]).unwrap().unwrap();
        assert!(afterwards.person(&now).is_ok() && afterwards.person(&before).is_err());
        let short = read([Some(&next), Some("short")]).unwrap_err();
        assert!(short.contains(VARIABLES[1]) && short.contains("fewer"), "{short}");
        assert!(read([None, Some(SECRET)]).unwrap_err().contains(VARIABLES[0]));
        let file = Path::new("key.pem");
        for (secrets, variable) in
            [([Some(SECRET), None], VARIABLES[0]), ([None, Some(SECRET)], VARIABLES[1])]
        {
            let both = PersonTokens::read(Some(file), secrets, None).unwrap_err().to_string();
            assert!(both.contains("key.pem") && both.contains(&format!("{variable},")), "{both}");
        }
    }
}
