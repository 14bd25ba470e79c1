//! A ranker and its feature schema: whoever brings a model of their own brings these bytes.

use std::sync::LazyLock;

use segue_core::{EventKind, ReasonCode, policies};

use super::check_slate;
use super::seeds::SEPARATOR;
use crate::world;

/// Candidates of the packs: one alone, and so many that they are scored in more than one run.
const COUNTS: [usize; 2] = [1, 130];

static PACKS: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| COUNTS.map(|count| world::pack(&world::items(count), 1)));

/// A feature schema as JSON, a zero byte, an ONNX file; then lists ranked with them while a session goes on.
///
/// # Panics
/// When a list breaks a promise, or when a refused ranker is not reported as a fallback.
pub fn model(data: &[u8]) {
    let Some(at) = data.iter().position(|byte| *byte == SEPARATOR) else { return };
    let (schema, model) = (&data[..at], &data[at + 1..]);
    let mut engine = world::untouched();
    let manifest = world::sealed_manifest(1, &[("radio", policies::RADIO)], Some((model, schema)));
    engine.accept_manifest(&manifest, world::NOW_MS).expect("the manifest is sound");
    engine.accept_policy("radio", policies::RADIO).expect("the policy is sound");
    let accepted = engine.accept_ranker(model, schema);
    for pack in PACKS.iter() {
        engine.accept_pack(pack, world::SUBJECT, world::NOW_MS).expect("the pack is sound");
        let is_used = engine.fallback() != Some(ReasonCode::FallbackModelRefused);
        assert_eq!(is_used, accepted.is_ok(), "a refused ranker is told, a sound one is used");
        check_slate(&mut engine, &world::request("radio", 5));
        for (at, kind) in [EventKind::Like, EventKind::Skip].into_iter().enumerate() {
            let _ = engine.apply(&world::event(at, kind, "item-000"));
        }
        check_slate(&mut engine, &world::request("radio", 20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranker;

    #[test]
    fn the_small_ranker_is_accepted_and_ranks() {
        for model in [ranker::model(), ranker::in_8_bits()] {
            is_accepted_and_ranks(&model);
        }
    }

    fn is_accepted_and_ranks(model: &[u8]) {
        let schema = ranker::schema();
        let mut engine = world::untouched();
        let manifest = world::sealed_manifest(1, &[("radio", policies::RADIO)], Some((model, &schema)));
        engine.accept_manifest(&manifest, world::NOW_MS).unwrap();
        engine.accept_policy("radio", policies::RADIO).unwrap();
        engine.accept_ranker(model, &schema).unwrap();
        engine.accept_pack(&PACKS[1], world::SUBJECT, world::NOW_MS).unwrap();
        let before = engine.rank(&world::request("radio", 20)).unwrap();
        engine.apply(&world::event(0, EventKind::Like, &before.places[9].item)).unwrap();
        let after = engine.rank(&world::request("radio", 20)).unwrap();
        assert_eq!([before.order, after.order], [segue_core::Order::Ranked; 2]);
        assert_ne!(before.places, after.places);
    }
}
