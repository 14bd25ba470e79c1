//! What holds for every list: made-up packs, sessions and policies, with every number of work units.

mod brief;
mod model;

use self::model::Decisions;
use super::*;
use crate::budget::Budget;
use crate::pack::{Candidate, CandidateSource, PackSource, VerifiedPack};
use crate::policies;
use crate::policy::fixtures::{Numbers, candidates};
use crate::policy::{ListRules, Pin, Policy};
use crate::session::EventKind;
use std::collections::BTreeSet;

const NOW: i64 = 5_000;
const COUNT: usize = 40;

fn source((at, one): (usize, &Candidate)) -> CandidateSource<'_> {
    CandidateSource {
        item: &one.item,
        vector: &one.vector,
        score: one.score,
        creator: &one.creator,
        categories: &one.categories,
        columns: one.columns.iter().collect(),
        regions: &one.regions,
        ends_ms: (at % 11 == 0).then_some(NOW - 1),
        display: None,
    }
}

fn pack(numbers: &mut Numbers) -> VerifiedPack {
    let made = candidates(numbers, COUNT);
    let mut sources: Vec<_> = made.iter().enumerate().map(source).collect();
    let germany = ["de".to_owned()];
    sources.iter_mut().step_by(7).for_each(|one| one.regions = &germany);
    pack_of(sources)
}

fn pack_of(candidates: Vec<CandidateSource<'_>>) -> VerifiedPack {
    let pack = PackSource {
        generation: 1,
        subject: "user:u",
        created_ms: 0,
        expires_ms: 10_000,
        ranker: None,
        towers: "none",
        user: candidates[0].vector,
        profile: Vec::new(),
        candidates,
    };
    VerifiedPack::from_pack(pack.to_pack()).unwrap()
}

/// The policy with a pin to an item that may be barred, ended or elsewhere, half of the time.
fn policy(numbers: &mut Numbers, bytes: &[u8]) -> Policy {
    let mut policy = Policy::from_json(bytes).unwrap();
    policy.feedback.not_interested_similarity = 0.9;
    if numbers.below(2) == 0 {
        let (place, item) = (numbers.below(3) as u32, Some(an_item(numbers)));
        policy.list.pins.push(Pin { place, item, source: None });
    }
    policy
}

fn an_item(numbers: &mut Numbers) -> String {
    format!("t{:03}", numbers.below(COUNT as u64))
}

/// Something the person did, sometimes about a creator or a category.
fn event(numbers: &mut Numbers, at: u64, pack: &VerifiedPack) -> Event {
    use EventKind as Kind;
    let kinds = [Kind::Like, Kind::Skip, Kind::Complete, Kind::Dislike, Kind::NotInterested, Kind::Restore];
    let kind = kinds[numbers.below(6) as usize].clone();
    let mut event = Event::new(at.to_string(), an_item(numbers), kind.clone(), at as i64);
    let scope = ["item", "item", "creator", "category"][numbers.below(4) as usize];
    let about = pack.find(&event.item).filter(|_| matches!(kind, Kind::NotInterested | Kind::Restore));
    if let Some(about) = about.filter(|_| scope != "item") {
        let name = if scope == "creator" { &about.creator } else { &about.categories[0] };
        event.context = [("scope".to_owned(), scope.to_owned()), (scope.to_owned(), name.clone())].into();
    }
    event
}

/// An engine in the middle of a session, and the items it may never show.
fn engine(numbers: &mut Numbers, bytes: &[u8]) -> (Engine, BTreeSet<String>) {
    let policy = policy(numbers, bytes);
    let near = policy.feedback.not_interested_similarity;
    let mut engine = Engine::of_server(policy, None).unwrap();
    let pack = pack(numbers);
    engine.begin(pack.clone());
    let mut decisions = Decisions::default();
    for at in 0..numbers.below(14) {
        let event = event(numbers, at, &pack);
        if matches!(
            event.kind,
            EventKind::Like | EventKind::Dislike | EventKind::NotInterested | EventKind::Restore
        ) {
            decisions.note(&event);
        }
        engine.apply(&event).unwrap();
    }
    let all = pack.candidates();
    let closed = |at: usize| at.is_multiple_of(11) || at.is_multiple_of(7);
    let never = all.iter().enumerate().filter(|(at, one)| closed(*at) || decisions.forbid(one, all, near));
    (engine, never.map(|(_, one)| one.item.clone()).collect())
}

