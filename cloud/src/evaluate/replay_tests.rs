//! What the replay of a few sessions asks, answers and leaves out.

use segue_core::policy::Policy;

use super::*;
use crate::catalog::EventKind;
use crate::evaluate::metrics::Metric;
use crate::towers::samples;

fn judge<'a>(catalogue: &'a Catalogue, rules: &'a LabelRules, rows: &'a Rows) -> Judge<'a> {
    let policy = Policy::from_json(segue_core::policies::RADIO).unwrap();
    Judge {
        catalogue,
        model: None,
        ranking: Ranking::new(policy, None).unwrap(),
        rules,
        source: Source::Pack,
        scorer: ScorerKind::Ort,
        truth: None,
        rows,
    }
}

/// A week of sessions: user u plays items u, u + 1 and so on, the last session is held out.
fn week() -> Catalogue {
    let mut catalogue = samples::catalogue();
    catalogue.events.clear();
    let mut events = Vec::new();
    for day in 0..7 {
        for user in 0..3 {
            for step in 0..5 {
                let time_ms = (day * 86_400_000 + user * 3_600_000 + step * 200_000) as i64;
                let item = (2 * user + day + step) % 11;
                let mut event = samples::event(&format!("{day}-{user}-{step}"), user, item, time_ms);
                event.session = format!("s{day}-{user}");
                if step % 3 == 1 {
                    event.kind = EventKind::Skip;
                    event.played_ms = Some(2_000);
                }
                events.push(event);
            }
        }
    }
    catalogue.divide(crate::catalog::Rule::Time { boundary_ms: 6 * 86_400_000 });
    catalogue.add_events(events);
    catalogue
}

/// Where candidates may come from; with those of one's own they are given or the pack's.
const SOURCES: [Source; 4] = [Source::Pack, Source::Slate, Source::Target, Source::Catalogue];

/// Every answer to every question of a session before `until_ms`.
fn answers(
    catalogue: &Catalogue,
    rules: &LabelRules,
    source: Source,
    until_ms: i64,
) -> Vec<Vec<Vec<Ranked>>> {
    let rows = Rows::new(true, false, Some("none"));
    let judge = Judge { source, ..judge(catalogue, rules, &rows) };
    let given = matches!(source, Source::Slate | Source::Target).then(|| (0..8).collect::<Vec<u32>>());
    let sessions = catalogue.sessions();
    let held_out: Vec<&SessionLog> = sessions.iter().filter(|session| session.held_out).collect();
    let stage = judge.stage(Some(held_out[0])).unwrap();
    let learned = Learned::new(&stage, Arc::new(judge.learn_once(&stage).unwrap()));
    let mut worker = Worker::new(&judge, &stage, &learned).unwrap();
    let mut all = Vec::new();
    for session in held_out {
        let sitting = Sitting::new(&stage, &mut worker.maker, session, source).unwrap();
        worker.begin(&sitting).unwrap();
        for known in 0..session.events.len() {
            if catalogue.events[session.events[known] as usize].time_ms >= until_ms {
                continue;
            }
            let task = Task { known, candidates: given.clone(), relevant: Vec::new(), labelled: Vec::new() };
            let pack = sitting.pack_for(&stage, &task, &sitting.vector).unwrap().unwrap();
            let played = worker.played(&sitting, &task);
            let question = Question {
                stage: &stage,
                sitting: &sitting,
                task: &task,
                pack: &pack,
                candidates: given.as_deref().unwrap_or(&pack.items),
                played: &played,
            };
            all.push(worker.answers(&question).unwrap());
        }
    }
    all
}

