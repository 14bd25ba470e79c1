//! What an isolate holds between requests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use segue_core::engine::PreparedRanker;

use crate::settings::Settings;
use crate::shelf::Shelf;

/// How long somebody else's flight is waited for before it counts as lost, in milliseconds.
const LOST_MS: i64 = 10_000;

/// How many fetched files an isolate keeps: a ranker that is not the bundled one, and its schema.
const FILES: usize = 2;

/// The ranker that was current at deploy: its plans, built before the first request, and its files, for those who rank
/// themselves.
pub struct Bundled {
    /// The plans.
    pub prepared: PreparedRanker,
    model: Vec<u8>,
    schema: Vec<u8>,
}

impl Bundled {
    /// Reads a ranker (ONNX) with its schema and builds its plans.
    ///
    /// # Errors
    /// As [`PreparedRanker::new`].
    pub fn new(model: Vec<u8>, schema: Vec<u8>) -> segue_core::Result<Self> {
        Ok(Self { prepared: PreparedRanker::new(&model, &schema)?, model, schema })
    }

    /// The one of its two files that has this hash.
    #[must_use]
    pub fn file(&self, hash: &str) -> Option<&[u8]> {
        let named = self.prepared.named();
        let files = [(&named.model, &self.model), (&named.schema, &self.schema)];
        files.into_iter().find(|(artefact, _)| artefact.hash == hash).map(|(_, bytes)| bytes.as_slice())
    }
}

/// What an isolate holds between requests. No borrow of its parts is held while something is awaited.
pub struct Isolate {
    /// What the operator decided.
    pub settings: Settings,
    /// The ranker that was current at deploy.
    pub bundled: Option<Bundled>,
    /// Engines by region.
    pub shelf: RefCell<Shelf>,
    /// Since when each region, and each file, is being pulled.
    flights: RefCell<BTreeMap<String, i64>>,
    /// The files fetched last, by their hash.
    files: RefCell<Vec<(String, Rc<[u8]>)>>,
}

impl Isolate {
    /// An isolate without engines.
    #[must_use]
    pub fn new(settings: Settings, bundled: Option<Bundled>) -> Self {
        let (shelf, flights, files) = Default::default();
        Self { settings, bundled, shelf, flights, files }
    }

    /// Whether the caller is the one to pull this now; then it says so with [`Isolate::land`].
    pub(crate) fn takes_off(&self, name: &str, now_ms: i64) -> bool {
        let mut flights = self.flights.borrow_mut();
        let running = flights.get(name).is_some_and(|since| now_ms.saturating_sub(*since) < LOST_MS);
        if !running {
            flights.insert(name.to_owned(), now_ms);
        }
        !running
    }

    pub(crate) fn land(&self, name: &str) {
        self.flights.borrow_mut().remove(name);
    }

    /// A file that was fetched lately.
    pub(crate) fn file(&self, hash: &str) -> Option<Rc<[u8]>> {
        let files = self.files.borrow();
        files.iter().find(|(found, _)| found == hash).map(|(_, bytes)| Rc::clone(bytes))
    }

    /// Keeps a fetched file in place of the oldest one.
    pub(crate) fn keep_file(&self, hash: &str, bytes: &Rc<[u8]>) {
        let mut files = self.files.borrow_mut();
        if files.len() >= FILES {
            files.remove(0);
        }
        files.push((hash.to_owned(), Rc::clone(bytes)));
    }
}
