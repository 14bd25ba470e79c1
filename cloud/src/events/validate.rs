//! What an event must look like. A bad row is refused by itself; the good rows of its batch are kept.

use segue_core::session::row::{self, Refusal};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::adapt::adapt;
use super::ledger::{Row, fingerprint};
use crate::auth::Caller;
use crate::catalog::Event;
use crate::erasure::Erased;

/// Why one row was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Rejected)]
pub struct Reject {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Stable code, see `docs/API.md`.
    pub code: &'static str,
    /// The value that is wrong.
    pub detail: String,
}

/// Rows that passed, ready for [`EventStore::append`](super::EventStore::append).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    pub(crate) rows: Vec<Row>,
    /// The events of the rows.
    events: Vec<Event>,
}

impl Batch {
    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The events themselves; the batch keeps what is written of them.
    #[must_use]
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Bytes of memory it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.line.len() + size_of::<Row>()).sum()
    }
}

/// Who sends rows, and who may no longer be in them.
#[derive(Debug, Clone, Copy)]
pub struct Senders<'a> {
    /// Whom the request may act for.
    pub caller: &'a Caller,
    /// Who is to be forgotten.
    pub erased: &'a Erased,
    /// The request's `Idempotency-Key`, which gives ids to rows without one.
    pub key: Option<&'a str>,
}

#[cfg(test)]
impl<'a> Senders<'a> {
    /// Somebody who may send anybody's rows.
    pub(crate) fn anybody(erased: &'a Erased) -> Self {
        Self { caller: &Caller::Everybody, erased, key: None }
    }
}

/// Sorts rows into a batch to store and rejects to report; events of people who are to be forgotten, and of others than the sender, are refused. `now_ms` is the service's clock, `moved_ms` is added to the
/// times of the rows ([`row::clock_error_ms`]).
#[must_use]
pub fn validate(rows: Vec<Value>, senders: Senders<'_>, moved_ms: i64, now_ms: i64) -> (Batch, Vec<Reject>) {
    let mut batch = Batch::default();
    let mut rejects = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        match check(adapt(row, senders, index), senders, moved_ms, now_ms) {
            Ok((row, event)) => {
                batch.rows.push(row);
                batch.events.push(event);
            }
            Err((code, detail)) => rejects.push(Reject { index, code, detail }),
        }
    }
    (batch, rejects)
}

fn check(row: Value, senders: Senders<'_>, moved_ms: i64, now_ms: i64) -> Result<(Row, Event), Refusal> {
    let event = row::read(row, moved_ms, now_ms)?;
    if let Err(error) = senders.caller.check(&event.user) {
        return Err(("user_forbidden", error.detail));
    }
    if senders.erased.contains(&event.user) {
        return Err(("user_erased", "this person was forgotten; let them go on under a new id".to_owned()));
    }
    let line = serde_json::to_vec(&event).map_err(|error| ("field_invalid", error.to_string()))?;
    Ok((Row { id: fingerprint(&event.event_id), line }, event))
}

#[cfg(test)]
mod tests {
    use segue_core::session::row::{AHEAD_MS, TOLERANCE_MS, clock_error_ms};

    use super::*;
    use segue_core::limits::{CONTEXT_BYTES, EVENT_CANDIDATES, ID_BYTES, KIND_BYTES};
    use serde_json::json;

    const NOW: i64 = 1_767_225_600_000;

