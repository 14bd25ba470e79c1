//! Received events and changes of items, and who is to be forgotten.

use super::generation::shown;
use super::{Code, Examined, Finding};
use crate::catalog::changes;
use crate::dead_letters;
use crate::erasure::Erased;
use crate::events::{StoreError, check};
use crate::expiry;

/// Clocks of well-kept machines differ by less.
const SKEW_MS: i64 = 5 * 60_000;
/// Rows of somebody who asked go within a minute or a little longer, or once old events left the log.
const ERASURE_LATE_MS: i64 = 3_600_000;

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Erased::read(&examined.data) {
        Ok(erased) => {
            let waits_ms =
                erased.waits_since_ms().map_or(0, |asked_ms| examined.now_ms.saturating_sub(asked_ms));
            if waits_ms > ERASURE_LATE_MS {
                let what = format!("somebody asked {} ago to be forgotten, and is not yet", shown(waits_ms));
                findings.push(Finding::new(Code::ErasureLate, what));
            }
        }
        Err(error) => findings.push(Finding::new(Code::TombstonesDamaged, format!("{error:#}"))),
    }
    // Every refresh asks for it.
    if let Err(error) = expiry::mark(&examined.data) {
        findings.push(Finding::new(Code::OldEventsStay, format!("{error:#}")));
    }
    if let Err(error) = changes::read(&examined.data) {
        findings.push(Finding::new(Code::ItemChangesDamaged, format!("{error:#}")));
    }
    match dead_letters::list(&examined.data) {
        Ok(letters) if letters.is_empty() => {}
        Ok(letters) => {
            let what = format!("{} events were refused three times and are kept apart", letters.len());
            findings.push(Finding::new(Code::DeadLetters, what));
        }
        Err(error) => findings.push(Finding::new(Code::PermissionDenied, format!("{error:#}"))),
    }
    match check(&examined.data) {
        Ok(found) => {
            if found.torn_bytes > 0 {
                let what = format!("the last {} bytes of the event log are half a commit", found.torn_bytes);
                findings.push(Finding::new(Code::LogTorn, what));
            }
            let ahead = found.newest_ms - examined.now_ms;
            if ahead > SKEW_MS {
                let what = format!("the last events were received {} in the future", shown(ahead));
                findings.push(Finding::new(Code::ClockBehind, what));
            }
        }
        Err(StoreError::Newer { segment, format }) => {
            findings.push(Finding::new(Code::LogNewer, format!("{segment} has format {format}")));
        }
        Err(error) => findings.push(Finding::new(Code::LogDamaged, error.to_string())),
    }
    findings
}
