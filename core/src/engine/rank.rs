//! From the session to a list: eligibility, score, list search, exploration, placement, reasons, in this order.

use std::collections::BTreeMap;

use super::line::Line;
use super::{Engine, Order, Place, Ranker, Request, Slate, Surface};
use crate::budget::Budget;
use crate::digest;
use crate::error::{Code, Error, Result};
use crate::features::FeatureLog;
use crate::pack::VerifiedPack;
use crate::policy::{Eligibility, Eligible, ListRules, Placed, Placement, Seen, Traits};
use crate::reason::{Reason, ReasonCode};
use crate::session::State;

/// What the candidates are ordered by.
pub(super) struct Scores {
    /// Utility of the first candidates of the pack: of all of them unless the budget ran out.
    pub(super) utilities: Vec<f32>,
    /// Why it is the pack's own order instead, if it is.
    pub(super) fallback: Option<ReasonCode>,
}

impl Engine {
    /// The list after the last event. Never fails once a pack is accepted and the request is sound: whatever goes
    /// wrong on the way gives the pack's own order, with what is barred left out.
    ///
    /// # Errors
    /// `pack_missing`; `request_invalid`; `surface_unknown` when the manifest names no policy for the surface.
    pub fn rank(&mut self, request: &Request) -> Result<Slate> {
        self.rank_within(request, &mut Budget::unlimited())
    }

    /// The best list within `budget`: what it did not reach follows in order of utility, then in the pack's order,
    /// with the reason `fallback_deadline`. [`Slate::units`] of [`Budget::of_units`] gives the same list again.
    ///
    /// # Errors
    /// As [`Engine::rank`].
    pub fn rank_within(&mut self, request: &Request, budget: &mut Budget<'_>) -> Result<Slate> {
        self.turn_to(request)?;
        let scores = self.scores(request, budget);
        let eligible = self.eligible(request)?;
        let line = self.line(request, &eligible, &scores, budget)?;
        let placed = self.placed(request, &line, scores.fallback.is_some())?;
        // Before the reasons, which may ask the model about sessions that did not happen.
        let is_logged = request.log_features && scores.fallback.is_none();
        let features = if is_logged { self.seen(&placed)? } else { None };
        let reasons = self.reasons(request, &eligible, &placed, &scores, budget)?;
        let slate = self.slate(request, &eligible, &scores, &placed, reasons, budget)?;
        Ok(Slate { features, ..slate })
    }

    /// Checks a request as [`Engine::rank`] does and turns to its surface, by whose policy events are weighed from now
    /// on that name none. For hosts that serve many people by one engine, or do something before a list which must not
    /// be done for one that is refused.
    ///
    /// # Errors
    /// As [`Engine::rank`].
    pub fn turn_to(&mut self, request: &Request) -> Result<()> {
        request.check()?;
        self.pack()?;
        self.region = request.context.get("region").cloned();
        if self.surfaces.contains_key(&request.surface) {
            self.surface = Some(request.surface.clone());
            return Ok(());
        }
        // One that the manifest does not name is a mistake of the caller; a policy that it names but that was not
        // accepted is a fault like any other.
        match self.trust.manifest() {
            Ok(manifest) if manifest.policies.contains_key(&request.surface) => Ok(()),
            Ok(manifest) => Err(manifest.unknown_surface(&request.surface)),
            Err(_) => Err(Error::new(Code::SurfaceUnknown, format!("{:?} has no policy.", request.surface))),
        }
    }

    /// What the model saw and said of the places; nothing where no model was asked.
    fn seen(&self, placed: &[Placed]) -> Result<Option<FeatureLog>> {
        let candidates = self.pack()?.candidates();
        let item = |one: &Placed| Some((candidates.get(one.index)?.item.as_str(), one.index));
        Ok(self.ranker.as_ref().and_then(|ranker| ranker.log(placed.iter().filter_map(item))))
    }

    /// The utility of each candidate after the last event, in the pack's order; servers order packs with it.
    ///
    /// # Errors
    /// `pack_missing`, `surface_unknown`, `policy_invalid`, and what the scorer reports.
    pub fn utilities(&mut self, request: &Request) -> Result<Vec<f32>> {
        self.utilities_within(request, &mut Budget::unlimited())
    }

