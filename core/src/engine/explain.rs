//! Chooses the reason of each place: the most particular one that is true.

use super::Engine;
use super::rank::Scores;
use crate::error::Result;
use crate::features::similarity;
use crate::pack::{Candidate, VerifiedPack};
use crate::policy::{Eligible, How, Placed};
use crate::reason::{Reason, ReasonCode};
use crate::session::Remembered;

/// An item counts as "because you liked" above this cosine to the liked one.
const NEAR: f32 = 0.75;
/// A creator counts as doing well in this session from this decayed strength on.
const WELL: f32 = 0.5;
/// Days that an item counts as new.
const NEW_DAYS: f32 = 30.0;
/// Share of the catalogue that is less popular than what counts as trending.
const TRENDING: f32 = 0.9;

impl Engine {
    pub(super) fn reasons(
        &self,
        eligible: &Eligible,
        placed: &[Placed],
        scores: &Scores,
    ) -> Result<Vec<Reason>> {
        let pack = self.pack()?;
        let reason = |(placed, position): (&Placed, u32)| match (scores.fallback, placed.how) {
            (_, How::Pinned) => Reason::plain(ReasonCode::Pinned),
            (Some(code), _) => Reason::plain(code),
            (None, How::Late) => Reason::plain(ReasonCode::FallbackDeadline),
            (None, How::Explored) => Reason::plain(ReasonCode::SomethingDifferent),
            (None, How::Ranked) => {
                let candidate = &pack.candidates()[placed.index];
                // A reason that names the session is given only to what the session moved up.
                let moved_up = position < eligible.position(placed.index);
                self.reason(pack, candidate, moved_up, eligible.seen_relaxed)
            }
        };
        Ok(placed.iter().zip(0..).map(reason).collect())
    }

    fn reason(
        &self,
        pack: &VerifiedPack,
        candidate: &Candidate,
        moved_up: bool,
        seen_relaxed: bool,
    ) -> Reason {
        if seen_relaxed && self.state.is_played(&candidate.item) {
            return Reason::plain(ReasonCode::PlayedBefore);
        }
        if moved_up && !self.state.is_empty() {
            return self.session_reason(pack, candidate);
        }
        let column = |name: &str| candidate.columns.get(name).copied();
        if column("age_days").is_some_and(|days| days < NEW_DAYS) {
            return by_creator(Reason::plain(ReasonCode::NewFrom), candidate);
        }
        match column("popularity_rank").is_some_and(|rank| rank >= TRENDING) {
            true => Reason::plain(ReasonCode::Trending),
            false => Reason::plain(ReasonCode::YourTaste),
        }
    }

    fn session_reason(&self, pack: &VerifiedPack, candidate: &Candidate) -> Reason {
        if let Some(liked) = self.nearest_liked(candidate) {
            let title = pack.find(&liked.item).and_then(|one| one.display.as_ref());
            let title = title.map_or(liked.item.as_str(), |(title, _)| title.as_str());
            return Reason::plain(ReasonCode::BecauseYouLiked).with("item", &liked.item).with("title", title);
        }
        match self.state.creator_affinity(&candidate.creator) >= WELL && !candidate.creator.is_empty() {
            true => by_creator(Reason::plain(ReasonCode::MoreFromCreator), candidate),
            false => Reason::plain(ReasonCode::FitsSession),
        }
    }

    fn nearest_liked(&self, candidate: &Candidate) -> Option<&Remembered> {
        let closeness = |event: &&Remembered| similarity(&event.vector, &candidate.vector);
        self.state
            .remembered()
            .filter(|event| self.state.is_liked(&event.item) && event.strength > 0.0)
            .filter(|event| closeness(event) >= NEAR)
            .max_by(|one, other| closeness(one).total_cmp(&closeness(other)))
    }
}

fn by_creator(reason: Reason, candidate: &Candidate) -> Reason {
    let name = candidate.display.as_ref().map_or(candidate.creator.as_str(), |(_, name)| name.as_str());
    reason.with("creator", &candidate.creator).with("name", name)
}