fn request(numbers: &mut Numbers, surface: &str) -> Request {
    Request {
        surface: surface.into(),
        count: 1 + numbers.below(30) as usize,
        now_ms: NOW,
        seed: numbers.below(1_000),
        context: [("region".to_owned(), "fr".to_owned())].into(),
        log_features: false,
    }
}

/// No item twice, none that may never be shown, none played while others are left; as long as it can be.
fn check(engine: &Engine, never: &BTreeSet<String>, request: &Request, slate: &Slate) {
    let items: BTreeSet<&str> = slate.places.iter().map(|place| place.item.as_str()).collect();
    assert_eq!(items.len(), slate.places.len(), "an item twice: {slate:?}");
    assert!(items.iter().all(|item| !never.contains(*item)), "{slate:?}");
    let state = engine.session();
    let all = engine.pack().unwrap().candidates().iter().map(|one| one.item.as_str());
    let (mut allowed, mut unseen) = (0, 0);
    for item in all.filter(|item| !never.contains(*item)) {
        allowed += 1;
        unseen += usize::from(!state.is_played(item));
    }
    let open = if unseen > 0 { unseen } else { allowed };
    assert_eq!(slate.places.len(), open.min(request.count));
    assert!(unseen == 0 || slate.places.iter().all(|place| !state.is_played(&place.item)));
    assert!(slate.places.iter().all(|place| (1..=1_000_000).contains(&place.propensity)));
}

#[test]
fn every_list_keeps_the_hard_rules_and_comes_out_the_same_again() {
    let mut numbers = Numbers(11);
    for round in 0..250 {
        let (surface, policy) = policies::ALL[round % policies::ALL.len()];
        let (mut engine, never) = engine(&mut numbers, policy);
        let request = request(&mut numbers, surface);
        let slate = engine.rank(&request).unwrap();
        check(&engine, &never, &request, &slate);
        assert!(slate.complete && slate.order == Order::Ranked);
        assert_eq!(engine.rank(&request).unwrap(), slate);
        engine.faults.pack = true;
        let fallback = engine.rank(&request).unwrap();
        check(&engine, &never, &request, &fallback);
        assert_eq!(fallback.fallback, Some(ReasonCode::FallbackPackRefused));
        assert!(fallback.places.iter().all(|place| place.propensity == 1_000_000));
    }
}

#[test]
fn a_queue_that_is_played_from_its_first_place_keeps_the_caps_and_explores() {
    let mut numbers = Numbers(14);
    let made = candidates(&mut numbers, 300);
    let sources = made.iter().enumerate().map(|(at, one)| source((11 * at + 1, one))).collect();
    let mut engine = Engine::of_server(Policy::from_json(policies::RADIO).unwrap(), None).unwrap();
    engine.begin(pack_of(sources));
    let request = Request { count: 12, ..request(&mut numbers, "radio") };
    let (mut creators, mut explored) = (Vec::new(), 0);
    for play in 0..48 {
        let next = engine.rank(&request).unwrap().places.swap_remove(0);
        explored += u32::from(next.reason.code == ReasonCode::SomethingDifferent);
        let creator = engine.pack().unwrap().find(&next.item).unwrap().creator.clone();
        assert!(!creators.iter().rev().take(3).any(|other| *other == creator), "{play}: {creators:?}");
        creators.push(creator);
        for (kind, id) in
            [(EventKind::Play, "starts"), (EventKind::Like, "likes"), (EventKind::Complete, "ends")]
        {
            engine.apply(&Event::new(format!("{play} {id}"), &next.item, kind, NOW)).unwrap();
        }
    }
    // One in eight until 50 events were told, which 17 of these plays tell; one in sixteen then.
    assert_eq!(explored, 4, "at the 8th, the 16th, the 32nd and the 48th");
}

#[test]
fn a_deadline_at_any_unit_gives_a_whole_list_that_the_units_give_again() {
    let mut numbers = Numbers(12);
    for (surface, policy) in policies::ALL {
        let (mut engine, never) = engine(&mut numbers, policy);
        let request = Request { count: 12, ..request(&mut numbers, surface) };
        let whole = engine.rank(&request).unwrap();
        for units in 0..whole.units {
            let mut left = units;
            let mut expired = || {
                left = left.wrapping_sub(1);
                left == u32::MAX
            };
            let slate = engine.rank_within(&request, &mut Budget::until(&mut expired)).unwrap();
            check(&engine, &never, &request, &slate);
            assert!(!slate.complete && slate.units == units);
            let again = engine.rank_within(&request, &mut Budget::of_units(units)).unwrap();
            assert_eq!(again, slate);
        }
        let mut enough = Budget::of_units(whole.units);
        assert_eq!(engine.rank_within(&request, &mut enough).unwrap(), whole);
    }
}

