//! A small catalogue, and everything signed that a client of it would fetch.

use std::ops::Range;

use segue_core::pack::{CandidateSource, PackSource};
use segue_core::trust::{Artefact, Manifest, PrivateKey, Ranker};
use segue_core::{Engine, Event, EventKind, Request, policies};

use crate::draws::Draws;

/// When everything in here happens, in milliseconds since 1970.
pub const NOW_MS: i64 = 1_790_000_000_000;
/// When manifests and packs stop being accepted.
pub const EXPIRES_MS: i64 = NOW_MS + 1_800_000;
/// Whose packs these are.
pub const SUBJECT: &str = "user:ada";
/// Entries of an item vector.
pub const DIMENSION: usize = 8;

const CATEGORIES: [&str; 4] = ["ambient", "folk", "jazz", "techno"];

/// The key that signs. Its seed is public, so nobody but a test may trust it.
#[must_use]
pub fn key() -> PrivateKey {
    PrivateKey::from_seed(*b"segue conformance vectors, seed.")
}

/// One item of the catalogue, owned.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its vector, [`DIMENSION`] entries.
    pub vector: Vec<f32>,
    /// The full ranker's utility.
    pub score: f32,
    /// Who made it.
    pub creator: String,
    /// Its categories, most important first.
    pub categories: Vec<String>,
    /// Named numbers.
    pub columns: Vec<(String, f32)>,
    /// The regions it may be shown in; empty for everywhere.
    pub regions: Vec<String>,
    /// When it stops being available.
    pub ends_ms: Option<i64>,
}

/// `count` items in the pack's order; items of one category lie close together.
#[must_use]
pub fn items(count: usize) -> Vec<Item> {
    let mut draws = Draws::new(count as u64);
    (0..count).map(|at| item(at, count, &mut draws)).collect()
}

fn item(at: usize, count: usize, draws: &mut Draws) -> Item {
    let category = draws.below(CATEGORIES.len());
    let mut vector: Vec<f32> = (0..DIMENSION).map(|_| 0.35 * draws.symmetric()).collect();
    vector[category] += 1.0;
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    let columns = [
        ("age_days", 400.0 * (draws.symmetric() + 1.01)),
        ("popularity", draws.symmetric().abs()),
        ("popularity_rank", draws.symmetric().abs()),
    ];
    Item {
        id: format!("item-{at:03}"),
        vector,
        score: 1.0 - at as f32 / count as f32 + 0.003 * draws.symmetric(),
        creator: format!("creator-{:02}", draws.below(count.div_ceil(3))),
        categories: vec![CATEGORIES[category].to_owned()],
        columns: columns.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        regions: Vec::new(),
        ends_ms: None,
    }
}

/// A signed pack of `items` for [`SUBJECT`].
#[must_use]
pub fn pack(items: &[Item], generation: u64) -> Vec<u8> {
    pack_for(items, generation, SUBJECT)
}

/// A signed pack of `items` for `subject`.
///
/// # Panics
/// When the items are none that a reader would accept.
#[must_use]
pub fn pack_for(items: &[Item], generation: u64, subject: &str) -> Vec<u8> {
    pack_during(items, generation, subject, NOW_MS..EXPIRES_MS)
}

/// A signed pack of `items` for `subject` that is accepted within these times, in milliseconds since 1970.
///
/// # Panics
/// When the items are none that a reader would accept.
#[must_use]
pub fn pack_during(items: &[Item], generation: u64, subject: &str, times: Range<i64>) -> Vec<u8> {
    let source = PackSource {
        generation,
        subject,
        created_ms: times.start,
        expires_ms: times.end,
        ranker: None,
        towers: "none",
        user: &[0.5; DIMENSION],
        profile: Vec::new(),
        candidates: items.iter().map(candidate).collect(),
    };
    source.seal(&key()).expect("a reader accepts these items")
}

fn candidate(item: &Item) -> CandidateSource<'_> {
    CandidateSource {
        item: &item.id,
        vector: &item.vector,
        score: item.score,
        creator: &item.creator,
        categories: &item.categories,
        columns: item.columns.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
        regions: &item.regions,
        ends_ms: item.ends_ms,
        display: Some((&item.id, &item.creator)),
    }
}

/// A manifest of the policies given, and of a ranker (model and schema) if there is one.
#[must_use]
pub fn manifest(generation: u64, policies: &[(&str, &[u8])], ranker: Option<(&[u8], &[u8])>) -> Manifest {
    let named = |(surface, bytes): &(&str, &[u8])| ((*surface).to_owned(), Artefact::of(bytes));
    Manifest {
        format: Manifest::FORMAT,
        generation,
        created_ms: NOW_MS,
        expires_ms: EXPIRES_MS,
        towers: "none".into(),
        ranker: ranker
            .map(|(model, schema)| Ranker { model: Artefact::of(model), schema: Artefact::of(schema) }),
        policies: policies.iter().map(named).collect(),
    }
}

/// The signed form of [`manifest`].
///
/// # Panics
/// When it cannot be written.
#[must_use]
pub fn sealed_manifest(
    generation: u64,
    policies: &[(&str, &[u8])],
    ranker: Option<(&[u8], &[u8])>,
) -> Vec<u8> {
    manifest(generation, policies, ranker).seal(&key()).expect("a manifest can be written")
}

/// An engine that trusts [`key`] and has accepted nothing yet.
///
/// # Panics
/// When the key is refused.
#[must_use]
pub fn untouched() -> Engine {
    Engine::new(&key().public().to_hex()).expect("the key is a key")
}

/// An engine with a pack of `count` items and the radio policy.
///
/// # Panics
/// When the world's own bytes are refused.
#[must_use]
pub fn engine(count: usize) -> Engine {
    engine_with(&items(count), "radio", policies::RADIO)
}

/// An engine with a pack of `items` and `policy` for `surface`.
///
/// # Panics
/// When any of them is refused.
#[must_use]
pub fn engine_with(items: &[Item], surface: &str, policy: &[u8]) -> Engine {
    let mut engine = untouched();
    let manifest = sealed_manifest(1, &[(surface, policy)], None);
    engine.accept_manifest(&manifest, NOW_MS).expect("the manifest is sound");
    engine.accept_policy(surface, policy).expect("the policy is sound");
    engine.accept_pack(&pack(items, 1), SUBJECT, NOW_MS).expect("the pack is sound");
    engine
}

/// A request for `count` places of `surface`.
#[must_use]
pub fn request(surface: &str, count: usize) -> Request {
    Request {
        surface: surface.into(),
        count,
        now_ms: NOW_MS,
        seed: 1,
        context: [].into(),
        log_features: false,
    }
}

/// Event number `at` of a session: one a second, its id made from the number.
#[must_use]
pub fn event(at: usize, kind: EventKind, item: &str) -> Event {
    Event::new(format!("event-{at}"), item, kind, NOW_MS + 1_000 * at as i64)
}
