//! A data folder that is quickly made and refreshed.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::support::segue;

/// Runs `segue` with these arguments on a data folder.
pub(crate) fn run(arguments: &[&str], data: &Path) -> Output {
    segue().args(arguments).arg("--data").arg(data).output().unwrap()
}

/// What it printed, where it succeeded.
#[track_caller]
pub(crate) fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A small catalogue whose attributes are not those of the demo's model, so that nothing needs ONNX Runtime.
pub(crate) fn filled(data: &Path) {
    let rows = data.with_extension("rows");
    fs::create_dir_all(&rows).unwrap();
    let items: String = (0..40).map(|at| format!("{{\"item\":\"t{at}\",\"title\":\"T{at}\"}}\n")).collect();
    let events: String = (0..80)
        .map(|at| {
            let (user, item) = (at % 4, at % 40);
            format!("{{\"event_id\":\"x{at}\",\"user\":\"u{user}\",\"item\":\"t{item}\",\"kind\":\"like\",\"time_ms\":{at}}}\n")
        })
        .collect();
    fs::write(rows.join("items.jsonl"), items).unwrap();
    fs::write(rows.join("events.jsonl"), events).unwrap();
    ok(&segue().args(["import", "jsonl"]).arg(&rows).arg("--data").arg(data).output().unwrap());
    ok(&run(&["refresh", "--index", "exact"], data));
}
