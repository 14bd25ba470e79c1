//! Sound input and every input that was ever found to crash, hang or break a promise: `tests/crashers/TARGET/*`.

use std::fs;
use std::path::Path;

use segue_conformance::bad_input::{TARGETS, seeds};

#[test]
fn no_crasher_ever_found_does_harm_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crashers");
    for entry in fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
            assert!(name == "model" && !cfg!(feature = "ranker"), "{name} is no fuzz target");
            continue;
        };
        for file in fs::read_dir(entry.path()).unwrap().flatten() {
            println!("{name}: {}", file.path().display());
            (target.run)(&fs::read(file.path()).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_program_for_the_fuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
    for target in TARGETS {
        assert!(folder.join(format!("{}.rs", target.name)).is_file(), "{}", target.name);
    }
}

#[test]
fn every_target_takes_its_own_seeds() {
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
    }
}
