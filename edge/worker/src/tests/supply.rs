//! Where packs, manifests and models come from, and what of them is never taken.

use serde_json::{Value, json};

use super::cloud::{NOW, Platform, ask, body, call, cookie, items, now};
use super::{NEXT, event, get, post};
use crate::call::Call;

#[test]
fn each_region_gets_its_own_pack_and_nobody_can_ask_for_another() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let of = |country: Option<&str>, url: &str| {
        let country = country.map(str::to_owned);
        ask(&isolate, &platform, &Call { country, ..call("GET", url, &[]) }, &Value::Null)
    };
    let german = items(&of(Some("DE"), NEXT));
    assert!(german.iter().all(|item| item.as_str() >= "item-030"));
    for country in [None, Some("FR"), Some("XX"), Some("../DE"), Some("T1")] {
        assert!(items(&of(country, NEXT)).iter().all(|item| item.as_str() < "item-030"), "{country:?}");
    }
    let asked = of(None, "/api/v1/next?surface=radio&count=10&context.region=DE");
    assert!(items(&asked).iter().all(|item| item.as_str() < "item-030"));
    assert_eq!(of(None, "/api/v1/packs/region:DE").status, 404);
    let pack = of(Some("DE"), "/api/v1/pack");
    assert_eq!(pack.header("segue-subject"), Some("region:DE"));
    assert!(pack.header("cache-control").unwrap().starts_with("private"));
}

#[test]
fn clients_that_run_the_engine_get_what_it_checks_with_tags() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    for path in ["manifest", "rotations", "pack", "packs/region:DE"] {
        let answer = get(&isolate, &platform, &format!("/api/v1/{path}"), &[]);
        assert_eq!((answer.status, answer.header("segue-generation")), (200, Some("1")), "{path}");
        let tag = answer.header("etag").unwrap().to_owned();
        let again = get(&isolate, &platform, &format!("/api/v1/{path}"), &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    let model = segue_core::trust::hash(&segue_conformance::ranker::model());
    let answer = get(&isolate, &platform, &format!("/api/v1/models/{model}"), &[]);
    assert_eq!(answer.body, segue_conformance::ranker::model());
    assert!(answer.header("cache-control").unwrap().contains("immutable"));
    platform.is_down.set(true);
    assert_eq!(get(&isolate, &platform, &format!("/api/v1/models/{model}"), &[]).status, 200);
    let unknown = get(&isolate, &platform, &format!("/api/v1/models/{}", "0".repeat(64)), &[]);
    assert_eq!(body(&unknown)["code"], "artefact_missing");
    assert_eq!(body(&get(&isolate, &platform, "/api/v1/models/abc", &[]))["code"], "hash_invalid");
}

#[test]
fn when_the_cloud_is_down_what_was_accepted_goes_on_marked_stale() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[]))["stale"], false);
    platform.is_down.set(true);
    platform.now_ms.set(NOW + 7_200_000);
    let stale = get(&isolate, &platform, NEXT, &[]);
    assert_eq!((stale.status, &body(&stale)["stale"]), (200, &json!(true)));
    assert_eq!(stale.look_after.as_deref(), Some("DE"));
    now(isolate.look_after(&platform, "DE"));
    let elsewhere = platform.isolate(&[]);
    let restarted = get(&elsewhere, &platform, NEXT, &[]);
    assert_eq!(body(&restarted)["stale"], true, "a new isolate takes it from the shared store");
    platform.store.borrow_mut().clear();
    let nothing = get(&platform.isolate(&[]), &platform, NEXT, &[]);
    assert_eq!((nothing.status, &body(&nothing)["code"]), (503, &json!("generation_missing")));
}

