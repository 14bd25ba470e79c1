//! 500 candidates, 50 events: every iteration applies one more event and asks for 50 places.

use anyhow::Result;
use segue_core::Engine;
use segue_core::pack::VerifiedPack;
use segue_core::trust::Manifest;
use serde_json::{Value, json};

use crate::artefacts::{Artefacts, CREATED_MS, SUBJECT};
use crate::times::{Times, milliseconds};
use crate::workload::{self, EVENTS};

/// Times of opening a pack that are measured.
const OPENINGS: usize = 200;

/// An engine in the middle of the stream of events.
pub(crate) struct Run {
    engine: Engine,
    candidates: usize,
    at: usize,
}

/// What one event cost.
pub(crate) struct Cost {
    /// Applying it, in milliseconds.
    pub(crate) apply: f64,
    /// Applying it and ranking after it.
    pub(crate) whole: f64,
}

impl Run {
    /// After `events` events.
    pub(crate) fn new(artefacts: &Artefacts, events: usize) -> Result<Self> {
        let mut engine = artefacts.engine()?;
        workload::prepare(&mut engine, events)?;
        Ok(Self { candidates: engine.pack()?.candidates().len(), engine, at: events })
    }

    /// Applies the next event and ranks.
    pub(crate) fn step(&mut self) -> Result<Cost> {
        let (event, request) = (workload::event(self.at, self.candidates), workload::request(self.at));
        self.at += 1;
        let apply = milliseconds(|| {
            self.engine.apply(&event)?;
            Ok(())
        })?;
        let rank = milliseconds(|| workload::rank(&mut self.engine, &request))?;
        Ok(Cost { apply, whole: apply + rank })
    }

    /// The session as it is now.
    pub(crate) fn save(&self) -> Result<Vec<u8>> {
        Ok(self.engine.save_session()?)
    }

    /// Goes back to where a session of `events` events was saved.
    pub(crate) fn restore(&mut self, session: &[u8], events: usize) -> Result<()> {
        self.at = events;
        Ok(self.engine.restore_session(session)?)
    }

    /// Several steps, of which the last `measured` count.
    pub(crate) fn steps(&mut self, warm_up: usize, measured: usize) -> Result<Vec<Cost>> {
        for _ in 0..warm_up {
            self.step()?;
        }
        (0..measured).map(|_| self.step()).collect()
    }
}

/// Times the whole step from the event to the list, the event alone, and the opening of a pack.
pub(crate) fn measure(artefacts: &Artefacts, warm_up: usize, iterations: usize) -> Result<Value> {
    let costs = Run::new(artefacts, EVENTS)?.steps(warm_up, iterations)?;
    let whole = Times::new(costs.iter().map(|cost| cost.whole).collect());
    let apply = Times::new(costs.iter().map(|cost| cost.apply * 1e3).collect());
    Ok(json!({
        "rerank_500x50_native_p50_ms": whole.quantile(0.5),
        "rerank_500x50_native_p99_ms": whole.quantile(0.99),
        "event_apply_native_p99_us": apply.quantile(0.99),
        "pack_open_native_p50_ms": openings(artefacts)?.quantile(0.5),
    }))
}

/// Verifies and decodes the signed pack.
fn openings(artefacts: &Artefacts) -> Result<Times> {
    let key = artefacts.key.public();
    let manifest = Manifest::verify(&artefacts.manifest, &key)?;
    let open = |_| {
        milliseconds(|| {
            VerifiedPack::open(&artefacts.pack, &key, &manifest, SUBJECT, CREATED_MS)?;
            Ok(())
        })
    };
    Ok(Times::new((0..OPENINGS).map(open).collect::<Result<_>>()?))
}
