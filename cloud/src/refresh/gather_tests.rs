//! What packs hold: regions apart, every source with its quota, what is tried, and what people nobody knows get.

use segue_core::pack::Candidate;
use segue_core::policy::Policy;

use super::alike::Alike;
use super::gather::{Person, gather};
use super::tests::{NOW, catalogue, event, folder, open, options, write};
use super::*;
use crate::catalog::{Catalogue, Collection, EventKind};
use crate::index::Kind;
use crate::packs::PackStore;
use crate::towers::table::{ItemTable, file_of};

const DAY_MS: i64 = 86_400_000;

/// A catalogue of 800 songs and four listeners, refreshed.
fn refreshed(change: impl FnOnce(&mut Catalogue)) -> (tempfile::TempDir, Report) {
    let data = tempfile::tempdir().unwrap();
    let mut catalogue = catalogue(800, 4);
    let listens = (0..120).map(|at| {
        let (user, step) = (at % 4, at / 4);
        event(
            &format!("e{at:03}"),
            user,
            (user + 4 * step) % 100,
            EventKind::Complete,
            NOW - 900_000 + at as i64,
        )
    });
    catalogue.add_events(listens.collect());
    change(&mut catalogue);
    write(data.path(), &catalogue);
    let report = run(data.path(), &options()).unwrap();
    (data, report)
}

fn sources(candidate: &Candidate) -> Sources {
    Sources::of_number(candidate.columns.get("sources").unwrap())
}

fn limit(catalogue: &mut Catalogue, item: usize, region: &str) {
    catalogue.items[item].regions = vec![region.to_owned()];
}

#[test]
fn an_item_of_one_region_is_in_no_pack_of_another_whatever_would_bring_it_there() {
    let (data, report) = refreshed(|catalogue| {
        for (user, country) in ["DE", "DE", "FR", "FR"].into_iter().enumerate() {
            catalogue.users[user].country = Some(country.into());
            catalogue.users[user].age_group = Some("18-24".into());
        }
        for item in 0..100 {
            limit(catalogue, item, if item % 2 == 0 { "DE" } else { "FR" });
            catalogue.items[item].released_ms = Some(NOW - DAY_MS);
        }
        // Everybody follows the creator, took up the item and finds it among the editors' choices.
        let wish = |user: usize| {
            let like = event(&format!("like-{user}"), user, user, EventKind::Like, NOW - 10);
            let follow = event(&format!("follow-{user}"), user, 1 - user % 2, EventKind::Follow, NOW - 9);
            [like, follow]
        };
        catalogue.add_events((0..4).flat_map(wish).collect());
        catalogue.collections.push(Collection {
            collection: "picks".into(),
            kind: "playlist".into(),
            items: (0..100).map(|item| format!("i{item}")).collect(),
            ..Collection::default()
        });
    });
    assert!(
        report.remarks.iter().any(|remark| remark.contains("with 50, 50 items of their own")),
        "{:?}",
        report.remarks
    );
    let generation = PackStore::new(data.path()).open_current().unwrap().unwrap();
    let number = |candidate: &Candidate| candidate.item[1..].parse::<usize>().unwrap();
    let mut looked_at = 0;
    for subject in generation.subjects() {
        let german = ["region:DE", "user:u0", "user:u1"].iter().any(|name| subject.starts_with(name));
        let french = ["region:FR", "user:u2", "user:u3"].iter().any(|name| subject.starts_with(name));
        let pack = open(data.path(), subject);
        for candidate in pack.candidates().iter().filter(|candidate| number(candidate) < 100) {
            let allowed = if number(candidate) % 2 == 0 { german } else { french };
            assert!(allowed, "{subject} holds {}", candidate.item);
            looked_at += 1;
        }
    }
    assert!(looked_at > 100, "{looked_at} items of regions were found");
}

