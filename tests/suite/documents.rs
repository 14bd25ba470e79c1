//! The documents' codes of the browser host are those that its sources report.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

#[test]
fn every_code_of_the_browser_host_is_documented_and_no_other() {
    let reported = reported(&Path::new(ROOT).join("edge/browser/npm/src"));
    let engine: BTreeSet<String> = segue_core::Code::ALL.iter().map(|code| code.name().to_owned()).collect();
    let own: BTreeSet<String> = reported.difference(&engine).cloned().collect();
    let document = read("docs/ERRORS.md");
    let section = document.split("\n## ").find(|section| section.starts_with("Browser host")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
    // Some are codes of the engine too; those need no row here.
    assert!(
        own.is_subset(&rows) && rows.is_subset(&reported),
        "docs/ERRORS.md has {rows:?}, the host {reported:?}"
    );
    let package = read("edge/browser/npm/README.md");
    let missing: Vec<&String> = own.iter().filter(|code| !package.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "edge/browser/npm/README.md lacks {missing:?}");
}

/// The words that the TypeScript sources in `folder` give to `HostError` as its code.
fn reported(folder: &Path) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for file in sources(folder) {
        let source = std::fs::read_to_string(file).unwrap();
        for made in source.split("new HostError(").skip(1) {
            let code = made.split(',').next().unwrap_or_default();
            codes.extend(code.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    codes
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}
