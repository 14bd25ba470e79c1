//! What to send next, and how much of it.

use super::Row;
use crate::limits;

/// What the host should do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing waits.
    Empty,
    /// A batch is on its way; tell of its answer first.
    Busy,
    /// Ask again after these milliseconds.
    Wait(u64),
    /// The service wants other credentials; tell when there are some.
    Credentials,
    /// Post this, then tell of the answer.
    Send(Batch),
}

/// Events that travel together, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Their sequences, in the order of the body.
    pub sequences: Vec<u64>,
    /// The body of `POST /api/v1/events`, `application/json`.
    pub body: String,
}

const TAIL: &str = "]}";

impl Batch {
    /// As many of `rows` as fit into `most_events` and `most_bytes`; `None` when not even the first does. `sent_ms` is
    /// the sender's clock, which tells the service how far wrong the events' times are.
    pub(super) fn of<'a>(
        rows: impl Iterator<Item = &'a Row>,
        sent_ms: i64,
        most_events: usize,
        most_bytes: usize,
    ) -> Option<Self> {
        let most_events = most_events.min(limits::OUTBOX_BATCH_EVENTS);
        let most_bytes = most_bytes.min(limits::OUTBOX_BATCH_BYTES);
        let mut batch = Self { sequences: Vec::new(), body: format!(r#"{{"sent_ms":{sent_ms},"events":["#) };
        for row in rows.take(most_events) {
            let comma = usize::from(!batch.sequences.is_empty());
            if batch.body.len() + comma + row.json.len() + TAIL.len() > most_bytes {
                break;
            }
            if comma == 1 {
                batch.body.push(',');
            }
            batch.body.push_str(&row.json);
            batch.sequences.push(row.sequence);
        }
        batch.body.push_str(TAIL);
        (!batch.sequences.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Worth;

    fn rows(count: u64, bytes: usize) -> Vec<Row> {
        let row = |sequence| Row { sequence, worth: Worth::Ordinary, json: format!("{sequence:0bytes$}") };
        (1..=count).map(row).collect()
    }

    #[test]
    fn a_batch_is_one_json_object_of_the_oldest_events() {
        let rows = rows(3, 1);
        let batch = Batch::of(rows.iter(), 7, 2, 1_000).unwrap();
        assert_eq!(batch.body, r#"{"sent_ms":7,"events":[1,2]}"#);
        assert_eq!(batch.sequences, [1, 2]);
    }

    #[test]
    fn a_body_is_never_larger_than_asked_and_full_to_the_last_fitting_event() {
        let rows = rows(50, 20);
        for most_bytes in 0..400 {
            let Some(batch) = Batch::of(rows.iter(), 7, 50, most_bytes) else {
                assert!(most_bytes < r#"{"sent_ms":7,"events":["#.len() + 20 + TAIL.len());
                continue;
            };
            assert!(batch.body.len() <= most_bytes && batch.body.len() + 21 > most_bytes);
        }
    }

    #[test]
    fn the_service_s_own_limits_are_kept() {
        let rows = rows(2_000, 1);
        let batch = Batch::of(rows.iter(), 7, usize::MAX, usize::MAX).unwrap();
        assert_eq!(batch.sequences.len(), limits::OUTBOX_BATCH_EVENTS);
        const { assert!(limits::OUTBOX_BATCH_EVENTS <= 1_000 && limits::OUTBOX_BATCH_BYTES <= 1 << 20) };
    }
}
