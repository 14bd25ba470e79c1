//! Who is let in: as many requests as there is room for, and of each address, person and service as many as they may
//! send. Who sent a request is found out here, once.
//!
//! What is refused here was not read: it costs neither memory nor disk. Questions about the service itself are always
//! answered, so that an overloaded service can still be looked at.

mod rate;

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::rate::{Rates, household};
use crate::auth::{Caller, KeyDigest, SentBy};
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
    addresses: Option<Rates<IpAddr>>,
    people: Option<Rates<String>>,
    services: Option<Rates<KeyDigest>>,
    /// Whether it was said already that an address asks too often.
    told: AtomicBool,
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
            addresses: Rates::new(limits.client_rate),
            people: Rates::new(limits.person_rate),
            services: Rates::new(limits.service_rate),
            told: AtomicBool::new(false),
            config: config.clone(),
        }
    }

    fn admit(&self, request: &mut Request) -> Result<Room, ApiError> {
        self.check_rates(request)?;
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

    /// Services have a rate of their own. Of all others first the address counts, as it costs least to look at; who shows
    /// a person's token counts as that person too.
    fn check_rates(&self, request: &mut Request) -> Result<(), ApiError> {
        let (limits, now) = (&self.config.limits, Instant::now());
        if let Some(key) = self.config.callers.services.key_of(request.headers()) {
            return check(&self.services, key, now, "service", limits.service_rate);
        }
        if let Some(client) = self.client(request) {
            check(&self.addresses, household(client), now, "address", limits.client_rate)
                .inspect_err(|_| self.tell(client))?;
        }
        let sender = SentBy::of(&self.config.callers, request.headers());
        if let SentBy(Ok(Caller::Person(person))) = &sender {
            check(&self.people, person.clone(), now, "person", limits.person_rate)?;
        }
        request.extensions_mut().insert(sender);
        Ok(())
    }

    /// A proxy that was not named looks like one client: the operator has to learn of it.
    fn tell(&self, client: IpAddr) {
        if self.config.client_header.is_none() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{client} is refused for asking too often; if it is a proxy, name the header in which it tells its \
                 clients apart (serve.client_header), or raise limits.client_rate"
            );
        }
    }

    /// Where a request comes from: what the proxy says, else the other end of the connection.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        let forwarded = self.config.client_header.as_ref().and_then(|name| {
            // Whoever is nearest wrote the last one; those before it are the client's own words.
            let lines = request.headers().get_all(name.as_str()).iter().next_back()?.to_str().ok()?;
            lines.rsplit(',').next()?.trim().parse().ok()
        });
        // Who is on this machine is a proxy, or the operator.
        let peer =
            || request.extensions().get::<Peer>().map(|peer| peer.0).filter(|peer| !peer.is_loopback());
        forwarded.or_else(peer)
    }
}

fn check<Who: Eq + Hash>(
    rates: &Option<Rates<Who>>,
    who: Who,
    now: Instant,
    kind: &'static str,
    most: u32,
) -> Result<(), ApiError> {
    if rates.as_ref().is_none_or(|rates| rates.take(who, now)) {
        return Ok(());
    }
    metrics::counter!("segue_requests_limited_total", "by" => kind).increment(1);
    let detail = format!("more than {most} requests a second from one {kind}; send it again later");
    Err(ApiError::new(Code::TooManyRequests, detail))
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).min(Semaphore::MAX_PERMITS)
}

/// Lets a request in, or answers it unread.
pub(crate) async fn admit(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    match admission.admit(&mut request) {
        Ok(_room) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
