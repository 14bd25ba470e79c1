//! A surface's policy, and the linear scorer that ranks for it where no ranker was trained.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::error::Result;
use crate::features::{Assembler, Schema};
use crate::pack::{Candidate, VerifiedPack};
use crate::policy::{Policy, Pool, Traits};
use crate::score::{LinearScorer, Scorer, check_heads};
use crate::session::State;

/// A surface's policy with its linear scorer.
pub(crate) struct Surface {
    pub(super) policy: Policy,
    pub(super) linear: LinearScorer,
    pub(super) linear_schema: Schema,
    /// The policy's hash, where a manifest names it.
    pub(super) hash: Option<String>,
    pub(super) of_pack: OfPack,
}

/// What a surface works out of the pack in use, each part when it is asked for first.
#[derive(Default)]
pub(super) struct OfPack {
    assembler: Option<Assembler>,
    /// What the pack lets it explore.
    pool: Option<Pool>,
    /// The utilities of an empty session, with the ranker and the context they are of.
    pub(super) without_session: Option<(Circumstances, Vec<f32>)>,
}

/// Hash of the ranker, and the request's context.
pub(super) type Circumstances = (Option<String>, BTreeMap<String, String>);

#[cfg(feature = "encode")]
impl OfPack {
    /// What the pack alone says. Utilities of an empty session stay: nobody's session is in them.
    pub(super) fn forgetting_session(mut self) -> Self {
        self.assembler.iter_mut().for_each(Assembler::forget_session);
        self
    }
}

impl Surface {
    pub(super) fn new(policy: Policy) -> Result<Self> {
        let (linear, linear_schema) = LinearScorer::new(&policy.linear)?;
        Ok(Self { policy, linear, linear_schema, hash: None, of_pack: OfPack::default() })
    }

    /// Makes what exploration needs, once per pack.
    pub(super) fn make_pool(&mut self, traits: &Traits, candidates: &[Candidate]) {
        if let (None, Some(exploration)) = (&self.of_pack.pool, &self.policy.exploration) {
            self.of_pack.pool = Some(Pool::new(exploration, traits, candidates));
        }
    }

    /// What may be explored, and on which share of the places, by a person with so many interactions.
    pub(super) fn explored(&self, interactions: u64) -> Option<(&Pool, f32)> {
        let share = self.policy.exploration.as_ref()?.share_at(interactions);
        self.of_pack.pool.as_ref().filter(|_| share > 0.0).map(|pool| (pool, share))
    }

    pub(super) fn linear_utilities(
        &mut self,
        pack: &VerifiedPack,
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<f32>> {
        let new = || Assembler::new(self.linear_schema.clone(), pack);
        let assembler = self.of_pack.assembler.get_or_insert_with(new);
        let inputs = assembler.assemble(pack, state, context);
        let heads = self.linear.score(inputs, &mut Budget::unlimited())?;
        check_heads(&heads, inputs.count, &self.linear_schema)?;
        Ok(heads)
    }
}
