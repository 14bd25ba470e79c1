//! The service on the folder, asked over a socket.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use tokio::sync::oneshot;

use super::*;
use crate::app::router;
use crate::auth::PersonTokens;
use crate::config::Config;
use crate::events::power_cut::PowerCutDisk;
use crate::events::{EventStore, Limits, Senders, validate};
use crate::live::Sessions;
use crate::state::AppState;
use crate::{erasure, monitor, server};

/// Looks while `state` is served.
async fn codes_of(world: World, state: std::sync::Arc<AppState>) -> (World, Vec<Code>) {
    codes_at("127.0.0.1:0", world, state).await
}

async fn codes_at(listen: &str, mut world: World, state: std::sync::Arc<AppState>) -> (World, Vec<Code>) {
    let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
    world.examined.service = Some(listener.local_addr().unwrap().to_string());
    let (stop, stopped) = oneshot::channel::<()>();
    let limits = state.config.limits;
    let serving = tokio::spawn(server::run(listener, router(state), limits, None, async {
        let _ = stopped.await;
    }));
    let found = tokio::task::spawn_blocking(move || {
        let codes = world.codes();
        (world, codes)
    });
    let found = found.await.unwrap();
    drop(stop);
    serving.await.unwrap();
    found
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_started_and_one_that_is_behind_takes_the_new_generation() {
    let mut world = World::new();
    world.examined.service = Some("127.0.0.1:1".to_owned());
    assert_eq!(world.codes(), [Code::ServiceUnreachable]);
    let state = AppState::open(Config::new(world.data.path())).unwrap();
    let (world, codes) = codes_of(world, state.clone()).await;
    assert!(!codes.contains(&Code::ServiceUnreachable) && !codes.contains(&Code::ServiceBehind), "{codes:?}");
    world.refresh();
    let (world, codes) = codes_of(world, state.clone()).await;
    assert!(codes.contains(&Code::ServiceBehind), "{codes:?}");
    state.reload();
    let (_, codes) = codes_of(world, state).await;
    assert!(!codes.contains(&Code::ServiceBehind), "{codes:?}");
}

#[tokio::test]
async fn a_service_that_is_open_to_other_machines_checks_who_asks() {
    let mut world = World::new();
    let data = world.data.path().to_owned();
    let state = |people: Option<PersonTokens>| {
        let mut config = Config::new(&data);
        config.callers.people = people;
        AppState::open(config).unwrap()
    };
    let everywhere = ["127.0.0.1:0", "0.0.0.0:0"];
    for (listen, found) in everywhere.into_iter().zip([false, true]) {
        let (again, codes) = codes_at(listen, world, state(None)).await;
        assert_eq!(codes.contains(&Code::PeopleUnchecked), found, "{listen} {codes:?}");
        world = again;
    }
    let tokens = PersonTokens::read(None, [Some("0123456789abcdef0123456789abcdef"), None], None).unwrap();
    let (_, codes) = codes_at("0.0.0.0:0", world, state(tokens)).await;
    assert!(!codes.contains(&Code::PeopleUnchecked), "{codes:?}");
}

#[tokio::test]
async fn a_disk_that_refuses_to_make_events_durable_is_seen_from_outside() {
    let world = World::new();
    let disk = PowerCutDisk::default();
    let events = EventStore::on_disk(disk.clone(), Limits::default()).unwrap();
    let config = Config::new(world.data.path());
    let state = AppState::with_events(config, events, Sessions::default(), monitor::install()).unwrap();
    disk.state().sync_fails = true;
    let row = serde_json::json!({"event_id": "e1", "kind": "like", "item": "i1", "time_ms": 1});
    let (batch, _) = validate(vec![row], Senders::anybody(&erasure::Erased::default()), 0, 10);
    assert!(state.events.append(batch).await.is_err());
    let (_, codes) = codes_of(world, state).await;
    assert!(codes.contains(&Code::EventsFailing), "{codes:?}");
}

#[tokio::test]
async fn a_disk_that_was_full_is_no_fault_any_more_once_events_are_stored() {
    let world = World::new();
    let disk = PowerCutDisk::default();
    let events = EventStore::on_disk(disk.clone(), Limits::default()).unwrap();
    let config = Config::new(world.data.path());
    let state = AppState::with_events(config, events, Sessions::default(), monitor::install()).unwrap();
    let store = |id: &str| {
        let row = serde_json::json!({"event_id": id, "kind": "like", "item": "i1", "time_ms": 1});
        state.events.append(validate(vec![row], Senders::anybody(&erasure::Erased::default()), 0, 10).0)
    };
    disk.state().room = Some(3);
    assert!(store("e1").await.is_err());
    let (world, codes) = codes_of(world, state.clone()).await;
    assert!(codes.contains(&Code::EventsFailing), "{codes:?}");
    disk.state().room = None;
    assert!(store("e1").await.is_ok());
    let (_, codes) = codes_of(world, state.clone()).await;
    assert!(!codes.contains(&Code::EventsFailing), "{codes:?}");
}

#[test]
fn a_service_whose_events_wait_for_more_than_a_minute_is_late() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    world.examined.service = Some(listener.local_addr().unwrap().to_string());
    let answering = std::thread::spawn(move || {
        for body in ["{\"generation\":1}", "segue_event_lag_seconds{consumer=\"log\"} 61\n"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n{body}").unwrap();
        }
    });
    assert_eq!(world.codes(), [Code::EventsLate]);
    answering.join().unwrap();
}

#[test]
fn the_status_says_what_is_served_and_what_waits() {
    let world = World::new();
    let status = Status::of(&world.examined);
    let report = status.generation.as_ref().unwrap();
    assert_eq!((report.generation, report.packs, status.age_ms), (1, 5, Some(60_000)));
    assert_eq!((status.kept.as_slice(), status.events), ([1].as_slice(), Some(0)));
    let text = status.to_string();
    for line in ["generation  1, made 1 min ago", "accepted    for another 6 d", "events      none received"]
    {
        assert!(text.contains(line), "{text}");
    }
    let empty = tempfile::tempdir().unwrap();
    let status = Status::of(&Examined { data: empty.path().to_owned(), ..world.examined });
    assert!(status.to_string().contains("none is published"), "{status}");
}
