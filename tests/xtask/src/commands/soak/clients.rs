//! The clients: writers that keep what was acknowledged to them, and a reader who wants a list at any time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use serde_json::{Value, json};

use super::service::{Draws, Service};
use crate::http::{self, Answer};

/// Events of one batch.
const BATCH: std::ops::Range<u64> = 1..101;
/// After one batch in so many an earlier one is sent again although it was acknowledged.
const AGAIN: u64 = 8;
/// Batches that may be: what comes again comes after others.
const EARLIER: usize = 5;
/// People of one writer.
const PEOPLE: u64 = 2;
const KINDS: [&str; 5] = ["play", "skip", "like", "complete", "impression"];

/// What was acknowledged.
#[derive(Default)]
pub(super) struct Ledger {
    /// The ids of each person's events, or their marks where they have none.
    pub(super) acknowledged: BTreeMap<String, Vec<String>>,
    /// Who asked to be forgotten, each with the receipt; the last one may not have been answered.
    pub(super) forgotten: Vec<(String, Option<String>)>,
    /// Batches that were sent again after no answer, or on purpose.
    again: u64,
    /// Lists that the reader got.
    pub(super) lists: u64,
}

impl Ledger {
    pub(super) fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.forgotten.extend(other.forgotten);
        self.again += other.again;
    }

    /// One line for people.
    pub(super) fn told(&self, service: &Service<'_>) -> String {
        format!(
            "{} kills of the service, {} of a refresh, {} batches sent again, {} lists read, {} people forgotten",
            service.kills.load(Ordering::Relaxed),
            service.killed_refreshes.load(Ordering::Relaxed),
            self.again,
            self.lists,
            self.forgotten.len()
        )
    }
}

/// Events that are sent together.
pub(super) struct Batch {
    /// A line of the head.
    header: String,
    body: String,
    pub(super) events: usize,
}

impl Batch {
    pub(super) fn new(events: Vec<Value>) -> Self {
        Self::with_key("", events)
    }

    /// With an `Idempotency-Key`.
    pub(super) fn with_key(key: &str, events: Vec<Value>) -> Self {
        let (header, count) = (format!("Idempotency-Key: {key}"), events.len());
        Self { header, body: json!({ "events": events }).to_string(), events: count }
    }
}

/// Sends batch after batch, each until it is acknowledged.
pub(super) fn write(
    service: &Service<'_>,
    writer: u64,
    seed: u64,
    is_over: &AtomicBool,
) -> anyhow::Result<Ledger> {
    let mut draws = Draws::new(seed.wrapping_mul(1_000).wrapping_add(writer));
    let (mut ledger, mut earlier) = (Ledger::default(), VecDeque::with_capacity(EARLIER));
    let mut number = 0;
    while !is_over.load(Ordering::Acquire) {
        let person = format!("soak-{writer}-{}", draws.within(0..PEOPLE));
        let events: Vec<Value> =
            (0..draws.within(BATCH)).map(|at| event(&person, number + at, &mut draws)).collect();
        number += events.len() as u64;
        let ids = events.iter().filter_map(|event| event["event_id"].as_str().map(str::to_owned)).collect();
        let batch = Batch::new(events);
        if !acknowledged(service, &batch, &mut ledger, is_over)? {
            break;
        }
        ledger.acknowledged.entry(person).or_default().extend::<Vec<String>>(ids);
        earlier.truncate(EARLIER - 1);
        earlier.push_front(batch);
        if draws.within(0..AGAIN) == 0 {
            ledger.again += 1;
            let again = draws.within(0..earlier.len() as u64) as usize;
            acknowledged(service, &earlier[again], &mut ledger, is_over)?;
        }
    }
    Ok(ledger)
}

/// What somebody did, under an id of its own.
pub(super) fn event(person: &str, number: u64, draws: &mut Draws) -> Value {
    json!({
        "event_id": format!("{person}-{number}"), "user": person, "session": format!("{person}-s"),
        "item": format!("t{}", draws.within(0..2_000)), "kind": kind(draws), "time_ms": now_ms(), "played_ms": 30_000
    })
}

/// Any of them.
pub(super) fn kind(draws: &mut Draws) -> &'static str {
    KINDS[draws.within(0..KINDS.len() as u64) as usize]
}

/// Whether the batch was acknowledged before the soak was over.
pub(super) fn acknowledged(
    service: &Service<'_>,
    batch: &Batch,
    ledger: &mut Ledger,
    is_over: &AtomicBool,
) -> anyhow::Result<bool> {
    while !is_over.load(Ordering::Acquire) {
        match http::post_with(service.address, "/api/v1/events", &batch.header, &batch.body) {
            Ok(Answer { status: 202, body, .. }) => return receipt(&body, batch.events).map(|()| true),
            Ok(Answer { status: 503, .. }) | Err(_) => {
                ledger.again += 1;
                thread::sleep(Duration::from_millis(50));
            }
            Ok(Answer { status, body, .. }) => {
                bail!("POST /api/v1/events answered {status}: {}", String::from_utf8_lossy(&body))
            }
        }
    }
    Ok(false)
}

fn receipt(body: &[u8], events: usize) -> anyhow::Result<()> {
    let receipt: Value = serde_json::from_slice(body)?;
    let count = |key: &str| receipt[key].as_u64().unwrap_or(0);
    if count("accepted") + count("duplicates") != events as u64 {
        bail!("the receipt of {events} events does not add up: {receipt}");
    }
    Ok(())
}

/// Asks for lists; whenever the service answers there has to be one. Returns how many were read.
pub(super) fn read(service: &Service<'_>, is_over: &AtomicBool) -> anyhow::Result<u64> {
    let mut lists = 0;
    for turn in 0_u64.. {
        if is_over.load(Ordering::Acquire) {
            break;
        }
        let path = format!("/api/v1/recommendations?user=soak-0-{}&surface=radio", turn % PEOPLE);
        if let Ok(answer) = http::get(service.address, &path) {
            let list: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if answer.status != 200 || list["items"].as_array().is_none_or(Vec::is_empty) {
                bail!("GET {path} answered {} without a list: {list}", answer.status);
            }
            lists += 1;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(lists)
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}
