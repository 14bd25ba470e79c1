//! The newest events, in the order in which they happened, and which of them still count.

use serde::{Deserialize, Serialize};

use super::seen::fingerprint;
use super::subject::{Scope, Subject};
use super::sums::check_vector;
use super::{Applied, Event, EventKind, State};
use crate::limits;
use crate::pack::{Candidate, VerifiedPack};
use crate::policy::Feedback;

/// An event this much older than the newest, in milliseconds, is taken in the order of arrival: one hour. It is as
/// likely that a clock was set back, and the list has to reflect what was done last.
pub const LATE_MS: i64 = 3_600_000;

/// Strengths of a policy are at most this.
const STRONGEST: f32 = 5.0;

/// One event with what its features need later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The event's id.
    pub event_id: String,
    /// The item it was about.
    pub item: String,
    /// What happened.
    pub kind: EventKind,
    /// What it says about taste, by the policy: above 0 for, below 0 against.
    pub strength: f32,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// How much was played, in milliseconds.
    pub played_ms: Option<u64>,
    /// The item's whole length, in milliseconds.
    pub total_ms: Option<u64>,
    /// Place in the slate it was shown at.
    pub position: Option<u32>,
    /// The item's vector, empty when the pack did not hold the item.
    pub vector: Vec<f32>,
    pub(super) scope: Scope,
    pub(super) creator: String,
    pub(super) categories: Vec<String>,
    /// Fingerprint of the slate it came from, 0 for none.
    pub(super) slate: u64,
    /// What is left of earlier events' weight after it.
    pub(super) decay: f32,
    /// Its creator was not met before.
    pub(super) novel: bool,
    /// A later event took it back.
    pub(super) taken_back: bool,
    /// It took an earlier event back, and says nothing of its own.
    pub(super) took: bool,
}

impl Remembered {
    pub(super) fn of(event: &Event, candidate: Option<&Candidate>, feedback: &Feedback) -> Self {
        let slate = event.slate.as_deref().map_or(0, fingerprint);
        Self::with(event, candidate, strength(event, feedback), feedback.decay, slate)
    }

    /// An event that was weighed before, as `pack` describes its item.
    pub(super) fn again(event: &Event, pack: &VerifiedPack, strength: f32, decay: f32, slate: u64) -> Self {
        Self::with(event, pack.find(&event.item), strength, decay, slate)
    }

    fn with(event: &Event, candidate: Option<&Candidate>, strength: f32, decay: f32, slate: u64) -> Self {
        let Subject { scope, vector, creator, categories } = Subject::of(event, candidate);
        Self {
            event_id: event.event_id.clone(),
            item: event.item.clone(),
            kind: event.kind.clone(),
            strength,
            time_ms: event.time_ms,
            played_ms: event.played_ms,
            total_ms: event.total_ms,
            position: event.position,
            vector,
            scope,
            creator,
            categories,
            slate,
            decay,
            novel: false,
            taken_back: false,
            took: false,
        }
    }

    /// Whose item it is about, empty for nobody known.
    pub(crate) fn creator(&self) -> &str {
        &self.creator
    }

    /// The item's first category.
    pub(crate) fn category(&self) -> Option<&String> {
        self.categories.first()
    }

    /// Whether the session shows it: it was not taken back and is not the taking back itself.
    pub(super) fn is_shown(&self) -> bool {
        !self.taken_back && (!self.took || self.corrects())
    }

    /// Whether it says something about taste.
    pub(super) fn counts(&self) -> bool {
        self.strength != 0.0 && self.is_shown()
    }

    /// A watch that ended says what it says, besides correcting the skip.
    fn corrects(&self) -> bool {
        self.kind == EventKind::Complete
    }

    /// Whether it leaves nothing of the `earlier` event.
    pub(super) fn takes_back(&self, earlier: &Self) -> bool {
        use EventKind as Kind;
        match (&self.kind, &earlier.kind) {
            (Kind::Unlike, Kind::Like) => self.item == earlier.item,
            (Kind::Restore, Kind::Dislike | Kind::NotInterested) => self.is_about_the_same_as(earlier),
            (Kind::Unfollow, Kind::Follow) => self.is_about_the_same_as(earlier),
            (Kind::Complete, Kind::Skip) => self.item == earlier.item && self.began_ms() <= earlier.time_ms,
            _ => false,
        }
    }

