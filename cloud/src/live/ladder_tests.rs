//! Step by step down the ladder, over HTTP; and what must not come back on any of its steps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::StatusCode;
use metrics_exporter_prometheus::PrometheusBuilder;
use segue_core::budget::Budget;
use segue_core::features::{Inputs, Schema};
use segue_core::policy::Policy;
use segue_core::score::Scorer;
use segue_core::trust::{Artefact, Manifest, Ranker};
use segue_core::{Engine, policies};
use serde_json::{Value, json};

use super::engines::Kit;
use super::item_tests::{ask, serve};
use super::tests::published;
use super::{Recommendations, Step, Wanted, recommend};
use crate::catalog::{Event, EventKind};
use crate::clock::now_ms;
use crate::keys::KeyStore;
use crate::packs::PackStore;
use crate::refresh::run as refresh;
use crate::refresh::tests::{NOW, event, folder, options, root, write};
use crate::state::AppState;

/// Makes the manifest of generation `number` name this ranker.
fn appoint(data: &Path, number: u64, ranker: Ranker) {
    let keys = KeyStore::new(data).load().unwrap();
    let generation = PackStore::new(data).open(number).unwrap().unwrap();
    let mut manifest = (*Manifest::verify(generation.manifest(), &root(data)).unwrap()).clone();
    manifest.ranker = Some(ranker);
    let path = objects(data, number).join("manifest.cose");
    fs::write(path, manifest.seal(keys.signing()).unwrap()).unwrap();
}

/// Where the objects of generation `number` lie.
fn objects(data: &Path, number: u64) -> PathBuf {
    data.join("served/generations").join(number.to_string())
}

fn nowhere() -> Ranker {
    Ranker { model: Artefact::of(b"no model"), schema: Artefact::of(b"no schema") }
}

/// The demonstration's ranker, put into the data folder.
#[cfg(feature = "ranker")]
fn demo_ranker(data: &Path) -> Ranker {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let put = |name: &str| {
        let mut staging = PackStore::new(data).begin().unwrap();
        staging.put_blob(&fs::read(demo.join(name)).unwrap()).unwrap()
    };
    Ranker { model: put("ranker.onnx"), schema: put("schema.json") }
}

/// Damages the packs of these subjects on the disk.
fn damage(data: &Path, subjects: &[&str]) {
    let generation = PackStore::new(data).open_current().unwrap().unwrap();
    for subject in subjects {
        let pack = generation.get(subject).unwrap().unwrap();
        let blobs =
            fs::read_dir(objects(data, generation.number())).unwrap().map(|entry| entry.unwrap().path());
        let holding = |path: PathBuf| {
            let bytes = fs::read(&path).unwrap();
            let at = bytes.windows(pack.len()).position(|window| window == pack)?;
            Some((path, bytes, at))
        };
        let (path, mut bytes, at) = blobs.into_iter().find_map(holding).unwrap();
        bytes[at + pack.len() / 2] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
}

/// A list, and the steps that were counted for it.
async fn answer(state: &Arc<AppState>, query: &str) -> (StatusCode, Value, Vec<String>) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let (status, body) = {
        let _counted = metrics::set_default_local_recorder(&recorder);
        ask(state, "GET", &format!("/api/v1/recommendations?surface=radio&{query}"), None).await
    };
    let rendered = handle.render();
    let counted = rendered.lines().filter_map(|line| {
        let line = line.strip_prefix("segue_recommendations_total{step=\"")?;
        line.strip_suffix("\"} 1").map(str::to_owned)
    });
    (status, serde_json::from_slice(&body).unwrap(), counted.collect())
}

/// The list's step, which is the one that is counted.
async fn step(data: &Path, query: &str) -> String {
    let (status, list, counted) = answer(&serve(data), query).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    assert!(!list["items"].as_array().unwrap().is_empty());
    assert_eq!(counted, [list["step"].as_str().unwrap()]);
    counted[0].clone()
}

