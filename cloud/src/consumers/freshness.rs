//! How long what people did has not been in their packs.
//!
//! Lists made by the service reflect an event once it is acknowledged; a pack reflects it when it is made anew, by the next
//! refresh or on demand. Somebody waits from the first event on that happened after their pack was made.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::clock::now_ms;
use crate::state::AppState;

/// How often it is measured: it takes a look at everybody who is in memory.
const EVERY: Duration = Duration::from_secs(10);
/// The quantiles that are shown.
const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.99", 0.99), ("1", 1.0)];

/// Sets the gauges as long as the service runs.
pub async fn keep_measuring(state: Arc<AppState>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let shared = Arc::clone(&state);
        let measured = tokio::task::spawn_blocking(move || set_gauges(&shared, now_ms())).await;
        if let Err(error) = measured {
            tracing::error!(%error, "how fresh packs are could not be measured");
        }
    }
}

fn set_gauges(state: &AppState, now_ms: i64) {
    let waits_ms = waits_ms(state, now_ms);
    metrics::gauge!("segue_people_waiting").set(waits_ms.len() as f64);
    for (name, quantile) in QUANTILES {
        let seconds = at(&waits_ms, quantile) as f64 / 1_000.0;
        metrics::gauge!("segue_freshness_seconds", "quantile" => name).set(seconds);
    }
}

/// How long everybody waits who does, the shortest first.
pub(crate) fn waits_ms(state: &AppState, now_ms: i64) -> Vec<i64> {
    let published = state.published().ok();
    let created_ms = published.and_then(|published| Some(published.verified.as_ref()?.manifest.created_ms));
    let made_ms = state.made_ms();
    let pack_ms =
        |user: &str| made_ms.get(&format!("user:{user}")).copied().max(created_ms).unwrap_or(i64::MIN);
    let since_ms = state.sessions.first_after(pack_ms).into_iter();
    let mut waits: Vec<i64> = since_ms.map(|since_ms| now_ms.saturating_sub(since_ms).max(0)).collect();
    waits.sort_unstable();
    waits
}

/// A quantile of numbers in order; 0 of none.
fn at(sorted: &[i64], quantile: f64) -> i64 {
    let place = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_somebody_waits() {
        assert_eq!(at(&[], 0.5), 0);
        let sorted: Vec<i64> = (1..=200).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|quantile| at(&sorted, quantile)), [100, 198, 200]);
    }
}
