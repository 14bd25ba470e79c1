//! Counters of a service that is killed at any moment: each event counts once.

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::{Serve, post, segue, stored};

fn counters(data: &Path, replay: bool) -> Value {
    let mut command = segue();
    command.args(["counters", "--json", "--data"]).arg(data);
    if replay {
        command.arg("--replay");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_service_killed_while_it_counts_counts_each_event_once() {
    let data = tempfile::tempdir().unwrap();
    let made = segue()
        .args(["generate", "--tracks", "200", "--users", "20", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut acknowledged = 0;
    for (round, wait) in [0, 700, 1_600, 300, 2_500].into_iter().enumerate() {
        let mut serve = Serve::start(data.path());
        for batch in 0..20 {
            let ids: Vec<String> = (0..10).map(|id| format!("e{round}-{batch}-{id}")).collect();
            acknowledged += 10 * u64::from(post(&serve.address, &ids));
            if batch % 7 == round {
                std::thread::sleep(Duration::from_millis(wait));
            }
        }
        serve.child.kill().unwrap();
        serve.child.wait().unwrap();
        let (resumed, replayed) = (counters(data.path(), false), counters(data.path(), true));
        assert_eq!(resumed, replayed, "round {round}");
        assert_eq!(
            (&replayed["events"], stored(data.path()).len() as u64),
            (&acknowledged.into(), acknowledged)
        );
        assert_eq!(replayed["counters"][0]["liked"], acknowledged as f64);
    }
    assert!(data.path().join("consumers").join("counters").exists(), "nothing was ever written");
}