#[test]
fn a_new_generation_is_looked_for_after_the_answer_and_an_older_one_never_taken() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    get(&isolate, &platform, NEXT, &[]);
    platform.now_ms.set(NOW + 900_000);
    platform.publish(3, &segue_conformance::ranker::model());
    let stale = get(&isolate, &platform, NEXT, &[]);
    assert_eq!(body(&stale)["generation"], 1, "nobody waits for it");
    now(isolate.look_after(&platform, "DE"));
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[]))["generation"], 3);
    platform.publish(2, &segue_conformance::ranker::model());
    assert_eq!(
        now(isolate.pull_all(&platform)).len(),
        1,
        "for Germany it is refused, `all` was never seen newer"
    );
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[]))["generation"], 3);
}

#[test]
fn of_a_newer_pack_what_changed_is_fetched_and_the_whole_where_that_is_of_no_use() {
    for (damages, fetches) in [(false, 3), (true, 4)] {
        let platform = Platform::new();
        platform.damages.set(damages);
        let isolate = platform.isolate(&[]);
        get(&isolate, &platform, NEXT, &[]);
        platform.now_ms.set(NOW + 900_000);
        platform.publish(2, &segue_conformance::ranker::model());
        platform.fetches.set(0);
        now(isolate.look_after(&platform, "DE"));
        // Rotations, the manifest, and the pack: once, or once more.
        assert_eq!((platform.deltas.get(), platform.fetches.get()), (1, fetches));
        let reported = platform.reported.borrow();
        assert_eq!(reported.len(), usize::from(damages));
        assert!(reported.iter().all(|line| line.contains("packs/region:DE")), "{reported:?}");
        let answer = get(&isolate, &platform, "/api/v1/pack", &[]);
        assert_eq!(answer.header("segue-generation"), Some("2"));
        assert_eq!(answer.body, platform.cloud.borrow()["packs/region:DE"]);
    }
}

#[test]
fn what_changed_is_a_fault_where_nobody_asked_for_it() {
    let platform = Platform::new();
    platform.mixes.set(true);
    let isolate = platform.isolate(&[]);
    let failed = now(isolate.pull_all(&platform));
    // Neither is a pack kept of it, nor does Germany count as a region without one.
    let whys: Vec<bool> = failed.iter().map(|(_, why)| why.contains("226")).collect();
    assert_eq!(whys, [true, true], "{failed:?}");
    assert!(failed[1].1.contains("packs/region:DE"), "{failed:?}");
}

#[test]
fn the_schedule_fills_the_shared_store_and_asks_little_when_nothing_changed() {
    let platform = Platform::new();
    assert!(now(platform.isolate(&[]).pull_all(&platform)).is_empty());
    assert_eq!(platform.store.borrow().keys().collect::<Vec<_>>(), ["bundle/DE", "bundle/all"]);
    platform.fetches.set(0);
    platform.now_ms.set(NOW + 60_000);
    assert!(now(platform.isolate(&[]).pull_all(&platform)).is_empty());
    assert_eq!(platform.fetches.get(), 6, "rotations, manifest and pack of two regions, by their tags");
    platform.is_down.set(true);
    let isolate = platform.isolate(&[]);
    assert_eq!(get(&isolate, &platform, NEXT, &[]).status, 200);
    assert_eq!(platform.fetches.get(), 6, "a cold isolate is fed from the store");
}

#[test]
fn without_the_manifests_ranker_the_linear_one_ranks_and_says_so() {
    let platform = Platform::new();
    let mut other = segue_conformance::ranker::model();
    // Another producer's name makes other bytes of the same model.
    other.extend_from_slice(&[0x12, 1, b'x']);
    platform.publish(2, &other);
    let isolate = platform.isolate(&[]);
    let answer = get(&isolate, &platform, NEXT, &[]);
    assert_eq!(body(&answer)["fallback"], "fallback_model_pending");
    assert_eq!(body(&answer)["step"], "live_ranker");
    let list = items(&answer);
    let disliked =
        post(&isolate, &platform, &[("cookie", &cookie(&answer))], json!([event("1", "dislike", &list[0])]));
    assert!(!items(&disliked).contains(&list[0]), "it reads its feedback all the same");
    let building = platform.isolate(&[("BUILD_PLANS", "yes")]);
    platform.store.borrow_mut().clear();
    assert_eq!(body(&get(&building, &platform, NEXT, &[]))["fallback"], Value::Null);
}

