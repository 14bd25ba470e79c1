//! Puts what was found into the document, set by set.

use anyhow::Context as _;

/// The line after which the sets stand, and how each begins.
const FOUND: &str = "## What was found\n";
const SET: &str = "\n### ";
/// What stands before the sets when all are of one program and one training.
const MADE: &str = "\nMade by `cargo xtask quality`, all by the same program and the same training.\n";

/// The document with the sections that were made; sets that were not keep theirs. They stand in the order of `names`, then
/// whatever else there was.
///
/// # Errors
/// When the document has no place for them.
pub(super) fn merged(document: &str, made: &[(&str, String)], names: &[&str]) -> anyhow::Result<String> {
    let (before, found) = document.split_once(FOUND).with_context(|| format!("there is no {FOUND:?}"))?;
    let (introduction, old) = match found.find(SET) {
        Some(place) => found.split_at(place),
        None => (found, ""),
    };
    let old: Vec<(&str, &str)> = old.split(SET).skip(1).map(|section| (name(section), section)).collect();
    let introduction = introduced(introduction, made, names);
    let mut text = format!("{before}{FOUND}{introduction}");
    let others = old.iter().map(|(name, _)| *name).filter(|name| !names.contains(name));
    for name in names.iter().copied().chain(others) {
        let new = made.iter().find(|(other, _)| *other == name).map(|(_, section)| section.trim());
        let kept = || old.iter().find(|(other, _)| *other == name).map(|(_, section)| section.trim_end());
        match (new, kept()) {
            (Some(new), _) => text += &format!("\n{new}\n"),
            (None, Some(kept)) => text += &format!("{SET}{kept}\n"),
            (None, None) => {}
        }
    }
    Ok(text)
}

/// What stands before the sets: which of them the last run made, as those that it kept may be of another program or training.
fn introduced(old: &str, made: &[(&str, String)], names: &[&str]) -> String {
    let made: Vec<&str> = made.iter().map(|(name, _)| *name).collect();
    if made.is_empty() {
        return old.to_owned();
    }
    if names.iter().all(|name| made.contains(name)) {
        return MADE.to_owned();
    }
    format!(
        "\nMade by `cargo xtask quality`. Its last run made {}; the others are as runs before left them, and may be of another \
         program or training.\n",
        made.join(", ")
    )
}

fn name(section: &str) -> &str {
    section.lines().next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, text: &str) -> String {
        format!("\n### {name}\n\n{text}\n")
    }

    #[test]
    fn a_set_that_was_not_made_keeps_its_tables() {
        let old = format!("# Q\n{FOUND}\nmixed\n{}{}", section("b", "old b"), section("x", "old x"));
        let made = [("a", section("a", "new a"))];
        let text = merged(&old, &made, &["a", "b"]).unwrap();
        let wanted = [section("a", "new a"), section("b", "old b"), section("x", "old x")].concat();
        assert!(text.starts_with(&format!("# Q\n{FOUND}\nMade by ")) && text.ends_with(&wanted), "{text}");
        assert_eq!(merged(&text, &[], &["a", "b"]).unwrap(), text);
    }

    #[test]
    fn a_run_that_keeps_sets_does_not_say_that_it_made_them() {
        let old = format!("# Q\n{FOUND}{MADE}{}{}", section("a", "old a"), section("b", "old b"));
        let text = merged(&old, &[("a", section("a", "new a"))], &["a", "b"]).unwrap();
        assert!(text.contains("Its last run made a; the others") && !text.contains(MADE), "{text}");
        let text = merged(&text, &[("b", section("b", "new b"))], &["a", "b"]).unwrap();
        assert!(text.contains("Its last run made b; the others") && !text.contains("made a;"), "{text}");
    }

    #[test]
    fn when_all_were_made_nothing_is_left_of_the_old_introduction() {
        let old = format!("# Q\n{FOUND}\nmixed\n{}", section("a", "old"));
        let text = merged(&old, &[("a", section("a", "new"))], &["a"]).unwrap();
        assert_eq!(text, format!("# Q\n{FOUND}{MADE}{}", section("a", "new")));
        assert!(merged("# Q\n", &[], &[]).unwrap_err().to_string().contains("What was found"));
    }
}
