use std::path::Path;

use segue_core::engine::{Engine, Request};
use segue_core::pack::VerifiedPack;
use segue_core::trust::{Manifest, PublicKey};

use super::*;
use crate::catalog::writer::Tables;
use crate::catalog::{AttributeValue, Catalogue, Counts, Dataset, Event, EventKind, Item, Rule, Split, User};
use crate::index::Kind;
use crate::keys::KeyStore;
use crate::packs::PackStore;

pub(crate) const NOW: i64 = 1_700_000_000_000;

/// `items` in four genres by `items / 4` artists, `users` who heard nothing yet.
pub(crate) fn catalogue(items: usize, users: usize) -> Catalogue {
    let genres = ["folk", "jazz", "metal", "soul"];
    let dataset = Dataset {
        format: 1,
        name: "sample".into(),
        attributes: Vec::new(),
        categories: genres.map(str::to_owned).into(),
        counts: Counts::default(),
        surface: "radio".into(),
        timed: true,
    };
    let item = |index: usize| Item {
        item: format!("i{index}"),
        title: format!("Song {index}"),
        creator: format!("c{}", index / 4),
        categories: vec![genres[index % 4].into()],
        attributes: [("tempo".to_owned(), AttributeValue::Number(60.0 + index as f64))].into(),
        ..Item::default()
    };
    let user = |index: usize| User { user: format!("u{index}"), ..User::default() };
    Catalogue::new(
        dataset,
        (0..items).map(item).collect(),
        (0..users).map(user).collect(),
        Vec::new(),
        Vec::new(),
        Split::new(Rule::Time { boundary_ms: i64::MAX }),
    )
}

/// What user `user` did with item `item`.
pub(crate) fn event(id: &str, user: usize, item: usize, kind: EventKind, time_ms: i64) -> Event {
    let mut event = Event::new(id, format!("i{item}"), kind, time_ms);
    event.user = format!("u{user}");
    event.session = format!("s{user}");
    event
}

/// A data folder: three users with a taste each, a fourth who is new.
pub(crate) fn folder() -> (tempfile::TempDir, Catalogue) {
    let data = tempfile::tempdir().unwrap();
    let mut catalogue = catalogue(60, 4);
    let listens = (0..90).map(|at| {
        let (user, step) = (at % 3, at / 3);
        let kind = if step % 5 == 4 { EventKind::Like } else { EventKind::Complete };
        event(&format!("e{at:03}"), user, (user + 4 * step) % 60, kind, NOW - 1_000_000 + at as i64)
    });
    catalogue.add_events(listens.collect());
    write(data.path(), &catalogue);
    (data, catalogue)
}

pub(crate) fn write(data: &Path, catalogue: &Catalogue) {
    let mut tables = Tables::create(data).unwrap();
    tables.items.write_all(&catalogue.items).unwrap();
    tables.users.write_all(&catalogue.users).unwrap();
    tables.events.write_all(&catalogue.events).unwrap();
    tables.collections.write_all(&catalogue.collections).unwrap();
    tables.publish(&mut catalogue.dataset.clone(), &catalogue.split).unwrap();
}

pub(crate) fn options() -> Options {
    Options { now_ms: Some(NOW), ..Options::default() }
}

pub(crate) fn root(data: &Path) -> PublicKey {
    KeyStore::new(data).root().unwrap().unwrap()
}

pub(crate) fn open(data: &Path, subject: &str) -> VerifiedPack {
    let generation = PackStore::new(data).open_current().unwrap().unwrap();
    let manifest = Manifest::verify(generation.manifest(), &root(data)).unwrap();
    let bytes = generation.get(subject).unwrap().unwrap();
    VerifiedPack::open(&bytes, &root(data), &manifest, subject, NOW).unwrap()
}

