//! Documents that a manifest names by their hash: whoever signs it may still have been careless.

use segue_core::limits;
use segue_core::policy::Policy;
use segue_core::{Engine, EventKind};

use super::check_slate;
use crate::world::{self, NOW_MS, SUBJECT};

/// A policy as JSON, then lists under it.
pub fn policy(data: &[u8]) {
    let surface = Policy::from_json(data).map_or_else(|_| "radio".to_owned(), |policy| policy.surface);
    let Some(mut engine) = engine(&surface, data) else { return };
    let kinds = [EventKind::Like, EventKind::Skip, EventKind::Rating, EventKind::NotInterested];
    for (at, kind) in kinds.into_iter().enumerate() {
        check_slate(&mut engine, &world::request(&surface, 5));
        let mut event = world::event(at, kind, &format!("item-{at:03}"));
        event.value = Some(5.0);
        let _ = engine.apply(&event);
    }
    check_slate(&mut engine, &world::request(&surface, limits::PLACES));
}

fn engine(surface: &str, policy: &[u8]) -> Option<Engine> {
    let mut engine = world::untouched();
    let manifest = world::sealed_manifest(1, &[(surface, policy)], None);
    engine.accept_manifest(&manifest, NOW_MS).ok()?;
    let _ = engine.accept_policy(surface, policy);
    engine.accept_pack(&world::pack(&world::items(24), 1), SUBJECT, NOW_MS).ok()?;
    Some(engine)
}
