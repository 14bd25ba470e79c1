//! `segue serve` as a process: killed at any moment, stopped politely, started twice.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Serve, command, post, segue, stored};

#[test]
fn events_acknowledged_before_a_kill_are_there_once_however_often_they_are_sent_again() {
    let data = tempfile::tempdir().unwrap();
    let batches: Vec<Vec<String>> =
        (0..40).map(|batch| (0..25).map(|event| format!("e{batch}-{event}")).collect()).collect();
    let mut acknowledged = BTreeSet::new();
    let mut pending = batches.clone();
    for kill_after in [1, 3, 7, 2, usize::MAX] {
        let mut serve = Serve::start(data.path());
        let (heard, hear) = mpsc::channel();
        let (address, sending) = (serve.address.clone(), pending.clone());
        let sender = std::thread::spawn(move || {
            sending.iter().for_each(|batch| {
                if post(&address, batch) {
                    let _ = heard.send(batch.clone());
                }
            });
        });
        // The kill falls into the batch after the one that was heard of last.
        hear.iter().take(kill_after).for_each(|batch| acknowledged.extend(batch));
        serve.child.kill().unwrap();
        serve.child.wait().unwrap();
        hear.iter().for_each(|batch| acknowledged.extend(batch));
        sender.join().unwrap();
        let found = stored(data.path());
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert!(acknowledged.is_subset(&distinct), "an acknowledged event is lost");
        assert_eq!(found.len(), distinct.len(), "an event is stored twice");
        // One batch that was acknowledged is sent again, as a client would that lost the answer.
        pending.retain(|batch| !acknowledged.contains(&batch[0]) || batch == &batches[0]);
    }
    assert_eq!(acknowledged.len(), 1_000);
    assert_eq!(stored(data.path()).len(), 1_000);
}

#[test]
fn after_a_kill_what_was_acknowledged_a_while_before_is_no_half_commit_when_it_rots() {
    let data = tempfile::tempdir().unwrap();
    let received = data.path().join("received");
    let serve = Serve::start(data.path());
    assert!(post(&serve.address, &["e1".to_owned()]));
    let waited = Instant::now();
    while fs::read(received.join("acknowledged")).ok().is_none_or(|written| written != b"2\n2\n") {
        assert!(waited.elapsed() < Duration::from_secs(300), "nobody wrote down that the event is durable");
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(serve);
    let segment = received.join(format!("{:020}.jsonl", 1));
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let refused = command(data.path()).output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("events 1 to 1 were acknowledged"), "{words}");
    assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing was cut off");
}

#[test]
fn a_second_service_on_the_same_folder_is_refused_in_words() {
    let data = tempfile::tempdir().unwrap();
    let _first = Serve::start(data.path());
    let second = command(data.path()).output().unwrap();
    assert!(!second.status.success());
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains("in use by another segue process"), "{words}");
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let missing = command(&data.path().join("nowhere")).output().unwrap();
    let words = String::from_utf8_lossy(&missing.stderr);
    assert!(!missing.status.success() && words.contains("does not exist"), "{words}");
    let player = command(data.path()).arg("--player").arg(data.path()).output().unwrap();
    let words = String::from_utf8_lossy(&player.stderr);
    assert!(!player.status.success() && words.contains("index.html"), "{words}");
    let origin = command(data.path()).args(["--cors-origin", "app.example"]).output().unwrap();
    let words = String::from_utf8_lossy(&origin.stderr);
    assert!(!origin.status.success() && words.contains("app.example"), "{words}");
}

/// What the service says to an administrator.
fn ask(address: &str, method: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{method} /api/v1/admin{path} HTTP/1.1\r\nhost: x\r\nconnection: close");
    write!(stream, "{head}\r\nauthorization: Bearer {KEY}\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {answer}"))
}

/// How a job ended.
fn ended(address: &str, begun: &Value) -> Value {
    let path = format!("/jobs/{}", begun["job"].as_str().unwrap_or_else(|| panic!("{begun}")));
    let waited = Instant::now();
    loop {
        let job = ask(address, "GET", &path);
        if job["stage"] != "running" {
            return job;
        }
        assert!(waited.elapsed() < Duration::from_secs(300), "{job}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn an_administrator_refreshes_and_goes_back_without_a_shell() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let made =
        segue().args(["generate", "--tracks", "300", "--users", "20", "--data"]).arg(&data).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let keys = home.path().join("service.keys");
    fs::write(&keys, format!("{KEY} admin\n")).unwrap();
    let serve = Serve::run(command(&data).arg("--service-keys").arg(&keys));
    for generation in [1, 2] {
        let job = ended(&serve.address, &ask(&serve.address, "POST", "/refresh"));
        assert_eq!(
            (job["stage"].as_str(), job["generation"].as_u64()),
            (Some("succeeded"), Some(generation)),
            "{job}"
        );
    }
    let back = ended(&serve.address, &ask(&serve.address, "POST", "/rollback"));
    assert_eq!((back["to"].as_u64(), back["generation"].as_u64()), (Some(1), Some(3)), "{back}");
    let jobs = ask(&serve.address, "GET", "/jobs");
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(3));
}
