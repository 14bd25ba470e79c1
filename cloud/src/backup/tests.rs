//! A folder is taken beside a running service, put back, and nobody who was forgotten comes with it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::catalog::{Catalogue, Event, EventKind};
use crate::config::Config;
use crate::doctor::{Examined, examine};
use crate::erasure::{self, Erased};
use crate::events::{Senders, read_since, validate};
use crate::expiry;
use crate::packs::PackStore;
use crate::refresh::run;
use crate::refresh::tests::{NOW, folder, options, write};
use crate::state::AppState;

/// An id that is in no hash and no other word.
const WHO: &str = "zebra";

/// A data folder that knows the person, with a generation and the service on it.
struct World {
    home: tempfile::TempDir,
    data: tempfile::TempDir,
    state: Arc<AppState>,
}

impl World {
    fn new() -> Self {
        let (data, mut catalogue) = folder();
        let mut event = Event::new("mine", "i1", EventKind::Like, NOW - 5_000);
        event.user = WHO.into();
        catalogue.add_events(vec![event]);
        write(data.path(), &catalogue);
        run(data.path(), &options()).unwrap();
        let state = AppState::open(Config::new(data.path())).unwrap();
        Self { home: tempfile::tempdir().unwrap(), data, state }
    }

    async fn post(&self, id: &str, user: &str) {
        let row = json!({"event_id": id, "kind": "like", "item": "i1", "user": user, "time_ms": 1});
        let (batch, _) = validate(vec![row], Senders::anybody(&Erased::default()), 0, 10);
        self.state.events.append(batch).await.unwrap();
    }

    fn backup(&self) -> std::path::PathBuf {
        let to = self.home.path().join("backup");
        take(self.data.path(), &to, true).unwrap();
        to
    }

    fn restored(&self) -> std::path::PathBuf {
        self.home.path().join("restored")
    }
}

fn stored(data: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    read_since(data, 0, |_, event| ids.push(event.event_id)).unwrap();
    ids
}

/// Whether a table, the log or a remark in `folder` holds the text; packs go with their generations.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(Result::unwrap).any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => entry.file_name() != "generations" && holds(&path, text),
            false => fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()),
        }
    })
}

#[tokio::test]
async fn what_was_acknowledged_before_a_backup_is_there_after_its_restore_and_serves() {
    let world = World::new();
    world.post("e1", "u1").await;
    let log =
        fs::read_dir(crate::events::folder(world.data.path())).unwrap().map(|entry| entry.unwrap().path());
    let segment =
        log.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).unwrap();
    // The service is in the middle of a commit.
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, [whole.as_slice(), b"{\"format\":1,\"com"].concat()).unwrap();
    let backup = world.backup();
    fs::write(&segment, whole).unwrap();
    world.post("e2", "u1").await;

    let data = world.restored();
    let there = data.clone();
    let restored = std::thread::spawn(move || restore(&backup, &there, &Tombstoned::NobodySince).unwrap())
        .join()
        .unwrap();
    assert_eq!((restored.generation, restored.erased_rows), (Some(1), 0));
    assert_eq!(stored(&data), ["e1"]);
    assert_eq!(stored(world.data.path()), ["e1", "e2"]);
    let packs = |data: &Path| PackStore::new(data).open_current().unwrap().unwrap().get("user:u1").unwrap();
    assert_eq!(packs(&data), packs(world.data.path()));
    let examined = Examined {
        data: data.clone(),
        now_ms: NOW,
        late_ms: i64::MAX,
        training_late_ms: None,
        service: None,
        trusted: None,
        runtime: None,
    };
    let codes: Vec<&str> = examine(&examined).iter().map(|finding| finding.code.name()).collect();
    let expected = ["clock_behind", "disk_full", "disk_nearly_full"];
    assert!(codes.iter().all(|code| expected.contains(code)), "{codes:?}");
    run(&data, &options()).unwrap();
    assert_eq!(PackStore::new(&data).current().unwrap(), Some(2));
}

