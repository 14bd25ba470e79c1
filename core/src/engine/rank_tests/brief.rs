//! A session in brief ranks as the session it was made from.

use super::*;
use crate::error::Code;

/// Room for everything.
const PLENTY: usize = 60_000;

fn items(engine: &mut Engine, request: &Request) -> Vec<String> {
    let slate = engine.rank(request).unwrap();
    slate.places.into_iter().map(|place| place.item).collect()
}

/// The same engine with the session that `bytes` are.
fn restored(bytes: &[u8], pack: &VerifiedPack, policy: &Policy) -> Engine {
    let mut engine = Engine::of_server(policy.clone(), None).unwrap();
    engine.begin(pack.clone());
    engine.restore_brief_session(bytes).unwrap();
    engine
}

/// A session of `count` events on a pack, with the policy that weighs them.
fn session(numbers: &mut Numbers, count: u64) -> (Engine, VerifiedPack, Policy) {
    let policy = policy(numbers, policies::RADIO);
    let pack = pack(numbers);
    let mut engine = Engine::of_server(policy.clone(), None).unwrap();
    engine.begin(pack.clone());
    for at in 0..count {
        engine.apply(&event(numbers, at, &pack)).unwrap();
    }
    (engine, pack, policy)
}

#[test]
fn a_session_that_fits_ranks_as_before() {
    let mut numbers = Numbers(7);
    for round in 0..60 {
        let (mut engine, pack, policy) = session(&mut numbers, round % 45);
        let bytes = engine.save_brief_session(PLENTY).unwrap();
        let mut again = restored(&bytes, &pack, &policy);
        assert_eq!(again.session().applied(), engine.session().applied());
        for _ in 0..3 {
            let request = request(&mut numbers, "radio");
            assert_eq!(items(&mut again, &request), items(&mut engine, &request), "round {round}");
        }
        let repeated = event(&mut Numbers(1), round % 45, &pack);
        let last = Event { event_id: (round % 45).saturating_sub(1).to_string(), ..repeated };
        let duplicate = again.apply(&last).unwrap() == Applied::Duplicate;
        assert_eq!(duplicate, round % 45 > 0, "the ids of events are known again");
    }
}

#[test]
fn what_leaves_a_long_session_is_neither_what_was_barred_nor_the_direction() {
    let mut numbers = Numbers(11);
    for _ in 0..20 {
        let (mut engine, pack, policy) = session(&mut numbers, 120);
        let bytes = engine.save_brief_session(2_500).unwrap();
        assert!(bytes.len() <= 2_500, "{} bytes", bytes.len());
        let mut again = restored(&bytes, &pack, &policy);
        let barred = |engine: &Engine| {
            let barred = |one: &&Candidate| engine.session().is_barred(&one.item);
            pack.candidates().iter().filter(barred).map(|one| one.item.clone()).collect::<BTreeSet<_>>()
        };
        assert_eq!(barred(&again), barred(&engine));
        let (one, other) = (again.session().interest(), engine.session().interest());
        let cosine: f32 = one.iter().zip(&other).map(|(one, other)| one * other).sum();
        assert!(cosine > 0.99 || other.iter().all(|value| *value == 0.0), "cosine {cosine}");
        let request = request(&mut numbers, "radio");
        assert_eq!(items(&mut again, &request).is_empty(), items(&mut engine, &request).is_empty());
        let smaller = again.save_brief_session(600).unwrap();
        assert!(smaller.len() < bytes.len());
    }
}

#[test]
fn damaged_and_foreign_bytes_are_refused_and_leave_the_session() {
    let mut numbers = Numbers(13);
    let (mut engine, ..) = session(&mut numbers, 20);
    let bytes = engine.save_brief_session(PLENTY).unwrap();
    let before = engine.session().clone();
    for length in 0..bytes.len() {
        assert_eq!(engine.restore_brief_session(&bytes[..length]).unwrap_err().code(), Code::SessionDamaged);
    }
    let whole = engine.save_session().unwrap();
    assert!(engine.restore_brief_session(&whole).is_err());
    assert_eq!(engine.session(), &before);
    let mut nothing = Engine::of_server(Policy::from_json(policies::RADIO).unwrap(), None).unwrap();
    assert_eq!(nothing.restore_brief_session(&bytes).unwrap_err().code(), Code::PackMissing);
}