    /// What one head of the ranker said of each candidate when it was asked last, in the pack's order; nothing where
    /// there is no such head.
    #[cfg(feature = "encode")]
    #[must_use]
    pub fn head(&self, name: &str) -> Vec<f32> {
        self.ranker.as_ref().map_or_else(Vec::new, |ranker| ranker.head(name))
    }

    fn utilities_within(&mut self, request: &Request, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        let fits = self.ranker_fits();
        let Self { surfaces, ranker, pack, state, .. } = self;
        utilities(surfaces, ranker.as_mut().filter(|_| fits), pack.as_deref(), state, request, budget)
    }

    /// The utilities of another session, however long it takes.
    pub(super) fn utilities_of(&mut self, state: &State, request: &Request) -> Result<Vec<f32>> {
        let fits = self.ranker_fits();
        let Self { surfaces, ranker, pack, .. } = self;
        let ranker = ranker.as_mut().filter(|_| fits);
        utilities(surfaces, ranker, pack.as_deref(), state, request, &mut Budget::unlimited())
    }

    /// The utilities of these candidates in another session.
    pub(super) fn utilities_of_some(
        &mut self,
        rows: &[usize],
        state: &State,
        request: &Request,
    ) -> Result<Vec<f32>> {
        let fits = self.ranker_fits();
        let Self { surfaces, ranker, pack, .. } = self;
        let parts = (ranker.as_mut().filter(|_| fits), surfaces.get(&request.surface), pack.as_deref());
        if let (Some(ranker), Some(surface), Some(pack)) = parts {
            let some = ranker.utilities_of_some(&surface.policy, pack, rows, state, &request.context)?;
            if let Some(utilities) = some {
                return Ok(utilities);
            }
        }
        let all = self.utilities_of(state, request)?;
        Ok(rows.iter().filter_map(|&row| all.get(row).copied()).collect())
    }

    fn scores(&mut self, request: &Request, budget: &mut Budget<'_>) -> Scores {
        let instead = |code| Scores { utilities: Vec::new(), fallback: Some(code) };
        if !self.surfaces.contains_key(&request.surface) {
            return instead(ReasonCode::FallbackPolicyRefused);
        }
        if let Some(code) = self.fallback() {
            return instead(code);
        }
        match self.utilities_within(request, budget).map_err(|error| error.code()) {
            Ok(utilities) if utilities.is_empty() => instead(ReasonCode::FallbackDeadline),
            Ok(utilities) => Scores { utilities, fallback: None },
            Err(Code::ScoresInvalid) => instead(ReasonCode::FallbackScoresInvalid),
            Err(Code::PolicyInvalid) => instead(ReasonCode::FallbackPolicyRefused),
            Err(_) => instead(ReasonCode::FallbackModelFailed),
        }
    }

    fn eligible(&self, request: &Request) -> Result<Eligible> {
        self.eligible_of(Some(&request.surface), request.now_ms, request.context.get("region"))
    }

    /// What may be shown on a surface at a time and in a region.
    pub(super) fn eligible_of(
        &self,
        surface: Option<&String>,
        now_ms: i64,
        region: Option<&String>,
    ) -> Result<Eligible> {
        let policy = surface.and_then(|surface| self.surfaces.get(surface)).map(|surface| &surface.policy);
        Ok(Eligible::of(&Eligibility {
            pack: self.pack()?,
            traits: self.traits()?,
            state: &self.state,
            seen: policy.map_or(&Seen::Session, |policy| &policy.seen),
            now_ms,
            region,
        }))
    }