#[test]
fn a_client_accepts_what_was_published_and_ranks_with_it() {
    let (data, _) = folder();
    let report = run(data.path(), &options()).unwrap();
    assert_eq!((report.generation, report.packs, report.region_packs), (1, 5, 1));
    assert_eq!((report.self_recall, report.recall_at_100), (1.0, 1.0));
    assert_eq!(report.towers, "none");
    let store = PackStore::new(data.path());
    let generation = store.open_current().unwrap().unwrap();
    let mut client = Engine::new(&root(data.path()).to_hex()).unwrap();
    client.accept_rotations(generation.rotations()).unwrap();
    let manifest = client.accept_manifest(generation.manifest(), NOW).unwrap().clone();
    for (surface, artefact) in &manifest.policies {
        client.accept_policy(surface, &store.blob(&artefact.hash).unwrap().unwrap()).unwrap();
    }
    let pack = generation.get("user:u0").unwrap().unwrap();
    client.accept_pack(&pack, "user:u0", NOW).unwrap();
    let request = Request {
        surface: "radio".into(),
        count: 5,
        now_ms: NOW,
        seed: 1,
        context: [].into(),
        log_features: false,
    };
    let slate = client.rank(&request).unwrap();
    assert_eq!(slate.places.len(), 5);
    assert!(slate.fallback.is_none());
    assert!(slate.places.iter().all(|place| place.title.is_some()));
}

#[test]
fn a_user_with_the_longest_id_gets_a_pack_too() {
    let (data, mut catalogue) = folder();
    let id = "u".repeat(segue_core::limits::ID_BYTES);
    catalogue.users.push(User { user: id.clone(), ..User::default() });
    write(data.path(), &catalogue);
    run(data.path(), &options()).unwrap();
    let subject = format!("user:{id}");
    assert_eq!(open(data.path(), &subject).subject(), subject);
    let store = PackStore::new(data.path());
    let generation = store.open_current().unwrap().unwrap();
    let mut client = Engine::new(&root(data.path()).to_hex()).unwrap();
    client.accept_manifest(generation.manifest(), NOW).unwrap();
    client.accept_pack(&generation.get(&subject).unwrap().unwrap(), &subject, NOW).unwrap();
}

#[test]
fn packs_are_in_the_rankers_order_and_fit_their_user() {
    let (data, catalogue) = folder();
    run(data.path(), &options()).unwrap();
    for (user, genre) in [(0, "folk"), (1, "jazz"), (2, "metal")] {
        let pack = open(data.path(), &format!("user:u{user}"));
        let candidates = pack.candidates();
        assert_eq!(candidates.len(), catalogue.items.len());
        assert!(candidates.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let top = candidates[..5].iter().filter(|one| one.categories == [genre]).count();
        assert!(top >= 4, "{top} of user {user}'s first five are {genre}");
    }
}

#[test]
fn what_is_barred_is_in_no_pack() {
    let (data, mut catalogue) = folder();
    catalogue.items[8].regions = vec!["DE".into()];
    catalogue.items[9].available_until_ms = Some(NOW - 1);
    catalogue.users[0].country = Some("DE".into());
    catalogue.users[1].country = Some("FR".into());
    catalogue.add_events(vec![event("x", 0, 12, EventKind::NotInterested, NOW)]);
    write(data.path(), &catalogue);
    let report = run(data.path(), &options()).unwrap();
    assert_eq!(report.region_packs, 3);
    let holds = |subject: &str, item: &str| open(data.path(), subject).find(item).is_some();
    assert!(holds("user:u0", "i8") && holds("region:DE", "i8"));
    for subject in ["user:u1", "user:u3", "region:FR", "region:all"] {
        assert!(!holds(subject, "i8"), "{subject}");
    }
    for subject in ["user:u0", "user:u1", "region:DE", "region:all"] {
        assert!(!holds(subject, "i9"), "{subject}");
    }
    assert!(!holds("user:u0", "i12") && holds("user:u1", "i12"));
}

#[test]
fn a_policy_of_the_data_folder_replaces_the_shipped_one_and_its_seen_rule_holds() {
    let (data, _) = folder();
    let mut policy: serde_json::Value = serde_json::from_slice(segue_core::policies::RADIO).unwrap();
    policy["seen"] = serde_json::json!({ "rule": "never" });
    let never = policy.to_string();
    std::fs::create_dir(data.path().join("policies")).unwrap();
    std::fs::write(data.path().join("policies/radio.json"), &never).unwrap();
    run(data.path(), &options()).unwrap();
    let pack = open(data.path(), "user:u0");
    assert!(pack.find("i0").is_none() && pack.find("i1").is_some());
    let generation = PackStore::new(data.path()).open_current().unwrap().unwrap();
    let manifest = Manifest::verify(generation.manifest(), &root(data.path())).unwrap();
    assert_eq!(manifest.policies["radio"].hash, segue_core::trust::hash(never.as_bytes()));
    std::fs::write(data.path().join("policies/radio.json"), "{}").unwrap();
    assert!(format!("{:#}", run(data.path(), &options()).unwrap_err()).contains("radio.json"));
}

#[test]
fn the_same_data_gives_the_same_packs_and_each_run_its_own_generation() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let first = open(data.path(), "user:u1").candidates().to_vec();
    assert_eq!(run(data.path(), &options()).unwrap().generation, 2);
    assert_eq!(open(data.path(), "user:u1").candidates(), first);
}

