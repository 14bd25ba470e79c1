//! One listener's history: what was offered, what was played and how it was taken.

use std::collections::{BTreeMap, HashSet};

use segue_core::session::event::{Event, EventKind};

use super::genres::neighbours;
use super::items::{Pool, Tracks};
use super::laws::{self, State, Style};
use super::people::{Person, Taste};
use super::random::{Random, running_sum};
use super::{DURATION_MS, Options, START_MS};
use crate::catalog::{Collection, Item};

/// Tracks offered at each step.
pub const SLATE: usize = 20;

const POOL_DRAWS: usize = 700;
const POOL_TRACKS: usize = 150;
/// How often the listener picks the next track; otherwise it is any of the slate.
const OWN_CHOICE: f64 = 0.7;
const CHOICE_SHARPNESS: f64 = 2.0;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How likely a session begins at each hour of the local day.
const HOURS: [f64; 24] = [
    1.0, 0.5, 0.3, 0.2, 0.2, 0.5, 1.5, 3.0, 4.0, 3.0, 2.5, 2.5, 3.0, 2.5, 2.5, 3.0, 3.5, 4.5, 5.0, 5.0, 4.5,
    4.0, 3.0, 2.0,
];
/// Sessions that begin before this part of the history are never held out, so their slates are not kept.
const SLATES_FROM_MS: i64 = START_MS + DURATION_MS / 2;
/// Streams of listeners begin above those of the catalogue and the profiles.
const FIRST_STREAM: u64 = 16;

/// What one listener did.
#[derive(Debug, Default)]
pub struct History {
    /// Events in time order.
    pub events: Vec<Event>,
    /// The hidden state before each played track; empty unless a truth file is wanted.
    pub steps: Vec<Step>,
    /// The library and playlists.
    pub collections: Vec<Collection>,
    /// Number of sessions.
    pub sessions: u64,
}

/// The hidden state before one played track.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The outcome event of the track.
    pub event_id: String,
    /// Its session.
    pub session: String,
    /// Its listener.
    pub user: String,
    /// The track, as an index.
    pub track: u32,
    /// What the listener wanted at that moment.
    pub mood: Style,
}

struct Simulation<'a> {
    tracks: &'a Tracks,
    person: &'a Person,
    tastes: Vec<Style>,
    pools: Vec<Pool>,
    random: Random,
    index: usize,
    with_steps: bool,
    gestures: HashSet<(u32, EventKind)>,
    history: History,
}

struct Session {
    id: String,
    context: BTreeMap<String, String>,
    clock_ms: i64,
    keep_slates: bool,
    patience: f64,
    circumstance: Style,
    taste: usize,
    mood: Style,
    played: Vec<(u32, u32)>,
}

/// Simulates one listener; the same for every order and number of threads.
#[must_use]
pub fn simulate(tracks: &Tracks, person: &Person, index: usize, options: &Options) -> History {
    let mut random = Random::new(options.seed, FIRST_STREAM + index as u64);
    let pools = person.tastes.iter().map(|taste| pool(tracks, person, taste, &mut random)).collect();
    let mut simulation = Simulation {
        tracks,
        person,
        tastes: person.tastes.iter().map(|taste| taste.style).collect(),
        pools,
        random,
        index,
        with_steps: options.truth.is_some(),
        gestures: HashSet::new(),
        history: History::default(),
    };
    simulation.collections();
    let mut free_from = i64::MIN;
    for (number, start_ms) in simulation.starts().into_iter().enumerate() {
        if start_ms >= free_from {
            free_from = simulation.session(number, start_ms) + HOUR_MS;
        }
    }
    simulation.history
}

// What the listener might come across under one taste: popular tracks of the
// genre and its neighbours, the closest of them.
fn pool(tracks: &Tracks, person: &Person, taste: &Taste, random: &mut Random) -> Pool {
    let near = neighbours(taste.genre);
    let mut scored: BTreeMap<u32, f64> = BTreeMap::new();
    for draw in 0..POOL_DRAWS {
        let genre = if draw % 10 < 7 { taste.genre } else { near[draw % 3] };
        let Some(track) = tracks.by_genre[genre].draw(random) else { continue };
        if allowed(&tracks.rows[track as usize], person) {
            let affinity = laws::affinity(&tracks.hidden[track as usize].style, &taste.style);
            scored.insert(track, affinity * libm::pow(tracks.popularity[track as usize], 0.3));
        }
    }
    let mut entries: Vec<(u32, f64)> = scored.into_iter().collect();
    entries.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    entries.truncate(POOL_TRACKS);
    Pool::new(&entries)
}

