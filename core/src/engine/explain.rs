//! Chooses the reason of each place: the most particular one that is true.
//!
//! A reason that speaks of the session is checked, not guessed. What comes because of a like has a higher score than it
//! would have without that like. What fits the session has gained on the other candidates by it: its score, less the
//! mean of all, is higher than without any session, as a skip lowers every score and says most about what it lowers
//! least. Both take one more run of the ranker: the second's is kept while pack and context stay the same, the first's is made for one like of a
//! list, the one that most of its places are near to, and for those places alone.

use std::collections::BTreeMap;

use super::rank::Scores;
use super::{Engine, Request};
use crate::budget::Budget;
use crate::error::Result;
use crate::features::similarity;
use crate::pack::{Candidate, VerifiedPack};
use crate::policy::{Eligible, How, Placed};
use crate::reason::{Reason, ReasonCode};
use crate::session::{EventKind, Remembered, State};

/// An item counts as "because you liked" above this cosine to the liked one.
const NEAR: f32 = 0.75;
/// A creator counts as doing well in this session from this decayed strength on.
const WELL: f32 = 0.5;
/// Days that an item counts as new.
const NEW_DAYS: f32 = 30.0;
/// Share of the catalogue that was less played lately than what counts as trending. Packs hold mostly what is popular.
const TRENDING: f32 = 0.99;
/// A score has to be higher by this share to count as raised: more than rounding could make.
const RAISED: f32 = 1e-4;

/// What the scores would be had something not happened; nothing is known where there was no time to find out.
#[derive(Default)]
struct Grounds {
    without_session: Vec<f32>,
    /// By how much the session has raised the mean of all scores.
    risen: f32,
    liked: Option<Liked>,
}

/// A like that some places are near to.
struct Liked {
    item: String,
    /// Those places' candidates with the scores they would have without it.
    without: BTreeMap<usize, f32>,
}

