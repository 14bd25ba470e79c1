//! Playlists over HTTP and over weeks.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::app::router;
use crate::backup;
use crate::catalog::EventKind;
use crate::clock::now_ms;
use crate::config::Config;
use crate::editorial::Blocked;
use crate::error::Code;
use crate::refresh::run as refresh;
use crate::refresh::tests::{NOW, catalogue, event, options, write};
use crate::state::AppState;

const WEEK_MS: i64 = 7 * 86_400_000;

/// A refreshed data folder of 200 items, ten of which `u0` heard.
fn published() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let mut catalogue = catalogue(200, 2);
    let heard =
        (0..10).map(|at| event(&format!("e{at}"), 0, at * 4, EventKind::Complete, NOW - 1_000 + at as i64));
    catalogue.add_events(heard.collect());
    write(data.path(), &catalogue);
    refresh(data.path(), &options()).unwrap();
    data
}

fn serve(data: &Path) -> Arc<AppState> {
    AppState::open(Config::new(data)).unwrap()
}

async fn get(state: &Arc<AppState>, path: &str) -> (u16, Value) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let (head, body) = router(Arc::clone(state)).oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let operation = crate::api::check::operation("GET", path).unwrap();
    crate::api::check::answer(operation, head.status.as_u16(), &head.headers, &body);
    (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
}

fn items(playlist: &Value) -> Vec<&str> {
    playlist["items"].as_array().unwrap().iter().map(|one| one["item"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_playlist_is_made_once_a_week_of_what_was_not_heard_and_outlives_refresh_restart_and_backup() {
    let data = published();
    let state = serve(data.path());
    let (status, first) = get(&state, "/api/v1/collections/u0").await;
    assert_eq!(status, 200, "{first}");
    let playlist = &first["collections"][0];
    let found = items(playlist);
    assert_eq!((found.len(), &playlist["items"][29]["position"]), (30, &json!(29)));
    assert!(found.iter().all(
        |item| item[1..].parse::<usize>().unwrap() % 4 != 0 || item[1..].parse::<usize>().unwrap() >= 40
    ));
    assert_eq!(playlist["title"], json!(Week::of(now_ms()).title()));
    refresh(data.path(), &options()).unwrap();
    state.reload();
    assert_eq!(get(&state, "/api/v1/collections/u0").await.1, first);
    drop(state);
    assert_eq!(get(&serve(data.path()), "/api/v1/collections/u0").await.1, first);
    let home = tempfile::tempdir().unwrap();
    let (copied, restored) = (home.path().join("backup"), home.path().join("restored"));
    backup::take(data.path(), &copied, true).unwrap();
    let (from, to) = (copied, restored.clone());
    let put_back = move || backup::restore(&from, &to, &backup::Tombstoned::NobodySince);
    tokio::task::spawn_blocking(put_back).await.unwrap().unwrap();
    assert_eq!(get(&serve(&restored), "/api/v1/collections/u0").await.1, first);
}

#[tokio::test]
async fn what_is_blocked_leaves_the_playlist_and_who_has_no_pack_has_none() {
    let data = published();
    let state = serve(data.path());
    let (_, first) = get(&state, "/api/v1/collections/u0").await;
    let before = items(&first["collections"][0]);
    state.items.decide(|editorial| editorial.block(Blocked::Item, before[3], 1)).unwrap();
    let (_, second) = get(&state, "/api/v1/collections/u0").await;
    let after = items(&second["collections"][0]);
    assert_eq!((after.len(), after.contains(&before[3])), (29, false));
    assert_eq!(second["collections"][0]["items"][3]["position"], 4);
    let (status, problem) = get(&state, "/api/v1/collections/nobody").await;
    assert_eq!((status, &problem["code"]), (404, &json!("pack_missing")));
    assert_eq!(get(&state, "/api/v1/collections/u0?week=1").await.0, 400);
}

#[test]
fn another_week_has_other_items_the_weeks_before_are_listed_and_the_oldest_go() {
    let data = published();
    let state = serve(data.path());
    let mut seen = BTreeSet::new();
    for week in 0..5 {
        let now_ms = now_ms() + week * WEEK_MS;
        let found = weekly(&state, "u0", None, now_ms).unwrap();
        assert_eq!((found.len() as i64, found[0].0), (week + 1, Week::of(now_ms)));
        assert!(
            found[0].1.items.iter().all(|item| seen.insert(item.clone())),
            "week {week} repeats something"
        );
    }
    for week in 5..WEEKS as i64 + 2 {
        let row = crate::catalog::Collection { user: Some("u1".into()), ..Default::default() };
        state.weekly.keep(Week::of(now_ms() + week * WEEK_MS), row, || false).unwrap().unwrap();
    }
    let left = paths(data.path()).unwrap();
    assert_eq!(
        (left.len(), left[0].file_stem().unwrap().to_str()),
        (WEEKS, Some(&*Week::of(now_ms() + 2 * WEEK_MS).to_string()))
    );
}

#[test]
fn the_first_playlist_of_a_week_counts_a_cut_line_is_written_over_and_the_forgotten_get_none() {
    let data = tempfile::tempdir().unwrap();
    let week = Week::of(0);
    let row = |user: &str, item: &str| crate::catalog::Collection {
        user: Some(user.into()),
        items: vec![item.into()],
        ..Default::default()
    };
    let store = Weekly::open(data.path()).unwrap();
    assert!(store.keep(week, row("a", "1"), || false).unwrap().is_some());
    assert_eq!(store.keep(week, row("a", "2"), || false).unwrap(), Some(row("a", "1")));
    assert_eq!(store.keep(week, row("b", "2"), || true).unwrap(), None);
    let path = paths(data.path()).unwrap().remove(0);
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"{\"collection\":\"");
    std::fs::write(&path, text).unwrap();
    let again = Weekly::open(data.path()).unwrap();
    again.keep(week, row("c", "3"), || false).unwrap();
    let opened = Weekly::open(data.path()).unwrap();
    for (user, item) in [("a", "1"), ("c", "3")] {
        assert_eq!(opened.of(user, week).unwrap(), [(week, row(user, item))]);
    }
    assert!(opened.of("b", week).unwrap().is_empty());
    assert_eq!(Weekly::open(data.path()).unwrap().of("a", Week::of(-WEEK_MS)).unwrap(), []);
    assert!(
        matches!(weekly(&serve(data.path()), "a", None, WEEK_MS), Err(error) if error.code == Code::GenerationMissing)
    );
}