#[test]
fn a_failing_run_leaves_the_generation_before_it_served() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let items = data.path().join("items.jsonl");
    let rows = std::fs::read(&items).unwrap();
    std::fs::write(&items, b"{ damaged").unwrap();
    assert!(run(data.path(), &options()).is_err());
    assert_eq!(PackStore::new(data.path()).current().unwrap(), Some(1));
    assert!(!open(data.path(), "user:u0").candidates().is_empty());
    std::fs::write(&items, rows).unwrap();
    assert_eq!(run(data.path(), &options()).unwrap().generation, 2);
}

#[test]
fn after_a_key_rotation_old_clients_follow_to_the_new_generation() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let root = root(data.path());
    let mut client = Engine::new(&root.to_hex()).unwrap();
    KeyStore::new(data.path()).rotate().unwrap();
    run(data.path(), &options()).unwrap();
    let generation = PackStore::new(data.path()).open_current().unwrap().unwrap();
    assert!(client.accept_manifest(generation.manifest(), NOW).is_err());
    assert_eq!(client.accept_rotations(generation.rotations()).unwrap(), 1);
    client.accept_manifest(generation.manifest(), NOW).unwrap();
    let pack = generation.get("region:all").unwrap().unwrap();
    client.accept_pack(&pack, "region:all", NOW).unwrap();
}

#[test]
fn exact_search_gives_the_same_packs_as_the_graph() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let graph = open(data.path(), "user:u2").candidates().to_vec();
    let report = run(data.path(), &Options { index: Kind::Exact, ..options() }).unwrap();
    assert_eq!(report.index, "exact");
    assert_eq!(open(data.path(), "user:u2").candidates(), graph);
}

#[test]
fn a_full_pack_has_less_than_64_kilobytes_of_ranking_data() {
    let (data, _) = folder();
    let catalogue = catalogue(700, 3);
    write(data.path(), &catalogue);
    let report = run(data.path(), &options()).unwrap();
    assert_eq!(open(data.path(), "user:u0").candidates().len(), KEPT);
    assert!(report.ranking_bytes_max < 64 << 10, "{} bytes", report.ranking_bytes_max);
    assert!(report.ranking_bytes_max < report.pack_bytes_max);
}

#[test]
fn a_regions_pack_has_300_candidates_and_brings_what_is_new_and_little_known() {
    let (data, _) = folder();
    write(data.path(), &catalogue(700, 3));
    run(data.path(), &options()).unwrap();
    let pack = open(data.path(), "region:all");
    assert_eq!(pack.candidates().len(), KEPT_OF_REGION);
    let brought = |source: Source| {
        let number = |one: &segue_core::pack::Candidate| one.columns.get("sources").unwrap_or(0.0);
        pack.candidates().iter().filter(|one| Sources::of_number(number(one)).contains(source)).count()
    };
    assert!(brought(Source::Trending) >= 200);
    assert!(brought(Source::New) + brought(Source::Exploration) >= Source::Exploration.keeps());
}

#[test]
fn a_folder_without_data_names_the_remedy() {
    let data = tempfile::tempdir().unwrap();
    let error = format!("{:#}", run(data.path(), &options()).unwrap_err());
    assert!(error.contains("segue import"), "{error}");
}