#[test]
fn a_pack_says_what_brought_each_candidate() {
    let (data, _) = refreshed(|catalogue| {
        catalogue.items[700].released_ms = Some(NOW - 2 * DAY_MS);
        catalogue.items[701].creator = "friend".into();
        let mut follow = event("f", 0, 0, EventKind::Follow, NOW - 5);
        follow.item.clear();
        follow.context.insert("creator".into(), "friend".into());
        catalogue.add_events(vec![follow]);
        catalogue.collections.push(Collection {
            collection: "picks".into(),
            kind: "playlist".into(),
            items: vec!["i702".into()],
            ..Collection::default()
        });
    });
    let pack = open(data.path(), "user:u0");
    assert_eq!(pack.candidates().len(), KEPT);
    let brought = |item: &str, source| sources(pack.find(item).unwrap()).contains(source);
    assert!(
        brought("i700", Source::New)
            && brought("i701", Source::Followed)
            && brought("i702", Source::Editorial)
    );
    for source in [Source::Taste, Source::Similar, Source::Together, Source::Trending, Source::Exploration] {
        let count = pack.candidates().iter().filter(|one| sources(one).contains(source)).count();
        assert!(count >= source.keeps().min(20), "{source:?} brought {count}");
    }
    assert!(pack.candidates().windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert!(pack.candidates().iter().all(|one| sources(one) != Sources::default()));
}

#[test]
fn what_is_new_or_little_known_carries_its_posterior_and_nothing_else_does() {
    let (data, _) = refreshed(|catalogue| {
        catalogue.items[700].released_ms = Some(NOW - 2 * DAY_MS);
        let heard = |at: usize| event(&format!("n{at}"), 3, 700, EventKind::Complete, NOW - 50 + at as i64);
        catalogue.add_events((0..3).map(heard).collect());
    });
    let pack = open(data.path(), "user:u0");
    for candidate in pack.candidates() {
        let tried = [Source::New, Source::Exploration].iter().any(|one| sources(candidate).contains(*one));
        assert_eq!(tried, candidate.columns.get("explore_successes").is_some(), "{}", candidate.item);
        assert_eq!(tried, candidate.columns.get("explore_failures").is_some());
    }
    let new = pack.find("i700").unwrap();
    // Three plays that ended well, and the two that its creator lends.
    let number = |name: &str| new.columns.get(name).unwrap();
    assert!(number("explore_successes") > 4.5 && number("explore_failures") < 0.5);
    assert!(number("freshness") > 0.9 && number("like_rate") == 0.0);
}

#[test]
fn a_pack_says_how_long_ago_its_person_had_each_item() {
    let (data, mut catalogue) = folder();
    catalogue.add_events(vec![event("old", 0, 30, EventKind::Complete, NOW - 3 * DAY_MS)]);
    write(data.path(), &catalogue);
    run(data.path(), &options()).unwrap();
    let days = |subject: &str| open(data.path(), subject).find("i30").unwrap().columns.get("last_seen_days");
    assert_eq!((days("user:u0"), days("user:u1"), days("region:all")), (Some(3.0), None, None));
}

#[test]
fn who_is_not_known_gets_what_is_popular_in_region_age_group_and_category() {
    let (data, report) = refreshed(|catalogue| {
        for (user, country, age) in [(0, "DE", "18-24"), (1, "DE", "55+"), (2, "FR", "18-24")] {
            catalogue.users[user].country = Some(country.into());
            catalogue.users[user].age_group = Some(age.into());
        }
        let often = |user: usize, item: usize| {
            (0..5).map(move |at| event(&format!("o{user}-{at}"), user, item, EventKind::Like, NOW - 100 + at))
        };
        catalogue.add_events(often(0, 501).chain(often(1, 502)).chain(often(2, 503)).collect());
    });
    // Three regions with two age groups each, four genres.
    assert_eq!(report.region_packs, 3 + 3 * 2 + 4);
    let first = |subject: &str| open(data.path(), subject).candidates()[0].item.clone();
    assert_eq!((first("region:FR"), first("region:FR:age:18-24")), ("i503".into(), "i503".into()));
    assert_eq!((first("region:DE:age:18-24"), first("region:DE:age:55+")), ("i501".into(), "i502".into()));
    let jazz = open(data.path(), "region:all:category:jazz");
    assert!(jazz.candidates().iter().all(|candidate| candidate.categories == ["jazz"]));
    let trending =
        open(data.path(), "user:u2").find("i503").unwrap().columns.get("regional_trending_rank").unwrap();
    assert!(trending > 0.9, "{trending}");
}

#[test]
fn who_took_up_nothing_yet_is_offered_more_of_what_is_popular() {
    let mut catalogue = catalogue(800, 5);
    let listen =
        |at: usize| event(&format!("e{at:03}"), at % 4, at, EventKind::Complete, NOW - 900_000 + at as i64);
    catalogue.add_events((0..400).map(listen).collect());
    let ranking = Ranking::new(Policy::from_json(segue_core::policies::RADIO).unwrap(), None).unwrap();
    let moment = Moment { until_ms: None, now_ms: NOW };
    let prepared = Prepared::new(&catalogue, None, ranking, Kind::Exact, moment, &|_| ()).unwrap();
    let trending = |user: usize| {
        let viewer = Viewer::of_user(user, &catalogue.users[user]);
        let found = gather(&prepared, &[Person { viewer: &viewer, user }]).remove(0);
        found.iter().filter(|place| place.sources.contains(Source::Trending)).count()
    };
    assert!(trending(4) > 3 * Source::Trending.brings() && trending(0) <= Source::Trending.brings());
}

#[test]
fn what_is_similar_goes_by_the_table_beside_the_towers_and_taste_does_not() {
    let mut catalogue = catalogue(800, 1);
    let listen = |step: usize| {
        event(&format!("e{step:03}"), 0, 4 * step, EventKind::Complete, NOW - 900_000 + step as i64)
    };
    catalogue.add_events((0..25).map(listen).collect());
    let ranking = Ranking::new(Policy::from_json(segue_core::policies::RADIO).unwrap(), None).unwrap();
    let moment = Moment { until_ms: None, now_ms: NOW };
    let mut prepared = Prepared::new(&catalogue, None, ranking, Kind::Exact, moment, &|_| ()).unwrap();
    let brought = |prepared: &Prepared<'_>, source: Source| -> Vec<usize> {
        let viewer = Viewer::of_user(0, &catalogue.users[0]);
        let found = gather(prepared, &[Person { viewer: &viewer, user: 0 }]).remove(0);
        found.iter().filter(|place| place.sources.contains(source)).map(|place| place.item).collect()
    };
    let (taste, similar) = (brought(&prepared, Source::Taste), brought(&prepared, Source::Similar));
    assert!(!similar.is_empty() && !similar.contains(&701), "another genre, creator and tempo");
    // What was taken up last and item 701 lie together, and all others elsewhere.
    let row = |item: usize| {
        let vector = if [96, 701].contains(&item) { vec![1.0, 0.0, 0.0] } else { vec![0.0, 1.0, 0.0] };
        (format!("i{item}"), vector)
    };
    let rows: Vec<(String, Vec<f32>)> = (0..800).map(row).collect();
    let table = ItemTable::from_bytes(&file_of(&rows, 0.5)).unwrap();
    prepared.alike = Some(Alike::new(&table, Kind::Exact, &catalogue).unwrap());
    assert!(brought(&prepared, Source::Similar).contains(&701));
    assert_eq!(brought(&prepared, Source::Taste), taste);
}
