//! The tool behind `cargo xtask gen-vectors` and `cargo xtask fuzz`.
//!
//! ```text
//! segue-conformance vectors                writes the vectors
//! segue-conformance check-vectors          says whether the committed ones are what the recipes give
//! segue-conformance seeds TARGET FOLDER    writes what the fuzzer starts from
//! ```

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use segue_conformance::{bad_input, vectors};

const USAGE: &str = "usage: segue-conformance vectors | check-vectors | seeds TARGET FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["vectors"] => write_vectors(),
        ["check-vectors"] => check_vectors(),
        ["seeds", target, folder] => write_seeds(target, Path::new(folder)),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn write_vectors() -> Result<()> {
    let generated = vectors::generate()?;
    vectors::write(&generated)?;
    println!("{} cases, {} shared files", generated.cases.len(), generated.shared.files().count());
    Ok(())
}

fn check_vectors() -> Result<()> {
    let generated = vectors::generate()?;
    vectors::check(&generated)?;
    println!("{} cases are current", generated.cases.len());
    Ok(())
}

fn write_seeds(target: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (at, seed) in bad_input::seeds(target).iter().enumerate() {
        fs::write(folder.join(format!("seed-{at}")), seed)?;
    }
    Ok(())
}
