//! Label rules and kinds of weights that the command line names arrive where they are gone by.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use segue_cloud::evaluate::LabelRules;
use segue_cloud::examples::npy;
use segue_cloud::train::Card;
use serde_json::{Value, json};

const SHIPPED: &[u8] = include_bytes!("../src/evaluate/labels.json");

/// That of generated data.
const SURFACE: &str = "radio";

/// Numbers of each vector in place of those that Python makes.
const DIMENSION: usize = 4;

fn segue(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
    command.env_remove("SEGUE_CONFIG").env_remove("SEGUE_DATA");
    command.args(arguments).arg("--data").arg(data);
    command
}

#[track_caller]
fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The last line that a command prints, a JSON object.
#[track_caller]
fn summary(command: &mut Command) -> Value {
    let output = ok(command);
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A folder with generated data in `D` and, in `mine.json`, rules that take what was skipped for good and a completion for bad.
fn world() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let (data, labels) = (home.path().join("D"), home.path().join("mine.json"));
    ok(&mut segue(&["generate", "--tracks", "200", "--users", "20"], &data));
    let mut rules: Value = serde_json::from_slice(SHIPPED).unwrap();
    rules["played"] = json!({ SURFACE: [{ "label": 1, "below_fraction": 0.5 }, { "label": -1 }] });
    rules["heads"]["complete"]["well"] = json!(["skip"]);
    rules["heads"]["complete"]["badly"] = json!(["complete"]);
    std::fs::write(&labels, rules.to_string()).unwrap();
    (home, data, labels)
}

/// With these label rules named, if any.
fn by<'a>(command: &'a mut Command, labels: Option<&Path>) -> &'a mut Command {
    match labels {
        Some(labels) => command.arg("--labels").arg(labels),
        None => command,
    }
}

/// The rules that ship, as a file of one's own.
fn shipped(home: &Path) -> PathBuf {
    let path = home.join("shipped.json");
    std::fs::write(&path, SHIPPED).unwrap();
    path
}

#[test]
fn the_judge_goes_by_the_rules_that_are_named() {
    let (home, data, labels) = world();
    let judged = |labels: Option<&Path>| {
        let document = home.path().join("judged.json");
        let mut command = segue(&["evaluate", "--model", "none", "--limit", "8"], &data);
        ok(by(command.arg("--json").arg(&document), labels));
        let found: Value = serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap();
        (found["steps"].clone(), found["rows"][0]["ndcg10"].clone())
    };
    let (shipped, usual) = (shipped(home.path()), judged(None));
    assert!(usual.0.is_number() && usual.1.is_number(), "{usual:?}");
    assert_eq!(judged(Some(shipped.as_path())), usual);
    assert_ne!(judged(Some(labels.as_path())), usual);
}

#[test]
fn the_ranker_learns_by_the_rules_that_are_named() {
    let (home, data, labels) = world();
    let baskets = home.path().join("baskets");
    let made = summary(segue(&["features", "baskets"], &data).arg("--out").arg(&baskets));
    let count = |key: &str| made[key].as_u64().unwrap() as usize;
    let (items, parts) = (count("items"), count("parts"));
    let values: Vec<f32> = (0..items * DIMENSION).map(|at| (at as f32 * 0.37).sin()).collect();
    for part in 0..parts {
        let folder = baskets.join(part.to_string());
        npy::write_floats(&folder, "vectors", &[items, DIMENSION], &values).unwrap();
    }
    let learned = |labels: Option<&Path>| {
        let out = home.path().join("ranker");
        let mut command = segue(&["features", "ranker"], &data);
        command.arg("--baskets").arg(&baskets).arg("--out").arg(&out);
        ok(by(&mut command, labels));
        std::fs::read(out.join("labels.npy")).unwrap()
    };
    let (shipped, usual) = (shipped(home.path()), learned(None));
    assert!(learned(Some(shipped.as_path())) == usual, "the same rules in a file of one's own");
    assert!(learned(Some(labels.as_path())) != usual, "other rules");
}

/// Stands for the Python that trains: keeps, in the folder `STAND_IN`, its arguments and the label rules of the data that it
/// is given, and makes files in place of a model's.
const STAND_IN: &str = r#"#!/bin/sh
set -e
if [ "$1" = -c ]; then
    echo
    echo library
    exit
fi
echo "$@" > "$STAND_IN/arguments"
while [ $# -gt 0 ]; do
    case $1 in
        --data) cp "$2/labels.json" "$STAND_IN/labels.json" ;;
        --work) echo '{}' > "$2/facts.json" ;;
        --out)
            mkdir -p "$2"
            for name in schema.json ranker.onnx item_vectors.bin; do
                cp "$STAND_IN/schema.json" "$2/$name"
            done
            ;;
    esac
    shift
done
"#;

/// The program, as another process writes it: what this one has open for writing may not be run meanwhile.
fn stand_in(home: &Path) -> PathBuf {
    let (text, program) = (home.join("stand-in.txt"), home.join("stand-in"));
    std::fs::write(&text, STAND_IN).unwrap();
    ok(Command::new("install").args(["-m", "755"]).arg(&text).arg(&program));
    std::fs::write(home.join("schema.json"), include_bytes!("../models/demo/schema.json")).unwrap();
    program
}

#[test]
fn training_is_told_of_weights_and_label_rules_and_the_card_says_which() {
    let (home, data, labels) = world();
    let python = stand_in(home.path());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("training");
    let trained = |mut command: Command| {
        command.env("STAND_IN", home.path()).arg("--python").arg(&python);
        let output = by(command.arg("--training").arg(&sources), Some(labels.as_path())).output().unwrap();
        let kept = |name: &str| std::fs::read_to_string(home.path().join(name));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let learned = kept("labels.json").unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(learned, std::fs::read_to_string(&labels).unwrap());
        let card = Card::read(&data.join("models/current")).unwrap().unwrap();
        assert_eq!(card.labels, Some(LabelRules::read(&labels, SURFACE).unwrap().hash().unwrap()));
        std::fs::remove_file(home.path().join("labels.json")).unwrap();
        (kept("arguments").unwrap(), text)
    };
    let (arguments, text) = trained(segue(&["train", "--weights", "int8"], &data));
    assert!(arguments.contains("--weights int8"), "{arguments}");
    assert!(!text.contains("remark"), "{text}");
    // Judging without a model trains one first; what the stand-in makes cannot be judged.
    std::fs::remove_dir_all(data.join("models")).unwrap();
    let (arguments, text) = trained(segue(&["evaluate", "--limit", "1"], &data));
    assert!(arguments.contains("--weights f32"), "{arguments}");
    assert!(!text.contains("remark"), "it learned by the rules that it is judged by: {text}");
    let other = segue(&["evaluate", "--limit", "1"], &data).output().unwrap();
    let text = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(text.contains("remark: ") && text.contains("--labels FILE"), "{text}");
}