#[test]
fn a_planted_future_event_changes_no_earlier_score() {
    let (catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
    let planted_ms = 6 * 86_400_000 + 3_600_000 + 500_000;
    let mut planted = catalogue.clone();
    let plant = |id: &str, user, session: &str, kind| {
        let mut event = samples::event(id, user, 10, planted_ms);
        event.session = session.to_owned();
        event.kind = kind;
        event
    };
    planted.add_events(vec![
        plant("p1", 0, "s6-0", EventKind::Save),
        plant("p2", 1, "s6-1", EventKind::NotInterested),
        plant("p3", 2, "new", EventKind::Purchase),
    ]);
    for source in SOURCES {
        let before = answers(&catalogue, &rules, source, planted_ms);
        assert!(before.len() > 5);
        assert_eq!(answers(&planted, &rules, source, planted_ms), before, "{source:?}");
        assert_ne!(answers(&planted, &rules, source, i64::MAX).len(), before.len());
    }
}

#[test]
fn a_past_event_does_change_what_comes_after() {
    let (catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
    let mut told = catalogue.clone();
    let mut event = samples::event("told", 0, 10, 6 * 86_400_000 + 100_000);
    event.session = "s6-0".into();
    event.kind = EventKind::Save;
    told.add_events(vec![event]);
    // The session is the first one; its last question comes after four events, with what was told after five.
    let ours = |catalogue: &Catalogue, source, last: usize| {
        answers(catalogue, &rules, source, i64::MAX)[last][0].clone()
    };
    for source in SOURCES {
        assert_ne!(ours(&told, source, 5), ours(&catalogue, source, 4), "{source:?}");
    }
}

/// What the replay of one session adds up, by somebody who was never met before: these events, each with an item or none.
fn replayed(events: &[(Option<usize>, EventKind)], rows: &Rows) -> Tally {
    replayed_in(week(), events, rows)
}

fn replayed_in(mut catalogue: Catalogue, events: &[(Option<usize>, EventKind)], rows: &Rows) -> Tally {
    let rules = LabelRules::of("radio").unwrap();
    let begins_ms = 6 * 86_400_000 + 10 * 3_600_000;
    catalogue.add_events(samples::stranger(events, begins_ms, 1_000));
    let sessions = catalogue.sessions();
    let is_new = |session: &&SessionLog| catalogue.events[session.events[0] as usize].session == "new";
    let new: Vec<&SessionLog> = sessions.iter().filter(is_new).collect();
    assert_eq!((new.len(), new[0].held_out), (1, true));
    judge(&catalogue, &rules, rows).replay(&new, &|| ()).unwrap()
}

#[test]
fn one_event_of_a_stranger_is_one_question_even_about_an_item_that_nobody_ever_played() {
    let rows = Rows::new(true, false, Some("none"));
    for item in [3, samples::ITEMS - 1] {
        let tally = replayed(&[(Some(item), EventKind::Complete)], &rows);
        assert_eq!((tally.sessions, tally.steps, tally.people.len()), (1, 1, 1));
        assert!(tally.skipped.is_empty(), "{:?}", tally.skipped);
        // What is not among the candidates counts as not found: each row has its figure.
        let people = tally.people.values().next().unwrap();
        let place = Metric::Ndcg10.place();
        assert!(people.iter().all(|row| row[place].0.is_finite() && (row[place].1 - 1.0).abs() < 1e-12));
    }
}

#[test]
fn a_session_without_anything_to_ask_is_counted_as_left_out() {
    let rows = Rows::new(true, false, Some("none"));
    let searched = replayed(&[(None, EventKind::Search)], &rows);
    assert_eq!((searched.sessions, searched.steps), (0, 0));
    assert_eq!(searched.skipped, [("session_without_question", 1)].into());
    let skipped = replayed(&[(Some(3), EventKind::Skip)], &rows);
    assert_eq!(skipped.skipped, [("no_positive_follows", 1), ("session_without_question", 1)].into());
}

#[test]
fn every_row_answers_every_question() {
    let (catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
    let rows = Rows::new(true, false, Some("none"));
    let sessions = catalogue.sessions();
    let held_out: Vec<&SessionLog> = sessions.iter().filter(|session| session.held_out).collect();
    let tally = judge(&catalogue, &rules, &rows).replay(&held_out, &|| ()).unwrap();
    assert_eq!((tally.sessions, tally.people.len()), (3, 3));
    assert!(tally.steps > 6 && tally.in_pack > 0 && tally.in_pack <= tally.steps);
    assert!(tally.people.values().all(|people| people.len() == rows.names.len()));
    assert!(tally.shown.iter().all(|shown| shown.contains(&true)));
}

#[test]
fn retrieval_is_held_to_what_was_played_and_not_to_what_did_well_alone() {
    use EventKind::{Complete, Impression, Save, Skip, Stop};
    let mut catalogue = week();
    // Nobody here may get these two: retrieval finds all the others, the catalogue being small.
    for item in [5, 8] {
        catalogue.items[item].regions = vec!["FR".into()];
    }
    let events = [
        (Some(3), Complete),
        (Some(4), Skip),
        (Some(5), Skip),
        (Some(6), Stop),
        (Some(7), Impression),
        (Some(8), Save),
    ];
    let tally = replayed_in(catalogue, &events, &Rows::ours());
    assert_eq!(tally.retrieved.values().collect::<Vec<_>>(), [&(3.0, 4.0)]);
}
