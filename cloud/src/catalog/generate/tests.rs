//! What holds for a whole generated data set.

use std::collections::HashMap;

use super::truth::Truth;
use super::*;
use crate::catalog::Catalogue;

fn make(folder: &Path, seed: u64, tracks: usize) -> Summary {
    let options = Options { tracks, users: 60, seed, truth: Some(folder.join("truth.jsonl")) };
    run(&options, &folder.join("data")).unwrap()
}

#[test]
fn a_seed_names_one_data_set() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    for (folder, seed) in folders.iter().zip([7, 7, 8]) {
        make(folder.path(), seed, 600);
    }
    let read =
        |place: usize, file: &str| std::fs::read(folders[place].path().join("data").join(file)).unwrap();
    for file in ["items.jsonl", "users.jsonl", "events.jsonl", "collections.jsonl", "split.json"] {
        assert!(read(0, file) == read(1, file), "{file} differs");
        assert!(read(0, file) != read(2, file) || file == "split.json", "{file} is the same for two seeds");
    }
}

#[test]
fn the_schema_hash_depends_on_neither_seed_nor_size() {
    let folder = tempfile::tempdir().unwrap();
    let hash = make(folder.path(), 1, 400).schema_hash;
    assert_eq!(hash, make(folder.path(), 2, 900).schema_hash);
    assert_eq!(hash, Catalogue::load(&folder.path().join("data")).unwrap().dataset.schema_hash());
}

#[test]
fn every_reference_is_known_and_candidates_are_kept_where_sessions_are_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let summary = make(folder.path(), 3, 900);
    let catalogue = Catalogue::load(&folder.path().join("data")).unwrap();
    assert_eq!(summary.events as usize, catalogue.events.len());
    assert!(catalogue.event_items.iter().all(Option::is_some));
    assert!(catalogue.event_users.iter().all(Option::is_some));
    let held_out = catalogue.held_out.iter().filter(|held_out| **held_out).count();
    let share = held_out as f64 / catalogue.events.len() as f64;
    assert!((0.15..0.3).contains(&share), "{share}");
    for (event, held_out) in catalogue.events.iter().zip(&catalogue.held_out) {
        let outcome = matches!(event.kind, EventKind::Complete | EventKind::Skip);
        assert_eq!(!event.candidates.is_empty(), outcome && *held_out, "{}", event.event_id);
        if outcome && *held_out {
            assert!(event.candidates.contains(&event.item) && event.candidates.len() <= sessions::SLATE);
        }
    }
}

#[test]
fn nobody_hears_what_is_barred() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), 4, 900);
    let catalogue = Catalogue::load(&folder.path().join("data")).unwrap();
    for (index, event) in catalogue.events.iter().enumerate() {
        let item = &catalogue.items[catalogue.event_items[index].unwrap() as usize];
        let user = &catalogue.users[catalogue.event_users[index].unwrap() as usize];
        assert!(item.regions.is_empty() || item.regions.contains(user.country.as_ref().unwrap()));
        assert!(item.available_from_ms.is_none_or(|from| from <= event.time_ms));
        assert!(item.age_rating.is_none() || user.age_group.as_deref() != Some("13-17"));
    }
}

#[test]
fn the_truth_explains_what_was_played_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), 5, 900);
    let catalogue = Catalogue::load(&folder.path().join("data")).unwrap();
    let truth = Truth::read(&folder.path().join("truth.jsonl")).unwrap();
    let mut outcomes: Vec<(f64, bool)> = catalogue
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Complete | EventKind::Skip))
        .map(|event| {
            let utility = truth.expected_utility(&event.event_id, &event.item).unwrap();
            (utility, event.kind == EventKind::Complete)
        })
        .collect();
    outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let shares: Vec<f64> = outcomes
        .chunks(outcomes.len() / 4 + 1)
        .map(|part| part.iter().filter(|outcome| outcome.1).count() as f64 / part.len() as f64)
        .collect();
    assert!(shares.windows(2).all(|pair| pair[0] < pair[1]), "{shares:?}");
    assert!(shares[0] < 0.5 && shares[3] > 0.85, "{shares:?}");
}

#[test]
fn within_a_session_tracks_nearer_to_the_mood_are_completed_more_often() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), 6, 900);
    let catalogue = Catalogue::load(&folder.path().join("data")).unwrap();
    let truth = Truth::read(&folder.path().join("truth.jsonl")).unwrap();
    let mut sessions: HashMap<&str, Vec<(f64, bool)>> = HashMap::new();
    for event in &catalogue.events {
        if let Some(affinity) = truth.mood_affinity(&event.event_id, &event.item) {
            let completed = event.kind == EventKind::Complete;
            sessions.entry(&event.session).or_default().push((affinity, completed));
        }
    }
    let (mut higher, mut pairs) = (0, 0);
    for outcomes in sessions.values() {
        let part = |completed| outcomes.iter().filter(move |outcome| outcome.1 == completed);
        for complete in part(true) {
            for skip in part(false) {
                pairs += 1;
                higher += usize::from(complete.0 > skip.0);
            }
        }
    }
    let share = higher as f64 / pairs as f64;
    assert!(share > 0.75, "in {share} of {pairs} pairs the completed track was nearer");
}

#[test]
fn counts_out_of_range_are_refused_with_the_range() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { tracks: 3, users: 1, seed: 1, truth: None };
    let error = run(&options, folder.path()).unwrap_err().to_string();
    assert!(error.contains("--tracks is 3") && error.contains("200"), "{error}");
}
