//! From a generated catalogue to a list that re-orders itself, with nothing but what the service hands out.

use std::path::Path;

use segue_cloud::catalog::generate;
use segue_cloud::keys::KeyStore;
use segue_cloud::packs::{Generation, PackStore};
use segue_cloud::refresh;
use segue_core::session::{Event, EventKind};
use segue_core::{Code, Engine, Order, ReasonCode, Request, Slate};

const NOW_MS: i64 = 1_790_000_000_000;

/// A small data folder with one published generation.
fn published() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let options = generate::Options { tracks: 400, users: 12, seed: 7, truth: None };
    generate::run(&options, data.path()).unwrap();
    refresh_again(data.path());
    data
}

fn refresh_again(data: &Path) {
    let options = refresh::Options { now_ms: Some(NOW_MS), ..refresh::Options::default() };
    refresh::run(data, &options).unwrap();
}

fn generation(data: &Path) -> Generation {
    PackStore::new(data).open_current().unwrap().unwrap()
}

/// What a client does: root key from the build, everything else from the service.
fn client(data: &Path) -> Engine {
    let root = KeyStore::new(data).root().unwrap().unwrap();
    let mut engine = Engine::new(&root.to_hex()).unwrap();
    accept(&mut engine, data);
    engine
}

fn accept(engine: &mut Engine, data: &Path) {
    let (store, generation) = (PackStore::new(data), generation(data));
    engine.accept_rotations(generation.rotations()).unwrap();
    let manifest = engine.accept_manifest(generation.manifest(), NOW_MS).unwrap().clone();
    let blob = |hash: &str| store.blob(hash).unwrap().unwrap();
    engine.accept_policy("radio", &blob(&manifest.policies["radio"].hash)).unwrap();
    if let Some(ranker) = &manifest.ranker {
        engine.accept_ranker(&blob(&ranker.model.hash), &blob(&ranker.schema.hash)).unwrap();
    }
}

fn first_user(data: &Path) -> String {
    generation(data).subjects().find(|subject| subject.starts_with("user:")).unwrap().to_owned()
}

fn pack(data: &Path, subject: &str) -> Vec<u8> {
    generation(data).get(subject).unwrap().unwrap()
}

fn request() -> Request {
    Request {
        surface: "radio".into(),
        count: 12,
        now_ms: NOW_MS,
        seed: 1,
        context: [].into(),
        log_features: false,
    }
}

fn rank(engine: &mut Engine) -> Slate {
    engine.rank(&request()).unwrap()
}

fn items(slate: &Slate) -> Vec<String> {
    slate.places.iter().map(|place| place.item.clone()).collect()
}

fn skip(engine: &mut Engine, item: &str) {
    let mut event = Event::new(format!("skip-{item}"), item, EventKind::Skip, NOW_MS);
    event.played_ms = Some(2_000);
    engine.apply(&event).unwrap();
}

#[test]
fn two_skips_re_order_the_rest_and_each_place_has_its_reason() {
    let data = published();
    let subject = first_user(data.path());
    let mut engine = client(data.path());
    engine.accept_pack(&pack(data.path(), &subject), &subject, NOW_MS).unwrap();
    let before = rank(&mut engine);
    assert_eq!(before.order, Order::Ranked);
    let (first, second) = (&before.places[0].item, &before.places[1].item);
    skip(&mut engine, first);
    skip(&mut engine, second);
    let after = rank(&mut engine);
    let expected: Vec<String> = items(&before).into_iter().skip(2).collect();
    assert_ne!(items(&after)[..expected.len()], expected[..], "the rest moved, it was not only shortened");
    assert!(!items(&after).contains(first) && !items(&after).contains(second));
    assert!(after.places.iter().all(|place| !place.text.is_empty() && place.title.is_some()));
}

