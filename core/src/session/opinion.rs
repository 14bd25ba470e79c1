//! What an event decides about its item, creator or category, apart from taste.

use super::facts::Standing;
use super::seen::fingerprint;
use super::subject::Scope;
use super::{Event, EventKind, Remembered, State};

/// What becomes of a flag; `None` leaves it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Opinion {
    liked: Option<bool>,
    pub(super) barred: Option<bool>,
    followed: Option<bool>,
}

impl Opinion {
    pub(super) fn of(kind: &EventKind) -> Self {
        let (yes, no) = (Some(true), Some(false));
        match kind {
            EventKind::Like => Self { liked: yes, barred: no, ..Self::default() },
            EventKind::Unlike => Self { liked: no, ..Self::default() },
            EventKind::Dislike | EventKind::NotInterested => {
                Self { liked: no, barred: yes, ..Self::default() }
            }
            EventKind::Restore | EventKind::Save | EventKind::AddToCollection | EventKind::Purchase => {
                Self { barred: no, ..Self::default() }
            }
            EventKind::Follow => Self { followed: yes, barred: no, ..Self::default() },
            EventKind::Unfollow => Self { followed: no, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// Whether it takes back something that `earlier` decided.
    pub(super) fn undoes(self, earlier: Self) -> bool {
        let undone = |now: Option<bool>, before| now == Some(false) && before == Some(true);
        undone(self.liked, earlier.liked)
            || undone(self.barred, earlier.barred)
            || undone(self.followed, earlier.followed)
    }

    /// Whether it says something of an item: following is about the creator, known or not.
    pub(super) fn decides_item(self) -> bool {
        self.followed.is_none() && (self.liked.is_some() || self.barred.is_some())
    }
}

impl State {
    /// Notes that the item was shown; `false` when it was acted upon on that slate already.
    pub(super) fn note_impression(&mut self, event: &Event, late: bool) -> bool {
        let slate = event.slate.as_deref().map_or(0, fingerprint);
        let answered = |other: &Remembered| slate != 0 && other.slate == slate && other.item == event.item;
        if self.window.iter().any(answered) {
            return false;
        }
        self.items.touch(&event.item, |facts| facts.note_impression(event.time_ms, late, slate));
        true
    }

    /// Notes what the event says about its item and decides about its subject; whether an impression was none.
    ///
    /// What is closer than the cosine `near` to an item that is refused goes with it.
    pub(super) fn note(&mut self, event: &Event, remembered: &Remembered, late: bool, near: f32) -> bool {
        self.decide(event, remembered, late, near);
        self.plays.note(event, late);
        if event.item.is_empty() {
            return false;
        }
        let played = matches!(
            event.kind,
            EventKind::Complete | EventKind::Skip | EventKind::Replay | EventKind::Purchase
        );
        self.items.touch(&event.item, |facts| {
            if played {
                facts.note_play(event.time_ms, late);
            }
            facts.answer(remembered.slate)
        })
    }

    fn decide(&mut self, event: &Event, remembered: &Remembered, late: bool, near: f32) {
        let opinion = Opinion::of(&event.kind);
        let time_ms = event.time_ms;
        match (remembered.scope, remembered.categories.first()) {
            (Scope::Creator, _) => {
                self.taste.creators.touch(&remembered.creator, |one| opinion.apply(one, time_ms, late));
            }
            (Scope::Category, Some(category)) => {
                self.taste.categories.touch(category, |one| opinion.apply(one, time_ms, late));
            }
            _ if opinion.decides_item() => self.decide_item(opinion, event, remembered, late, near),
            _ => {}
        }
    }

    fn decide_item(
        &mut self,
        opinion: Opinion,
        event: &Event,
        remembered: &Remembered,
        late: bool,
        near: f32,
    ) {
        let decided = self.items.touch(&event.item, |facts| {
            let decides = is_newest(&mut facts.decided_ms, event.time_ms, late);
            if decides {
                facts.liked = opinion.liked.unwrap_or(facts.liked);
                facts.barred = opinion.barred.unwrap_or(facts.barred);
                facts.near = if opinion.barred.is_some() { 0 } else { facts.near };
            }
            decides
        });
        if decided && opinion.barred.is_some() {
            self.refuse(remembered, near);
        }
    }
}

impl Opinion {
    fn apply(self, standing: &mut Standing, time_ms: i64, late: bool) {
        if is_newest(&mut standing.decided_ms, time_ms, late) {
            standing.barred = self.barred.unwrap_or(standing.barred);
            standing.followed = self.followed.unwrap_or(standing.followed);
        }
    }
}

/// A late opinion does not change what a newer one decided.
fn is_newest(decided_ms: &mut Option<i64>, time_ms: i64, late: bool) -> bool {
    let newest = !late || decided_ms.is_none_or(|decided| decided <= time_ms);
    if newest {
        *decided_ms = Some(time_ms);
    }
    newest
}
