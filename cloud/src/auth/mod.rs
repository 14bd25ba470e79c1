//! Who asks: services with a key, and people with a token of their app's sign-in.
//!
//! Without a key to check tokens by, whoever reaches the service may ask for anybody's pack: then it belongs behind a gateway
//! that knows who is who. With one, a person gets and sends what is their own; what is nobody's needs no credentials, nor does what
//! is a device's that nobody signed in on: nobody else knows its id.

mod person;
mod service;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

pub use person::{PersonTokens, VARIABLES as PERSON_VARIABLES};
pub use service::{KeyDigest, ServiceKeys, VARIABLE};

use crate::error::{ApiError, Code};
use crate::state::AppState;

/// How credentials are sent.
const SCHEME: &str = "Bearer ";
/// How the ids of devices begin on which nobody signed in; hexadecimal digits follow, drawn at random by the device.
const DEVICE: &str = "device-";
/// So many of them, 128 bits, cannot be guessed.
const DEVICE_DIGITS: usize = 32;

/// What admits callers.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    /// Keys of services.
    pub services: ServiceKeys,
    /// What people's tokens are checked by.
    pub people: Option<PersonTokens>,
}

/// Whom a request may act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: a service, or nobody's tokens are checked here.
    Everybody,
    /// This person, and nobody in particular.
    Person(String),
    /// Nobody in particular: no credentials were sent.
    Nobody,
}

/// Who sent a request: found out when it was let in, as a signature takes time to check.
#[derive(Debug, Clone)]
pub(crate) struct SentBy(pub(crate) Result<Caller, ApiError>);

impl SentBy {
    /// Who sent these headers.
    pub(crate) fn of(callers: &Callers, headers: &HeaderMap) -> Self {
        Self(callers.caller(headers))
    }
}

impl FromRequestParts<Arc<AppState>> for SentBy {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Self, Infallible> {
        let known = parts.extensions.remove::<Self>();
        Ok(known.unwrap_or_else(|| Self::of(&state.config.callers, &parts.headers)))
    }
}

impl Callers {
    /// Who sent these headers.
    ///
    /// # Errors
    /// `credentials_invalid` for credentials that are neither a service's nor a person's.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(people) = &self.people else { return Ok(Caller::Everybody) };
        let Some(credentials) = credentials(headers) else { return Ok(Caller::Nobody) };
        match self.services.hold(credentials) {
            true => Ok(Caller::Everybody),
            false => people.person(credentials).map(Caller::Person),
        }
    }

    /// Refuses who is neither a service nor `user`.
    ///
    /// # Errors
    /// `credentials_missing`, `credentials_invalid`, `user_forbidden`; those of [`ServiceKeys::check`] where no tokens are
    /// checked.
    pub(crate) fn check_own(&self, sender: SentBy, headers: &HeaderMap, user: &str) -> Result<(), ApiError> {
        match self.people {
            Some(_) => sender.0?.check(user),
            None => self.services.check(headers),
        }
    }
}

impl Caller {
    /// Refuses who may not act for `user`; an empty one is nobody in particular, and whoever knows a device's id is the device.
    ///
    /// # Errors
    /// `credentials_missing`, `user_forbidden`.
    pub fn check(&self, user: &str) -> Result<(), ApiError> {
        match self {
            Self::Everybody => Ok(()),
            _ if user.is_empty() || is_of_device(user) => Ok(()),
            Self::Person(person) if person == user => Ok(()),
            Self::Person(_) => {
                Err(ApiError::new(Code::UserForbidden, "the token is of another person; ask for its own"))
            }
            Self::Nobody => {
                let detail = "send the person's token as `Authorization: Bearer TOKEN`";
                Err(ApiError::new(Code::CredentialsMissing, detail))
            }
        }
    }
}

/// Whether an id is its own credential: one that a device drew and keeps to itself.
fn is_of_device(user: &str) -> bool {
    let drawn = user.strip_prefix(DEVICE).filter(|drawn| drawn.len() >= DEVICE_DIGITS);
    drawn.is_some_and(|drawn| drawn.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// The credentials of a request, if it has any.
fn credentials(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())?.strip_prefix(SCHEME)
}
