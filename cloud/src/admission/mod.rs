//! Who is let in: as many requests as there is room for, and of each client as many as it may send.
//!
//! What is refused here was not read: it costs neither memory nor disk. Questions about the service itself are always
//! answered, so that an overloaded service can still be looked at.

mod rate;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::rate::Rates;
use crate::config::Config;
use crate::error::{ApiError, Code};

/// Bytes of a body that one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What decides who is let in.
#[derive(Debug)]
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    rates: Option<Rates>,
    config: Config,
}

/// Room that a request takes until it is answered.
type Room = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            bodies: Arc::new(Semaphore::new(permits(limits.bodies_bytes))),
            rates: (limits.client_rate > 0).then(|| Rates::new(limits.client_rate)),
            config: config.clone(),
        }
    }

    fn admit(&self, request: &Request) -> Result<Room, ApiError> {
        self.check_rate(request)?;
        let body = permits(self.body_bytes(request.headers()).min(self.config.limits.bodies_bytes));
        let body = u32::try_from(body).unwrap_or(u32::MAX);
        let full = || {
            let detail = "as many requests are being answered as there is room for; send it again later";
            ApiError::new(Code::ServiceBusy, detail)
        };
        let room = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| full())?;
        let bytes = Arc::clone(&self.bodies).try_acquire_many_owned(body).map_err(|_| full())?;
        Ok((room, bytes))
    }

    /// Bytes that a body may come to in memory: what its head says, or all that is allowed where it does not.
    fn body_bytes(&self, headers: &HeaderMap) -> usize {
        let most = self.config.limits.body_bytes;
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return most;
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        length.and_then(|length| length.parse().ok()).unwrap_or(0).min(most)
    }

    fn check_rate(&self, request: &Request) -> Result<(), ApiError> {
        let Some(rates) = &self.rates else { return Ok(()) };
        let Some(client) = self.client(request) else { return Ok(()) };
        if rates.take(client, Instant::now()) || self.config.callers.services.check(request.headers()).is_ok()
        {
            return Ok(());
        }
        let most = self.config.limits.client_rate;
        let detail = format!("more than {most} requests a second from one client; send it again later");
        Err(ApiError::new(Code::TooManyRequests, detail))
    }

    /// Whose request it is: who the proxy says that it came from, else the other end of the connection.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        let forwarded = self.config.client_header.as_ref().and_then(|name| {
            // Whoever is nearest wrote the last one; those before it are the client's own words.
            let lines = request.headers().get_all(name.as_str()).iter().next_back()?.to_str().ok()?;
            lines.rsplit(',').next()?.trim().parse().ok()
        });
        forwarded.or_else(|| request.extensions().get::<Peer>().map(|peer| peer.0))
    }
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).min(Semaphore::MAX_PERMITS)
}

/// Lets a request in, or answers it unread.
pub(crate) async fn admit(State(admission): State<Arc<Admission>>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    match admission.admit(&request) {
        Ok(_room) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
