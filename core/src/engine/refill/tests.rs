//! When a new pack is wanted, and what a session keeps when one comes.

use super::*;
use crate::pack::{CandidateSource, PackSource};
use crate::session::{Event, EventKind};
use crate::trust::{Artefact, Manifest, PrivateKey};
use crate::{Request, policies};

const NOW: i64 = 1_000;
const EXPIRES: i64 = 10_000_000;

fn key() -> PrivateKey {
    PrivateKey::from_seed([9; 32])
}

/// As many items as there are `vectors`, from `first` on.
fn pack(generation: u64, towers: &str, first: usize, vectors: &[[f32; 2]]) -> Vec<u8> {
    let names: Vec<String> = (0..vectors.len()).map(|at| format!("t{}", first + at)).collect();
    let candidates = names.iter().zip(vectors).map(|(name, vector)| CandidateSource {
        item: name,
        vector,
        score: 0.5,
        creator: name,
        categories: &[],
        columns: vec![],
        regions: &[],
        ends_ms: None,
        display: None,
    });
    let source = PackSource {
        generation,
        subject: "user:u",
        created_ms: 0,
        expires_ms: EXPIRES,
        ranker: None,
        towers,
        user: &[1.0, 0.0],
        profile: Vec::new(),
        candidates: candidates.collect(),
    };
    source.seal(&key()).unwrap()
}

fn accept(engine: &mut Engine, generation: u64, pack: &[u8]) {
    let towers = crate::pack::Pack::open(pack, &key().public()).unwrap().towers;
    let manifest = Manifest {
        format: Manifest::FORMAT,
        generation,
        created_ms: 0,
        expires_ms: EXPIRES,
        towers,
        ranker: None,
        policies: [("radio".to_string(), Artefact::of(policies::RADIO))].into(),
    };
    engine.accept_manifest(&manifest.seal(&key()).unwrap(), NOW).unwrap();
    engine.accept_policy("radio", policies::RADIO).unwrap();
    engine.accept_pack(pack, "user:u", NOW).unwrap();
}

fn engine(vectors: &[[f32; 2]]) -> Engine {
    let mut engine = Engine::new(&key().public().to_hex()).unwrap();
    assert_eq!(engine.refill(NOW), None, "before the first pack there is nothing to refill");
    accept(&mut engine, 1, &pack(1, "towers-1", 0, vectors));
    engine
}

fn apply(engine: &mut Engine, kind: EventKind, item: &str) {
    let id = engine.session().applied().to_string();
    engine.apply(&Event::new(id, item, kind, NOW)).unwrap();
}

fn reasons(engine: &Engine, now_ms: i64) -> Vec<RefillReason> {
    engine.refill(now_ms).map(|refill| refill.reasons).unwrap_or_default()
}

#[test]
fn a_fresh_pack_will_do_until_it_nears_its_end_and_after_that_it_is_stale() {
    let engine = engine(&[[1.0, 0.0]; 60]);
    assert_eq!(reasons(&engine, NOW), []);
    assert_eq!(reasons(&engine, EXPIRES - 1), [RefillReason::Expiring]);
    assert_eq!(reasons(&engine, EXPIRES), [RefillReason::Stale]);
}

#[test]
fn a_refused_pack_is_asked_for_again() {
    let mut engine = engine(&[[1.0, 0.0]; 60]);
    engine.accept_pack(b"damaged", "user:u", NOW).unwrap_err();
    assert_eq!(reasons(&engine, NOW), [RefillReason::Stale]);
}

#[test]
fn what_was_played_or_barred_is_not_left() {
    let mut engine = engine(&[[1.0, 0.0]; 100]);
    for at in 0..50 {
        apply(&mut engine, EventKind::Complete, &format!("t{at}"));
    }
    assert_eq!(reasons(&engine, NOW), []);
    apply(&mut engine, EventKind::Dislike, "t50");
    assert_eq!(engine.refill(NOW), Some(Refill { reasons: vec![RefillReason::FewCandidates], left: 49 }));
}

