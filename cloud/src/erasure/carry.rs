//! Carries erasures out, one pass for all who wait.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::tables;
use crate::clock::now_ms;
use crate::state::AppState;
use crate::training_log;

/// How long after a pass that failed, or without a call, it is looked whether somebody waits.
const LOOK: Duration = Duration::from_secs(30);

/// Takes everybody who waits out of the log and the tables, and notes it on their receipts; returns how many rows went.
///
/// # Errors
/// When a file cannot be replaced. They wait on then, and the next pass begins from the start.
pub async fn carry_out(state: &Arc<AppState>) -> anyhow::Result<u64> {
    if state.tombstones.pending().is_empty() {
        return Ok(0);
    }
    let whom = state.tombstones.erased();
    // Before the events, which tell of the sessions that people signed in to; it is not written again until they are gone.
    let (data, among) = (state.config.data.clone(), whom.clone());
    let training = tokio::task::spawn_blocking(move || training_log::erase(&data, &among)).await??;
    let (keeping, among) = (Arc::clone(state), whom.clone());
    let others = tokio::task::spawn_blocking(move || {
        let AppState { slates, dead_letters, weekly, .. } = &*keeping;
        anyhow::Ok(slates.erase(&among)? + dead_letters.erase(&among)? + weekly.erase(&among)?)
    });
    let lists = others.await??;
    let received = state.events.erase(whom.clone()).await?;
    let learned = lists + training.map_or(0, |(_guard, rows)| rows);
    let (data, among) = (state.config.data.clone(), whom.clone());
    let imported = tokio::task::spawn_blocking(move || tables::erase(&data, &among)).await??;
    let rows = received + imported + learned;
    // A refresh that is on its way may still publish what it read; its plan sees that the tables changed, or it is next.
    let generation = state.published().map_or(0, |published| published.packs.number() + 1);
    state.tombstones.done(&whom, now_ms(), generation).context("noting that people were forgotten")?;
    tracing::info!(rows, "people were forgotten");
    Ok(rows)
}

/// Carries out what is asked for as long as the service runs.
pub async fn keep_carrying(state: Arc<AppState>) {
    loop {
        if let Err(error) = carry_out(&state).await {
            tracing::error!(error = %format!("{error:#}"), "people could not be forgotten yet; trying again");
        }
        // Either is a reason to look again.
        let _ = tokio::time::timeout(LOOK, state.erasure_asked.notified()).await;
    }
}
