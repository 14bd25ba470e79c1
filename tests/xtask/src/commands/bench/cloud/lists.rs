//! Lists that the service makes, at a rate.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use crate::commands::bench::Figures;
use crate::http;
use crate::load::{Load, request};
use crate::server::Server;
use crate::steps::Step;

/// Requests in a second, and for how long.
const RATE: f64 = 500.0;
const LASTS: Duration = Duration::from_secs(30);
const CONNECTIONS: u64 = 32;
/// People who ask, in turn.
const PEOPLE: usize = 500;
/// What each of them did with the first places of their first list.
const SESSION: [&str; 10] =
    ["complete", "like", "skip", "complete", "skip", "save", "complete", "skip", "like", "complete"];
/// How long an event may take to reach lists, and between two looks.
const FRESH: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// The waits for a first list, and for lists of 20 at a rate from people who are ten events into their session.
///
/// # Errors
/// When a request fails, or a list does not tell of its session.
pub(super) fn measure(step: &Step, server: &Server) -> anyhow::Result<Figures> {
    let people = super::people(server, PEOPLE)?;
    step.message("first lists");
    let first = people.iter().map(|person| begin(server, person)).collect::<anyhow::Result<Vec<f64>>>()?;
    people.iter().try_for_each(|person| goes_on(server, person))?;
    step.message("lists at a rate");
    let load =
        Load { address: server.address, per_second: Some(RATE), lasts: LASTS, connections: CONNECTIONS };
    let answers = load.send(200, |number, bytes| {
        let person = &people[usize::try_from(number).unwrap_or(0) % people.len()];
        request(bytes, "GET", &path(person), "", b"");
    })?;
    let answers = answers.all_expected("recommendations")?;
    Ok(Figures::from_iter([
        ("recommendations_first_p50_ms".to_owned(), json!(super::median(first))),
        ("recommendations_p50_ms".to_owned(), Value::from(answers.percentile(50.0))),
        ("recommendations_p99_ms".to_owned(), Value::from(answers.percentile(99.0))),
    ]))
}

/// Milliseconds until somebody's first list; then they do something with it.
fn begin(server: &Server, person: &str) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let list = list(server, person)?;
    let waited = begun.elapsed().as_secs_f64() * 1e3;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let event = |(at, kind): (usize, &&str)| {
        let item = &list["items"][at]["item"];
        let played_ms = if *kind == "skip" { 9_000 } else { 180_000 };
        json!({
            "event_id": format!("bench-{person}-{at}"), "user": person, "session": format!("bench-{person}"),
            "item": item, "kind": kind, "played_ms": played_ms, "total_ms": 200_000,
            "time_ms": now_ms - 1_000 * (SESSION.len() - at) as u64,
        })
    };
    let events: Vec<Value> = SESSION.iter().enumerate().map(event).collect();
    let answer = http::post_json(server.address, "/api/v1/events", &json!({ "events": events }).to_string())?;
    let told: Value = serde_json::from_slice(&answer.body)?;
    ensure!(answer.status == 202 && told["accepted"] == SESSION.len(), "events were answered with {told}");
    Ok(waited)
}

/// Waits until somebody's list counts what they did; the slate's id tells how many events it is of.
fn goes_on(server: &Server, person: &str) -> anyhow::Result<()> {
    let wanted = format!("-{}-", SESSION.len());
    let begun = Instant::now();
    loop {
        let list = list(server, person)?;
        if list["slate"].as_str().is_some_and(|slate| slate.contains(&wanted)) {
            return Ok(());
        }
        if begun.elapsed() >= FRESH {
            bail!("after {} s {person}'s list is {}", FRESH.as_secs(), list["slate"]);
        }
        thread::sleep(PAUSE);
    }
}

fn list(server: &Server, person: &str) -> anyhow::Result<Value> {
    let answer = http::get(server.address, &path(person))?;
    ensure!(answer.status == 200, "the list of {person} was answered with {}", answer.status);
    Ok(serde_json::from_slice(&answer.body)?)
}

fn path(person: &str) -> String {
    format!("/api/v1/recommendations?user={person}&count=20")
}