impl Engine {
    pub(super) fn reasons(
        &mut self,
        request: &Request,
        eligible: &Eligible,
        placed: &[Placed],
        scores: &Scores,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Reason>> {
        let moved_up = |(placed, position): (&Placed, u32)| {
            placed.how == How::Ranked && position < eligible.position(placed.index)
        };
        let raised: Vec<usize> =
            placed.iter().zip(0..).filter(|one| moved_up(*one)).map(|(placed, _)| placed.index).collect();
        let grounds = self.grounds(request, &raised, scores, budget)?;
        let (pack, traits) = (self.pack()?, self.traits()?);
        let plain = |index: usize| {
            let age_days = traits.age_days(index, request.now_ms);
            plain_reason(&pack.candidates()[index], age_days)
        };
        let reason = |(placed, position): (&Placed, u32)| match (scores.fallback, placed.how) {
            (_, How::Pinned) => Reason::plain(ReasonCode::Pinned),
            (Some(code), _) => Reason::plain(code),
            (None, How::Late) => Reason::plain(ReasonCode::FallbackDeadline),
            (None, How::Explored) => Reason::plain(ReasonCode::SomethingDifferent),
            (None, How::Ranked) if eligible.seen_relaxed => Reason::plain(ReasonCode::PlayedBefore),
            (None, How::Ranked) => {
                let session = moved_up((placed, position))
                    .then(|| self.session_reason(pack, placed.index, scores, &grounds))
                    .flatten();
                session.unwrap_or_else(|| plain(placed.index))
            }
        };
        Ok(placed.iter().zip(0..).map(reason).collect())
    }

    /// Finds out what the session has to do with the scores of what it moved up, a unit of the budget each.
    fn grounds(
        &mut self,
        request: &Request,
        raised: &[usize],
        scores: &Scores,
        budget: &mut Budget<'_>,
    ) -> Result<Grounds> {
        let mut grounds = Grounds::default();
        if scores.fallback.is_some() || self.state.is_empty() || raised.is_empty() || !budget.take() {
            return Ok(grounds);
        }
        grounds.without_session = self.without_session(request);
        grounds.risen = mean(&scores.utilities) - mean(&grounds.without_session);
        let Some((item, near)) = self.nearest_like(raised)? else { return Ok(grounds) };
        if budget.take() {
            let state = self.state.without_likes(&item);
            let without = self.utilities_of_some(&near, &state, request).unwrap_or_default();
            grounds.liked = Some(Liked { item, without: near.into_iter().zip(without).collect() });
        }
        Ok(grounds)
    }

    /// The utilities of an empty session, kept while pack, ranker and context stay the same.
    fn without_session(&mut self, request: &Request) -> Vec<f32> {
        let key = (self.ranker_hash(), request.context.clone());
        let kept =
            self.surfaces.get(&request.surface).and_then(|surface| surface.of_pack.without_session.as_ref());
        if let Some((_, utilities)) = kept.filter(|(kept, _)| *kept == key) {
            return utilities.clone();
        }
        let utilities = self.utilities_of(&State::default(), request).unwrap_or_default();
        if let Some(surface) = self.surfaces.get_mut(&request.surface) {
            surface.of_pack.without_session = Some((key, utilities.clone()));
        }
        utilities
    }

    /// The like that most of these candidates are near to, the newest of several, and those candidates.
    fn nearest_like(&self, raised: &[usize]) -> Result<Option<(String, Vec<usize>)>> {
        let candidates = self.pack()?.candidates();
        let likes = self.state.remembered().filter(|event| {
            event.kind == EventKind::Like && event.strength > 0.0 && self.state.is_liked(&event.item)
        });
        let is_near = |event: &Remembered, candidate: &Candidate| {
            event.item != candidate.item && similarity(&event.vector, &candidate.vector) >= NEAR
        };
        let near = |event: &Remembered| -> Vec<usize> {
            raised.iter().copied().filter(|&index| is_near(event, &candidates[index])).collect()
        };
        let with_near = likes.map(|event| (near(event), event)).filter(|(near, _)| !near.is_empty());
        let best = with_near.max_by_key(|(near, _)| near.len());
        Ok(best.map(|(near, event)| (event.item.clone(), near)))
    }

    /// A reason that speaks of the session, if it raised the score.
    fn session_reason(
        &self,
        pack: &VerifiedPack,
        index: usize,
        scores: &Scores,
        grounds: &Grounds,
    ) -> Option<Reason> {
        let candidate = pack.candidates().get(index)?;
        let score = *scores.utilities.get(index)?;
        let liked = grounds.liked.as_ref().filter(|liked| is_raised(score, liked.without.get(&index)));
        if let Some(Liked { item, .. }) = liked {
            let title = pack.find(item).and_then(|one| one.display.as_ref());
            let title = title.map_or(item.as_str(), |(title, _)| title.as_str());
            return Some(Reason::plain(ReasonCode::BecauseYouLiked).with("item", item).with("title", title));
        }
        if !is_raised(score - grounds.risen, grounds.without_session.get(index)) {
            return None;
        }
        match self.state.creator_affinity(&candidate.creator) >= WELL && !candidate.creator.is_empty() {
            true => Some(by_creator(Reason::plain(ReasonCode::MoreFromCreator), candidate)),
            false => Some(Reason::plain(ReasonCode::FitsSession)),
        }
    }
}

/// A reason that the pack alone gives.
fn plain_reason(candidate: &Candidate, age_days: Option<f32>) -> Reason {
    let is_trending = |name: &str| candidate.columns.get(name).is_some_and(|rank| rank >= TRENDING);
    let is_new = age_days.is_some_and(|days| (0.0..NEW_DAYS).contains(&days));
    if is_new && !candidate.creator.is_empty() {
        return by_creator(Reason::plain(ReasonCode::NewFrom), candidate);
    }
    Reason::plain(match (is_trending("regional_trending_rank"), is_trending("trending_rank")) {
        (true, _) => ReasonCode::TrendingNearYou,
        (false, true) => ReasonCode::Trending,
        (false, false) => ReasonCode::YourTaste,
    })
}

fn mean(scores: &[f32]) -> f32 {
    scores.iter().sum::<f32>() / scores.len().max(1) as f32
}

/// Whether the score is higher than it would be; not where that is not known.
fn is_raised(score: f32, without: Option<&f32>) -> bool {
    without.is_some_and(|without| score - without > RAISED * without.abs().max(1.0))
}

fn by_creator(reason: Reason, candidate: &Candidate) -> Reason {
    let name = candidate.display.as_ref().map_or(candidate.creator.as_str(), |(_, name)| name.as_str());
    reason.with("creator", &candidate.creator).with("name", name)
}
