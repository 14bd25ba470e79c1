//! The session in few bytes, for hosts without storage: a cookie holds it.
//!
//! It is [`State::save`] less what the pack can tell again. Of each remembered event it keeps what happened and when;
//! vectors, creators and categories come from the pack as the events are applied once more. What does not fit leaves
//! in this order: what was merely shown or played longest ago, the oldest events (what they said about taste stays as
//! a direction), likes, and last of all what the person barred.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::facts::ItemFacts;
use super::opinion::Opinion;
use super::plays::Plays;
use super::seen::{SeenIds, fingerprint};
use super::subject::Scope;
use super::sums::Sums;
use super::{Event, EventKind, Remembered, State};
use crate::error::{Code, Result};
use crate::limits;
use crate::pack::VerifiedPack;
use crate::saved::{self, Kind};

const KIND: Kind =
    Kind { mark: *b"sgbr", format: 1, limit: limits::SESSION_BRIEF_BYTES, damaged: Code::SessionDamaged };

/// Event ids that are recognised again.
const IDS: usize = 64;
/// Items known by being shown or played alone.
const MET: usize = 64;
/// Events that stay until everything of less worth has left.
const NEWEST: usize = 12;

/// What is kept. Times are milliseconds after `begun_ms`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Brief {
    /// Fingerprint of the vectors' space; the direction of older events means something only there.
    space: u64,
    applied: u64,
    plays: Plays,
    begun_ms: i64,
    /// What is closer than this cosine to something refused goes with it.
    near: f32,
    older: Older,
    /// Newest last.
    ids: ByteBuf,
    met: Vec<Met>,
    decided: Vec<Decided>,
    events: Vec<Row>,
}

/// What events said about taste that are no longer among the rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Older {
    told: u64,
    interest: ByteBuf,
    aversion: ByteBuf,
}

/// An item without a row: fingerprint (its upper half), impressions, plays in this session.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Met(u32, u32, u32);

/// A decision whose event has no row: its kind, scope and subject, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Decided(u8, String, String, i64);

/// One remembered event: kind, scope, its subject, time, strength, decay, played and whole length, place, slate.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row(u8, String, String, i64, f32, f32, Option<u64>, Option<u64>, Option<u32>, u64);

impl State {
    /// The session in at most `most` bytes, as far as the ids of what was barred last fit into them. With the pack it
    /// came from, a session of which nothing had to leave ranks as before.
    ///
    /// # Errors
    /// `session_damaged` when it cannot be written.
    pub fn save_brief(&self, most: usize) -> Result<Vec<u8>> {
        let mut rest = self.clone();
        let mut brief = Brief::of(self);
        loop {
            brief.older = Older::of(rest.taste.past());
            let bytes = saved::write(&KIND, &brief)?;
            if bytes.len() <= most || !brief.shrink(&mut rest) {
                return Ok(bytes);
            }
        }
    }

    /// Takes up what [`State::save_brief`] wrote, with what `pack` says of its items.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `session_damaged`.
    pub fn restore_brief(bytes: &[u8], pack: &VerifiedPack) -> Result<Self> {
        let brief: Brief = saved::read(&KIND, bytes)?;
        brief.check().map_err(|detail| KIND.damaged(detail))?;
        let mut state = Self { space: pack.vector_space(), ..Self::default() };
        for Decided(kind, scope, subject, after) in &brief.decided {
            let event = event(*kind, scope, subject, brief.begun_ms.saturating_add(*after));
            let remembered = Remembered::again(&event, pack, 0.0, 1.0, 0);
            state.note(&event, &remembered, false, brief.near);
        }
        state.meet(&brief, pack);
        if brief.space == fingerprint(&state.space) {
            state.taste.begin(brief.older.sums());
        }
        brief.events.iter().for_each(|row| state.replay(&brief, row, pack));
        state.seen_ids = SeenIds::of_bytes(&brief.ids);
        (state.applied, state.plays) = (brief.applied, brief.plays);
        Ok(state)
    }

    /// Items that were shown or played, as far as the pack still has them.
    fn meet(&mut self, brief: &Brief, pack: &VerifiedPack) {
        for candidate in pack.candidates() {
            let mark = mark(&candidate.item);
            let Some(Met(_, shown, plays)) = brief.met.iter().find(|met| met.0 == mark) else { continue };
            self.items.touch(&candidate.item, |facts| {
                (0..*shown).for_each(|_| facts.note_impression(brief.begun_ms, false, 0));
                (0..*plays).for_each(|_| facts.note_play(brief.begun_ms, false));
            });
        }
    }

