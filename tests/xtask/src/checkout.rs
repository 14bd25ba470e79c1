//! Checks that nothing of the machine it was written on is in a tracked file.

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::shell;
use crate::steps::Steps;

/// The largest file that is searched; what is larger holds data.
const LARGEST: u64 = 1 << 20;

/// Looks through every tracked text file.
pub(crate) fn run(paths: &Paths, steps: &Steps) {
    match shell::answer(&mut shell::program(paths, "git", ["ls-files", "-z"])) {
        Some(listed) => drop(steps.run("checkout", |_| check(paths, &listed))),
        None => steps.skip("checkout", "git knows no tracked files here", "cargo xtask test, in a git clone"),
    }
}

/// Names each file that holds a home folder or, being a lock file, a registry's address.
fn check(paths: &Paths, listed: &str) -> anyhow::Result<()> {
    let mut problems = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let file = paths.file(name);
        if !file.is_file() || file.metadata()?.len() > LARGEST {
            continue;
        }
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read {name}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            problems.extend(problem(name, &text));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

/// What is wrong with one file, if anything is.
fn problem(name: &str, text: &str) -> Option<String> {
    let homes = ["/ro\u{6f}t/", "/ho\u{6d}e/", "/Us\u{65}rs/"];
    if let Some(home) = homes.into_iter().find(|home| text.contains(home)) {
        return Some(format!("{name}: holds a path below {home}"));
    }
    let lock = name.ends_with("package-lock.json");
    if lock && text.contains("\"resolved\": \"http") {
        return Some(format!("{name}: names a registry; use npm's omit-lockfile-registry-resolved"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_folder_is_named() {
        let text = format!("see /ho{}e/somebody/notes", 'm');
        assert!(problem("a.md", &text).is_some());
        assert!(problem("a.md", "see docs/notes").is_none());
    }

    #[test]
    fn a_lock_file_names_no_registry() {
        let text = "\"resolved\": \"https://registry.example/a.tgz\"";
        assert!(problem("web/package-lock.json", text).is_some());
        assert!(problem("web/other.json", text).is_none());
    }
}