    fn is_about_the_same_as(&self, other: &Self) -> bool {
        self.scope == other.scope
            && match self.scope {
                Scope::Item => self.item == other.item,
                Scope::Creator => self.creator == other.creator,
                Scope::Category => self.categories == other.categories,
            }
    }

    /// When the watch it ended began.
    fn began_ms(&self) -> i64 {
        let played = self.played_ms.or(self.total_ms).unwrap_or(0);
        self.time_ms.saturating_sub_unsigned(played)
    }

    /// Whether it says how far a playback got, which the next such event says anew.
    fn is_superseded_by(&self, newer: &Self) -> bool {
        matches!(self.kind, EventKind::Progress | EventKind::Seek)
            && self.kind == newer.kind
            && self.item == newer.item
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check_vector(&self.vector)?;
        let sound = self.strength.abs() <= STRONGEST && self.decay > 0.0 && self.decay <= 1.0;
        match sound && self.categories.len() <= limits::CATEGORIES_PER_CANDIDATE {
            true => Ok(()),
            false => Err(format!("the event {:?} is out of its bounds.", self.event_id)),
        }
    }
}

/// A rating speaks for its item from 4 on and against it up to 2.
fn strength(event: &Event, feedback: &Feedback) -> f32 {
    let strength = feedback.strength(&event.kind, event.played_ms);
    match (&event.kind, event.value) {
        (EventKind::Rating, Some(value)) if value <= 2.0 => -strength,
        (EventKind::Rating, Some(value)) if value < 4.0 => 0.0,
        _ => strength,
    }
}

impl State {
    /// Where an event of this time belongs among the remembered ones.
    pub(super) fn place(&self, time_ms: i64) -> usize {
        let newest = self.window.back().map_or(time_ms, |newest| newest.time_ms);
        if time_ms >= newest || newest - time_ms > LATE_MS {
            return self.window.len();
        }
        self.window.iter().rposition(|event| event.time_ms <= time_ms).map_or(0, |before| before + 1)
    }

    /// Puts the event at its place and brings what is known of taste up to date.
    pub(super) fn remember(&mut self, mut event: Remembered, place: usize) -> Applied {
        let late = place < self.window.len();
        if place == 0 && self.window.len() >= limits::SESSION_EVENTS {
            return Applied::TooLate;
        }
        if self.window.get(place).is_some_and(|newer| event.is_superseded_by(newer)) {
            return Applied::Late;
        }
        let took = self.take_back(&mut event, place);
        let applied = match (took, late) {
            (true, _) if event.corrects() => Applied::Corrected,
            (true, _) => Applied::TookBack,
            (false, true) => Applied::Late,
            (false, false) => Applied::Yes,
        };
        let replaced = self.insert(event, place);
        match self.window.back_mut() {
            Some(newest) if applied == Applied::Yes && !replaced => self.taste.learn(newest),
            _ => self.taste.relearn(&mut self.window),
        }
        applied
    }

    /// Inserts at `place`, in place of the event it supersedes; whether that one had said something about taste.
    fn insert(&mut self, event: Remembered, place: usize) -> bool {
        let before = place.checked_sub(1).and_then(|before| self.window.get_mut(before));
        if let Some(before) = before.filter(|before| before.is_superseded_by(&event)) {
            return std::mem::replace(before, event).counts();
        }
        self.window.insert(place, event);
        if self.window.len() > limits::SESSION_EVENTS {
            self.window.pop_front().iter().for_each(|oldest| self.taste.fold(oldest));
        }
        false
    }

    /// Marks what the event takes back, and the event itself where a later one did so already; whether it took
    /// something back.
    fn take_back(&mut self, event: &mut Remembered, place: usize) -> bool {
        let (mut corrected, mut taken_back, mut took) = (0, false, false);
        for later in self.window.range_mut(place..).filter(|later| later.takes_back(event)) {
            later.took = true;
            taken_back = true;
        }
        corrected += u32::from(taken_back && event.kind == EventKind::Skip);
        for earlier in self.window.range_mut(..place).filter(|earlier| event.takes_back(earlier)) {
            corrected += u32::from(!earlier.taken_back && earlier.kind == EventKind::Skip);
            earlier.taken_back = true;
            took = true;
        }
        (event.taken_back, event.took) = (taken_back, took);
        // The skip and the watch that corrects it were one play.
        if let Some(facts) = self.items.get_mut(&event.item) {
            facts.take_plays_back(corrected);
        }
        took
    }
}
