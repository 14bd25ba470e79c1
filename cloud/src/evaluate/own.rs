//! Sessions of one's own: a file of events in the columns of `docs/EVENTS.md`.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::session::Event;

use super::tasks::{Skipped, count};
use crate::catalog::{Catalogue, SessionLog};

/// Adds the file's events to the catalogue and returns their sessions. What cannot be used is counted.
///
/// # Errors
/// When the file cannot be read or none of its sessions can be judged.
pub fn read(
    path: &Path,
    catalogue: &mut Catalogue,
    skipped: &mut Skipped,
) -> anyhow::Result<Vec<SessionLog>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut events: Vec<Event> = Vec::new();
    let mut ids = HashSet::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match event(line, catalogue) {
            Ok(event) if ids.insert(event.event_id.clone()) => events.push(event),
            Ok(_) => count(skipped, "event_duplicate", 1),
            Err(reason) => count(skipped, reason, 1),
        }
    }
    catalogue.add_events(events);
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
        "no session of {} can be judged, left out: {skipped:?}. A session begins at {boundary_ms} ms or later",
        path.display()
    );
    for event in sessions.iter().flat_map(|session| &session.events) {
        catalogue.held_out[*event as usize] = true;
    }
    Ok(sessions)
}

fn event(line: &str, catalogue: &Catalogue) -> Result<Event, &'static str> {
    let event: Event = serde_json::from_str(line).map_err(|_| "event_not_json")?;
    event.examine().map_err(|_| "event_invalid")?;
    match event.item.is_empty() || catalogue.item_index(&event.item).is_some() {
        true => Ok(event),
        false => Err("item_unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    fn read_lines(lines: &[&str]) -> (anyhow::Result<Vec<SessionLog>>, Skipped, Catalogue) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.jsonl");
        std::fs::write(&path, lines.join("\n")).unwrap();
        let (mut catalogue, mut skipped) = (samples::catalogue(), Skipped::new());
        let read = read(&path, &mut catalogue, &mut skipped);
        (read, skipped, catalogue)
    }

    #[test]
    fn sessions_are_added_and_what_cannot_be_used_is_counted() {
        let (sessions, skipped, catalogue) = read_lines(&[
            r#"{"event_id":"a","user":"me","session":"s","item":"i1","kind":"complete","time_ms":400000}"#,
            r#"{"event_id":"a","user":"me","session":"s","item":"i1","kind":"complete","time_ms":400000}"#,
            r#"{"event_id":"b","user":"me","session":"s","item":"i2","kind":"like","time_ms":400001}"#,
            r#"{"event_id":"c","user":"me","session":"s","item":"unseen","kind":"like","time_ms":400002}"#,
            r#"{"event_id":"d","user":"me","session":"old","item":"i2","kind":"like","time_ms":5}"#,
            "",
            "not json",
        ]);
        let sessions = sessions.unwrap();
        assert_eq!((sessions.len(), sessions[0].events.len()), (1, 2));
        let wanted = ["event_duplicate", "event_not_json", "item_unknown", "session_before_the_boundary"];
        assert_eq!(skipped, wanted.map(|reason| (reason, 1)).into());
        assert!(sessions[0].events.iter().all(|event| catalogue.held_out[*event as usize]));
    }

    #[test]
    fn a_file_without_a_session_to_judge_says_why() {
        let (sessions, _, _) = read_lines(&["nonsense"]);
        let error = sessions.unwrap_err().to_string();
        assert!(error.contains("event_not_json"), "{error}");
    }
}
