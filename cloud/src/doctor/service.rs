//! The running service, asked over HTTP.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::{Code, Examined, Finding};
use crate::near::{get, is_loopback};
use crate::packs::PackStore;

/// Events that wait for longer are late.
const LATE_SECONDS: f64 = 60.0;

/// What the service says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// The generation it serves; none before the first.
    pub generation: Option<u64>,
    /// It could not store the last batches that it tried to.
    pub events_failing: bool,
    /// How long the oldest event waits, in seconds.
    pub lag_seconds: f64,
    /// Events in its log.
    pub events: f64,
}

/// Asks the service at `address`, such as `127.0.0.1:8787` or, over TLS, `https://segue.example:8787`; then the certificates
/// in `trusted` are trusted and no others.
///
/// # Errors
/// When nothing answers there, or something else does.
pub fn ask(address: &str, trusted: Option<&Path>) -> anyhow::Result<Answers> {
    let (_, ready) = get(address, trusted, "/readyz")?;
    let (status, metrics) = get(address, trusted, "/metrics")?;
    let metrics = String::from_utf8_lossy(&metrics);
    anyhow::ensure!(
        status == 200 && metrics.contains("segue_"),
        "{address} is no segue: /metrics answers {status}"
    );
    let ready: Value = serde_json::from_slice(&ready).unwrap_or_default();
    Ok(Answers {
        generation: ready["generation"].as_u64(),
        events_failing: largest(&metrics, "segue_events_failing") > 0.0,
        lag_seconds: largest(&metrics, "segue_event_lag_seconds"),
        events: largest(&metrics, "segue_events_stored"),
    })
}

/// Asks no more than whether the service at `address` is there.
///
/// # Errors
/// When nothing answers there, or something else does.
pub fn knock(address: &str, trusted: Option<&Path>) -> anyhow::Result<()> {
    let (status, _) =
        get(address, trusted, "/healthz").with_context(|| format!("{address} does not answer"))?;
    anyhow::ensure!(status == 200, "{address} is not well: /healthz answers {status}");
    Ok(())
}

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let Some(address) = &examined.service else { return Vec::new() };
    let trusted = examined.trusted.as_deref();
    let answers = match ask(address, trusted) {
        Ok(answers) => answers,
        Err(error) => {
            return vec![Finding::new(
                Code::ServiceUnreachable,
                format!("{address} does not answer: {error:#}"),
            )];
        }
    };
    let mut findings = Vec::new();
    let in_force = PackStore::new(&examined.data).current().ok().flatten();
    if in_force.is_some() && answers.generation != in_force {
        let shown = |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
        let what = format!(
            "{address} serves generation {}, in force is {}",
            shown(answers.generation),
            shown(in_force)
        );
        findings.push(Finding::new(Code::ServiceBehind, what));
    }
    if !is_loopback(address) && answers_anybody(address, trusted) {
        let what = format!("{address} is open to other machines and gives out anybody's pack to everybody");
        findings.push(Finding::new(Code::PeopleUnchecked, what));
    }
    if answers.events_failing {
        let what = format!("{address} could not store the last events that it was sent");
        findings.push(Finding::new(Code::EventsFailing, what));
    }
    if answers.lag_seconds > LATE_SECONDS {
        let what = format!("the oldest event waits for {:.0} s", answers.lag_seconds);
        findings.push(Finding::new(Code::EventsLate, what));
    }
    findings
}

/// Whether a person's pack may be asked for without credentials, whether or not there is one.
fn answers_anybody(address: &str, trusted: Option<&Path>) -> bool {
    get(address, trusted, "/api/v1/packs/user:somebody").is_ok_and(|(status, _)| status != 401)
}

/// The largest value of a metric over its labels; 0 where it is absent.
fn largest(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let lines = lines.filter(|rest| rest.starts_with([' ', '{']));
    lines.filter_map(|rest| rest.rsplit(' ').next()?.parse().ok()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_the_largest_over_its_labels_and_none_of_a_longer_name() {
        let text = "# TYPE lag gauge\nlag{consumer=\"log\"} 2\nlag{consumer=\"live\"} 7.5\nlag_more 9\n";
        assert_eq!(largest(text, "lag"), 7.5);
        assert_eq!(largest(text, "none"), 0.0);
    }
}
