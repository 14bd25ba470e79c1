//! The judge over a generated log, with the ranker and the boosted trees that ship: it knows nothing of what comes later, wherever
//! candidates come from, is measured by the hidden truth, and takes sessions of one's own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use segue_cloud::catalog::generate::truth::Truth;
use segue_cloud::catalog::{Catalogue, Event, EventKind, SessionLog, generate};
use segue_cloud::evaluate::metrics::{Metric, Parts};
use segue_cloud::evaluate::tasks::Skipped;
use segue_cloud::evaluate::{Head, Judge, LabelRules, Report, Rows, ScorerKind, Source, Tally, own};
use segue_cloud::refresh::{Policies, Ranking};
use segue_cloud::towers::ModelDirectory;

/// Sessions that are judged.
const SESSIONS: usize = 6;

/// The hidden truth's file in the folder of generated data.
const TRUTH: &str = "truth.jsonl";

fn generated() -> (tempfile::TempDir, Catalogue) {
    generated_for(12, 400)
}

fn generated_for(users: usize, tracks: usize) -> (tempfile::TempDir, Catalogue) {
    let data = tempfile::tempdir().unwrap();
    let truth = Some(data.path().join(TRUTH));
    let options = generate::Options { tracks, users, seed: 7, truth };
    generate::run(&options, data.path()).unwrap();
    let catalogue = Catalogue::load(data.path()).unwrap();
    (data, catalogue)
}

/// What a replay of these sessions with the demo's model adds up to, by the hidden truth too where candidates are the pack's.
fn judged(data: &Path, catalogue: &Catalogue, sessions: &[SessionLog], source: Source) -> Tally {
    let truth = (source == Source::Pack).then(|| Truth::read(&data.join(TRUTH)).unwrap());
    let (model, surface) = (ModelDirectory::demo(), &catalogue.dataset.surface);
    let rules = LabelRules::of(surface).unwrap();
    let policy = Policies::read(data).unwrap().of(surface).unwrap();
    let rows = Rows::new(true, truth.is_some(), None);
    let judge = Judge {
        catalogue,
        model: Some(&model),
        ranking: Ranking::new(policy, Some(&model)).unwrap(),
        rules: &rules,
        source,
        scorer: ScorerKind::shipped(),
        truth: truth.as_ref(),
        rows: &rows,
    };
    judge.replay(&sessions.iter().collect::<Vec<_>>(), &|| ()).unwrap()
}

/// The first held-out sessions, and the time when the last of them is over.
fn first_sessions(catalogue: &Catalogue) -> (Vec<SessionLog>, i64) {
    let mut sessions = catalogue.sessions();
    sessions.retain(|session| session.held_out && session.events.len() > 3);
    sessions.truncate(SESSIONS);
    let times = sessions.iter().flat_map(|session| &session.events);
    let end_ms = times.map(|event| catalogue.events[*event as usize].time_ms).max().unwrap();
    (sessions, end_ms)
}

/// The same log where things are shown in slates: each three events of a session are about one, which held ten other items.
fn in_slates(mut catalogue: Catalogue) -> Catalogue {
    for session in catalogue.sessions() {
        for (number, events) in session.events.chunks(3).enumerate() {
            let items = catalogue.items.len() as u32;
            let about = events.iter().filter_map(|event| catalogue.event_items[*event as usize]);
            let shown: BTreeSet<u32> = about.chain((0..10).map(|at| (events[0] + 37 * at) % items)).collect();
            let names = shown.iter().map(|item| catalogue.items[*item as usize].item.clone());
            let names: Vec<String> = names.collect();
            for event in events {
                let event = &mut catalogue.events[*event as usize];
                event.slate = Some(format!("{}-{number}", event.session));
                event.candidates.clone_from(&names);
            }
        }
    }
    catalogue
}

/// Purchases, likes and refusals of the first items by a person of the log and by a new one.
fn planted(catalogue: &Catalogue, from_ms: i64) -> Vec<Event> {
    let kinds = [EventKind::Purchase, EventKind::Like, EventKind::Save, EventKind::Dislike];
    let people = [catalogue.users[0].user.as_str(), "somebody new"];
    let event = |at: usize| {
        let (item, kind) = (&catalogue.items[at % 20].item, kinds[at % kinds.len()].clone());
        let mut event = Event::new(format!("planted-{at}"), item, kind, from_ms + at as i64);
        event.user = people[at % 2].to_owned();
        event.session = format!("planted of {}", event.user);
        event
    };
    (0..60).map(event).collect()
}

/// Judges the first sessions twice, the second time with much that comes after them, and gives what they add up to.
fn untold(data: &Path, catalogue: &Catalogue, source: Source) -> Tally {
    let (sessions, end_ms) = first_sessions(catalogue);
    let before = judged(data, catalogue, &sessions, source);
    let mut told = catalogue.clone();
    told.add_events(planted(catalogue, end_ms + 1));
    let after = judged(data, &told, &first_sessions(&told).0, source);
    let counted = |tally: &Tally| (tally.steps, tally.in_pack, tally.skipped.clone());
    assert_eq!(counted(&after), counted(&before), "{source:?}");
    assert_eq!(after.people, before.people, "{source:?}");
    assert!(after.heads == before.heads && after.retrieved == before.retrieved, "{source:?}");
    before
}

