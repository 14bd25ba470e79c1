//! The training log: is it written in time.

use std::time::Duration;

use super::generation::shown;
use super::{Code, Examined, Finding};
use crate::refresh::log_begins_ms;
use crate::training_log::{HOUR_MS, LABEL_HOURS, written_until_ms};

/// How old the newest hour becomes where the log is written `every` so often and one run fails.
pub(super) fn late_ms(every: Duration) -> i64 {
    let twice = i64::try_from(2 * every.as_millis()).unwrap_or(i64::MAX);
    twice.saturating_add((LABEL_HOURS + 1) * HOUR_MS)
}

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let Some(late_ms) = examined.training_late_ms else { return Vec::new() };
    let late = |what: String| vec![Finding::new(Code::TrainingLogLate, what)];
    match written_until_ms(&examined.data) {
        Ok(Some(until_ms)) if examined.now_ms.saturating_sub(until_ms) > late_ms => late(format!(
            "the newest hour of the training log ended {} ago",
            shown(examined.now_ms - until_ms)
        )),
        Ok(Some(_)) => Vec::new(),
        Ok(None) => match log_begins_ms(&examined.data) {
            Ok(Some(begins_ms)) if examined.now_ms.saturating_sub(begins_ms) > late_ms => late(format!(
                "nothing of the training log was ever written, and the first event came {} ago",
                shown(examined.now_ms - begins_ms)
            )),
            // What is wrong with the log is a finding of its own.
            _ => Vec::new(),
        },
        Err(error) => late(format!("{error:#}")),
    }
}