#[test]
fn a_small_pack_is_thin_when_half_of_it_is_gone() {
    let mut engine = engine(&[[1.0, 0.0]; 20]);
    for at in 0..10 {
        assert_eq!(reasons(&engine, NOW), []);
        apply(&mut engine, EventKind::Dislike, &format!("t{at}"));
    }
    assert_eq!(reasons(&engine, NOW), []);
    apply(&mut engine, EventKind::Dislike, "t10");
    assert_eq!(reasons(&engine, NOW), [RefillReason::FewCandidates]);
}

#[test]
fn a_session_that_leaves_what_the_pack_holds_has_drifted() {
    let mut vectors = [[1.0, 0.0]; 70];
    vectors[0] = [0.0, 1.0];
    let mut engine = engine(&vectors);
    apply(&mut engine, EventKind::Like, "t1");
    assert_eq!(reasons(&engine, NOW), []);
    for _ in 0..30 {
        apply(&mut engine, EventKind::Replay, "t0");
    }
    assert_eq!(reasons(&engine, NOW), [RefillReason::Drifted]);
}

#[test]
fn a_pack_of_the_same_towers_goes_on_with_the_session() {
    let mut engine = engine(&[[1.0, 0.0], [0.0, 1.0]]);
    apply(&mut engine, EventKind::Like, "t1");
    apply(&mut engine, EventKind::Dislike, "t0");
    let (interest, remembered) = (engine.session().interest(), engine.session().remembered().count());
    accept(&mut engine, 2, &pack(2, "towers-1", 5, &[[0.6, 0.8]]));
    assert_eq!(engine.session().interest(), interest);
    assert_eq!(engine.session().remembered().count(), remembered);
    assert!(engine.session().is_barred("t0") && engine.session().is_liked("t1"));
}

#[test]
fn vectors_of_other_towers_replace_the_remembered_ones_as_far_as_the_pack_holds_the_items() {
    let mut engine = engine(&[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    apply(&mut engine, EventKind::Like, "t1");
    apply(&mut engine, EventKind::NotInterested, "t2");
    accept(&mut engine, 2, &pack(2, "towers-2", 1, &[[1.0, 0.0]; 3]));
    let session = engine.session();
    assert_eq!(session.interest(), [1.0, 0.0], "the liked item's vector in the new pack");
    assert!(session.is_barred("t2") && session.creator_affinity("t1") > 0.0);
    accept(&mut engine, 3, &pack(3, "towers-3", 50, &[[0.6, 0.8]]));
    assert!(engine.session().interest().is_empty(), "nothing liked is in the pack");
}

#[test]
fn what_is_near_to_a_refused_item_stays_away_in_packs_of_any_towers_until_the_refusal_is_taken_back() {
    let mut engine = engine(&[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    apply(&mut engine, EventKind::NotInterested, "t2");
    let shown = |engine: &mut Engine| {
        let request = Request {
            surface: "radio".into(),
            count: 3,
            now_ms: NOW,
            seed: 1,
            context: [].into(),
            log_features: false,
        };
        let slate = engine.rank(&request).unwrap();
        slate.places.into_iter().map(|place| place.item).collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut engine), ["t0"]);
    accept(&mut engine, 2, &pack(2, "towers-1", 1, &[[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]));
    assert_eq!(shown(&mut engine), ["t4"], "t3 is near to it too");
    accept(&mut engine, 3, &pack(3, "towers-2", 3, &[[1.0, 0.0]; 2]));
    assert_eq!(shown(&mut engine), ["t4"], "t3 by its id: these vectors say nothing of t2");
    apply(&mut engine, EventKind::Restore, "t2");
    assert_eq!(shown(&mut engine), ["t3", "t4"]);
}

#[test]
fn a_session_saved_on_older_towers_is_restored_on_the_new_ones() {
    let mut engine = engine(&[[1.0, 0.0], [0.0, 1.0]]);
    apply(&mut engine, EventKind::Like, "t1");
    let saved = engine.save_session().unwrap();
    accept(&mut engine, 2, &pack(2, "towers-2", 1, &[[1.0, 0.0]]));
    engine.restore_session(&saved).unwrap();
    assert_eq!(engine.session().interest(), [1.0, 0.0]);
}