    fn replay(&mut self, brief: &Brief, row: &Row, pack: &VerifiedPack) {
        let Row(kind, scope, subject, after, strength, decay, played_ms, total_ms, position, slate) = row;
        let event = Event {
            played_ms: *played_ms,
            total_ms: *total_ms,
            position: *position,
            ..event(*kind, scope, subject, brief.begun_ms.saturating_add(*after))
        };
        let remembered = Remembered::again(&event, pack, *strength, *decay, *slate);
        self.note(&event, &remembered, false, brief.near);
        let place = self.place(event.time_ms);
        self.remember(remembered, place);
    }
}

impl Brief {
    fn of(state: &State) -> Self {
        let begun_ms = state.window.iter().map(|event| event.time_ms).min().unwrap_or_default();
        let has_row = |item: &str| state.window.iter().any(|event| event.item == item);
        let met = |(item, facts): (&str, &ItemFacts)| {
            let plays = if has_row(item) || !facts.is_played() { 0 } else { facts.plays().min(LARGEST) };
            let shown = facts.impressions().min(LARGEST);
            (shown > 0 || plays > 0).then(|| Met(mark(item), shown, plays))
        };
        let mut met: Vec<Met> = state.items.iter().filter_map(met).collect();
        met.drain(..met.len().saturating_sub(MET));
        Self {
            space: fingerprint(&state.space),
            applied: state.applied,
            plays: state.plays,
            begun_ms,
            near: state.refused.back().map_or(1.0, |refused| refused.near),
            older: Older::default(),
            ids: ByteBuf::from(state.seen_ids.newest(IDS)),
            met,
            decided: decided(state, begun_ms),
            events: state.window.iter().map(|event| Row::of(event, begun_ms)).collect(),
        }
    }

    /// Lets go of what is worth least; `false` when nothing is left to go.
    fn shrink(&mut self, rest: &mut State) -> bool {
        let likes = self.decided.iter().position(|decided| !decided.bars());
        match (self.met.len(), self.events.len(), likes) {
            (1.., ..) => drop(self.met.drain(..self.met.len().min(8))),
            (_, events, _) if events > NEWEST => self.fold(rest),
            (_, _, Some(like)) => drop(self.decided.remove(like)),
            (_, 1.., _) => self.fold(rest),
            _ if !self.decided.is_empty() => drop(self.decided.remove(0)),
            _ => return false,
        }
        true
    }

    /// The oldest event leaves; what it decided and what it said about taste stay.
    fn fold(&mut self, rest: &mut State) {
        let Row(kind, scope, subject, after, ..) = self.events.remove(0);
        if let Some(oldest) = rest.window.pop_front() {
            rest.taste.fold(&oldest);
        }
        let opinion = Opinion::of(&known(kind));
        self.decided.retain(|earlier| {
            (&earlier.1, &earlier.2) != (&scope, &subject) || !opinion.undoes(Opinion::of(&known(earlier.0)))
        });
        if decides(&known(kind)) {
            self.decided.push(Decided(kind, scope, subject, after));
        }
    }

    fn check(&self) -> std::result::Result<(), String> {
        let counts = [
            (self.events.len(), limits::SESSION_EVENTS),
            (self.decided.len(), limits::SESSION_ITEMS),
            (self.met.len(), MET),
            (self.ids.len(), IDS * 8),
        ];
        if let Some((count, most)) = counts.iter().find(|(count, most)| count > most) {
            return Err(format!("{count} entries where at most {most} are kept."));
        }
        let sound = |row: &Row| row.4.abs() <= 5.0 && row.5 > 0.0 && row.5 <= 1.0;
        let met = self.met.iter().all(|met| met.1 <= LARGEST && met.2 <= LARGEST);
        if !met || !self.events.iter().all(sound) || !self.near.is_finite() {
            return Err("a number is out of its bounds.".into());
        }
        self.older.sums().check()
    }
}

/// Counts of one item that are told apart.
const LARGEST: u32 = 100;