#[test]
fn a_planted_future_event_changes_nothing_that_the_ranker_or_any_row_said_before() {
    let (data, catalogue) = generated();
    let found = untold(data.path(), &catalogue, Source::Pack);
    assert!(found.steps > 10 && found.sessions > 3, "{} steps", found.steps);
    assert!(!found.retrieved.is_empty());
}

#[test]
fn nor_does_it_where_candidates_are_given_or_are_the_whole_catalogue() {
    let (data, catalogue) = generated_for(6, 200);
    let catalogue = in_slates(catalogue);
    for (source, steps) in [(Source::Slate, 6), (Source::Target, 1), (Source::Catalogue, 10)] {
        let found = untold(data.path(), &catalogue, source);
        assert!(found.steps >= steps, "{source:?}: {} steps", found.steps);
        assert_eq!(found.in_pack, found.steps, "{source:?}: what is right was shown");
        assert!(found.retrieved.is_empty(), "{source:?}: nothing is retrieved");
    }
}

#[test]
fn no_row_is_worth_more_by_the_hidden_truth_than_the_order_that_was_told_it() {
    let (data, catalogue) = generated();
    let tally = judged(data.path(), &catalogue, &first_sessions(&catalogue).0, Source::Pack);
    let rows = Rows::new(true, true, None);
    let place = |name: &str| rows.place(name).unwrap();
    let utility = |row: &Parts| row[Metric::Utility10.place()].0 / row[Metric::Utility10.place()].1;
    for person in tally.people.values() {
        let best = utility(&person[place("oracle")]);
        for (name, row) in rows.names.iter().zip(person) {
            assert!(utility(row) <= best + 1e-9, "{name}: {} of {best}", utility(row));
        }
        assert!(utility(&person[place("random")]) < best);
    }
    let head = Head {
        dataset: catalogue.dataset.name.clone(),
        split: serde_json::Value::Null,
        model: "demo".into(),
        trained_until: Err("it learned from other data"),
        scorer: ScorerKind::shipped().name(),
        truth: true,
    };
    let json = Report::new(head, rows.clone(), &catalogue, tally).json();
    assert_eq!(json["gap_measured_by"], "utility10");
    let late = |name: &str| json["rows"][place(name)]["after_5"].as_f64().unwrap();
    assert!(rows.names.iter().all(|name| late(name) <= late("oracle") + 1e-9), "{}", json["rows"]);
    let closed = (late("segue") - late("static")) / (late("recompute") - late("static"));
    match json["gap_closed_after_5"].as_f64() {
        Some(gap) => assert!((gap - closed).abs() < 1e-9, "{gap} is not {closed}"),
        None => assert!(json["reasons"]["gap_closed_after_5"].is_string(), "{json}"),
    }
}

#[test]
fn what_was_planted_before_the_sessions_is_known_to_them() {
    let (data, catalogue) = generated();
    let (sessions, _) = first_sessions(&catalogue);
    let before = judged(data.path(), &catalogue, &sessions, Source::Pack);
    let first_ms = catalogue.events[sessions[0].events[0] as usize].time_ms;
    let mut told = catalogue.clone();
    told.add_events(planted(&catalogue, first_ms - 1_000));
    let mut same = told.sessions();
    let firsts =
        |session: &SessionLog, all: &Catalogue| all.events[session.events[0] as usize].event_id.clone();
    let wanted: Vec<String> = sessions.iter().map(|session| firsts(session, &catalogue)).collect();
    same.retain(|session| wanted.contains(&firsts(session, &told)));
    assert_ne!(judged(data.path(), &told, &same, Source::Pack).people, before.people);
}

#[test]
fn sessions_of_ones_own_are_judged_among_their_own_candidates() {
    let (data, mut catalogue) = generated();
    let (sessions, end_ms) = first_sessions(&catalogue);
    let items: Vec<String> = catalogue.items.iter().take(30).map(|item| item.item.clone()).collect();
    let mut lines = String::new();
    for (at, item) in items.iter().take(5).enumerate() {
        let mut event = Event::new(format!("mine-{at}"), item, EventKind::Complete, end_ms + 1 + at as i64);
        event.user = "somebody new".into();
        event.session = "mine".into();
        event.candidates.clone_from(&items);
        writeln!(lines, "{}", serde_json::to_string(&event).unwrap()).unwrap();
    }
    writeln!(lines, r#"{{"user":"looker","item":"{}","kind":"impression","time_ms":{end_ms}}}"#, items[0])
        .unwrap();
    let path = data.path().join("mine.jsonl");
    std::fs::write(&path, lines).unwrap();
    let mut skipped = Skipped::new();
    let own = own::read(&path, &mut catalogue, &mut skipped).unwrap();
    assert_eq!((own.sessions.len(), skipped, own.remarks), (2, Skipped::new(), Vec::new()));
    let found = judged(data.path(), &catalogue, &own.sessions, Source::Own);
    assert_eq!((found.sessions, found.steps, found.in_pack), (1, 5, 5));
    assert_eq!(found.skipped["session_without_question"], 1);
    assert!(sessions.len() == SESSIONS && found.retrieved.is_empty());
}