#[tokio::test]
async fn nobody_who_was_forgotten_after_the_backup_comes_back_with_it() {
    let world = World::new();
    world.post("e1", WHO).await;
    let backup = world.backup();
    assert!(holds(&backup, WHO));
    world.state.forget(WHO.to_owned()).await.unwrap();
    erasure::carry_out(&world.state).await.unwrap();
    let newest = world.data.path().join("erased.jsonl");

    let data = world.restored();
    let (from, to) = (backup.clone(), data.clone());
    let (refused, restored) = std::thread::spawn(move || {
        let refused = restore(&from, &to, &Tombstoned::There).unwrap_err().to_string();
        (refused, restore(&from, &to, &Tombstoned::In(newest)).unwrap())
    })
    .join()
    .unwrap();
    assert!(refused.contains("--erased"), "{refused}");
    assert!(restored.erased_rows >= 2, "{restored:?}");
    assert!(!holds(&data, WHO));
    assert!(!stored(&data).contains(&"e1".to_owned()));
    let catalogue = Catalogue::load(&data).unwrap();
    assert!(catalogue.events.iter().all(|event| event.user != WHO));
    let state = AppState::open(Config::new(&data)).unwrap();
    assert!(state.tombstones.pending().is_empty());
    assert!(state.refuse_erased(WHO).is_err());
}

#[test]
fn how_far_old_events_left_the_log_comes_back_with_a_backup() {
    let world = World::new();
    let state = r#"{"format":1,"until_ms":5,"times":1,"is_done":true,"run_ms":6}"#;
    fs::write(crate::events::folder(world.data.path()).join(expiry::FILE), state).unwrap();
    let (backup, data) = (world.backup(), world.restored());
    restore(&backup, &data, &Tombstoned::NobodySince).unwrap();
    assert_eq!(expiry::expired_until_ms(&data).unwrap(), Some(5));
}

#[test]
fn a_damaged_unfinished_or_misplaced_backup_is_refused_before_anything_is_written() {
    let world = World::new();
    let backup = world.backup();
    let data = world.restored();
    let refused = || restore(&backup, &data, &Tombstoned::NobodySince).unwrap_err().to_string();
    let items = backup.join("items.jsonl");
    let whole = fs::read(&items).unwrap();
    fs::write(&items, &whole[1..]).unwrap();
    assert!(refused().contains("items.jsonl"));
    fs::write(&items, whole).unwrap();
    let list = fs::read_to_string(backup.join(LIST)).unwrap();
    fs::write(backup.join(LIST), list.replace("\"items.jsonl\"", "\"../items.jsonl\"")).unwrap();
    assert!(refused().contains("outside"));
    fs::remove_file(backup.join(LIST)).unwrap();
    assert!(refused().contains("no backup"));
    assert!(!data.exists());
    fs::write(backup.join(LIST), list).unwrap();
    let into = restore(&backup, world.data.path(), &Tombstoned::There).unwrap_err().to_string();
    assert!(into.contains("already"), "{into}");
    let again = take(world.data.path(), &backup, true).unwrap_err().to_string();
    assert!(again.contains("already"), "{again}");
    let inside = take(world.data.path(), &world.data.path().join("backup"), true).unwrap_err().to_string();
    assert!(inside.contains("in the data folder"), "{inside}");
}

#[test]
fn a_backup_without_keys_holds_no_private_key_and_keys_stay_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let backup = world.backup();
    let key = backup.join("keys/signing.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let without = world.home.path().join("without");
    let contents = take(world.data.path(), &without, false).unwrap();
    assert!(!contents.keys && without.join("keys/root.pub").exists());
    assert!(!without.join("keys/signing.key").exists());
}

#[test]
fn what_a_killed_publication_left_is_in_no_backup() {
    let world = World::new();
    let generations = world.data.path().join("served/generations");
    // One that was being removed, and one that was whole before the pointer came to it.
    for (generation, object) in [("0", "manifest.cose"), ("2", "manifest.cose"), ("2", "artefacts")] {
        fs::create_dir_all(generations.join(generation)).unwrap();
        fs::write(generations.join(generation).join(object), "left").unwrap();
    }
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder.join("served/generations")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(&world.backup()), ["1"]);
    // The one in force is served without its list of blobs too.
    fs::remove_file(generations.join("1/artefacts")).unwrap();
    let to = world.home.path().join("another");
    take(world.data.path(), &to, true).unwrap();
    assert_eq!(names(&to), ["1"]);
}