/// What the tables decided about and no remembered event tells, oldest first.
fn decided(state: &State, begun_ms: i64) -> Vec<Decided> {
    let told = |kind: &EventKind, subject: &str| {
        let about = |event: &&Remembered| Row::of(event, 0).2 == subject && decides(&event.kind);
        state.window.iter().rev().find(about).is_some_and(|event| bars(&event.kind) == bars(kind))
    };
    let refused = |item: &str| state.refused.iter().any(|refused| refused.item == item);
    let items = state.items.iter().filter_map(|(item, facts)| {
        let kind = match facts {
            _ if facts.barred && refused(item) => EventKind::NotInterested,
            _ if facts.barred => EventKind::Dislike,
            // Barred for being near to something whose own refusal is kept.
            _ if facts.liked => EventKind::Like,
            _ => return None,
        };
        Some((kind, "", item, facts.decided_ms))
    });
    let creators = state.taste.creators.iter().filter_map(|(name, one)| {
        let kind = if one.barred { EventKind::NotInterested } else { EventKind::Follow };
        (one.barred || one.followed).then_some((kind, "creator", name, one.decided_ms))
    });
    let categories = state.taste.categories.iter().filter(|(_, one)| one.barred);
    let categories =
        categories.map(|(name, one)| (EventKind::NotInterested, "category", name, one.decided_ms));
    let all = items.chain(creators).chain(categories).filter(|(kind, _, subject, _)| !told(kind, subject));
    let decided = all.map(|(kind, scope, subject, time_ms)| {
        let after = time_ms.unwrap_or(begun_ms).saturating_sub(begun_ms);
        Decided(number(&kind), scope.to_owned(), subject.to_owned(), after)
    });
    let mut decided: Vec<Decided> = decided.collect();
    decided.sort_by_key(|decided| decided.3);
    decided
}

impl Decided {
    fn bars(&self) -> bool {
        bars(&known(self.0))
    }
}

impl Row {
    fn of(event: &Remembered, begun_ms: i64) -> Self {
        let (scope, subject) = match event.scope {
            Scope::Creator => ("creator", event.creator.as_str()),
            Scope::Category => ("category", event.categories.first().map_or("", String::as_str)),
            Scope::Item => ("", event.item.as_str()),
        };
        Self(
            number(&event.kind),
            scope.to_owned(),
            subject.to_owned(),
            event.time_ms.saturating_sub(begun_ms),
            event.strength,
            event.decay,
            event.played_ms,
            event.total_ms,
            event.position,
            event.slate,
        )
    }
}

impl Older {
    fn of(sums: &Sums) -> Self {
        Self { told: sums.told, interest: halves(&sums.interest), aversion: halves(&sums.aversion) }
    }

    /// Ages are counted from the oldest row on: nothing older is read again.
    fn sums(&self) -> Sums {
        Sums {
            told: self.told,
            age: 0.0,
            interest: numbers(&self.interest),
            aversion: numbers(&self.aversion),
        }
    }
}

/// Each number's upper half: 8 significant bits are plenty for a direction.
fn halves(values: &[f32]) -> ByteBuf {
    ByteBuf::from(
        values.iter().flat_map(|value| ((value.to_bits() >> 16) as u16).to_be_bytes()).collect::<Vec<u8>>(),
    )
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (halves, _) = bytes.as_chunks::<2>();
    halves.iter().map(|half| f32::from_bits(u32::from(u16::from_be_bytes(*half)) << 16)).collect()
}

fn mark(item: &str) -> u32 {
    (fingerprint(item) >> 32) as u32
}

fn number(kind: &EventKind) -> u8 {
    EventKind::KNOWN.iter().position(|known| known == kind).unwrap_or(EventKind::KNOWN.len()) as u8
}

fn known(number: u8) -> EventKind {
    EventKind::KNOWN.get(usize::from(number)).cloned().unwrap_or(EventKind::Search)
}

fn bars(kind: &EventKind) -> bool {
    Opinion::of(kind).barred == Some(true)
}

/// Whether it leaves something behind that is not about taste.
fn decides(kind: &EventKind) -> bool {
    bars(kind) || matches!(kind, EventKind::Like | EventKind::Follow)
}

fn event(kind: u8, scope: &str, subject: &str, time_ms: i64) -> Event {
    let item = if scope.is_empty() { subject } else { "" };
    let mut event = Event::new("", item, known(kind), time_ms);
    if !scope.is_empty() {
        event.context.insert("scope".into(), scope.into());
        event.context.insert(scope.into(), subject.into());
    }
    event
}
