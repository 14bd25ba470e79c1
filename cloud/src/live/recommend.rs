//! One list, by the best means there are.
//!
//! live ranker → previous ranker → the pack's order → the person's own top items → the region's pack → everybody's pack.
//! The first three need a pack: the person's own, or for somebody who has none yet the region's or everybody's. The
//! others answer when a person's own pack cannot be read.

use std::collections::BTreeMap;

use segue_core::engine::{Listed, Slate};
use serde::Serialize;

use super::ladder::Ladder;
use crate::catalog::Event;
use crate::error::ApiError;
use crate::state::AppState;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The person; nobody in particular when empty.
    pub user: String,
    /// The surface whose policy ranks.
    pub surface: String,
    /// The first place wanted, from 0.
    pub offset: usize,
    /// How many places are wanted.
    pub count: usize,
    /// Circumstances, as in [`Request::context`](segue_core::Request::context).
    pub context: BTreeMap<String, String>,
    /// The list is the one of this time, in milliseconds since 1970.
    pub as_of_ms: i64,
    /// Events of the person that the service has not received yet.
    pub events: Vec<Event>,
    /// Items that are not to be on the list.
    pub without: Vec<String>,
}

impl Wanted {
    /// What the person did until the list was made, and what came later. A new list knows all that was received; one that
    /// goes on knows what it knew when it began. No time is later than the list's: a clock of theirs may be ahead.
    pub(super) fn told(&self, state: &AppState) -> (Vec<Event>, Vec<Event>) {
        let until_ms = if self.offset == 0 { i64::MAX } else { self.as_of_ms };
        let (mut events, mut later) = state.sessions.split(&self.user, until_ms);
        let (sent, sent_later): (Vec<_>, Vec<_>) =
            self.events.iter().cloned().partition(|event| event.time_ms <= until_ms);
        events.extend(sent);
        later.extend(sent_later);
        events.iter_mut().for_each(|event| event.time_ms = event.time_ms.min(self.as_of_ms));
        (events, later)
    }
}

/// How far down the ladder the answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Ranked for the live session by the ranker in force.
    LiveRanker,
    /// Ranked for the live session by the ranker of an earlier generation.
    PreviousRanker,
    /// The pack's own order.
    PackOrder,
    /// What the person did most good things with.
    OwnTop,
    /// The pack of the person's region.
    RegionalPopular,
    /// Everybody's pack.
    GlobalPopular,
}

impl Step {
    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LiveRanker => "live_ranker",
            Self::PreviousRanker => "previous_ranker",
            Self::PackOrder => "pack_order",
            Self::OwnTop => "own_top",
            Self::RegionalPopular => "regional_popular",
            Self::GlobalPopular => "global_popular",
        }
    }
}

/// A list and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendations {
    /// How far down the ladder it stands.
    pub step: Step,
    /// Generation of the pack.
    pub generation: u64,
    /// Hash of the ranker that ranked, where one did.
    pub ranker: Option<String>,
    /// The ranked list, its places apart; none for a person's own top items.
    pub slate: Option<Slate>,
    /// The places asked for.
    pub places: Vec<Listed>,
    /// Whether there are more after them.
    pub more: bool,
    /// The session left the pack behind, or used it up.
    pub wants_pack: bool,
}

/// The list.
///
/// # Errors
/// `generation_missing`, `root_key_missing`, `surface_unknown`, `request_invalid`; `pack_missing` when there is nobody's
/// pack either.
pub fn recommend(state: &AppState, wanted: &Wanted) -> Result<Recommendations, ApiError> {
    let published = state.published()?;
    let ladder = Ladder::new(state, &published, wanted)?;
    let own = match wanted.user.as_str() {
        "" => Ok(None),
        user => ladder.pack(&format!("user:{user}")),
    };
    match own {
        Ok(Some(pack)) => ladder.ranked(&pack),
        // Somebody new: everybody's candidates in the order of their own session.
        Ok(None) => {
            let pack = ladder.shared()?.1;
            ladder.ranked(&pack)
        }
        Err(error) => {
            tracing::error!("a pack cannot be read: {error:#}");
            ladder.without_pack()
        }
    }
}
