//! What holds of every list, whatever was accepted before.

use std::collections::BTreeSet;

use segue_core::{Engine, Request, Slate};

/// Ranks and checks what is promised of every list.
///
/// # Panics
/// When a promise is broken.
pub fn check(engine: &mut Engine, request: &Request) {
    let Ok(slate) = engine.rank(request) else { return };
    hold(engine, request, &slate);
    let again = engine.rank(request).expect("what could be ranked once can be ranked again");
    assert_eq!(format!("{slate:?}"), format!("{again:?}"), "the same in, the same out");
}

fn hold(engine: &Engine, request: &Request, slate: &Slate) {
    let pack = engine.pack().expect("a slate comes from a pack");
    assert!(slate.places.len() <= request.count, "no more places than asked for");
    let distinct: BTreeSet<&str> = slate.places.iter().map(|place| place.item.as_str()).collect();
    assert_eq!(distinct.len(), slate.places.len(), "no item twice");
    for (position, place) in slate.places.iter().enumerate() {
        let candidate = pack.find(&place.item).expect("only the pack's items are listed");
        assert_eq!(place.position as usize, position);
        assert!(place.score.is_finite(), "{place:?}");
        assert!((1..=1_000_000).contains(&place.propensity), "{place:?}");
        assert!(!engine.session().is_barred(&place.item), "what is barred stays away: {place:?}");
        assert!(candidate.ends_ms.is_none_or(|end| request.now_ms < end), "{place:?} has ended");
    }
}
