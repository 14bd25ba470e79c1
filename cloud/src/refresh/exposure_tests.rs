//! New items are shown until they had their impressions, however badly their creators or they themselves do: packs made
//! again and again, and lists ranked on them by the engine that people have.

use segue_core::engine::{Engine, Request};
use segue_core::pack::{PackSource, VerifiedPack};
use segue_core::policies;
use segue_core::policy::Policy;

use super::tests::{NOW, catalogue, event};
use super::*;
use crate::catalog::{Catalogue, Event, EventKind};
use crate::index::Kind;

const DAY_MS: i64 = 86_400_000;
const PEOPLE: usize = 40;
const KNOWN: usize = 200;
const NEW: usize = 10;
/// As `pools` has it.
const EXPOSURE: u32 = 1_000;
/// Impressions that one list stands for: as if so many people had the same. Else it would take too many lists.
const ALIKE: u32 = 100;
const PLACES: usize = 20;
/// Each brings at least some 40 of the 100 showings that it takes.
const ROUNDS: usize = 30;

/// 200 songs that people know, 60 of them played hardly ever and always to the end, and ten new ones: half of them by
/// somebody whose songs nobody can stand.
fn songs() -> Catalogue {
    let mut songs = catalogue(KNOWN + NEW, PEOPLE);
    for (at, song) in songs.items[KNOWN..].iter_mut().enumerate() {
        song.released_ms = Some(NOW - DAY_MS);
        song.creator = if at % 2 == 0 { "c0" } else { "c9" }.to_owned();
    }
    let plays = |song: usize| if (100..160).contains(&song) { 12 } else { 25 };
    let all = (0..KNOWN).flat_map(|song| (0..plays(song)).map(move |play| (song, play)));
    let listened = |(at, (song, play)): (usize, (usize, usize))| {
        let kind = if song < 4 { EventKind::Skip } else { EventKind::Complete };
        event(&format!("e{at:05}"), (song + 7 * play) % PEOPLE, song, kind, NOW - 60 * DAY_MS + at as i64)
    };
    songs.add_events(all.enumerate().map(listened).collect());
    songs
}

fn prepared<'a>(songs: &'a Catalogue, policy: &[u8]) -> Prepared<'a> {
    let ranking = Ranking::new(Policy::from_json(policy).unwrap(), None).unwrap();
    let moment = Moment { until_ms: None, now_ms: NOW };
    Prepared::new(songs, None, ranking, Kind::Exact, moment, &|_| ()).unwrap()
}

/// The pack of user `user` as a refresh makes it, without a signature.
fn pack(prepared: &Prepared<'_>, user: usize, round: usize) -> VerifiedPack {
    let viewer = Viewer::of_user(user, &prepared.catalogue.users[user]);
    let places = PackMaker::new(prepared).unwrap().rank(&viewer, user).unwrap();
    let source = PackSource {
        generation: round as u64,
        subject: &format!("user:u{user}"),
        created_ms: NOW,
        expires_ms: NOW + DAY_MS,
        ranker: None,
        towers: &prepared.embeddings.towers,
        user: prepared.short.user(user),
        profile: prepared.profile(&viewer),
        candidates: places.iter().map(|place| prepared.candidate(place, &viewer, true)).collect(),
    };
    VerifiedPack::from_pack(source.to_pack()).unwrap()
}

/// The new songs among the first places of everybody's list, each with who saw it.
fn seen_of_new(prepared: &Prepared<'_>, policy: &[u8], round: usize) -> Vec<(usize, usize)> {
    let policy = Policy::from_json(policy).unwrap();
    let surface = policy.surface.clone();
    let mut engine = Engine::of_server(policy, None).unwrap();
    let mut seen = Vec::new();
    for user in 0..PEOPLE {
        engine.begin(pack(prepared, user, round));
        let request = Request {
            surface: surface.clone(),
            count: PLACES,
            now_ms: NOW,
            seed: (round * PEOPLE + user) as u64,
            context: [].into(),
            log_features: false,
        };
        let places = engine.rank(&request).unwrap().places;
        assert_eq!(places.len(), PLACES, "{surface}");
        let songs = places.iter().filter_map(|place| prepared.catalogue.item_index(&place.item));
        seen.extend(songs.filter(|song| *song >= KNOWN).map(|song| (user, song)));
    }
    seen
}

/// Rounds of packs, lists and impressions until no song is new any more.
fn until_shown(surface: &str, policy: &[u8]) {
    let mut songs = songs();
    let mut shown = [0; NEW];
    for round in 0..ROUNDS {
        let told: Vec<Event> = {
            let prepared = prepared(&songs, policy);
            let new = |song: &usize| prepared.pools.new.contains(song);
            for (at, count) in shown.iter().enumerate() {
                assert_eq!(new(&(KNOWN + at)), *count < EXPOSURE, "song {at} after {count} impressions");
            }
            if prepared.pools.new.is_empty() {
                assert!((0..PEOPLE).all(|user| !brings_new(&pack(&prepared, user, round))));
                return;
            }
            let mut told = Vec::new();
            for (user, song) in seen_of_new(&prepared, policy, round) {
                shown[song - KNOWN] += ALIKE;
                let id = |copy: u32| format!("r{round}-{user}-{song}-{copy}");
                let shows = |copy| event(&id(copy), user, song, EventKind::Impression, NOW);
                told.extend((0..ALIKE).map(shows));
            }
            told
        };
        songs.add_events(told);
    }
    panic!("{surface}: after {ROUNDS} rounds the new songs had {shown:?} impressions");
}

fn brings_new(pack: &VerifiedPack) -> bool {
    let sources = |one: &segue_core::pack::Candidate| {
        Sources::of_number(one.columns.get("sources").unwrap_or_default())
    };
    pack.candidates().iter().any(|one| sources(one).contains(Source::New))
}

#[test]
fn by_each_shipped_policy_every_new_item_has_its_impressions_and_is_not_new_then() {
    policies::ALL.iter().for_each(|(surface, policy)| until_shown(surface, policy));
}
