//! Engines that are ready to rank anybody's pack, lent one request at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, ensure};
use segue_core::Engine;
use segue_core::features::Schema;
use segue_core::policies;
use segue_core::policy::Policy;
use segue_core::score::Scorer;
use segue_core::trust::{Ranker, hash};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::state::AppState;

/// Engines that wait for a request, over all surfaces.
const IDLE: usize = 32;

/// What an engine ranks with, by hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// The policy.
    pub policy: String,
    /// The ranker; the policy's linear scorer ranks without one.
    pub ranker: Option<Ranker>,
}

/// The pool.
pub struct Engines {
    idle: Mutex<Vec<(Kit, Engine)>>,
    turns: Arc<Semaphore>,
}

impl Default for Engines {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { idle: Mutex::default(), turns: Arc::new(Semaphore::new(processors)) }
    }
}

impl Engines {
    /// Waits for a processor to make a list on, first come, first served: more lists at once than that would all be
    /// later, each with an engine to be made first. None at the end of the process.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// An engine with this policy and ranker; give it back by [`Engines::give_back`]. One whose ranker cannot be had
    /// ranks in the pack's own order.
    ///
    /// # Errors
    /// When the policy cannot be read.
    pub fn lend(&self, state: &AppState, kit: &Kit) -> anyhow::Result<Engine> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = idle.iter().position(|(other, _)| other == kit) {
            return Ok(idle.swap_remove(place).1);
        }
        drop(idle);
        let policy = Policy::from_json(&artefact(state, &kit.policy)?)?;
        let ranker = kit.ranker.as_ref().map(|ranker| {
            let why = |error| tracing::error!("the ranker {} cannot be used: {error:#}", ranker.model.hash);
            scorer(state, ranker).map_err(why)
        });
        match ranker {
            None => Ok(Engine::of_server(policy, None)?),
            Some(Ok(ranker)) => Ok(Engine::of_server(policy, Some(ranker))?),
            Some(Err(())) => Ok(Engine::of_server(policy, None)?.lacking_its_ranker()),
        }
    }

    /// Takes an engine back; what is not of the latest kit makes room first.
    pub fn give_back(&self, kit: Kit, engine: Engine) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= IDLE {
            let other = idle.iter().position(|(other, _)| *other != kit);
            idle.swap_remove(other.unwrap_or_default());
        }
        idle.push((kit, engine));
    }
}

/// An engine that keeps packs' order, by the rules that Segue ships: for when the surface's policy cannot be had.
///
/// # Errors
/// When the shipped policy is none.
pub(super) fn in_the_packs_order(surface: &str) -> anyhow::Result<Engine> {
    let shipped = policies::ALL.iter().find(|(name, _)| *name == surface);
    let policy = Policy::from_json(shipped.map_or(policies::HOME, |(_, policy)| policy))?;
    let policy = Policy { surface: surface.to_owned(), ..policy };
    Ok(Engine::of_server(policy, None)?.lacking_its_ranker())
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        formatter.debug_struct("Engines").field("idle", &idle).finish()
    }
}

type Loaded = (Schema, Box<dyn Scorer + Send>);

/// On the core's own operators, which keep what depends on a pack alone from list to list.
#[cfg(feature = "ranker")]
fn scorer(state: &AppState, ranker: &Ranker) -> anyhow::Result<Loaded> {
    let schema = Schema::from_json(&artefact(state, &ranker.schema.hash)?)?;
    let scorer = segue_core::score::RankerScorer::new(&artefact(state, &ranker.model.hash)?, &schema)?;
    Ok((schema, Box::new(scorer)))
}

/// On ONNX Runtime, all of it for each list: this build has no operators of its own.
#[cfg(not(feature = "ranker"))]
fn scorer(state: &AppState, ranker: &Ranker) -> anyhow::Result<Loaded> {
    let schema = Schema::from_json(&artefact(state, &ranker.schema.hash)?)?;
    let scorer = crate::score::OrtScorer::new(&artefact(state, &ranker.model.hash)?, &schema)?;
    Ok((schema, Box::new(scorer)))
}

fn artefact(state: &AppState, wanted: &str) -> anyhow::Result<axum::body::Bytes> {
    let bytes = state.artefact(wanted)?.with_context(|| format!("artefact {wanted} is missing"))?;
    ensure!(hash(&bytes) == wanted, "artefact {wanted} is damaged");
    Ok(bytes)
}
