//! `segue refresh` killed with SIGKILL at random moments: what was published before stays served, whole, and the next run
//! publishes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use segue_cloud::catalog::generate;
use segue_cloud::keys::KeyStore;
use segue_cloud::packs::{Generation, PackStore};
use segue_core::Engine;

/// A small data folder that no model was trained for, so that nothing but this program is needed.
fn folder() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let options = generate::Options { tracks: 300, users: 40, seed: 11, truth: None };
    generate::run(&options, data.path()).unwrap();
    let path = data.path().join("dataset.json");
    let mut dataset: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    dataset["categories"].as_array_mut().unwrap().push("zydeco".into());
    std::fs::write(&path, dataset.to_string()).unwrap();
    data
}

fn refresh(data: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_segue"))
        .args(["refresh", "--shards", "3", "--reuse", "none", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What is served, once every pack of it was accepted as a client would.
fn served(data: &Path) -> u64 {
    let generation: Generation = PackStore::new(data).open_current().unwrap().unwrap();
    let mut client = Engine::new(&KeyStore::new(data).root().unwrap().unwrap().to_hex()).unwrap();
    let now_ms = client.accept_manifest(generation.manifest(), 0).unwrap().created_ms;
    assert_eq!(generation.subjects().filter(|subject| subject.starts_with("user:")).count(), 40);
    for subject in generation.subjects() {
        client.accept_pack(&generation.get(subject).unwrap().unwrap(), subject, now_ms).unwrap();
    }
    generation.number()
}

#[test]
fn whenever_a_refresh_is_killed_a_whole_generation_is_served_and_the_next_run_publishes() {
    let data = folder();
    let started = Instant::now();
    assert!(refresh(data.path()).wait().unwrap().success());
    let whole = started.elapsed();
    let mut before = served(data.path());
    for attempt in 1..=10_u32 {
        let mut running = refresh(data.path());
        // Spread over the whole run; how far it came by then is chance.
        std::thread::sleep(whole * attempt / 10 + Duration::from_millis(u64::from(attempt * 7 % 5)));
        running.kill().unwrap();
        running.wait().unwrap();
        let after = served(data.path());
        assert!(after == before || after == before + 1, "{after} after {before}");
        before = after;
    }
    assert!(refresh(data.path()).wait().unwrap().success());
    assert_eq!(served(data.path()), before + 1);
}
