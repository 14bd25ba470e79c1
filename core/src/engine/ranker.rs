//! The trained ranker at work: features in, the policy's utility of each candidate out.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::error::{Code, Error, Result};
use crate::features::{Assembler, FeatureLog, Schema};
use crate::pack::VerifiedPack;
use crate::policy::Policy;
use crate::score::{Kept, Scorer, calibrate, check_heads};
use crate::session::State;

/// A ranker ready to run.
pub(crate) struct Ranker {
    pub(super) schema: Schema,
    pub(super) scorer: Box<dyn Scorer + Send>,
    /// What it works out of the pack in use; the scorer keeps its part.
    assembler: Option<Assembler>,
    /// The scorer has its part of that pack.
    is_prepared: bool,
    /// What the scorer said last, after calibration.
    heads: Vec<f32>,
}

/// What a ranker works out of a pack.
pub(super) struct OfPack {
    pub(super) assembler: Assembler,
    kept: Option<Kept>,
}

#[cfg(feature = "encode")]
impl OfPack {
    /// What the pack alone says.
    pub(super) fn forgetting_session(mut self) -> Self {
        self.assembler.forget_session();
        self
    }
}

impl Ranker {
    #[cfg_attr(
        not(any(feature = "ranker", feature = "encode")),
        allow(dead_code, reason = "nothing brings a ranker")
    )]
    pub(super) fn new(schema: Schema, scorer: Box<dyn Scorer + Send>) -> Self {
        Self { schema, scorer, assembler: None, is_prepared: false, heads: Vec::new() }
    }

    /// Takes up what was worked out of another pack and gives up what was of this one. A scorer that gave up nothing may keep
    /// something of its own all the same: it is prepared again.
    pub(super) fn exchange(&mut self, other: Option<OfPack>) -> Option<OfPack> {
        let (assembler, kept) = other.map(|other| (other.assembler, other.kept)).unzip();
        let kept = kept.flatten();
        self.is_prepared = kept.is_some();
        let kept = self.scorer.exchange(kept);
        self.heads.clear();
        std::mem::replace(&mut self.assembler, assembler).map(|assembler| OfPack { assembler, kept })
    }

    /// What the model saw and said of these candidates (item and place in the pack) when it was asked last.
    pub(super) fn log<'a>(&self, placed: impl Iterator<Item = (&'a str, usize)>) -> Option<FeatureLog> {
        let inputs = self.assembler.as_ref()?.inputs();
        Some(FeatureLog::new(&self.schema, inputs, &self.heads, placed))
    }

    /// What one head said of each candidate scored last, in the pack's order; nothing where there is no such head.
    pub(super) fn head(&self, name: &str) -> Vec<f32> {
        let column = self.schema.heads.iter().position(|head| head.name == name);
        let rows = self.heads.chunks_exact(self.schema.heads.len().max(1));
        column.map_or_else(Vec::new, |column| rows.filter_map(|row| row.get(column).copied()).collect())
    }

    pub(super) fn utilities(
        &mut self,
        policy: &Policy,
        pack: &VerifiedPack,
        state: &State,
        context: &BTreeMap<String, String>,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<f32>> {
        self.prepare(pack)?;
        let Some(assembler) = &mut self.assembler else { return Ok(Vec::new()) };
        let inputs = assembler.assemble(pack, state, context);
        self.heads = self.scorer.score(inputs, budget)?;
        check_heads(&self.heads, inputs.count, &self.schema)?;
        calibrate(&mut self.heads, &self.schema);
        utilities(policy, &self.schema, &self.heads)
    }

    /// The utilities of these candidates alone, where the scorer can tell them without looking at the others.
    pub(super) fn utilities_of_some(
        &mut self,
        policy: &Policy,
        pack: &VerifiedPack,
        rows: &[usize],
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> Result<Option<Vec<f32>>> {
        self.prepare(pack)?;
        let Some(assembler) = &self.assembler else { return Ok(None) };
        let inputs = assembler.assemble_some(pack, rows, state, context);
        let Some(mut heads) = self.scorer.score_some(rows, &inputs)? else { return Ok(None) };
        check_heads(&heads, rows.len(), &self.schema)?;
        calibrate(&mut heads, &self.schema);
        utilities(policy, &self.schema, &heads).map(Some)
    }

    fn prepare(&mut self, pack: &VerifiedPack) -> Result<()> {
        if !self.is_prepared {
            let known = self.assembler.take();
            let assembler = known.unwrap_or_else(|| Assembler::new(self.schema.clone(), pack));
            self.scorer.prepare(assembler.inputs())?;
            (self.assembler, self.is_prepared) = (Some(assembler), true);
        }
        Ok(())
    }
}

/// The policy's weighted sum of functions of named heads, one value per row of `heads`.
///
/// A term over a head that this ranker does not have is left out.
///
/// # Errors
/// `policy_invalid` when no term is left; `scores_invalid` when a sum is no finite number, as heads near the end of
/// what an f32 holds can make it.
pub fn utilities(policy: &Policy, schema: &Schema, heads: &[f32]) -> Result<Vec<f32>> {
    let column = |name: &str| schema.heads.iter().position(|head| head.name == name);
    let terms: Vec<_> = policy.utility.iter().filter_map(|term| Some((column(&term.head)?, term))).collect();
    if terms.is_empty() {
        let names: Vec<&str> = schema.heads.iter().map(|head| head.name.as_str()).collect();
        let detail = format!("no term of the utility is a head of the ranker, which has {names:?}.");
        return Err(Error::new(Code::PolicyInvalid, detail));
    }
    let utility = |row: &[f32]| {
        terms.iter().map(|(column, term)| term.weight * term.function.apply(row[*column])).sum()
    };
    let utilities: Vec<f32> = heads.chunks_exact(schema.heads.len()).map(utility).collect();
    match utilities.iter().find(|utility| !utility.is_finite()) {
        Some(utility) => Err(Error::new(Code::ScoresInvalid, format!("a utility of {utility}."))),
        None => Ok(utilities),
    }
}
