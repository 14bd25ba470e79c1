//! `segue serve` as a process: killed at any moment, stopped politely, started twice.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// A running service; dropping it kills it.
struct Serve {
    child: Child,
    address: String,
}

impl Serve {
    fn start(data: &Path) -> Self {
        let mut child = command(data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
        Self { child, address }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// Posts one batch; true when it was acknowledged.
fn post(address: &str, ids: &[String]) -> bool {
    let events: Vec<String> = ids
        .iter()
        .map(|id| format!(r#"{{"event_id":"{id}","item":"t1","kind":"like","time_ms":1}}"#))
        .collect();
    let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
    let head =
        "POST /api/v1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    if stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).is_err()
    {
        return false;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer.starts_with(b"HTTP/1.1 202")
}

fn stored(data: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    segue_cloud::events::read_since(data, 0, |_, event| ids.push(event.event_id)).unwrap();
    ids
}

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
