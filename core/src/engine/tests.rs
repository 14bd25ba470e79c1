//! The engine as hosts see it.

use super::*;
use crate::budget::Budget;
use crate::features::{Calibration, Head, HeadKind, Inputs};
use crate::pack::{CandidateSource, PackSource};
use crate::policies;
use crate::policy::{Function, Term};
use crate::trust::{Artefact, Manifest, PrivateKey};

const NOW: i64 = 1_000;

fn key() -> PrivateKey {
    PrivateKey::from_seed([9; 32])
}

/// Eight items: even ones point one way, odd ones another.
fn pack(generation: u64, subject: &str) -> Vec<u8> {
    let names: Vec<String> = (0..8).map(|at| format!("t{at}")).collect();
    let creators: Vec<String> = (0..8).map(|at| format!("artist {at}")).collect();
    let vectors = [[0.9, 0.1], [0.1, 0.9]];
    let candidates = (0..8)
        .map(|at| CandidateSource {
            item: &names[at],
            vector: &vectors[at % 2],
            score: 1.0 - at as f32 / 10.0,
            creator: &creators[at],
            categories: &[],
            columns: vec![],
            regions: &[],
            ends_ms: None,
            display: Some((&names[at], &creators[at])),
        })
        .collect();
    let source = PackSource {
        generation,
        subject,
        created_ms: 0,
        expires_ms: 10_000,
        ranker: None,
        towers: "none",
        user: &[1.0, 0.0],
        profile: Vec::new(),
        candidates,
    };
    source.seal(&key()).unwrap()
}

fn manifest(generation: u64) -> Vec<u8> {
    manifest_with(generation, None)
}

fn manifest_with(generation: u64, ranker: Option<trust::Ranker>) -> Vec<u8> {
    let manifest = Manifest {
        format: Manifest::FORMAT,
        generation,
        created_ms: 0,
        expires_ms: 10_000,
        towers: "none".into(),
        ranker,
        policies: [("radio".to_string(), Artefact::of(policies::RADIO))].into(),
    };
    manifest.seal(&key()).unwrap()
}

fn engine() -> Engine {
    let mut engine = Engine::new(&key().public().to_hex()).unwrap();
    engine.accept_manifest(&manifest(1), NOW).unwrap();
    engine.accept_policy("radio", policies::RADIO).unwrap();
    engine.accept_pack(&pack(1, "user:u"), "user:u", NOW).unwrap();
    engine
}

fn request(count: usize) -> Request {
    Request { surface: "radio".into(), count, now_ms: NOW, seed: 1, context: [].into(), log_features: false }
}

fn items(slate: &Slate) -> Vec<&str> {
    slate.places.iter().map(|place| place.item.as_str()).collect()
}

#[test]
fn the_list_after_an_event_reflects_it() {
    let mut engine = engine();
    let before = engine.rank(&request(4)).unwrap();
    assert_eq!(before.order, Order::Ranked);
    assert_eq!(items(&before)[0], "t0");
    engine.apply(&Event::new("1", "t0", EventKind::Skip, NOW)).unwrap();
    engine.apply(&Event::new("2", "t1", EventKind::Like, NOW)).unwrap();
    let after = engine.rank(&request(4)).unwrap();
    assert_eq!(items(&after)[0], "t1", "{after:?}");
    assert!(!items(&after).contains(&"t0"), "what was skipped is not shown again");
    assert!(after.places.iter().any(|place| place.reason.code == ReasonCode::BecauseYouLiked));
}

use crate::session::EventKind;

#[test]
fn an_engine_of_a_server_accepts_nothing_signed() {
    let mut engine = Engine::of_server(Policy::from_json(policies::RADIO).unwrap(), None).unwrap();
    assert_eq!(engine.accept_manifest(&manifest(1), NOW).unwrap_err().code(), Code::SignerUnknown);
    let nobody = crate::trust::PublicKey::of_nobody().unwrap();
    // The neutral point times anything is itself: R = the neutral point and s = 0 satisfy the plain equation.
    let mut forged = [0; 64];
    forged[0] = 1;
    assert_eq!(nobody.verify(&forged, b"anything").unwrap_err().code(), Code::SignatureInvalid);
}

