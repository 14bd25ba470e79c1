//! What is refused three times is kept, listed, taken in again, and gone with its person.

use serde_json::{Value, json};

use super::*;
use crate::erasure::{Erased, Tombstones};
use crate::events::{Arrival, EventStore, Limits, Senders, Tail, validate};

const NOW: i64 = 1_767_225_600_000;

fn refuse(letters: &DeadLetters, rows: &[Value]) {
    let (_, rejects) = validate(rows.to_vec(), Senders::anybody(&Erased::default()), 0, NOW);
    letters.refused(rows, &rejects);
}

fn bad(id: &str, user: &str) -> Value {
    json!({"event_id": id, "user": user, "item": "i1", "kind": "like", "time_ms": "noon"})
}

#[test]
fn a_row_is_kept_when_it_is_refused_for_the_third_time_and_once() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path()).unwrap();
    let good = json!({"event_id": "g", "item": "i1", "kind": "like", "time_ms": 5});
    for (try_, kept) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        refuse(&letters, &[good.clone(), bad("a", "u1")]);
        assert_eq!(letters.count(), kept, "try {try_}");
    }
    let kept = list(data.path()).unwrap();
    assert_eq!((kept[0].refuser, kept[0].code.as_str()), (Refuser::Intake, "field_invalid"));
    assert!(kept[0].detail.contains("noon") && kept[0].event == bad("a", "u1"), "{kept:?}");
    assert_eq!(DeadLetters::open(data.path()).unwrap().count(), 1, "also after a restart");
}

#[tokio::test]
async fn what_is_right_by_now_is_taken_in_again_and_the_rest_stays_with_its_reason() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path()).unwrap();
    let early = json!({"event_id": "e", "item": "i1", "kind": "like", "time_ms": NOW + 2 * 86_400_000});
    for _ in 0..3 {
        refuse(&letters, &[bad("a", "u1"), early.clone()]);
    }
    assert_eq!(letters.count(), 2);
    let replayed = replay(data.path()).await.unwrap();
    assert_eq!(replayed, Replayed { taken_in: 1, duplicates: 0, refused: 1 });
    let mut ids = Vec::new();
    Tail::new(data.path(), 0).read(u64::MAX, |Arrival { event, .. }| ids.push(event.event_id)).unwrap();
    assert_eq!(ids, ["e"]);
    let left = list(data.path()).unwrap();
    assert_eq!((left.len(), left[0].code.as_str()), (1, "field_invalid"));
    let open = EventStore::open(data.path(), Limits::default()).unwrap();
    let error = replay(data.path()).await.unwrap_err().to_string();
    assert!(error.contains("in use by another segue process"), "{error}");
    drop(open);
}

#[test]
fn somebody_who_is_forgotten_leaves_no_letter_and_nor_does_what_nobody_can_read() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path()).unwrap();
    let other = json!({"event_id": "x", "user_id": "u1", "event": 7});
    for _ in 0..3 {
        refuse(&letters, &[bad("a", "u1"), other.clone(), bad("b", "u2"), json!("u1 likes i1")]);
    }
    assert_eq!(letters.count(), 4);
    let tombstones = Tombstones::open(data.path()).unwrap();
    tombstones.ask("u1", NOW, 0).unwrap();
    assert_eq!(letters.erase(&tombstones.erased()).unwrap(), 3);
    let left = list(data.path()).unwrap();
    assert_eq!((left.len(), left[0].event["user"].as_str()), (1, Some("u2")));
}

#[test]
fn what_senders_fill_leaves_room_for_what_nobody_can_read_in_the_log() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path()).unwrap();
    let letter = |number| Letter {
        refused_ms: NOW,
        refuser: Refuser::Counters,
        number,
        code: "event_unreadable".into(),
        detail: "made by a newer version".into(),
        event: json!({"user": "u1"}),
    };
    letters.keep(&[letter(None)]);
    let full = data.path().join("dead_letters").join("letters.jsonl");
    std::fs::OpenOptions::new().write(true).open(&full).unwrap().set_len(64 << 20).unwrap();
    letters.keep(&[letter(None)]);
    letters.keep(&[letter(Some(7))]);
    assert_eq!(letters.count(), 2, "no more rows of senders");
    assert_eq!(passed_over(data.path()).unwrap(), [7].into());
}

#[test]
fn the_letters_of_a_batch_are_written_together() {
    let data = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(data.path()).unwrap();
    let rows: Vec<Value> = (0..1_000).map(|id| bad(&format!("e{id}"), "u1")).collect();
    (0..3).for_each(|_| refuse(&letters, &rows));
    assert_eq!(letters.count(), 1_000);
    let kept: Vec<Value> = list(data.path()).unwrap().into_iter().map(|letter| letter.event).collect();
    assert_eq!(kept, rows, "in their order");
}

#[test]
fn a_line_that_a_kill_cut_off_costs_no_other_letter() {
    let data = tempfile::tempdir().unwrap();
    let mut letters = DeadLetters::open(data.path()).unwrap();
    for id in ["a", "b"] {
        for _ in 0..3 {
            refuse(&letters, &[bad(id, "u1")]);
        }
        if id == "a" {
            let path = data.path().join("dead_letters").join("letters.jsonl");
            let whole = std::fs::read(&path).unwrap();
            std::fs::write(&path, [whole.as_slice(), &whole[..30]].concat()).unwrap();
            letters = DeadLetters::open(data.path()).unwrap();
        }
    }
    let ids: Vec<Value> =
        list(data.path()).unwrap().into_iter().map(|letter| letter.event["event_id"].clone()).collect();
    assert_eq!(ids, ["a", "b"]);
}
