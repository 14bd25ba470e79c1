//! Sessions of one's own: a file of events in the columns of `docs/EVENTS.md`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::ensure;
use segue_core::session::Event;
use segue_core::trust;

use super::tasks::{Skipped, count};
use crate::catalog::{Catalogue, SessionLog, import};

/// The sessions of a file.
#[derive(Debug)]
pub struct Own {
    /// Those that can be judged.
    pub sessions: Vec<SessionLog>,
    /// What looks wrong about the file's rows, those of sessions that were left out too.
    pub remarks: Vec<String>,
}

/// Adds the file's events to the catalogue and returns their sessions. What cannot be used is counted.
///
/// # Errors
/// When the file cannot be read or none of its sessions can be judged.
pub fn read(path: &Path, catalogue: &mut Catalogue, skipped: &mut Skipped) -> anyhow::Result<Own> {
    let import::Events { mut events, rejects, remarks } = import::events(path, &catalogue.items)?;
    for (reason, times) in rejects {
        count(skipped, reason, times as usize);
    }
    leave_out_unknown(&mut events, catalogue, skipped);
    let ids = add(events, catalogue);
    let is_own = |session: &SessionLog| {
        session.events.iter().any(|event| ids.contains(&catalogue.events[*event as usize].event_id))
    };
    let mut sessions = catalogue.sessions();
    sessions.retain(is_own);
    let all = sessions.len();
    let boundary_ms = catalogue.split.rule.boundary_ms().unwrap_or(i64::MIN);
    sessions.retain(|session| catalogue.events[session.events[0] as usize].time_ms >= boundary_ms);
    count(skipped, "session_before_the_boundary", all - sessions.len());
    ensure!(
        !sessions.is_empty(),
        "no session of {} can be judged, left out: {skipped:?}. A session begins at {boundary_ms} ms or later, its items are \
         in the data. {}",
        path.display(),
        remarks.join(". ")
    );
    for event in sessions.iter().flat_map(|session| &session.events) {
        catalogue.held_out[*event as usize] = true;
    }
    Ok(Own { sessions, remarks })
}

/// Leaves out what the catalogue does not have: events, and candidates of the others.
fn leave_out_unknown(events: &mut Vec<Event>, catalogue: &Catalogue, skipped: &mut Skipped) {
    let is_known = |item: &str| item.is_empty() || catalogue.item_index(item).is_some();
    let all = events.len();
    events.retain(|event| is_known(&event.item));
    count(skipped, "item_unknown", all - events.len());
    for event in events {
        let all = event.candidates.len();
        event.candidates.retain(|item| catalogue.item_index(item).is_some());
        count(skipped, "candidate_unknown", all - event.candidates.len());
    }
}

/// Puts the file's events into the log and returns their ids. Where the log has the same event already the file's takes its
/// place, so that imported sessions can be given candidates; an id that another event of the log has is replaced.
fn add(mut events: Vec<Event>, catalogue: &mut Catalogue) -> HashSet<String> {
    let mut by_time: HashMap<i64, Vec<&Event>> = HashMap::new();
    events.iter().for_each(|event| by_time.entry(event.time_ms).or_default().push(event));
    let is_given = |logged: &Event| {
        by_time.get(&logged.time_ms).is_some_and(|given| given.iter().any(|given| is_same(given, logged)))
    };
    catalogue.events.retain(|logged| !is_given(logged));
    let taken: HashSet<&str> = catalogue.events.iter().map(|event| event.event_id.as_str()).collect();
    for (place, event) in events.iter_mut().enumerate() {
        if taken.contains(event.event_id.as_str()) {
            event.event_id = trust::hash(format!("{place} {}", event.event_id).as_bytes());
        }
    }
    let ids = events.iter().map(|event| event.event_id.clone()).collect();
    catalogue.add_events(events);
    ids
}

