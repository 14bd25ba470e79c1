//! The power is cut while generations are published, and those before removed: the pointer names a whole one.

use std::path::Path;

use super::{PackStore, ShardWriter};
use crate::stores::power_cut::{Recorded, Recording, Syncs};

const CONTENTS: [&str; 3] = ["first", "second", "third"];

fn store(data: &Path) -> PackStore {
    PackStore::new(data).keeping(1)
}

/// Publishes a generation whose one pack says which content it is.
fn publish(data: &Path, content: &str) -> anyhow::Result<()> {
    let mut staging = store(data).begin()?;
    staging.put_blob(format!("model of {content}").as_bytes())?;
    let mut shard = ShardWriter::create(staging.folder(), 0, 1)?;
    shard.push("user:a", content.as_bytes())?;
    shard.finish()?;
    staging.publish(content.as_bytes(), b"\x90", b"{}")?;
    Ok(())
}

/// The content of the generation in force, of which nothing is missing.
fn served(data: &Path) -> anyhow::Result<String> {
    let Some(generation) = store(data).open_current()? else { anyhow::bail!("nothing is served") };
    generation.shards().iter().try_for_each(super::ShardReader::verify)?;
    let pack = String::from_utf8(generation.get("user:a")?.unwrap_or_default())?;
    anyhow::ensure!(generation.manifest() == pack.as_bytes(), "the manifest is another generation's");
    let model = format!("model of {pack}");
    let found = store(data).blob(&segue_core::trust::hash(model.as_bytes()))?;
    anyhow::ensure!(found.as_deref() == Some(model.as_bytes()), "the model is missing");
    Ok(pack)
}

/// The second and the third generation are published; with how many were in force after how many operations.
fn published(data: &Path) -> (Recorded, Vec<usize>) {
    publish(data, CONTENTS[0]).unwrap();
    let (recording, mut acknowledged) = (Recording::begin(data), Vec::new());
    for content in &CONTENTS[1..] {
        publish(data, content).unwrap();
        acknowledged.push(recording.so_far());
    }
    (recording.end(), acknowledged)
}

fn losses(syncs: Syncs) -> Vec<String> {
    let data = tempfile::tempdir().unwrap();
    let (recorded, acknowledged) = published(data.path());
    assert!(recorded.operations() > 60, "{} operations", recorded.operations());
    recorded.losses(syncs, (1, 60), |data, done| {
        let least = acknowledged.iter().filter(|operations| **operations <= done).count();
        let found = served(data).map_err(|error| format!("{error:#}"))?;
        if !CONTENTS[least..].contains(&found.as_str()) {
            return Err(format!("{found} is served though {} was acknowledged", CONTENTS[least]));
        }
        // The next run clears up and publishes.
        if done % 8 == 0 {
            let next = publish(data, "next").and_then(|()| served(data));
            let is_next = next.as_ref().is_ok_and(|found| found == "next");
            return if is_next { Ok(()) } else { Err(format!("the next run: {next:?}")) };
        }
        Ok(())
    })
}

#[test]
fn at_any_cut_the_pointer_names_a_whole_generation_and_one_that_was_acknowledged_stays() {
    assert_eq!(losses(Syncs::Done), Vec::<String>::new());
}

/// The check above sees what a disk does that passes over syncs: without those of the files, or of the folders that have
/// their names, it would fail.
#[test]
fn without_the_syncs_the_same_check_sees_the_loss() {
    for syncs in [Syncs::NotOfFiles, Syncs::NotOfFolders] {
        assert!(!losses(syncs).is_empty(), "{syncs:?}");
    }
}
