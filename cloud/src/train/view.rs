//! A data folder seen through another split.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::catalog::split::{self, Split};
use crate::catalog::{Rule, dataset, writer};
use crate::evaluate::LabelRules;

/// Makes, below `work`, a folder with the tables and policies of `data`, divided by `rule`, whose own label rules are the file
/// `labels`; those that ship without one.
pub(super) fn make(data: &Path, work: &Path, rule: Rule, labels: Option<&Path>) -> anyhow::Result<PathBuf> {
    let view = work.join("data");
    if view.exists() {
        std::fs::remove_dir_all(&view).with_context(|| format!("cannot clear {}", view.display()))?;
    }
    std::fs::create_dir_all(&view).with_context(|| format!("cannot make {}", view.display()))?;
    for name in writer::TABLES.iter().chain(&[dataset::FILE]) {
        link(&data.join(name), &view.join(name))?;
    }
    if let Some(labels) = labels {
        // A copy, as a link to a link of one's own might lead nowhere from there.
        std::fs::copy(labels, view.join(LabelRules::FILE))
            .with_context(|| format!("cannot copy {} to {}", labels.display(), view.display()))?;
    }
    let policies = data.join("policies");
    if policies.is_dir() {
        std::fs::create_dir(view.join("policies"))?;
        for entry in std::fs::read_dir(&policies)? {
            let file = entry?;
            link(&file.path(), &view.join("policies").join(file.file_name()))?;
        }
    }
    let path = view.join(split::FILE);
    std::fs::write(&path, serde_json::to_vec(&Split::new(rule))?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(view)
}

/// The same file under another name; a copy where the file system has no links.
fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::hard_link(from, to)
        .or_else(|_| std::fs::copy(from, to).map(drop))
        .with_context(|| format!("cannot link {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_the_tables_and_its_own_split() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("policies")).unwrap();
        for name in writer::TABLES.iter().chain(&[dataset::FILE, "policies/radio.json"]) {
            std::fs::write(data.join(name), *name).unwrap();
        }
        let rule = Rule::Time { boundary_ms: 7 };
        for _ in 0..2 {
            let view = make(&data, &folder.path().join("work"), rule, None).unwrap();
            assert_eq!(LabelRules::file_of(&view), None);
            assert_eq!(std::fs::read_to_string(view.join("items.jsonl")).unwrap(), "items.jsonl");
            assert!(view.join("policies/radio.json").exists());
            assert_eq!(Split::read(&view).unwrap().rule, rule);
        }
        assert!(!data.join(split::FILE).exists());
    }

    #[test]
    fn a_view_has_the_label_rules_that_are_learned_by() {
        let folder = tempfile::tempdir().unwrap();
        let (data, mine) = (folder.path().join("data"), folder.path().join("mine.json"));
        std::fs::create_dir_all(&data).unwrap();
        for name in writer::TABLES.iter().chain(&[dataset::FILE]) {
            std::fs::write(data.join(name), *name).unwrap();
        }
        std::fs::write(&mine, "mine").unwrap();
        let view = make(&data, &folder.path().join("work"), Rule::LeaveOneOut, Some(&mine)).unwrap();
        let found = LabelRules::file_of(&view).unwrap();
        assert_eq!(std::fs::read_to_string(found).unwrap(), "mine");
    }
}