    /// A fallback keeps pins and caps, and draws nothing.
    fn placed(&mut self, request: &Request, line: &Line, is_fallback: bool) -> Result<Vec<Placed>> {
        let interactions = self.state.applied().saturating_add(request.interactions());
        self.traits()?;
        if let (Some(surface), Some(pack), Some(traits)) =
            (self.surfaces.get_mut(&request.surface), &self.pack, self.traits.get())
        {
            surface.make_pool(traits, pack.candidates());
        }
        let surface = self.surfaces.get(&request.surface);
        let none = ListRules::none();
        let rules = surface.map_or(&none, |surface| &surface.policy.list);
        let pack = self.pack()?;
        let placement = Placement {
            candidates: pack.candidates(),
            traits: self.traits()?,
            rules,
            above: &self.above(rules)?,
            played: if rules.queue { self.state.plays() } else { 0 },
            line: &line.order,
            searched: line.searched,
            explored: surface.filter(|_| !is_fallback).and_then(|surface| surface.explored(interactions)),
            varied: surface.filter(|_| !is_fallback).and_then(|surface| surface.policy.variety),
            worth: &line.worth,
            seed: request.seed,
            generation: pack.generation(),
        };
        Ok(placement.place(request.count))
    }

    fn slate(
        &self,
        request: &Request,
        eligible: &Eligible,
        scores: &Scores,
        placed: &[Placed],
        reasons: Vec<Reason>,
        budget: &Budget<'_>,
    ) -> Result<Slate> {
        let pack = self.pack()?;
        let places = placed.iter().zip(reasons).zip(0..);
        let places = places.filter_map(|((placed, reason), position)| {
            place(pack, eligible, scores, placed, reason, position)
        });
        Ok(Slate {
            slate: self.slate_id(request, pack.generation(), placed),
            surface: request.surface.clone(),
            generation: pack.generation(),
            policy: self.surfaces.get(&request.surface).and_then(|surface| surface.hash.clone()),
            ranker: self.ranker_hash(),
            order: if scores.fallback.is_some() { Order::Fallback } else { Order::Ranked },
            fallback: scores.fallback.or_else(|| self.meanwhile()),
            stale: request.now_ms >= pack.expires_ms(),
            units: budget.taken(),
            complete: !budget.is_exhausted(),
            features: None,
            places: places.collect(),
        })
    }

    /// Two lists have the same id only if they are the same list.
    fn slate_id(&self, request: &Request, generation: u64, placed: &[Placed]) -> String {
        let places = placed.iter().flat_map(|one| [one.index as u32, one.propensity]);
        let places: Vec<u8> = places.flat_map(u32::to_le_bytes).collect();
        let seed = request.seed.to_le_bytes();
        let list = u64::from_be_bytes(digest::short([request.surface.as_bytes(), &seed, &places]));
        format!("{generation}-{}-{list:016x}", self.state.applied())
    }

    pub(super) fn traits(&self) -> Result<&Traits> {
        let pack = self.pack()?;
        let new = || Traits::new(pack.candidates(), pack.created_ms()).with_profile(pack.profile());
        Ok(self.traits.get_or_init(new))
    }
}

fn utilities(
    surfaces: &mut BTreeMap<String, Surface>,
    ranker: Option<&mut Ranker>,
    pack: Option<&VerifiedPack>,
    state: &State,
    request: &Request,
    budget: &mut Budget<'_>,
) -> Result<Vec<f32>> {
    let unknown = || Error::new(Code::SurfaceUnknown, format!("{:?} has no policy.", request.surface));
    let missing = || Error::new(Code::PackMissing, "no pack has been accepted.");
    let surface = surfaces.get_mut(&request.surface).ok_or_else(unknown)?;
    let pack = pack.ok_or_else(missing)?;
    match ranker {
        Some(ranker) => ranker.utilities(&surface.policy, pack, state, &request.context, budget),
        None => surface.linear_utilities(pack, state, &request.context),
    }
}

fn place(
    pack: &VerifiedPack,
    eligible: &Eligible,
    scores: &Scores,
    placed: &Placed,
    reason: Reason,
    position: u32,
) -> Option<Place> {
    let candidate = pack.candidates().get(placed.index)?;
    Some(Place {
        item: candidate.item.clone(),
        position,
        score: scores.utilities.get(placed.index).copied().unwrap_or(candidate.score),
        pack_position: eligible.position(placed.index),
        text: reason.text(),
        reason,
        propensity: placed.propensity,
        title: candidate.display.as_ref().map(|(title, _)| title.clone()),
        creator: candidate.display.as_ref().map(|(_, creator)| creator.clone()),
    })
}
