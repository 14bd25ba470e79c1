//! `segue model check` as a command: how it ends, what it says and what it writes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The demo's model in a folder, its ranker changed to these bytes where some are given.
fn model(ranker: Option<&[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    for name in ["item_tower.onnx", "user_tower.onnx", "ranker.onnx", "schema.json"] {
        std::fs::copy(demo.join(name), folder.path().join(name)).unwrap();
    }
    if let Some(bytes) = ranker {
        std::fs::write(folder.path().join("ranker.onnx"), bytes).unwrap();
    }
    folder
}

/// The command's end and the document it wrote.
fn check(folder: &Path, limits: &[&str]) -> (Output, Value) {
    let document = folder.join("findings.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.env_remove("SEGUE_CONFIG").env_remove("SEGUE_DATA");
    command.args(["model", "check"]).arg(folder).args(limits).arg("--json").arg(&document);
    let output = command.output().unwrap();
    (output, serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap())
}

#[track_caller]
fn refused(folder: &Path, limits: &[&str], check_name: &str, why: &str) {
    let (output, document) = check(folder, limits);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let wanted = format!("error: model_refused: {check_name}: ");
    assert!(error.contains(&wanted) && error.contains(why), "{error}");
    assert_eq!(document["accepted"], false);
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().find(|found| found["check"] == check_name).unwrap();
    assert_eq!(found["passed"], false, "{document}");
}

#[test]
fn a_ranker_of_too_many_bytes_ends_the_command_with_model_refused() {
    refused(model(None).path(), &["--bytes", "10"], "size", "more than the 10 allowed");
}

#[cfg(feature = "ranker")]
#[test]
fn the_demos_model_is_accepted_and_one_that_is_slow_or_damaged_is_refused() {
    let demo = model(None);
    let (output, document) = check(demo.path(), &["--milliseconds", "1000000"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(document["accepted"], true);
    refused(demo.path(), &["--milliseconds", "0"], "latency", "more than the 0 allowed");
    refused(model(Some(b"no model")).path(), &[], "operators", "model_damaged");
}