#[test]
fn an_older_generation_in_the_shared_store_is_neither_taken_nor_left_there() {
    let platform = Platform::new();
    let behind = platform.isolate(&[]);
    get(&behind, &platform, NEXT, &[]);
    let older = platform.store.borrow()["bundle/DE"].clone();
    platform.now_ms.set(NOW + 700_000);
    platform.publish(3, &segue_conformance::ranker::model());
    let ahead = platform.isolate(&[]);
    platform.store.borrow_mut().clear();
    assert_eq!(body(&get(&ahead, &platform, NEXT, &[]))["generation"], 3);
    let newer = platform.store.borrow()["bundle/DE"].clone();
    // Another isolate, to which the cloud still shows the generation before, shares that later.
    platform.publish(1, &segue_conformance::ranker::model());
    now(behind.pull_all(&platform));
    assert_eq!(platform.store.borrow()["bundle/DE"], newer, "what is shared is newer than what it has");
    assert_eq!(body(&get(&behind, &platform, NEXT, &[]))["generation"], 3, "which it takes instead");
    platform.store.borrow_mut().insert("bundle/DE".into(), older);
    platform.now_ms.set(NOW + 800_000);
    platform.is_down.set(true);
    now(ahead.look_after(&platform, "DE"));
    assert_eq!(body(&get(&ahead, &platform, NEXT, &[]))["generation"], 3);
}

#[test]
fn hosts_that_do_not_know_their_region_get_everyones_pack_of_their_manifests_generation() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let generation = |path: &str| {
        let answer = get(&isolate, &platform, &format!("/api/v1/{path}"), &[]);
        (answer.status, answer.header("segue-generation").map(str::to_owned))
    };
    let of = |generation: &str| (200, Some(generation.to_owned()));
    assert_eq!(generation("manifest"), of("1"));
    assert_eq!(generation("packs/region:all"), of("1"));
    let everyones = get(&isolate, &platform, "/api/v1/packs/region:all", &[]);
    assert_ne!(everyones.body, get(&isolate, &platform, "/api/v1/pack", &[]).body);
    for (published, region, ahead) in [(2, "DE", "manifest"), (3, "all", "packs/region:all")] {
        platform.now_ms.set(platform.now_ms.get() + 700_000);
        platform.publish(published, &segue_conformance::ranker::model());
        now(isolate.look_after(&platform, region));
        platform.now_ms.set(platform.now_ms.get() + 2_000);
        let wanted = of(&published.to_string());
        assert_eq!(generation(ahead), wanted, "{region} is ahead");
        assert_eq!(generation("packs/region:all"), wanted);
        assert_eq!(generation("manifest"), wanted);
    }
}

#[test]
fn the_bundled_ranker_is_handed_out_without_asking_anybody_and_another_is_fetched_once() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    get(&isolate, &platform, NEXT, &[]);
    platform.fetches.set(0);
    let path = |bytes: &[u8]| format!("/api/v1/models/{}", segue_core::trust::hash(bytes));
    for bytes in [segue_conformance::ranker::model(), segue_conformance::ranker::schema()] {
        assert_eq!(get(&isolate, &platform, &path(&bytes), &[]).body, bytes);
    }
    assert_eq!(platform.fetches.get(), 0);
    let other = [&segue_conformance::ranker::model()[..], &[0x12, 1, b'x']].concat();
    platform.publish(2, &other);
    now(isolate.pull_all(&platform));
    platform.fetches.set(0);
    for _ in 0..3 {
        assert_eq!(get(&isolate, &platform, &path(&other), &[]).body, other);
        platform.store.borrow_mut().remove(&format!("models/{}", segue_core::trust::hash(&other)));
    }
    assert_eq!(platform.fetches.get(), 1);
}
