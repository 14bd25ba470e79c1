//! Events on their way to the cloud: what a queue delivers, posted in batches with the ids they came with, so that the
//! cloud counts none twice however often a batch is delivered.

use segue_core::Event;
use serde::{Deserialize, Serialize};

use crate::host::{Fault, Host};
use crate::problem::{Code, Problem};
use crate::service::internal;

/// Most events posted at once; the cloud takes 1,000.
const BATCH: usize = 1_000;
/// What the cloud answers once events are on its disk.
pub const ACCEPTED: u16 = 202;
/// Most bytes of a message: what a queue carries, with room for what it adds.
const MESSAGE_BYTES: usize = 120_000;
/// Most bytes posted at once; the cloud takes 1 MiB.
const BATCH_BYTES: usize = 900 << 10;

/// The body that a queue carries and that the cloud takes.
#[derive(Serialize, Deserialize)]
struct Events<T> {
    events: Vec<T>,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The cloud has it.
    Done,
    /// It is to be delivered again: why, in words for the log. What is refused for good ends in the queue of dead letters.
    Again(Fault),
}

/// The soonest and the latest that a message is delivered again, in seconds.
const AGAIN_SECONDS: (i64, i64) = (1, 3_600);

/// Seconds until a message of this age is delivered again: each time it waits as long again as it has waited.
#[must_use]
pub fn again_seconds(age_ms: i64) -> u32 {
    let (soonest, latest) = AGAIN_SECONDS;
    u32::try_from((age_ms / 1_000).clamp(soonest, latest)).unwrap_or_default()
}

/// Hands events on as one message; nothing is done where there are none.
///
/// # Errors
/// `body_too_large` when no message holds them; `events_unavailable` when they are nowhere safe: they are to be sent
/// again.
pub(crate) async fn hand_on(host: &impl Host, events: &[Event]) -> Result<(), Problem> {
    if events.is_empty() {
        return Ok(());
    }
    let message = serde_json::to_string(&Events { events: events.iter().collect() });
    let message = message.map_err(|error| internal(error.to_string()))?;
    if message.len() > MESSAGE_BYTES {
        let detail = "the events are too large together; send fewer at once";
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    host.hand_on(&message).await.map_err(|fault| Problem {
        detail: "the events could not be handed on; send them again".to_owned(),
        ..Problem::of_ours(Code::EventsUnavailable, fault)
    })
}

/// Posts messages to the cloud; what becomes of each, in their order.
pub async fn post(host: &impl Host, messages: &[String]) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(messages.len());
    let mut rest = messages;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(fitting(rest));
        fates.extend(post_batch(host, batch).await);
        rest = later;
    }
    fates
}

/// How many of the first messages fit into one batch, at least one.
fn fitting(messages: &[String]) -> usize {
    let (mut events, mut bytes) = (0, 0);
    let fits = |message: &&String| {
        events += rows(message).len();
        bytes += message.len();
        events <= BATCH && bytes <= BATCH_BYTES
    };
    messages.iter().take_while(fits).count().max(1)
}

/// A batch that the cloud refuses as a whole is posted message by message, so that one cannot hold up the others.
async fn post_batch(host: &impl Host, batch: &[String]) -> Vec<Fate> {
    let (fate, is_refused) = post_one(host, batch).await;
    if !is_refused || batch.len() == 1 {
        return vec![fate; batch.len()];
    }
    let mut fates = Vec::with_capacity(batch.len());
    for message in batch {
        fates.push(post_one(host, std::slice::from_ref(message)).await.0);
    }
    fates
}

/// What becomes of these messages, and whether the cloud refused them for what they are.
async fn post_one(host: &impl Host, messages: &[String]) -> (Fate, bool) {
    let events: Vec<serde_json::Value> = messages.iter().flat_map(|message| rows(message)).collect();
    let body = match serde_json::to_string(&Events { events }) {
        Ok(body) => body,
        Err(error) => return (Fate::Again(error.to_string()), true),
    };
    match host.post_events(&body).await {
        // Nothing else says that they are on the disk: a 200 may be anybody's page.
        Ok(ACCEPTED) => (Fate::Done, false),
        Ok(status) => {
            (Fate::Again(format!("POST events answered {status}")), matches!(status, 400 | 413 | 422))
        }
        Err(fault) => (Fate::Again(fault), false),
    }
}

fn rows(message: &str) -> Vec<serde_json::Value> {
    serde_json::from_str::<Events<serde_json::Value>>(message).map_or_else(|_| Vec::new(), |body| body.events)
}