#[tokio::test]
async fn each_step_is_in_the_answer_and_in_the_metric() {
    let data = published();
    assert_eq!(step(data.path(), "user=u0").await, "live_ranker");
    appoint(data.path(), 1, nowhere());
    assert_eq!(step(data.path(), "user=u0").await, "pack_order");

    let data = published();
    damage(data.path(), &["user:u0", "user:u1"]);
    let own = serve(data.path());
    own.sessions.take_in([event("like", 0, 7, EventKind::Like, NOW - 1)], NOW);
    let (_, list, counted) = answer(&own, "user=u0").await;
    assert_eq!((counted, &list["step"]), (vec!["own_top".to_owned()], &json!("own_top")));
    let place = &list["items"][0];
    assert_eq!([&place["item"], &place["title"], &place["creator"]], ["i7", "Song 7", "c1"]);
    drop(own);
    assert_eq!(step(data.path(), "user=u1&context.region=de").await, "regional_popular");
    damage(data.path(), &["region:de"]);
    assert_eq!(step(data.path(), "user=u1&context.region=de").await, "global_popular");
    damage(data.path(), &["region:all"]);
    let (status, problem, _) = answer(&serve(data.path()), "user=u1").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("pack_missing")));
}

#[cfg(feature = "ranker")]
#[tokio::test]
async fn without_its_ranker_a_list_is_ranked_by_the_one_before() {
    let data = published();
    refresh(data.path(), &options()).unwrap();
    let ranker = demo_ranker(data.path());
    appoint(data.path(), 1, ranker.clone());
    appoint(data.path(), 2, nowhere());
    assert_eq!(step(data.path(), "user=u0").await, "previous_ranker");
    appoint(data.path(), 2, ranker);
    assert_eq!(step(data.path(), "user=u0").await, "live_ranker");
}

#[tokio::test]
async fn without_its_policy_a_list_keeps_the_packs_order() {
    let data = published();
    let order = {
        let state = serve(data.path());
        let policy =
            state.published().unwrap().verified.as_ref().unwrap().manifest.policies["radio"].hash.clone();
        fs::remove_file(data.path().join("served/blobs").join(policy)).unwrap();
        super::item_tests::pack(&state, "user:u0").await.candidates()[0].item.clone()
    };
    let (status, list, counted) = answer(&serve(data.path()), "user=u0").await;
    assert_eq!((status, counted), (StatusCode::OK, vec!["pack_order".to_owned()]), "{list}");
    assert_eq!(list["items"][0]["item"], json!(order));
}

/// A scorer with a bug.
struct Panics;

impl Scorer for Panics {
    fn score(&mut self, _: &Inputs, _: &mut Budget<'_>) -> segue_core::Result<Vec<f32>> {
        panic!("a bug")
    }
}

#[tokio::test]
async fn a_bug_costs_one_list_its_ranking_and_its_engine_is_not_lent_again() {
    let data = published();
    let state = serve(data.path());
    let published = state.published().unwrap();
    let manifest = &published.verified.as_ref().unwrap().manifest;
    let kit = Kit { policy: manifest.policies["radio"].hash.clone(), ranker: manifest.ranker.clone() };
    let schema = include_bytes!("../../models/demo/schema.json");
    let schema = Schema::from_json(schema).unwrap();
    let policy = Policy::from_json(policies::RADIO).unwrap();
    let engine = Engine::of_server(policy, Some((schema, Box::new(Panics)))).unwrap();
    state.engines.give_back(kit, engine);
    assert_eq!(answer(&state, "user=u0").await.2, ["pack_order"]);
    assert_eq!(answer(&state, "user=u0").await.2, ["live_ranker"]);
}

