//! `segue mend-log` as a process, beside `segue doctor` and the service.

#[path = "support/catalogue.rs"]
mod catalogue;
mod support;

use std::fs;
use std::path::Path;

use catalogue::{filled, ok, run};
use serde_json::Value;
use support::{Serve, post, stored};

/// What `segue doctor` says of the log, if anything; whether it found no error at all.
fn doctor(data: &Path) -> (Option<String>, bool) {
    let found = run(&["doctor", "--json", "--service", "none"], data);
    let answer: Value = serde_json::from_slice(&found.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let of_log = findings.iter().find(|finding| finding["code"].as_str().unwrap().starts_with("log_"));
    (of_log.map(|finding| finding["what"].as_str().unwrap().to_owned()), found.status.success())
}

/// The numbers and ids of the events in the log.
fn numbered(data: &Path) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let each = |number, event: segue_cloud::catalog::Event| found.push((number, event.event_id));
    segue_cloud::events::read_since(data, 0, each).unwrap();
    found
}

/// A service that took in these events, a commit each.
fn serving(data: &Path, ids: std::ops::RangeInclusive<usize>) -> Serve {
    let serve = Serve::start(data);
    for id in ids {
        assert!(post(&serve.address, &[format!("e{id}")]));
    }
    serve
}

#[test]
fn a_log_with_a_damaged_commit_in_the_middle_is_mended_and_every_other_event_keeps_its_number() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("D");
    filled(&data);
    let serve = serving(&data, 1..=5);
    let refused = run(&["mend-log"], &data);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("in use by another segue process"), "{words}");
    drop(serve);
    let (of_log, well) = doctor(&data);
    assert_eq!(of_log, None);
    let segment = data.join("received").join(format!("{:020}.jsonl", 1));
    let mut bytes = fs::read(&segment).unwrap();
    let third = bytes.windows(4).position(|part| part == b"\"e3\"").unwrap();
    bytes[third + 1] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (of_log, is_well) = doctor(&data);
    let of_log = of_log.unwrap();
    assert!(
        !is_well && of_log.contains("jsonl is damaged at byte") && of_log.contains("checksum"),
        "{of_log}"
    );
    assert!(of_log.contains("segue mend-log"), "{of_log}");
    let said = ok(&run(&["mend-log"], &data));
    assert!(said.contains("1 segments mended; 0 events came out of the backup, 1 are lost"), "{said}");
    assert_eq!(doctor(&data), (None, well));
    let left = [(1, "e1"), (2, "e2"), (4, "e4"), (5, "e5")].map(|(number, id)| (number, id.to_owned()));
    assert_eq!(numbered(&data), left);
    let aside = segment.with_file_name(format!("{:020}.jsonl.damaged.torn", 1));
    assert_eq!(fs::read(aside).unwrap(), bytes, "what the segment was lies beside it");
    let said = ok(&run(&["mend-log"], &data));
    assert!(said.contains("nothing to mend"), "{said}");
    let said: Value = serde_json::from_str(&ok(&run(&["mend-log", "--json"], &data))).unwrap();
    assert_eq!(said["segments"], 0);
    drop(serving(&data, 6..=6));
    assert_eq!(stored(&data), ["e1", "e2", "e4", "e5", "e6"]);
    assert_eq!(numbered(&data)[4].0, 6);
}