/// Whether two events of one time are the same one, whatever they are called.
fn is_same(one: &Event, other: &Event) -> bool {
    let who = one.user == other.user && (!one.user.is_empty() || one.session == other.session);
    who && one.item == other.item && one.kind == other.kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Rule;
    use crate::towers::samples;

    type Found = (anyhow::Result<Own>, Skipped, Catalogue);

    fn read_file(name: &str, lines: &[&str]) -> Found {
        read_after(200_000, name, lines)
    }

    fn read_after(boundary_ms: i64, name: &str, lines: &[&str]) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        let (mut catalogue, mut skipped) = (samples::catalogue(), Skipped::new());
        catalogue.divide(Rule::Time { boundary_ms });
        let read = read(&path, &mut catalogue, &mut skipped);
        (read, skipped, catalogue)
    }

    fn read_lines(lines: &[&str]) -> Found {
        read_file("sessions.jsonl", lines)
    }

    #[test]
    fn sessions_are_added_and_what_cannot_be_used_is_counted() {
        let (own, skipped, catalogue) = read_lines(&[
            r#"{"event_id":"a","user":"me","session":"s","item":"i1","kind":"complete","time_ms":400000}"#,
            r#"{"event_id":"a","user":"me","session":"s","item":"i1","kind":"complete","time_ms":400000}"#,
            r#"{"event_id":"b","user":"me","session":"s","item":"i2","kind":"like","time_ms":400001}"#,
            r#"{"event_id":"c","user":"me","session":"s","item":"unseen","kind":"like","time_ms":400002}"#,
            r#"{"event_id":"d","user":"me","session":"old","item":"i2","kind":"like","time_ms":5}"#,
            "",
            "not json",
        ]);
        let Own { sessions, remarks } = own.unwrap();
        assert!(remarks.is_empty(), "{remarks:?}");
        assert_eq!((sessions.len(), sessions[0].events.len()), (1, 2));
        let wanted = ["id_duplicate", "item_unknown", "not_json", "session_before_the_boundary"];
        assert_eq!(skipped, wanted.map(|reason| (reason, 1)).into());
        assert!(sessions[0].events.iter().all(|event| catalogue.held_out[*event as usize]));
    }

    #[test]
    fn ids_may_be_missing_and_unknown_candidates_are_counted() {
        let (own, skipped, catalogue) = read_lines(&[
            r#"{"user":"me","item":"i1","kind":"complete","time_ms":400000,"candidates":["i1","nowhere","i3"]}"#,
            r#"{"user":"me","item":"i3","kind":"complete","time_ms":400001,"played_ms":null}"#,
        ]);
        let sessions = own.unwrap().sessions;
        assert_eq!((sessions.len(), sessions[0].events.len()), (1, 2));
        assert_eq!(skipped, [("candidate_unknown", 1)].into());
        let first = &catalogue.events[sessions[0].events[0] as usize];
        assert_eq!(first.candidates, ["i1", "i3"]);
    }

    #[test]
    fn a_table_with_commas_is_read_by_its_ending() {
        let (own, skipped, _) = read_file(
            "mine.csv",
            &["user,session,item,kind,time_ms", "me,s,i1,complete,400000", "me,s,i2,complete,soon"],
        );
        assert_eq!(own.unwrap().sessions[0].events.len(), 1);
        assert_eq!(skipped, [("value_invalid", 1)].into());
    }

    #[test]
    fn an_event_that_was_imported_gets_its_candidates_and_an_id_of_another_one_is_replaced() {
        let before = samples::catalogue();
        let known = before.events.iter().position(|event| event.time_ms >= 200_000).unwrap();
        let mut given = before.events[known].clone();
        given.event_id = before.events[0].event_id.clone();
        given.candidates = vec!["i1".into(), "i2".into()];
        let (own, skipped, catalogue) = read_lines(&[&serde_json::to_string(&given).unwrap()]);
        assert_eq!((catalogue.events.len(), skipped), (before.events.len(), Skipped::new()));
        let events = own.unwrap().sessions.remove(0).events;
        let judged = events.iter().map(|event| &catalogue.events[*event as usize]);
        assert_eq!(judged.filter(|event| event.candidates == given.candidates).count(), 1);
        assert_eq!(catalogue.events[0], before.events[0]);
    }

    #[test]
    fn a_file_without_a_session_to_judge_says_why() {
        let error = read_lines(&["nonsense"]).0.unwrap_err().to_string();
        assert!(error.contains("not_json"), "{error}");
        let seconds = r#"{"user":"me","item":"unseen","kind":"like","time_ms":1700000000}"#;
        let error = read_lines(&[seconds]).0.unwrap_err().to_string();
        assert!(error.contains("item_unknown") && error.contains("in milliseconds"), "{error}");
    }

    #[test]
    fn rows_that_look_like_seconds_are_told_of_though_other_sessions_can_be_judged() {
        let lines = [
            r#"{"user":"me","session":"s","item":"i1","kind":"complete","time_ms":1700000000000}"#,
            r#"{"user":"you","session":"t","item":"i1","kind":"complete","time_ms":1700000000}"#,
            r#"{"user":"you","session":"t","item":"i2","kind":"complete","time_ms":1700000100}"#,
        ];
        let (own, skipped, _) = read_after(1_600_000_000_000, "sessions.jsonl", &lines);
        let Own { sessions, remarks } = own.unwrap();
        assert_eq!((sessions.len(), skipped), (1, [("session_before_the_boundary", 1)].into()));
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].starts_with("2 of 3 events") && remarks[0].contains("`time_ms`"), "{remarks:?}");
    }

    #[test]
    fn lengths_that_look_like_seconds_beside_what_the_datas_items_last_are_told_of() {
        let of_length = |total: u64| {
            let line = format!(
                r#"{{"user":"me","item":"i1","kind":"complete","time_ms":400000,"total_ms":{total}}}"#
            );
            read_lines(&[&line]).0.unwrap().remarks
        };
        let remarks = of_length(200);
        assert!(
            remarks.len() == 1 && remarks[0].starts_with("1 of 1 events have a `total_ms`"),
            "{remarks:?}"
        );
        assert_eq!(of_length(200_000), Vec::<String>::new());
    }
}