#[test]
fn the_same_input_gives_the_same_list() {
    let run = || {
        let mut engine = engine();
        engine.apply(&Event::new("1", "t3", EventKind::Like, NOW)).unwrap();
        engine.rank(&request(8)).unwrap()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_refused_pack_leaves_the_one_before_in_its_own_order_until_a_good_one_comes() {
    let mut engine = engine();
    engine.apply(&Event::new("1", "t1", EventKind::Like, NOW)).unwrap();
    let good = pack(1, "user:u");
    let refusals = [
        (good[..good.len() / 2].to_vec(), Code::EnvelopeDamaged),
        (pack(1, "user:other"), Code::PackWrongSubject),
        (pack(2, "user:u"), Code::PackWrongGeneration),
    ];
    for (bytes, code) in refusals {
        assert_eq!(engine.accept_pack(&bytes, "user:u", NOW).unwrap_err().code(), code);
        let slate = engine.rank(&request(3)).unwrap();
        assert_eq!(slate.fallback, Some(ReasonCode::FallbackPackRefused));
        assert_eq!(items(&slate), ["t0", "t1", "t2"], "the pack's own order");
    }
    engine.accept_pack(&good, "user:u", NOW).unwrap();
    assert_eq!(engine.rank(&request(3)).unwrap().order, Order::Ranked);
}

#[test]
fn what_is_barred_stays_away_even_in_a_fallback_and_seen_is_relaxed_before_the_screen_is_empty() {
    let mut engine = engine();
    engine.apply(&Event::new("bar", "t0", EventKind::Dislike, NOW)).unwrap();
    for at in 1..8 {
        engine.apply(&Event::new(format!("{at}"), format!("t{at}"), EventKind::Complete, NOW)).unwrap();
    }
    let slate = engine.rank(&request(8)).unwrap();
    assert_eq!(slate.places.len(), 7);
    assert!(slate.places.iter().all(|place| place.reason.code == ReasonCode::PlayedBefore));
    let _ = engine.accept_pack(b"garbage", "user:u", NOW);
    assert!(!items(&engine.rank(&request(8)).unwrap()).contains(&"t0"));
}

struct NotANumber;

impl Scorer for NotANumber {
    fn score(&mut self, inputs: &Inputs, _: &mut Budget<'_>) -> Result<Vec<f32>> {
        Ok(vec![f32::NAN; inputs.count])
    }
}

struct Broken;

impl Scorer for Broken {
    fn score(&mut self, _: &Inputs, _: &mut Budget<'_>) -> Result<Vec<f32>> {
        Err(Error::new(Code::ModelDamaged, "broken."))
    }
}

fn with_scorer(scorer: Box<dyn Scorer + Send>) -> Engine {
    let mut engine = engine();
    engine.ranker = Some(ranker(scorer));
    engine
}

fn ranker(scorer: Box<dyn Scorer + Send>) -> Ranker {
    let head = Head { name: "next".into(), kind: HeadKind::Probability, calibration: Calibration::None };
    let schema = Schema { heads: vec![head], ..Schema::linear(["user_similarity"].into_iter()).unwrap() };
    Ranker::new(schema, scorer)
}

#[test]
fn a_sum_of_finite_heads_that_is_not_finite_is_refused() {
    let head =
        |name: &str| Head { name: name.into(), kind: HeadKind::Probability, calibration: Calibration::None };
    let heads = vec![head("watch"), head("spend")];
    let schema = Schema { heads, ..Schema::linear(["user_similarity"].into_iter()).unwrap() };
    let mut policy = Policy::from_json(policies::RADIO).unwrap();
    let term = |head: &str, weight| Term { head: head.into(), weight, function: Function::Identity };
    policy.utility = vec![term("watch", 1e6), term("spend", -1e6)];
    assert_eq!(utilities(&policy, &schema, &[3.0, 1.0]).unwrap(), [2e6]);
    for heads in [[f32::MAX, 0.0], [f32::MAX, f32::MAX]] {
        assert_eq!(utilities(&policy, &schema, &heads).unwrap_err().code(), Code::ScoresInvalid);
    }
}

#[test]
fn scores_that_are_no_numbers_and_a_model_that_fails_give_the_packs_order() {
    for (scorer, code) in [
        (Box::new(NotANumber) as Box<dyn Scorer + Send>, ReasonCode::FallbackScoresInvalid),
        (Box::new(Broken), ReasonCode::FallbackModelFailed),
    ] {
        let slate = with_scorer(scorer).rank(&request(3)).unwrap();
        assert_eq!((slate.order, slate.fallback), (Order::Fallback, Some(code)));
        assert_eq!(items(&slate), ["t0", "t1", "t2"]);
    }
}

struct Positions;

impl Scorer for Positions {
    fn score(&mut self, inputs: &Inputs, _: &mut Budget<'_>) -> Result<Vec<f32>> {
        Ok((0..inputs.count).map(|at| at as f32 / 10.0).collect())
    }
}

#[test]
fn a_ranker_never_ranks_a_pack_of_a_generation_that_it_was_not_made_for() {
    let named =
        |bytes: &[u8]| Some(trust::Ranker { model: Artefact::of(bytes), schema: Artefact::of(b"schema") });
    let mut engine = engine();
    let mut feed = |generation, model: Option<&[u8]>, accepts: bool, takes_pack: bool| {
        engine.accept_manifest(&manifest_with(generation, model.and_then(named)), NOW).unwrap();
        if accepts {
            engine.appoint(ranker(Box::new(Positions))).unwrap();
        }
        if takes_pack {
            engine.accept_pack(&pack(generation, "user:u"), "user:u", NOW).unwrap();
        }
        engine.rank(&request(3)).unwrap().fallback
    };
    let missing = Some(ReasonCode::FallbackNoModel);
    assert_eq!(feed(2, Some(b"old"), true, true), None);
    assert_eq!(feed(3, Some(b"old"), false, true), None, "the same ranker goes on");
    assert_eq!(feed(4, Some(b"new"), false, false), None, "the old pack and ranker go on together");
    assert_eq!(feed(4, Some(b"new"), true, false), missing, "a newer ranker waits for its pack");
    assert_eq!(feed(4, Some(b"new"), false, true), None);
    assert_eq!(feed(5, Some(b"newest"), false, true), missing, "the ranker left with its pack");
    assert_eq!(feed(5, Some(b"newest"), true, false), None);
    assert_eq!(feed(6, None, false, true), None, "the policy's own weights rank");
}

#[test]
fn a_ranker_never_ranks_a_pack_with_vectors_that_it_was_not_trained_on() {
    let mut engine = with_scorer(Box::new(Positions));
    engine.ranker_wanted = true;
    let mut fallback = |towers: Option<&str>| {
        engine.ranker.as_mut().unwrap().schema.towers = towers.map(str::to_owned);
        engine.rank(&request(3)).unwrap().fallback
    };
    assert_eq!(fallback(None), None);
    assert_eq!(fallback(Some("none")), None);
    assert_eq!(fallback(Some("others")), Some(ReasonCode::FallbackNoModel));
}

#[cfg(feature = "ranker")]
#[test]
fn a_ranker_that_was_trained_on_vectors_of_other_towers_is_refused() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloud/models/demo");
    let model = std::fs::read(folder.join("ranker.onnx")).unwrap();
    let schema = Schema::from_json(&std::fs::read(folder.join("schema.json")).unwrap()).unwrap();
    let cases = [(None, None), (Some("none"), None), (Some("others"), Some(Code::ModelWrongTowers))];
    for ((towers, refusal), generation) in cases.into_iter().zip(2..) {
        let schema = Schema { towers: towers.map(str::to_owned), ..schema.clone() };
        let schema = serde_json::to_vec(&schema).unwrap();
        let prepared = PreparedRanker::new(&model, &schema).unwrap();
        let mut engine = engine();
        engine.accept_manifest(&manifest_with(generation, Some(prepared.named().clone())), NOW).unwrap();
        let shown = refusal.map(|_| ReasonCode::FallbackModelRefused);
        let refused = engine.accept_ranker(&model, &schema).err();
        assert_eq!((refused.map(|error| error.code()), engine.faults.ranker), (refusal, refusal.is_some()));
        engine.faults.ranker = false;
        let refused = engine.accept_prepared(&prepared).err();
        assert_eq!(refused.map(|error| error.code()), refusal);
        assert_eq!(engine.fallback().filter(|code| *code == ReasonCode::FallbackModelRefused), shown);
    }
}

#[test]
fn a_slate_tells_what_the_model_saw_when_it_is_asked_to() {
    let mut engine = with_scorer(Box::new(Positions));
    assert_eq!(engine.rank(&request(3)).unwrap().features, None);
    let slate = engine.rank(&Request { log_features: true, ..request(3) }).unwrap();
    let log = slate.features.as_ref().unwrap();
    let logged: Vec<&str> = log.places.iter().map(|place| place.item.as_str()).collect();
    assert_eq!(logged, items(&slate));
    assert_eq!(log.places[0].heads, [0.7]);
    let mut broken = with_scorer(Box::new(Broken));
    assert_eq!(broken.rank(&Request { log_features: true, ..request(3) }).unwrap().features, None);
}

#[test]
fn an_unknown_surface_is_an_error_and_a_missing_policy_a_fallback() {
    let mut engine = engine();
    let unknown = engine.rank(&Request { surface: "cinema".into(), ..request(3) }).unwrap_err();
    assert_eq!(unknown.code(), Code::SurfaceUnknown);
    assert!(unknown.to_string().contains("radio"), "{unknown}");
    engine.surfaces.clear();
    assert_eq!(engine.rank(&request(3)).unwrap().fallback, Some(ReasonCode::FallbackPolicyRefused));
    assert_eq!(engine.accept_policy("radio", policies::SHOP).unwrap_err().code(), Code::HashMismatch);
}

#[test]
fn a_host_that_turns_to_a_surface_weighs_events_by_its_policy_whatever_was_ranked_before() {
    let mut engine = engine();
    engine.rank(&request(3)).unwrap();
    engine.surface = Some("another visitor's".into());
    engine.turn_to(&request(3)).unwrap();
    assert_eq!(engine.surface.as_deref(), Some("radio"));
    assert_eq!(engine.turn_to(&request(0)).unwrap_err().code(), Code::RequestInvalid);
    let cinema = Request { surface: "cinema".into(), ..request(3) };
    assert_eq!(engine.turn_to(&cinema).unwrap_err().code(), Code::SurfaceUnknown);
}

#[test]
fn an_expired_pack_keeps_working_and_says_so() {
    let mut engine = engine();
    let slate = engine.rank(&Request { now_ms: 20_000, ..request(3) }).unwrap();
    assert!(slate.stale);
    assert_eq!(slate.order, Order::Ranked);
}

#[test]
fn a_session_goes_on_after_being_saved_and_restored() {
    let mut engine = engine();
    engine.apply(&Event::new("1", "t3", EventKind::Like, NOW)).unwrap();
    let saved = engine.save_session().unwrap();
    let expected = engine.rank(&request(8)).unwrap();
    let mut restored = super::tests::engine();
    restored.restore_session(&saved).unwrap();
    assert_eq!(restored.rank(&request(8)).unwrap(), expected);
}

/// Eight items of three creators and two categories; of another subject other vectors and other scores.
fn wide(subject: &str) -> Arc<VerifiedPack> {
    let is_other = subject != "user:u";
    let mut vectors = vec![[0.0_f32; 64]; 8];
    vectors.iter_mut().enumerate().for_each(|(at, vector)| vector[at * 5 + usize::from(is_other)] = 1.0);
    let items: Vec<String> = (0..8).map(|at| format!("t{at}")).collect();
    let creators = ["ada", "bob", "cleo"];
    let categories = [vec!["jazz".to_owned()], vec!["folk".to_owned(), "jazz".to_owned()]];
    let below = |at: usize| if is_other { 7 - at } else { at };
    let one = |at: usize| CandidateSource {
        item: &items[at],
        vector: &vectors[at],
        score: 0.9 - below(at) as f32 / 10.0,
        creator: creators[at % 3],
        categories: &categories[at % 2],
        columns: vec![("explore_successes", at as f32), ("explore_failures", 2.0)],
        regions: &[],
        ends_ms: None,
        display: None,
    };
    let source = PackSource {
        generation: 1,
        subject,
        created_ms: 0,
        expires_ms: 10_000,
        ranker: None,
        towers: "none",
        user: &vectors[0],
        profile: Vec::new(),
        candidates: (0..8).map(one).collect(),
    };
    Arc::new(VerifiedPack::from_pack(source.to_pack()).unwrap())
}

/// A list after these gestures, made in a context.
fn list_after(engine: &mut Engine, gestures: &[(&str, EventKind)], region: Option<&str>) -> Slate {
    for (at, (item, kind)) in gestures.iter().enumerate() {
        engine.apply(&Event::new(at.to_string(), *item, kind.clone(), NOW)).unwrap();
    }
    let context = region.map(|region| ("region".to_owned(), region.to_owned()));
    engine.rank(&Request { context: context.into_iter().collect(), ..request(6) }).unwrap()
}

#[cfg(feature = "ranker")]
#[test]
fn a_list_from_what_was_worked_out_before_is_the_list_from_the_pack() {
    use crate::score::RankerScorer;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloud/models/demo");
    let read = |name| std::fs::read(folder.join(name)).unwrap();
    let server = || {
        let schema = Schema::from_json(&read("schema.json")).unwrap();
        let scorer = RankerScorer::new(&read("ranker.onnx"), &schema).unwrap();
        Engine::of_server(Policy::from_json(policies::RADIO).unwrap(), Some((schema, Box::new(scorer))))
            .unwrap()
    };
    let (ours, other) = (wide("user:u"), wide("user:vv"));
    let list =
        |engine: &mut Engine| list_after(engine, &[("t1", EventKind::Like), ("t2", EventKind::Skip)], None);
    let mut fresh = server();
    fresh.begin(Arc::clone(&ours));
    let wanted = list(&mut fresh);
    assert_eq!(wanted.order, Order::Ranked);

    let mut first = server();
    assert!(first.leave().is_none());
    first.begin(Arc::clone(&ours));
    let earlier = [("t5", EventKind::Like), ("t4", EventKind::Dislike), ("t6", EventKind::Complete)];
    assert_ne!(list_after(&mut first, &earlier, Some("de")).places, wanted.places);
    let groundwork = first.leave().unwrap();
    assert!(Arc::ptr_eq(groundwork.pack(), &ours) && first.pack().is_err());
    let left = groundwork.ranker.as_ref().unwrap().assembler.inputs();
    let said = [&left.live, &left.events, &left.mask, &left.context];
    assert!(said.into_iter().flatten().all(|number| *number == 0.0), "the session left something behind");

    let mut second = server();
    second.begin(Arc::clone(&other));
    assert_ne!(list(&mut second).places, wanted.places);
    second.begin_on(groundwork);
    assert_eq!(list(&mut second), wanted);
    first.begin(ours);
    assert_eq!(list(&mut first), wanted);
}

/// Keeps something of the pack and cannot hand it over: the core alone makes what is exchanged.
struct KeepsItsOwn(Vec<f32>);

impl Scorer for KeepsItsOwn {
    fn prepare(&mut self, inputs: &Inputs) -> Result<()> {
        self.0.clone_from(&inputs.candidates);
        Ok(())
    }

    fn score(&mut self, _: &Inputs, _: &mut Budget<'_>) -> Result<Vec<f32>> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_scorer_that_keeps_something_of_its_own_is_prepared_again_for_the_pack_that_is_taken_up() {
    let head = Head { name: "next".into(), kind: HeadKind::Probability, calibration: Calibration::None };
    let schema = Schema { heads: vec![head], ..Schema::linear(["refresh_score"].into_iter()).unwrap() };
    let policy = Policy::from_json(policies::RADIO).unwrap();
    let mut engine = Engine::of_server(policy, Some((schema, Box::new(KeepsItsOwn(Vec::new()))))).unwrap();
    engine.begin(wide("user:u"));
    let wanted = list_after(&mut engine, &[], None);
    let groundwork = engine.leave().unwrap();
    engine.begin(wide("user:vv"));
    assert_ne!(list_after(&mut engine, &[], None).places, wanted.places);
    engine.begin_on(groundwork);
    assert_eq!(list_after(&mut engine, &[], None), wanted);
}