fn allowed(item: &Item, person: &Person) -> bool {
    let here =
        item.regions.is_empty() || item.regions.iter().any(|code| Some(code) == person.row.country.as_ref());
    here && !(person.minor && item.age_rating.is_some())
}

impl Simulation<'_> {
    fn starts(&mut self) -> Vec<i64> {
        let hours = running_sum(HOURS);
        let first_day = (self.person.from_ms - START_MS) / DAY_MS + i64::from(self.person.from_ms > START_MS);
        let days = (DURATION_MS / DAY_MS - first_day).max(1) as usize;
        let mut starts: Vec<i64> = (0..self.person.sessions)
            .map(|_| {
                let day = first_day + self.random.below(days) as i64;
                let hour = self.random.weighted(&hours) as i64;
                let local_ms = day * DAY_MS + hour * HOUR_MS + self.random.below(HOUR_MS as usize) as i64;
                START_MS + local_ms - self.person.utc_offset_ms
            })
            .filter(|start| *start >= self.person.from_ms)
            .collect();
        starts.sort_unstable();
        starts
    }

    // Returns the time of its last event.
    fn session(&mut self, number: usize, start_ms: i64) -> i64 {
        let mut session = self.begin(number, start_ms);
        for position in 0..8 + self.random.below(18) {
            self.advance_mood(&mut session, position);
            let slate = self.slate(&session);
            if let Some(track) = self.choose(&session, &slate) {
                self.play(&mut session, position, track, &slate);
            }
        }
        self.history.sessions += 1;
        session.clock_ms
    }

    fn begin(&mut self, number: usize, start_ms: i64) -> Session {
        let local_ms = start_ms + self.person.utc_offset_ms - START_MS;
        let hour = u32::try_from(local_ms.rem_euclid(DAY_MS) / HOUR_MS).unwrap_or_default();
        let weekday = u32::try_from(local_ms.div_euclid(DAY_MS).rem_euclid(7)).unwrap_or_default();
        let device = self.person.device(&mut self.random);
        let weights = running_sum(self.person.tastes.iter().map(|taste| taste.weight));
        let taste = self.random.weighted(&weights);
        let circumstance = laws::circumstance(hour, weekday);
        let noise: Style = self.random.normals(laws::MOOD_DEVIATION);
        let mood = std::array::from_fn(|axis| self.tastes[taste][axis] + circumstance[axis] + noise[axis]);
        let context = [
            ("device", device.to_owned()),
            ("local_hour", hour.to_string()),
            ("weekday", weekday.to_string()),
        ];
        Session {
            id: format!("s{}-{number}", self.index),
            context: context.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            clock_ms: start_ms,
            keep_slates: start_ms >= SLATES_FROM_MS,
            patience: laws::patience(device),
            circumstance,
            taste,
            mood,
            played: Vec::new(),
        }
    }

    fn advance_mood(&mut self, session: &mut Session, position: usize) {
        if position == 0 {
            return;
        }
        if self.random.chance(laws::MOOD_SWITCH) {
            session.taste = self.random.below(self.tastes.len());
            let target = self.anchor(session);
            for (value, target) in session.mood.iter_mut().zip(target) {
                *value += laws::MOOD_JUMP * (target - *value);
            }
        }
        let noise = self.random.normals(1.0);
        session.mood = laws::drift(&session.mood, &self.anchor(session), &noise);
    }

    fn anchor(&self, session: &Session) -> Style {
        std::array::from_fn(|axis| self.tastes[session.taste][axis] + session.circumstance[axis])
    }

    fn slate(&mut self, session: &Session) -> Vec<u32> {
        let mut slate = Vec::with_capacity(SLATE);
        for _ in 0..4 * SLATE {
            if slate.len() == SLATE {
                break;
            }
            let pool = match self.random.below(20) {
                0..=8 => &self.pools[session.taste],
                9..=14 => &self.pools[self.random.below(self.pools.len())],
                15..=17 => &self.tracks.by_genre[self.person.tastes[session.taste].genre],
                _ => &self.tracks.all,
            };
            let Some(track) = pool.draw(&mut self.random) else { continue };
            let item = &self.tracks.rows[track as usize];
            let released = item.available_from_ms.is_none_or(|from| from <= session.clock_ms);
            if released && !slate.contains(&track) && allowed(item, self.person) {
                slate.push(track);
            }
        }
        slate
    }

    fn choose(&mut self, session: &Session, slate: &[u32]) -> Option<u32> {
        if self.random.chance(OWN_CHOICE) {
            let weights =
                slate.iter().map(|track| libm::exp(CHOICE_SHARPNESS * self.utility(session, *track)));
            let sums = running_sum(weights);
            slate.get(self.random.weighted(&sums)).copied()
        } else {
            self.random.pick(slate).copied()
        }
    }

    fn utility(&self, session: &Session, track: u32) -> f64 {
        let state = State { mood: &session.mood, tastes: &self.tastes, played: &session.played };
        laws::expected_utility(&state, track, &self.tracks.hidden[track as usize])
    }

    fn play(&mut self, session: &mut Session, position: usize, track: u32, slate: &[u32]) {
        let utility = self.utility(session, track);
        let total_ms = self.tracks.rows[track as usize].duration_ms.unwrap_or(200_000);
        let complete = self.random.chance(laws::complete_probability(utility, session.patience));
        let played_ms = if complete {
            total_ms
        } else {
            (total_ms as f64 * laws::skipped_share(utility, self.random.unit())) as u64
        };
        let begun_ms = session.clock_ms;
        session.clock_ms += i64::try_from(played_ms).unwrap_or_default() + 50;
        if complete {
            self.gesture(
                session,
                begun_ms,
                played_ms,
                track,
                EventKind::Like,
                laws::like_probability(utility),
            );
            self.gesture(
                session,
                begun_ms,
                played_ms,
                track,
                EventKind::Save,
                laws::save_probability(utility),
            );
        }
        let kind = if complete { EventKind::Complete } else { EventKind::Skip };
        let mut event = self.event(session, track, kind, session.clock_ms);
        event.position = u32::try_from(position).ok();
        event.played_ms = Some(played_ms);
        event.total_ms = Some(total_ms);
        if session.keep_slates {
            event.candidates =
                slate.iter().map(|track| self.tracks.rows[*track as usize].item.clone()).collect();
        }
        self.remember(session, &event, track);
        self.history.events.push(event);
        if !complete {
            let probability = laws::not_interested_probability(utility);
            let pressed_ms = session.clock_ms + 300;
            self.gesture(session, pressed_ms, 0, track, EventKind::NotInterested, probability);
        }
        session.played.push((track, self.tracks.hidden[track as usize].creator));
        session.clock_ms += 1_000;
    }

    // Likes and saves come while the track plays, each at most once per listener and track.
    fn gesture(
        &mut self,
        session: &Session,
        begun_ms: i64,
        played_ms: u64,
        track: u32,
        kind: EventKind,
        probability: f64,
    ) {
        if self.random.chance(probability) && self.gestures.insert((track, kind.clone())) {
            let after = (self.random.between(0.2, 0.9) * played_ms as f64) as i64;
            let event = self.event(session, track, kind, begun_ms + after);
            self.history.events.push(event);
        }
    }

    fn event(&self, session: &Session, track: u32, kind: EventKind, time_ms: i64) -> Event {
        let id = format!("e{}-{}", self.index, self.history.events.len());
        let mut event = Event::new(id, self.tracks.rows[track as usize].item.as_str(), kind, time_ms);
        event.user = self.person.row.user.clone();
        event.session = session.id.clone();
        event.context = session.context.clone();
        event
    }

    fn remember(&mut self, session: &Session, event: &Event, track: u32) {
        if self.with_steps {
            self.history.steps.push(Step {
                event_id: event.event_id.clone(),
                session: session.id.clone(),
                user: event.user.clone(),
                track,
                mood: session.mood,
            });
        }
    }

    // What was saved before the history begins.
    fn collections(&mut self) {
        let count = 5 + self.random.below(20);
        let library = self.draw_collection(None, count);
        self.add_collection("library", "Library", library);
        if self.random.chance(0.4) {
            let taste = self.random.below(self.pools.len());
            let playlist = self.draw_collection(Some(taste), 12);
            let title = format!("My {}", super::genres::GENRES[self.person.tastes[taste].genre].name);
            self.add_collection("playlist", &title, playlist);
        }
    }

    fn draw_collection(&mut self, taste: Option<usize>, count: usize) -> Vec<String> {
        let mut items: Vec<String> = Vec::with_capacity(count);
        for _ in 0..count {
            let pool = taste.unwrap_or_else(|| self.random.below(self.pools.len()));
            let Some(track) = self.pools[pool].draw(&mut self.random) else { continue };
            let item = &self.tracks.rows[track as usize];
            if item.available_from_ms.is_none() && !items.contains(&item.item) {
                items.push(item.item.clone());
            }
        }
        items
    }

    fn add_collection(&mut self, kind: &str, title: &str, items: Vec<String>) {
        let number = self.history.collections.len();
        self.history.collections.push(Collection {
            collection: format!("c{}-{number}", self.index),
            user: Some(self.person.row.user.clone()),
            kind: kind.to_owned(),
            title: Some(title.to_owned()),
            items,
            time_ms: Some(self.person.from_ms),
        });
    }
}
