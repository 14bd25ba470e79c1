//! How long somebody new waits for a pack, and a new item until it is found.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use crate::commands::bench::Figures;
use crate::http;
use crate::server::Server;
use crate::steps::Step;

/// The key of the service that asks.
pub(super) const KEY: &str = "benchbenchbenchbenchbenchbench00";
/// Newcomers, one after the other.
const PEOPLE: usize = 300;
/// New items, one after the other.
const ITEMS: usize = 20;
/// How long the service may take to get ready for packs on demand, and then for one thing.
const READY: Duration = Duration::from_secs(600);
const ANSWER: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// From a newcomer's first event to their pack, and from a new row to the first time that it is found.
///
/// # Errors
/// When the service does not get ready, refuses something, or takes too long.
pub(super) fn measure(step: &Step, server: &Server) -> anyhow::Result<Figures> {
    step.message("getting ready");
    wait(READY, "the service", || found(server, "t1"))?;
    step.message("newcomers");
    let mut packs =
        (0..PEOPLE).map(|person| newcomer(server, person)).collect::<anyhow::Result<Vec<f64>>>()?;
    step.message("new items");
    let items = (0..ITEMS).map(|item| new_item(server, item)).collect::<anyhow::Result<Vec<f64>>>()?;
    packs.sort_by(f64::total_cmp);
    let percentile = |hundredths: usize| packs[(packs.len() * hundredths).div_ceil(100) - 1];
    Ok(Figures::from_iter([
        ("pack_on_demand_p50_ms".to_owned(), json!(percentile(50))),
        ("pack_on_demand_p99_ms".to_owned(), json!(percentile(99))),
        ("new_item_retrievable_ms".to_owned(), json!(super::median(items))),
    ]))
}

/// Milliseconds from somebody's first event to the pack that it made.
fn newcomer(server: &Server, person: usize) -> anyhow::Result<f64> {
    let user = format!("bench-newcomer-{person}");
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let event = json!({
        "event_id": format!("{user}-1"), "user": user, "session": user, "kind": "like",
        "item": format!("t{}", person * 61 % 20_000), "time_ms": now_ms
    });
    let begun = Instant::now();
    send(server, "/api/v1/events", &json!({ "events": [event] }), 202)?;
    let path = format!("/api/v1/packs/{user}");
    wait(ANSWER, &path, || Ok(post(server, &path, "")?.status == 200))?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// Milliseconds from sending a row to the first answer with what is like it.
fn new_item(server: &Server, number: usize) -> anyhow::Result<f64> {
    let item = format!("bench-item-{number}");
    let row = json!({"item": item, "title": format!("New {number}"), "duration_ms": 200_000});
    let begun = Instant::now();
    send(server, "/api/v1/items", &json!({ "upsert": [row] }), 200)?;
    wait(ANSWER, &item, || found(server, &item))?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn found(server: &Server, item: &str) -> anyhow::Result<bool> {
    let path = format!("/api/v1/items/{item}/similar?count=1");
    Ok(http::get_with(server.address, &path, &authorization())?.status == 200)
}

fn wait(
    limit: Duration,
    what: &str,
    mut is_there: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_there()? {
        if begun.elapsed() >= limit {
            bail!("{what} was not ready within {} s", limit.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn send(server: &Server, path: &str, body: &Value, status: u16) -> anyhow::Result<()> {
    let answer = post(server, path, &body.to_string())?;
    let said = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == status, "{path} was answered with {}: {said}", answer.status);
    Ok(())
}

fn post(server: &Server, path: &str, body: &str) -> anyhow::Result<http::Answer> {
    http::post_with(server.address, path, &authorization(), body)
}

fn authorization() -> String {
    format!("Authorization: Bearer {KEY}")
}
