//! What clients tell of themselves.

use segue_core::reason::ReasonCode;
use segue_core::session::EventKind;

use crate::catalog::Event;

/// Where a client says why its list was in the pack's order: an entry of an impression's context.
const FALLBACK: &str = "fallback";

/// Counts the impressions in the pack's order. Reasons that this version does not know count as `other`, so that no
/// client makes time series.
pub(crate) fn count_fallbacks(events: &[Event]) {
    let impressions = events.iter().filter(|event| event.kind == EventKind::Impression);
    for reason in impressions.filter_map(|event| event.context.get(FALLBACK)) {
        metrics::counter!("segue_client_fallbacks_total", "reason" => known(reason)).increment(1);
    }
}

fn known(reason: &str) -> &'static str {
    let mut names = ReasonCode::ALL.iter().map(|code| code.name());
    names.find(|name| *name == reason && name.starts_with("fallback_")).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_nobody_knows_is_other() {
        assert_eq!(known("fallback_deadline"), "fallback_deadline");
        assert_eq!(known("pinned"), "other");
        assert_eq!(known("anything"), "other");
    }
}
