//! What an isolate holds between requests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use segue_core::engine::PreparedRanker;

use crate::settings::Settings;
use crate::shelf::Shelf;

/// How long somebody else's flight is waited for before it counts as lost, in milliseconds.
const LOST_MS: i64 = 10_000;

/// What an isolate holds between requests. No borrow of its parts is held while something is awaited.
pub struct Isolate {
    /// What the operator decided.
    pub settings: Settings,
    /// The ranker that was current at deploy, its plans built before the first request.
    pub prepared: Option<PreparedRanker>,
    /// Engines by region.
    pub shelf: RefCell<Shelf>,
    /// Since when each region is being pulled.
    flights: RefCell<BTreeMap<String, i64>>,
}

impl Isolate {
    /// An isolate without engines.
    #[must_use]
    pub fn new(settings: Settings, prepared: Option<PreparedRanker>) -> Self {
        Self { settings, prepared, shelf: RefCell::default(), flights: RefCell::default() }
    }

    /// Whether the caller is the one to pull this region now; then it says so with [`Isolate::land`].
    pub(crate) fn takes_off(&self, region: &str, now_ms: i64) -> bool {
        let mut flights = self.flights.borrow_mut();
        let running = flights.get(region).is_some_and(|since| now_ms.saturating_sub(*since) < LOST_MS);
        if !running {
            flights.insert(region.to_owned(), now_ms);
        }
        !running
    }

    pub(crate) fn land(&self, region: &str) {
        self.flights.borrow_mut().remove(region);
    }
}