    fn code_of(row: Value) -> Option<&'static str> {
        let (_, rejects) = validate(vec![row], Senders::anybody(&Erased::default()), 0, NOW);
        let code = rejects.first().map(|reject| reject.code);
        let documented = |code: &str| include_str!("../../../docs/API.md").contains(&format!("`{code}`"));
        assert!(code.is_none_or(documented), "docs/API.md lacks {code:?}");
        code
    }

    fn good() -> Value {
        json!({"event_id": "e1", "user": "u1", "session": "s1", "item": "t1", "kind": "skip", "time_ms": NOW})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut row = good();
        row[name] = value;
        row
    }

    #[test]
    fn each_fault_has_its_own_code() {
        assert_eq!(code_of(good()), None);
        assert_eq!(code_of(json!("skip")), Some("event_not_an_object"));
        assert_eq!(code_of(with("event_id", json!(""))), Some("event_id_missing"));
        assert_eq!(code_of(with("event_id", Value::Null)), Some("event_id_missing"));
        assert_eq!(code_of(with("kind", Value::Null)), Some("kind_missing"));
        assert_eq!(code_of(with("time_ms", Value::Null)), Some("time_missing"));
        assert_eq!(code_of(with("time_ms", json!("noon"))), Some("field_invalid"));
        let (_, rejects) =
            validate(vec![with("played_ms", json!("long"))], Senders::anybody(&Erased::default()), 0, NOW);
        assert!(rejects[0].detail.starts_with("`played_ms` is \"long\": "), "{rejects:?}");
        assert_eq!(code_of(with("time_ms", json!(-1))), Some("time_out_of_range"));
        assert_eq!(code_of(with("time_ms", json!(NOW + AHEAD_MS + 1))), Some("time_out_of_range"));
        assert_eq!(code_of(with("item", json!(""))), Some("item_missing"));
        assert_eq!(code_of(with("user", json!("u".repeat(ID_BYTES + 1)))), Some("id_invalid"));
        assert_eq!(code_of(with("session", json!("a\tb"))), Some("id_invalid"));
        assert_eq!(code_of(with("kind", json!("k".repeat(KIND_BYTES + 1)))), Some("kind_invalid"));
        assert_eq!(code_of(with("kind", json!("Not A Word"))), Some("kind_invalid"));
        assert_eq!(
            code_of(with("candidates", json!(vec!["a"; EVENT_CANDIDATES + 1]))),
            Some("candidates_too_many")
        );
        assert_eq!(
            code_of(with("context", json!({"k": "v".repeat(CONTEXT_BYTES + 1)}))),
            Some("context_too_large")
        );
    }

    #[test]
    fn a_device_whose_clock_is_wrong_loses_nothing() {
        const DAY_MS: i64 = 86_400_000;
        for error in [-400 * DAY_MS, -DAY_MS / 2, 2 * DAY_MS, 30_000 * DAY_MS] {
            let moved_ms = clock_error_ms(Some(NOW + error), NOW);
            let told = with("time_ms", json!(NOW + error - 1_000));
            let (batch, rejects) = validate(vec![told], Senders::anybody(&Erased::default()), moved_ms, NOW);
            assert!(rejects.is_empty(), "{error}: {rejects:?}");
            let stored: Value = serde_json::from_slice(&batch.rows[0].line).unwrap();
            assert_eq!(stored["time_ms"], NOW - 1_000);
        }
        assert_eq!(clock_error_ms(Some(NOW - TOLERANCE_MS), NOW), 0, "the way took a while");
        assert_eq!(clock_error_ms(None, NOW), 0);
        assert_eq!(clock_error_ms(Some(i64::MIN), NOW), i64::MAX);
    }

    #[test]
    fn a_rating_needs_a_value_on_the_scale() {
        let rating = |value: Value| {
            let mut row = with("kind", json!("rating"));
            row["value"] = value;
            code_of(row)
        };
        assert_eq!(rating(json!(4.5)), None);
        assert_eq!(rating(json!(6)), Some("value_out_of_range"));
        assert_eq!(rating(Value::Null), Some("value_out_of_range"));
    }

    #[test]
    fn a_search_needs_no_item_and_a_null_is_a_missing_value() {
        let row = json!({"event_id": "e", "kind": "search", "time_ms": 1, "item": null, "position": null, "user": null});
        assert_eq!(code_of(row), None);
    }

    #[test]
    fn the_good_rows_of_a_batch_are_kept_and_the_bad_ones_named_by_their_place() {
        let (batch, rejects) =
            validate(vec![good(), json!(7), good()], Senders::anybody(&Erased::default()), 0, NOW);
        assert_eq!(batch.len(), 2);
        assert_eq!(rejects.len(), 1);
        assert_eq!(rejects[0].index, 1);
    }
}
