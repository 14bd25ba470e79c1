//! Back to an earlier generation: its packs, signed anew under the next number.
//!
//! Clients accept no generation older than the one they have, so going back is going on: the packs, the ranker and the
//! policies are those of then, the number, the times and the signature are of now.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use rayon::prelude::*;
use segue_core::limits;
use segue_core::pack::Pack;
use segue_core::trust::envelope::{self, Purpose};

use super::Report;
use super::earlier::Earlier;
use crate::clock;
use crate::keys::{KeyStore, Keys};
use crate::packs::{PackStore, ShardReader, ShardWriter};

/// Packs signed before they are written: bounds the memory.
const CHUNK: usize = 256;

/// How to roll back.
#[derive(Debug, Clone, Default)]
pub struct Back {
    /// The generation to go back to; the one before the one in force when absent.
    pub to: Option<u64>,
    /// How long packs are accepted, in milliseconds.
    pub lifetime_ms: i64,
    /// The clock, in milliseconds since 1970; the system's when absent.
    pub now_ms: Option<i64>,
    /// Generations to keep; as a refresh does when absent.
    pub keep: Option<usize>,
}

/// Publishes the packs of an earlier generation as a new one.
///
/// # Errors
/// When it is not kept or damaged, or somebody else is publishing.
pub fn rollback(data: &Path, back: &Back) -> anyhow::Result<Report> {
    let store = PackStore::new(data).keeping(back.keep.unwrap_or(crate::packs::GENERATIONS));
    let kept = store.kept()?;
    let to = going_back(&kept, back.to)?;
    let keys = KeyStore::new(data).load().context("the signing keys")?;
    let mut staging = store.begin()?;
    let earlier = Earlier::open(data, to)?.with_context(|| format!("generation {to} is not kept"))?;
    staging.keep_blobs_of(to)?;
    let created_ms = back.now_ms.unwrap_or_else(clock::now_ms);
    let stamp = Stamp { generation: staging.number(), created_ms, expires_ms: created_ms + back.lifetime_ms };
    let shards = earlier.generation.shards();
    for (shard, reader) in shards.iter().enumerate() {
        let mut writer = ShardWriter::create(staging.folder(), shard, shards.len())?;
        sign_again(reader, &mut writer, &earlier, &keys, stamp)?;
        writer.finish()?;
    }
    let mut manifest = (*earlier.manifest).clone();
    manifest.generation = stamp.generation;
    (manifest.created_ms, manifest.expires_ms) = (stamp.created_ms, stamp.expires_ms);
    let report = report(&earlier, stamp, kept.last().copied())?;
    let sealed = manifest.seal(keys.signing())?;
    staging.publish(&sealed, &keys.rotation_list()?, &serde_json::to_vec_pretty(&report)?)?;
    Ok(report)
}

#[derive(Debug, Clone, Copy)]
struct Stamp {
    generation: u64,
    created_ms: i64,
    expires_ms: i64,
}

/// The generation to go back to: of those `kept` the one that is `wanted`, or the one before the last.
///
/// # Errors
/// When there is none; names those that there are.
pub fn going_back(kept: &[u64], wanted: Option<u64>) -> anyhow::Result<u64> {
    let (current, before) = match kept {
        [before @ .., current] => (*current, before),
        [] => bail!("nothing is published; run `segue refresh`"),
    };
    ensure!(!before.is_empty(), "generation {current} is the only one, so there is none to go back to");
    let to = wanted.unwrap_or(before[before.len() - 1]);
    let kept: Vec<String> = before.iter().map(u64::to_string).collect();
    ensure!(
        before.contains(&to),
        "generation {to} cannot be gone back to: {current} is in force, kept before it: {}",
        kept.join(", ")
    );
    Ok(to)
}

fn sign_again(
    reader: &ShardReader,
    writer: &mut ShardWriter,
    earlier: &Earlier,
    keys: &Keys,
    stamp: Stamp,
) -> anyhow::Result<()> {
    let subjects: Vec<&str> = (0..reader.len()).filter_map(|position| reader.subject(position)).collect();
    for chunk in subjects.chunks(CHUNK) {
        let packs: Vec<Vec<u8>> = chunk
            .par_iter()
            .map(|subject| {
                let bytes = reader.get(subject)?.unwrap_or_default();
                let pack = sign_one(&bytes, earlier, keys, stamp);
                pack.with_context(|| format!("the pack of {subject}"))
            })
            .collect::<anyhow::Result<_>>()?;
        for (subject, pack) in chunk.iter().zip(packs) {
            writer.push(subject, &pack)?;
        }
    }
    Ok(())
}

fn sign_one(bytes: &[u8], earlier: &Earlier, keys: &Keys, stamp: Stamp) -> anyhow::Result<Vec<u8>> {
    let payload = envelope::open(Purpose::Pack, bytes, &earlier.key, limits::PACK_BYTES)?;
    let mut pack: Pack = rmp_serde::from_slice(&payload)?;
    pack.generation = stamp.generation;
    (pack.created_ms, pack.expires_ms) = (stamp.created_ms, stamp.expires_ms);
    Ok(pack.seal(keys.signing())?)
}

/// The report of then, saying what it now is.
fn report(earlier: &Earlier, stamp: Stamp, base: Option<u64>) -> anyhow::Result<Report> {
    let report = Report::read(earlier.generation.folder())?;
    Ok(Report {
        generation: stamp.generation,
        base,
        rolled_back_to: Some(earlier.generation.number()),
        expires_ms: stamp.expires_ms,
        remarks: vec![format!(
            "these are the packs of generation {}, signed anew",
            earlier.generation.number()
        )],
        ..report
    })
}