#[tokio::test]
async fn of_a_persons_own_items_none_comes_back_that_may_not_be_shown() {
    let (data, mut catalogue) = folder();
    catalogue.items[0].available_until_ms = Some(1);
    catalogue.items[1].regions = vec!["fr".into()];
    catalogue.items[2].age_rating = Some(18);
    write(data.path(), &catalogue);
    refresh(data.path(), &options()).unwrap();
    damage(data.path(), &["user:u0"]);
    let state = serve(data.path());
    let mut refused = event("refused", 0, 8, EventKind::NotInterested, NOW - 1);
    refused.context.insert("scope".into(), "creator".into());
    let likes = [0, 1, 2, 8, 9, 20].map(|item| event(&format!("{item}"), 0, item, EventKind::Like, NOW - 2));
    let mut gone = event("gone", 0, 0, EventKind::Like, NOW - 2);
    gone.item = "gone".into();
    state.sessions.take_in(likes.into_iter().chain([gone, refused]), NOW);
    let own = async |query: &str| -> Vec<String> {
        let (_, list, counted) = answer(&state, query).await;
        assert_eq!(counted, ["own_top"]);
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|place| place["item"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(own("user=u0").await, ["i20"]);
    assert_eq!(own("user=u0&context.region=fr&context.age_group=18-24").await, ["i1", "i2", "i20"]);
}

#[tokio::test]
async fn what_is_for_older_people_goes_only_to_those_whose_age_is_known() {
    let (data, mut catalogue) = folder();
    for (user, group) in catalogue.users.iter_mut().zip(["18-24", "13-17", "18-24", "13-17"]) {
        (user.age_group, user.country) = (Some(group.into()), Some("de".into()));
    }
    let rated: BTreeSet<usize> = (0..60).step_by(3).collect();
    rated.iter().for_each(|item| catalogue.items[*item].age_rating = Some(16));
    write(data.path(), &catalogue);
    refresh(data.path(), &options()).unwrap();
    damage(data.path(), &["user:u1"]);
    let state = serve(data.path());
    let holds_rated = async |query: &str| {
        let (status, list, _) = answer(&state, &format!("count=100&{query}")).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        let number = |place: &Value| place["item"].as_str().unwrap()[1..].parse::<usize>().unwrap();
        list["items"].as_array().unwrap().iter().any(|place| rated.contains(&number(place)))
    };
    for (query, holds) in [
        ("user=u0", true),
        ("user=new&context.region=de&context.age_group=18-24", true),
        ("user=new&context.age_group=18-24", true),
        ("user=new&context.region=de", false),
        ("user=new", false),
        ("user=new&context.region=de&context.age_group=13-17", false),
        ("user=u1&context.region=de", false),
    ] {
        assert_eq!(holds_rated(query).await, holds, "{query}");
    }
}

#[tokio::test]
async fn a_like_of_a_device_whose_clock_is_ahead_is_in_the_list_asked_for_after_its_202() {
    let data = published();
    damage(data.path(), &["user:u0"]);
    let state = serve(data.path());
    let mut told = serde_json::to_value(event("like", 0, 7, EventKind::Like, now_ms() + 60_000)).unwrap();
    told.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let (status, _) = ask(&state, "POST", "/api/v1/events", Some(json!({ "events": [told] }))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let path = "/api/v1/recommendations?user=u0&surface=radio";
    let (_, body) = ask(&state, "GET", path, None).await;
    let list: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&list["step"], &list["items"][0]["item"]), (&"own_top".into(), &"i7".into()));
}

/// A list on everybody's pack for somebody without one of their own, who did this with these items.
fn shared(state: &AppState, user: &str, surface: &str, did: &[(&str, EventKind)]) -> Recommendations {
    let events = did.iter().enumerate().map(|(at, (item, kind))| {
        let mut event = Event::new(format!("{user} {at}"), *item, kind.clone(), NOW - 1_000 + at as i64);
        event.user = user.to_owned();
        event
    });
    let wanted = Wanted {
        user: user.to_owned(),
        surface: surface.to_owned(),
        offset: 0,
        count: 30,
        context: [("device".to_owned(), "phone".to_owned())].into(),
        as_of_ms: NOW,
        events: events.collect(),
        without: Vec::new(),
    };
    recommend(state, &wanted).unwrap()
}

/// On what they share lists are made one after the other: each is as if it were the first.
fn is_as_if_nobody_had_been_there(data: &Path) {
    let surfaces: Vec<String> = {
        let published = serve(data).published().unwrap();
        published.verified.as_ref().unwrap().manifest.policies.keys().cloned().collect()
    };
    for surface in &surfaces {
        let likes_and_skips = [("i5", EventKind::Like), ("i9", EventKind::Complete), ("i2", EventKind::Skip)];
        let refuses = [("i2", EventKind::Like), ("i5", EventKind::NotInterested), ("i9", EventKind::Dislike)];
        // Each by a service that nobody asked before.
        let first = shared(&serve(data), "one", surface, &likes_and_skips);
        let quiet = shared(&serve(data), "one", surface, &[]);
        assert_eq!(first.step, Step::LiveRanker);
        assert_ne!(quiet.places, first.places, "{surface}");
        let state = serve(data);
        let other = shared(&state, "other", surface, &refuses);
        assert_eq!(shared(&state, "one", surface, &likes_and_skips), first, "{surface}");
        assert_eq!(shared(&state, "other", surface, &refuses), other, "{surface}");
        assert_eq!(shared(&state, "one", surface, &[]), quiet, "{surface}");
    }
}

#[test]
fn what_somebody_else_did_on_the_same_pack_leaves_nothing_in_a_list() {
    let data = published();
    is_as_if_nobody_had_been_there(data.path());
    #[cfg(feature = "ranker")]
    {
        appoint(data.path(), 1, demo_ranker(data.path()));
        is_as_if_nobody_had_been_there(data.path());
    }
}
