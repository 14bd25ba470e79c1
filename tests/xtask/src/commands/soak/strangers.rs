//! Writers of another kind: visitors without ids and accounts who sign in, and people who leave.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::clients::{Batch, Ledger, acknowledged, event, kind, now_ms};
use super::service::{Draws, Service};
use crate::http::{self, Answer};

/// People that the sessions of visitors become.
const PEOPLE: u64 = 3;

/// Sends sessions of nobody, whose events have no ids, and signs somebody in at the end of each: then they are theirs.
pub(super) fn visit(service: &Service<'_>, seed: u64, is_over: &AtomicBool) -> anyhow::Result<Ledger> {
    let (mut draws, mut ledger) = (Draws::new(!seed), Ledger::default());
    for number in 0_u64.. {
        let (person, session) =
            (format!("soak-visitor-{}", number % PEOPLE), format!("visit-{seed}-{number}"));
        let mut marks = Vec::new();
        for batch in 0..draws.within(1..6) {
            let place = |at: u64| format!("{session}-{batch}-{at}");
            let told: Vec<String> = (0..draws.within(1..40)).map(place).collect();
            let events = told.iter().map(|mark| anonymous(&session, mark, &mut draws)).collect();
            // Two visits count their requests alike: the same key is not the same batch.
            let batch = Batch::with_key(&batch.to_string(), events);
            if !acknowledged(service, &batch, &mut ledger, is_over)? {
                return Ok(ledger);
            }
            marks.extend(told);
            if draws.within(0..4) == 0 && !acknowledged(service, &batch, &mut ledger, is_over)? {
                return Ok(ledger);
            }
        }
        let sign_in = json!({
            "event_id": format!("{session}-in"), "user": person, "session": session, "item": "t1",
            "kind": "sign_in", "time_ms": now_ms()
        });
        if !acknowledged(service, &Batch::new(vec![sign_in]), &mut ledger, is_over)? {
            break;
        }
        ledger.acknowledged.entry(person).or_default().extend(marks);
    }
    Ok(ledger)
}

/// An event without an id; its mark tells it from all others.
fn anonymous(session: &str, mark: &str, draws: &mut Draws) -> Value {
    json!({
        "session": session, "item": format!("t{}", draws.within(0..2_000)), "kind": kind(draws),
        "time_ms": now_ms(), "context": {"mark": mark}
    })
}

/// Is somebody for as long as `stays`, asks to be forgotten, and is somebody else.
pub(super) fn leave(
    service: &Service<'_>,
    seed: u64,
    stays: Duration,
    is_over: &AtomicBool,
) -> anyhow::Result<Ledger> {
    let (mut draws, mut ledger) = (Draws::new(seed.rotate_left(32)), Ledger::default());
    for number in 0_u64.. {
        let (person, until) = (format!("soak-leaver-{seed}-{number}"), Instant::now() + stays);
        let mut events = 0;
        while Instant::now() < until {
            let told = (0..draws.within(1..20)).map(|at| event(&person, events + at, &mut draws)).collect();
            let batch = Batch::new(told);
            events += batch.events as u64;
            if !acknowledged(service, &batch, &mut ledger, is_over)? {
                return Ok(ledger);
            }
            thread::sleep(Duration::from_millis(20));
        }
        let mut receipt = None;
        while receipt.is_none() && !is_over.load(Ordering::Acquire) {
            receipt = forget(service, &person)?;
        }
        ledger.forgotten.push((person, receipt));
        if is_over.load(Ordering::Acquire) {
            break;
        }
    }
    Ok(ledger)
}

/// Asks that somebody be forgotten; the receipt, or nothing where the service does not answer or cannot note it.
pub(super) fn forget(service: &Service<'_>, person: &str) -> anyhow::Result<Option<String>> {
    let path = format!("/api/v1/users/{person}");
    match http::delete_with(service.address, &path, &Service::authorization()) {
        Ok(Answer { status: 202, body, .. }) => {
            let answer: Value = serde_json::from_slice(&body)?;
            let receipt = answer["receipt"].as_str().unwrap_or_default().to_owned();
            ensure!(!receipt.is_empty(), "DELETE {path} answered without a receipt: {answer}");
            Ok(Some(receipt))
        }
        Ok(Answer { status: 503, .. }) | Err(_) => {
            thread::sleep(Duration::from_millis(50));
            Ok(None)
        }
        Ok(Answer { status, body, .. }) => {
            bail!("DELETE {path} answered {status}: {}", String::from_utf8_lossy(&body))
        }
    }
}
