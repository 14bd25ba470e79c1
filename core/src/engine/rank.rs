//! From the session to a list: eligibility, score, list rules, reasons, in this order.

use super::{Engine, Order, Place, Request, Slate};
use crate::budget::Budget;
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::pack::VerifiedPack;
use crate::policy::{self, Eligible, Scored};
use crate::reason::{Reason, ReasonCode};

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
            Some(ranker) => ranker.utilities(
                &surface.policy,
                pack,
                &self.state,
                &request.context,
                &mut Budget::unlimited(),
            ),
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
