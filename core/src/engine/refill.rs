//! When the pack in use runs thin, so that the host fetches the next one before anybody notices.

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::features::similarity;
use crate::pack::{Candidate, VerifiedPack};
use crate::policy::RefillRules;

/// How many of the candidates nearest to what the session is after have to be near.
const NEAREST: usize = 10;

/// A new pack is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refill {
    /// Why, most urgent first; at least one.
    pub reasons: Vec<RefillReason>,
    /// Candidates left that may be shown and were not played in this session.
    pub left: u32,
}

/// Why a new pack is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefillReason {
    /// The pack in use has expired, or a newer one was refused.
    Stale,
    /// It expires soon.
    Expiring,
    /// Few candidates are left that may be shown where the person is.
    FewCandidates,
    /// The session is after something that the pack holds little of.
    Drifted,
}

impl Engine {
    /// Whether a new pack is wanted at `now_ms`; `None` while the one in use does, and before the first one was
    /// accepted. Thresholds are those of the surface ranked last (`refill` in `docs/POLICY.md`), in the region of that request.
    ///
    /// Accepting the new pack goes on with the session: see [`Engine::accept_pack`].
    #[must_use]
    pub fn refill(&self, now_ms: i64) -> Option<Refill> {
        let pack = self.pack.as_deref()?;
        let surface = self.surface.as_ref().and_then(|surface| self.surfaces.get(surface));
        let rules = surface.or(self.surfaces.values().next()).and_then(|surface| surface.policy.refill);
        let rules = rules.unwrap_or_default();
        let left = self.left(pack, now_ms);
        // A pack that never held so many is not thin for it.
        let wanted = (rules.min_left as usize).min(pack.candidates().len() / 2);
        let reasons: Vec<RefillReason> = [
            (RefillReason::Stale, self.faults.pack || now_ms >= pack.expires_ms()),
            (RefillReason::Expiring, is_expiring(pack, &rules, now_ms)),
            (RefillReason::FewCandidates, left.len() < wanted),
            (RefillReason::Drifted, self.is_far(&left, &rules)),
        ]
        .into_iter()
        .filter_map(|(reason, holds)| holds.then_some(reason))
        .collect();
        (!reasons.is_empty()).then_some(Refill { reasons, left: left.len() as u32 })
    }

    /// What may be shown and was not played in this session.
    fn left<'a>(&self, pack: &'a VerifiedPack, now_ms: i64) -> Vec<&'a Candidate> {
        let Ok(eligible) = self.eligible_of(self.surface.as_ref(), now_ms, self.region.as_ref()) else {
            return Vec::new();
        };
        let candidates = eligible.indices.iter().filter_map(|&index| pack.candidates().get(index));
        candidates.filter(|candidate| !self.state.is_played(&candidate.item)).collect()
    }

    /// The mean cosine of the nearest candidates to the session's interest is below what the rules want.
    fn is_far(&self, left: &[&Candidate], rules: &RefillRules) -> bool {
        let interest = self.state.interest();
        if interest.iter().all(|value| *value == 0.0) || left.is_empty() {
            return false;
        }
        let mut closeness: Vec<f32> =
            left.iter().map(|candidate| similarity(&interest, &candidate.vector)).collect();
        closeness.sort_unstable_by(|one, other| other.total_cmp(one));
        closeness.truncate(NEAREST);
        1.0 - closeness.iter().sum::<f32>() / closeness.len() as f32 > rules.drift
    }
}

fn is_expiring(pack: &VerifiedPack, rules: &RefillRules, now_ms: i64) -> bool {
    (1..=rules.before_expiry_ms as i64).contains(&pack.expires_ms().saturating_sub(now_ms))
}

#[cfg(all(test, feature = "encode"))]
mod tests;