#[test]
fn what_a_like_brings_up_says_so() {
    let data = published();
    let subject = first_user(data.path());
    let mut engine = client(data.path());
    engine.accept_pack(&pack(data.path(), &subject), &subject, NOW_MS).unwrap();
    let liked = rank(&mut engine).places[0].item.clone();
    engine.apply(&Event::new("like", &liked, EventKind::Like, NOW_MS)).unwrap();
    let after = rank(&mut engine);
    let of_session = [ReasonCode::BecauseYouLiked, ReasonCode::MoreFromCreator, ReasonCode::FitsSession];
    assert!(after.places.iter().any(|place| of_session.contains(&place.reason.code)));
}

#[test]
fn another_users_pack_is_refused_and_the_queue_keeps_playing() {
    let data = published();
    let store = generation(data.path());
    let users: Vec<&str> = store.subjects().filter(|subject| subject.starts_with("user:")).collect();
    let mut engine = client(data.path());
    engine.accept_pack(&pack(data.path(), users[0]), users[0], NOW_MS).unwrap();
    let refused = engine.accept_pack(&pack(data.path(), users[1]), users[0], NOW_MS).unwrap_err();
    assert_eq!(refused.code(), Code::PackWrongSubject);
    let slate = rank(&mut engine);
    assert_eq!(slate.fallback, Some(ReasonCode::FallbackPackRefused));
    assert_eq!(slate.places.len(), 12);
}

#[test]
fn a_session_goes_on_across_a_refresh_and_a_rotation_of_keys() {
    let data = published();
    let subject = first_user(data.path());
    let mut engine = client(data.path());
    engine.accept_pack(&pack(data.path(), &subject), &subject, NOW_MS).unwrap();
    let skipped = rank(&mut engine).places[0].item.clone();
    skip(&mut engine, &skipped);
    KeyStore::new(data.path()).rotate().unwrap();
    refresh_again(data.path());
    accept(&mut engine, data.path());
    let next = engine.accept_pack(&pack(data.path(), &subject), &subject, NOW_MS).unwrap();
    assert_eq!(next.generation(), 2);
    let slate = rank(&mut engine);
    assert_eq!((slate.order, slate.generation), (Order::Ranked, 2));
    assert!(!items(&slate).contains(&skipped));
}

#[test]
fn people_without_a_pack_get_their_regions() {
    let data = published();
    let mut engine = client(data.path());
    engine.accept_pack(&pack(data.path(), "region:all"), "region:all", NOW_MS).unwrap();
    assert_eq!(rank(&mut engine).places.len(), 12);
}

/// The mean utility of the candidates whose first category is `category`.
fn mean_of(engine: &mut Engine, category: &str) -> f64 {
    let utilities = engine.utilities(&request()).unwrap();
    let candidates = engine.pack().unwrap().candidates().iter().zip(utilities);
    let of = candidates.filter(|(one, _)| one.categories.first().is_some_and(|first| first == category));
    let (sum, count) = of.fold((0.0, 0), |(sum, count), (_, utility)| (sum + f64::from(utility), count + 1));
    sum / f64::from(count)
}

/// A learned ranker promises nothing of the kind for each case, so what is tested is how often.
#[test]
fn one_more_like_seldom_lowers_its_categorys_mean_score_under_the_learned_ranker() {
    let data = published();
    let store = generation(data.path());
    let (mut lowered, mut all) = (0, 0);
    for subject in store.subjects().filter(|subject| subject.starts_with("user:")) {
        let mut engine = client(data.path());
        engine.accept_pack(&pack(data.path(), subject), subject, NOW_MS).unwrap();
        assert!(rank(&mut engine).ranker.is_some());
        let candidates = engine.pack().unwrap().candidates().to_vec();
        for (at, liked) in candidates.iter().step_by(candidates.len() / 20).enumerate() {
            let category = &liked.categories[0];
            let before = mean_of(&mut engine, category);
            let time_ms = NOW_MS + 1_000 * at as i64;
            engine.apply(&Event::new(format!("like-{at}"), &liked.item, EventKind::Like, time_ms)).unwrap();
            lowered += u32::from(mean_of(&mut engine, category) < before);
            all += 1;
        }
    }
    println!("{lowered} of {all} likes lowered their category's mean score");
    assert!(all >= 200 && lowered * 20 <= all, "{lowered} of {all}");
}
