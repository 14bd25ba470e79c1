//! Events on their way to the cloud: what a queue delivers, posted in batches with the ids they came with, so that the
//! cloud counts none twice however often a batch is delivered.

use segue_core::Event;
use serde::{Deserialize, Serialize};

use crate::host::{Fault, Host};

/// Most events posted at once; the cloud takes 1,000.
const BATCH: usize = 1_000;
/// Most bytes posted at once; the cloud takes 1 MiB.
const BATCH_BYTES: usize = 900 << 10;

/// The body that a queue carries and that the cloud takes.
#[derive(Serialize, Deserialize)]
struct Events<T> {
    events: Vec<T>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done: the cloud has it, or will never take it.
    Done,
    /// It is to be delivered again.
    Again,
}

/// The message that carries `events`.
///
/// # Errors
/// In words, when they cannot be written.
pub fn message(events: &[Event]) -> Result<String, Fault> {
    serde_json::to_string(&Events { events: events.iter().collect() }).map_err(|error| error.to_string())
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
    let whole = post_one(host, batch).await;
    if whole != Refusal::Final || batch.len() == 1 {
        return vec![whole.fate(); batch.len()];
    }
    let mut fates = Vec::with_capacity(batch.len());
    for message in batch {
        fates.push(post_one(host, std::slice::from_ref(message)).await.fate());
    }
    fates
}

/// How the cloud answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    None,
    Final,
    Passing,
}

impl Refusal {
    fn fate(self) -> Fate {
        if self == Self::Passing { Fate::Again } else { Fate::Done }
    }
}

async fn post_one(host: &impl Host, messages: &[String]) -> Refusal {
    let events: Vec<serde_json::Value> = messages.iter().flat_map(|message| rows(message)).collect();
    let Ok(body) = serde_json::to_string(&Events { events }) else { return Refusal::Final };
    match host.post_events(&body).await {
        Ok(200..=299) => Refusal::None,
        Ok(400 | 413 | 422) => Refusal::Final,
        _ => Refusal::Passing,
    }
}

fn rows(message: &str) -> Vec<serde_json::Value> {
    serde_json::from_str::<Events<serde_json::Value>>(message).map_or_else(|_| Vec::new(), |body| body.events)
}
