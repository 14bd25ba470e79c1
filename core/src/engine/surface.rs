//! A surface's policy, and the linear scorer that ranks for it where no ranker was trained.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::features::{Assembler, Schema};
use crate::pack::VerifiedPack;
use crate::policy::Policy;
use crate::score::{LinearScorer, Scorer, check_heads};
use crate::session::State;

/// A surface's policy with its linear scorer.
pub(crate) struct Surface {
    pub(super) policy: Policy,
    pub(super) linear: LinearScorer,
    pub(super) linear_schema: Schema,
    pub(super) assembler: Option<Assembler>,
}

impl Surface {
    pub(super) fn new(policy: Policy) -> Result<Self> {
        let (linear, linear_schema) = LinearScorer::new(&policy.linear)?;
        Ok(Self { policy, linear, linear_schema, assembler: None })
    }

    pub(super) fn linear_utilities(
        &mut self,
        pack: &VerifiedPack,
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<f32>> {
        let assembler =
            self.assembler.get_or_insert_with(|| Assembler::new(self.linear_schema.clone(), pack));
        let inputs = assembler.assemble(pack, state, context);
        let heads = self.linear.score(inputs)?;
        check_heads(&heads, inputs.count, &self.linear_schema)?;
        Ok(heads)
    }
}
