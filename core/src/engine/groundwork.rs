//! What an engine works out of a pack apart from any session, kept by a server for the next list from the same pack.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, ranker, surface};
use crate::pack::VerifiedPack;
use crate::policy::Traits;
use crate::session::State;

/// A pack with everything that an engine worked out of it alone: columns of its candidates, the ranker's first part, what may be
/// explored, likenesses. An engine with the same policy and ranker goes on with it for the person's next list.
pub struct Groundwork {
    pack: Arc<VerifiedPack>,
    traits: OnceCell<Traits>,
    surfaces: BTreeMap<String, surface::OfPack>,
    pub(super) ranker: Option<ranker::OfPack>,
}

impl Groundwork {
    /// The pack that it is of.
    #[must_use]
    pub fn pack(&self) -> &Arc<VerifiedPack> {
        &self.pack
    }
}

impl Engine {
    /// Starts a new session on the pack of `groundwork`, as [`Engine::begin`] does, without working it out again. It has to
    /// come from an engine of the same policy and the same ranker.
    pub fn begin_on(&mut self, groundwork: Groundwork) {
        let Groundwork { pack, traits, mut surfaces, ranker } = groundwork;
        self.state = State::default();
        self.state.adopt(&pack);
        (self.pack, self.traits) = (Some(pack), traits);
        if let Some(own) = &mut self.ranker {
            own.exchange(ranker);
        }
        for (name, surface) in &mut self.surfaces {
            surface.of_pack = surfaces.remove(name).unwrap_or_default();
        }
    }

    /// Ends the session and hands out what was worked out of its pack; none before the first one. Nothing of the session is in
    /// it: the person may be erased before the next one. The engine is then without a pack.
    pub fn leave(&mut self) -> Option<Groundwork> {
        self.state = State::default();
        let pack = self.pack.take()?;
        let traits = std::mem::take(&mut self.traits);
        let ranker = self.ranker.as_mut().and_then(|ranker| ranker.exchange(None));
        let ranker = ranker.map(ranker::OfPack::forgetting_session);
        let of_pack = |(name, surface): (&String, &mut super::Surface)| {
            (name.clone(), std::mem::take(&mut surface.of_pack).forgetting_session())
        };
        Some(Groundwork { pack, traits, surfaces: self.surfaces.iter_mut().map(of_pack).collect(), ranker })
    }
}

impl std::fmt::Debug for Groundwork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pack = (self.pack.generation(), self.pack.subject());
        formatter.debug_struct("Groundwork").field("pack", &pack).finish_non_exhaustive()
    }
}
