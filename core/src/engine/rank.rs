//! From the session to a list: eligibility, score, list rules, reasons, in this order.

use std::collections::BTreeMap;

use super::{Engine, Order, Place, Ranker, Request, Slate, Surface};
use crate::error::{Code, Error, Result};
use crate::features::{Assembler, Schema};
use crate::limits;
use crate::pack::VerifiedPack;
use crate::policy::{self, Eligible, Policy, Scored};
use crate::reason::{Reason, ReasonCode};
use crate::score::{Scorer, check_heads};
use crate::session::State;

/// A slot's propensity when nothing is drawn: certain, in millionths.
const CERTAIN: u32 = 1_000_000;
/// Nothing further than this cosine is barred when no policy says otherwise.
const NEVER_NEAR: f32 = 2.0;

impl Engine {
    /// The list after the last event. Never fails once a pack is accepted and the request is sound: whatever goes
    /// wrong on the way gives the pack's own order, with what is barred left out.
    ///
    /// # Errors
    /// `pack_missing`; `request_invalid`; `surface_unknown` when the manifest names no policy for the surface.
    pub fn rank(&mut self, request: &Request) -> Result<Slate> {
        check(request)?;
        self.pack()?;
        if !self.surfaces.contains_key(&request.surface) {
            return self.rank_without_policy(request);
        }
        self.surface = Some(request.surface.clone());
        let eligible = self.eligible(request)?;
        if let Some(code) = self.fallback() {
            return self.pack_order(request, &eligible, code);
        }
        match self.utilities(request) {
            Ok(utilities) => self.ranked(request, &eligible, &utilities),
            Err(error) if error.code() == Code::ScoresInvalid => {
                self.pack_order(request, &eligible, ReasonCode::FallbackScoresInvalid)
            }
            Err(error) if error.code() == Code::PolicyInvalid => {
                self.pack_order(request, &eligible, ReasonCode::FallbackPolicyRefused)
            }
            Err(_) => self.pack_order(request, &eligible, ReasonCode::FallbackModelFailed),
        }
    }

    /// The utility of each candidate after the last event, in the pack's order; servers order packs with it.
    ///
    /// # Errors
    /// `pack_missing`, `surface_unknown`, `policy_invalid`, and what the scorer reports.
    pub fn utilities(&mut self, request: &Request) -> Result<Vec<f32>> {
        let unknown = || Error::new(Code::SurfaceUnknown, format!("{:?} has no policy.", request.surface));
        let missing = || Error::new(Code::PackMissing, "no pack has been accepted.");
        let surface = self.surfaces.get_mut(&request.surface).ok_or_else(unknown)?;
        let pack = self.pack.as_ref().ok_or_else(missing)?;
        match &mut self.ranker {
            Some(ranker) => ranker.utilities(&surface.policy, pack, &self.state, &request.context),
            None => surface.linear_utilities(pack, &self.state, &request.context),
        }
    }

    fn eligible(&self, request: &Request) -> Result<Eligible> {
        let near = self
            .surfaces
            .get(&request.surface)
            .map_or(NEVER_NEAR, |surface| surface.policy.feedback.not_interested_similarity);
        Ok(Eligible::of(self.pack()?.candidates(), &self.state, near, request.now_ms))
    }

    /// A policy the manifest names but that was not accepted is a fault like any other; one it does not name is a
    /// mistake of the caller.
    fn rank_without_policy(&self, request: &Request) -> Result<Slate> {
        let named =
            self.trust.manifest().is_ok_and(|manifest| manifest.policies.contains_key(&request.surface));
        if !named {
            let detail = format!("the manifest has no policy for {:?}.", request.surface);
            return Err(Error::new(Code::SurfaceUnknown, detail));
        }
        self.pack_order(request, &self.eligible(request)?, ReasonCode::FallbackPolicyRefused)
    }

    fn pack_order(&self, request: &Request, eligible: &Eligible, code: ReasonCode) -> Result<Slate> {
        let pack = self.pack()?;
        let scored = eligible.indices.iter().take(request.count);
        let chosen: Vec<Scored> =
            scored.map(|&index| Scored { index, utility: pack.candidates()[index].score }).collect();
        let reasons = vec![Reason::plain(code); chosen.len()];
        Ok(self.slate(request, pack, eligible, &chosen, reasons, Some(code)))
    }

    fn ranked(&self, request: &Request, eligible: &Eligible, utilities: &[f32]) -> Result<Slate> {
        let pack = self.pack()?;
        let surface = &self.surfaces[&request.surface];
        let scored: Vec<Scored> =
            eligible.indices.iter().map(|&index| Scored { index, utility: utilities[index] }).collect();
        let chosen = policy::select(pack.candidates(), &scored, &surface.policy.list, request.count);
        let reasons = self.reasons(pack, eligible, &chosen);
        Ok(self.slate(request, pack, eligible, &chosen, reasons, None))
    }

    fn slate(
        &self,
        request: &Request,
        pack: &VerifiedPack,
        eligible: &Eligible,
        chosen: &[Scored],
        reasons: Vec<Reason>,
        fallback: Option<ReasonCode>,
    ) -> Slate {
        let positions = eligible.positions();
        let place = |(position, (scored, reason)): (usize, (&Scored, Reason))| {
            let candidate = &pack.candidates()[scored.index];
            Place {
                item: candidate.item.clone(),
                position: position as u32,
                score: scored.utility,
                pack_position: positions[&scored.index],
                text: reason.text(),
                reason,
                propensity: CERTAIN,
                title: candidate.display.as_ref().map(|(title, _)| title.clone()),
                creator: candidate.display.as_ref().map(|(_, creator)| creator.clone()),
            }
        };
        Slate {
            slate: format!("{}-{}-{:x}", pack.generation(), self.state.applied(), request.seed),
            surface: request.surface.clone(),
            generation: pack.generation(),
            order: if fallback.is_some() { Order::Fallback } else { Order::Ranked },
            fallback,
            stale: request.now_ms >= pack.expires_ms(),
            places: chosen.iter().zip(reasons).enumerate().map(place).collect(),
        }
    }
}

fn check(request: &Request) -> Result<()> {
    let invalid = |detail: String| Err(Error::new(Code::RequestInvalid, detail));
    if request.count == 0 || request.count > limits::PLACES {
        return invalid(format!("count is {}, allowed is 1 to {}.", request.count, limits::PLACES));
    }
    let long = |text: &String| text.len() > limits::ID_BYTES;
    let context = &request.context;
    if context.len() > limits::CONTEXT_ENTRIES || context.iter().any(|(name, text)| long(name) || long(text))
    {
        return invalid(format!("a context of {} entries, or one too long.", context.len()));
    }
    Ok(())
}

impl Ranker {
    fn utilities(
        &mut self,
        policy: &Policy,
        pack: &VerifiedPack,
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<f32>> {
        let assembler = self.assembler.get_or_insert_with(|| Assembler::new(self.schema.clone(), pack));
        let inputs = assembler.assemble(pack, state, context);
        let heads = self.scorer.score(inputs)?;
        check_heads(&heads, inputs.count, &self.schema)?;
        utilities(policy, &self.schema, &heads)
    }
}

impl Surface {
    fn linear_utilities(
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

/// The policy's weighted sum of functions of named heads, one value per row of `heads`.
///
/// A term over a head that this ranker does not have is left out.
///
/// # Errors
/// `policy_invalid` when no term is left.
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
    Ok(heads.chunks_exact(schema.heads.len()).map(utility).collect())
}
