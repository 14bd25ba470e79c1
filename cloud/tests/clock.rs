//! A service whose machine's clock is set while it runs, and what it writes by the clock by itself.

#[path = "support/catalogue.rs"]
mod catalogue;
#[path = "support/skipped.rs"]
mod skipped;
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use catalogue::{filled, ok, run};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};
use support::{Serve, command, post, segue, stored};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const HOUR: i64 = 3_600;

/// A clock that the processes that are told of it go by.
struct Clock(tempfile::TempDir);

impl Clock {
    /// None where it cannot be made, which is noted.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(folder.path().join("clock.so")).arg(source);
        let is_made = cfg!(all(target_os = "linux", target_pointer_width = "64"))
            && compiler.status().is_ok_and(|status| status.success());
        if !is_made {
            skipped::note(
                "a clock can be set for a process on Linux with a C compiler",
                "apt-get install gcc",
            );
            return None;
        }
        let clock = Self(folder);
        clock.set(0);
        Some(clock)
    }

    /// From now on it is ahead by so many seconds.
    fn set(&self, seconds: i64) {
        let written = self.0.path().join("writing");
        fs::write(&written, seconds.to_string()).unwrap();
        fs::rename(written, self.file()).unwrap();
    }

    fn rule(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.0.path().join("clock.so")).env("MOVED_CLOCK", self.file());
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("ahead")
    }
}

/// Now by a clock that nobody sets, in milliseconds since 1970.
fn true_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Asks with the service key; status and body.
fn ask(serve: &Serve, what: &str, body: &str) -> (u16, String) {
    let head = format!("{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {KEY}");
    let head = format!("{head}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    let mut stream = TcpStream::connect(&serve.address).unwrap();
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn ask_json(serve: &Serve, what: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = ask(serve, what, &body);
    assert!((200..300).contains(&status), "{what}: {status} {answer}");
    serde_json::from_str(&answer).unwrap()
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A metric's value; the label as Prometheus writes it, where there is one.
fn metric(serve: &Serve, name: &str) -> f64 {
    let (_, text) = ask(serve, "GET /metrics", "");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect(name);
    line.trim().parse().unwrap()
}

fn generation(serve: &Serve) -> u64 {
    ask_json(serve, "GET /readyz", &Value::Null)["generation"].as_u64().unwrap()
}

/// The service by `clock`, with these settings, its log in a file.
fn start(data: &Path, clock: &Clock, log: &Path, settings: &[(&str, &str)]) -> Serve {
    let mut command = command(data);
    clock.rule(&mut command);
    command
        .env("SEGUE_SERVICE_KEYS", KEY)
        .envs(settings.iter().copied())
        .stderr(fs::File::create(log).unwrap());
    Serve::run(&mut command)
}

#[test]
fn a_clock_that_leaps_ahead_and_back_costs_no_event_no_refresh_and_no_list() {
    let Some(clock) = Clock::new() else { return };
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("D"), home.path().join("log"));
    filled(&data);
    let serve =
        start(&data, &clock, &log, &[("SEGUE_SERVE_REFRESH_EVERY", "1s"), ("SEGUE_REFRESH_INDEX", "exact")]);
    let mut acknowledged = Vec::new();
    // The last but one lets every generation expire.
    for (round, ahead) in [9, -20, 20, 200, 0].into_iter().enumerate() {
        clock.set(ahead * HOUR);
        let item = format!("t{}", 10 + round);
        // A device that says what its clock is, and one that does not: both have the true time.
        for (said, now_ms) in [("said", json!(true_ms())), ("unsaid", Value::Null)] {
            let id = |at: usize| format!("{said}-{round}-{at}");
            let row = |at: usize| {
                let kind = if at == 0 { "dislike" } else { "complete" };
                let item = if at == 0 { item.clone() } else { format!("t{at}") };
                json!({"event_id": id(at), "user": "u0", "item": item, "kind": kind, "time_ms": true_ms() - 1_000})
            };
            let rows: Vec<Value> = (0..5).map(row).collect();
            let mut body = json!({"events": rows});
            if !now_ms.is_null() {
                body["sent_ms"] = now_ms;
            }
            let receipt = ask_json(&serve, "POST /api/v1/events", &body);
            assert_eq!((&receipt["accepted"], &receipt["rejected"]), (&json!(5), &json!([])), "{receipt}");
            acknowledged.extend((0..5).map(id));
            let again = ask_json(&serve, "POST /api/v1/events", &body);
            assert_eq!(again["duplicates"], 5, "{again}");
        }
        let list =
            ask_json(&serve, "GET /api/v1/recommendations?user=u0&surface=radio&count=10", &Value::Null);
        let places = list["items"].as_array().unwrap();
        assert!(!places.is_empty() && places.iter().all(|place| place["item"] != item), "{ahead}: {list}");
        let before = generation(&serve);
        until("the refresh goes on", || generation(&serve) > before + 1);
        until("clients accept what is served", || metric(&serve, "segue_generation_expires_seconds") > 0.0);
    }
    assert_eq!(metric(&serve, "segue_dead_letters"), 0.0);
    drop(serve);
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    let mut found = stored(&data);
    found.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(found, acknowledged);
    let counters = |more: &[&str]| ok(&run(&[&["counters", "--json"], more].concat(), &data));
    assert_eq!(counters(&[]), counters(&["--replay"]));
    // The machine is started again by the true clock.
    let serve = Serve::start(&data);
    assert!(post(&serve.address, &["after".to_owned()]));
}

/// The rows of the training log, as text.
fn rows(data: &Path) -> Vec<String> {
    let (mut folders, mut rows) = (vec![data.join("training")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "parquet") {
                // One that is replaced at this moment is looked at the next time.
                let Ok(file) = fs::File::open(path) else { continue };
                let reader = SerializedFileReader::new(file).unwrap();
                rows.extend(reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()));
            }
        }
    }
    rows
}