/// The score of each candidate after all events but the likes of `left_out`.
fn scores(events: &[Event], pack: &VerifiedPack, request: &Request, left_out: Option<&str>) -> Vec<f32> {
    let policy = Policy::from_json(policies::RADIO).unwrap();
    let mut engine = Engine::of_server(policy, None).unwrap();
    engine.begin(pack.clone());
    for event in events {
        if event.kind != EventKind::Like || left_out != Some(event.item.as_str()) {
            engine.apply(event).unwrap();
        }
    }
    engine.utilities(request).unwrap()
}

/// By how much a score is above the mean of all.
fn lead(scores: &[f32], at: usize) -> f32 {
    scores[at] - scores.iter().sum::<f32>() / scores.len() as f32
}

#[test]
fn a_reason_that_names_a_like_or_the_session_is_true_on_a_thousand_lists() {
    let mut numbers = Numbers(13);
    let (mut named, mut fitting) = (0, 0);
    for _ in 0..1_000 {
        let pack = pack(&mut numbers);
        let kinds = [EventKind::Like, EventKind::Like, EventKind::Skip, EventKind::Complete];
        let event = |at: u64, numbers: &mut Numbers| {
            let item = format!("t{:03}", numbers.below(COUNT as u64));
            Event::new(at.to_string(), item, kinds[numbers.below(4) as usize].clone(), at as i64)
        };
        let events: Vec<Event> = (0..1 + numbers.below(12)).map(|at| event(at, &mut numbers)).collect();
        let mut engine = Engine::of_server(Policy::from_json(policies::RADIO).unwrap(), None).unwrap();
        engine.begin(pack.clone());
        for event in &events {
            engine.apply(event).unwrap();
        }
        let request = request(&mut numbers, "radio");
        let with = engine.utilities(&request).unwrap();
        for place in engine.rank(&request).unwrap().places {
            let at = pack.candidates().iter().position(|one| one.item == place.item).unwrap();
            match place.reason.code {
                ReasonCode::BecauseYouLiked => {
                    named += 1;
                    let without = scores(&events, &pack, &request, Some(&place.reason.parameters["item"]));
                    assert!(without[at] < with[at], "{place:?}");
                }
                ReasonCode::FitsSession | ReasonCode::MoreFromCreator => {
                    fitting += 1;
                    assert!(lead(&scores(&[], &pack, &request, None), at) < lead(&with, at), "{place:?}");
                }
                _ => {}
            }
        }
    }
    assert!(named > 300 && fitting > 1_000, "{named} name a like, {fitting} the session");
}

#[test]
fn one_more_like_never_lowers_its_category_with_the_linear_scorer_and_no_list_rules() {
    let mut numbers = Numbers(15);
    for round in 0..1_500 {
        let (surface, policy) = policies::ALL[round % policies::ALL.len()];
        let mut policy = Policy::from_json(policy).unwrap();
        policy.list = ListRules::none();
        let mut engine = Engine::of_server(policy, None).unwrap();
        let pack = pack(&mut numbers);
        engine.begin(pack.clone());
        for at in 0..numbers.below(10) {
            engine.apply(&event(&mut numbers, at, &pack)).unwrap();
        }
        let liked = pack.find(&an_item(&mut numbers)).unwrap().clone();
        let request = request(&mut numbers, surface);
        let mean = |scores: &[f32]| {
            let of_kind = pack.candidates().iter().zip(scores);
            let of_kind =
                of_kind.filter(|(one, _)| one.categories == liked.categories && one.item != liked.item);
            let scores: Vec<f32> = of_kind.map(|(_, score)| *score).collect();
            scores.iter().sum::<f32>() / scores.len().max(1) as f32
        };
        let before = mean(&engine.utilities(&request).unwrap());
        engine.apply(&Event::new("one more", &liked.item, EventKind::Like, 100)).unwrap();
        let after = mean(&engine.utilities(&request).unwrap());
        assert!(after >= before - 1e-6, "{surface}: {before} then {after} after a like of {}", liked.item);
    }
}