#[test]
fn the_service_writes_what_is_due_of_the_training_log_by_itself_and_nobody_who_is_forgotten() {
    let Some(clock) = Clock::new() else { return };
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("D"), home.path().join("log"));
    filled(&data);
    let serve = start(&data, &clock, &log, &[("SEGUE_SERVE_TRAINING_LOG_EVERY", "1s")]);
    let shown = |user: &str| {
        json!({"event_id": format!("shown-{user}"), "user": user, "item": "t1", "kind": "impression", "slate": "l1",
            "position": 0, "time_ms": true_ms()})
    };
    let batch = json!({"events": [shown("alpaca"), shown("bison"), shown("civet")]});
    assert_eq!(ask_json(&serve, "POST /api/v1/events", &batch)["accepted"], 3);
    let forget = |user: &str| assert_eq!(ask(&serve, &format!("DELETE /api/v1/users/{user}"), "").0, 202);
    let holds = |user: &str| rows(&data).iter().any(|row| row.contains(user));
    let runs = || metric(&serve, "segue_training_log_runs_total{result=\"succeeded\"}");
    forget("alpaca");
    until("it runs", || runs() > 0.0);
    assert!(rows(&data).is_empty(), "nothing is due yet");
    clock.set(26 * HOUR);
    until("the hour is written", || holds("bison"));
    assert!(holds("civet") && !holds("alpaca"));
    until("its age is told", || {
        // It may be that what was written last was by the clock of before.
        (24.0 * 3_600.0..=25.1 * 3_600.0).contains(&metric(&serve, "segue_training_log_age_seconds"))
    });
    forget("bison");
    until("the forgotten go", || !holds("bison"));
    let before = runs();
    until("it runs again", || runs() > before + 1.0);
    assert!(holds("civet") && !holds("bison") && !holds("alpaca"));
    assert_eq!(metric(&serve, "segue_training_log_runs_total{result=\"failed\"}"), 0.0);
    drop(serve);
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn old_events_leave_the_log_beside_the_service_and_who_is_forgotten_after_that_leaves_it_whole() {
    let Some(clock) = Clock::new() else { return };
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("D"), home.path().join("log"));
    filled(&data);
    let settings = [("SEGUE_SERVE_TRAINING_LOG_EVERY", "none"), ("SEGUE_LIMITS_SEGMENT_BYTES", "65536")];
    let serve = start(&data, &clock, &log, &settings);
    let event = |id: &str, kind: &str| json!({"event_id": id, "user": "alpaca", "session": "at-home", "item": "t1", "kind": kind, "time_ms": true_ms()});
    // Each batch fills a segment.
    for batch in 0..3 {
        let mut events: Vec<Value> =
            (0..600).map(|at| event(&format!("shown-{batch}-{at}"), "impression")).collect();
        events.push(event(&format!("liked-{batch}"), "like"));
        assert_eq!(ask_json(&serve, "POST /api/v1/events", &json!({"events": events}))["accepted"], 601);
    }
    let expiry = |more: &[&str]| {
        let mut command = segue();
        clock.rule(&mut command);
        command.envs(settings).args(["expire-events", "--json"]).args(more).arg("--data").arg(&data);
        command
    };
    let expire = |more: &[&str]| expiry(more).output().unwrap();
    assert!(ok(&expire(&[])).contains("\"gone\":0"), "nothing is old");
    assert!(String::from_utf8_lossy(&expire(&["--keep", "71h"]).stderr).contains("3d or more"));
    clock.set(100 * 24 * HOUR);
    let newest = json!({"events": [event("newest", "like")]});
    assert_eq!(ask_json(&serve, "POST /api/v1/events", &newest)["accepted"], 1);
    let lock = fs::File::create(data.join("received/eraser.lock")).unwrap();
    lock.lock().unwrap();
    let refused = expire(&[]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("under way"));
    // The service's own is told apart from one that fails; its input is open for as long as the service runs.
    let mut attended = expiry(&["--attended"]).stdin(Stdio::piped()).spawn().unwrap();
    let input = attended.stdin.take();
    assert_eq!(attended.wait().unwrap().code(), Some(75));
    drop((input, lock));
    until("old events go", || {
        // What the service has not counted yet stays until it has.
        ok(&expire(&[]));
        stored(&data) == ["liked-0", "liked-1", "liked-2", "newest"]
    });
    assert_eq!(ask_json(&serve, "POST /api/v1/events", &newest)["duplicates"], 1);
    assert_eq!(ask(&serve, "DELETE /api/v1/users/alpaca", "").0, 202);
    let is_told = || {
        let files = fs::read_dir(data.join("received")).unwrap().map(|entry| fs::read(entry.unwrap().path()));
        files.filter_map(Result::ok).any(|bytes| String::from_utf8_lossy(&bytes).contains("alpaca"))
    };
    until("the forgotten go", || !is_told());
    drop(serve);
    assert_eq!(stored(&data), [""; 0]);
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}
