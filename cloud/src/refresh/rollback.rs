//! Back to an earlier generation: its packs, signed anew under the next number.
//!
//! Clients accept no generation older than the one they have, so going back is going on: the packs, the ranker and the
//! policies are those of then, the number, the times and the signature are of now. Whoever was forgotten since is left out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use rayon::prelude::*;
use segue_core::limits;
use segue_core::pack::Pack;
use segue_core::trust::envelope::{self, Purpose};

use super::Report;
use super::earlier::Earlier;
use crate::clock;
use crate::erasure::Erased;
use crate::keys::{KeyStore, Keys};
use crate::packs::{PackStore, ShardReader, ShardWriter};

/// Packs signed before they are written: bounds the memory.
const CHUNK: usize = 256;

/// How to roll back.
#[derive(Debug, Clone, Default)]
pub struct Back {
    /// The generation to go back to; the [`generation_before`] the one in force when absent.
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
    let to = going_back(&store, back.to)?;
    let keys = KeyStore::new(data).load().context("the signing keys")?;
    let mut staging = store.begin()?;
    let base = store.current()?;
    let earlier = Earlier::open(data, to)?.with_context(|| format!("generation {to} is not kept"))?;
    staging.keep_blobs_of(to)?;
    let created_ms = back.now_ms.unwrap_or_else(clock::now_ms);
    let stamp = Stamp { generation: staging.number(), created_ms, expires_ms: created_ms + back.lifetime_ms };
    // Read behind the lock: whoever is forgotten from now on has a receipt that reckons with one more generation.
    let again = SignAgain { earlier: &earlier, keys: &keys, stamp, erased: Erased::read(data)? };
    let shards = earlier.generation.shards();
    let mut packs = 0;
    for (shard, reader) in shards.iter().enumerate() {
        let mut writer = ShardWriter::create(staging.folder(), shard, shards.len())?;
        again.shard(reader, &mut writer)?;
        packs += writer.finish()?.packs;
    }
    let mut manifest = (*earlier.manifest).clone();
    manifest.generation = stamp.generation;
    (manifest.created_ms, manifest.expires_ms) = (stamp.created_ms, stamp.expires_ms);
    let report = Report { base, packs, ..report(&store, &earlier, stamp)? };
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

/// The generation to go back to: the one that is `wanted`, or the [`generation_before`] the one in force.
///
/// # Errors
/// When there is none; names those that there are.
pub fn going_back(store: &PackStore, wanted: Option<u64>) -> anyhow::Result<u64> {
    let current = store.current()?.context("nothing is published; run `segue refresh`")?;
    let kept = store.kept()?;
    // The one in force may lack what makes it one that is kept.
    let earlier: Vec<u64> = kept.iter().copied().filter(|number| *number < current).collect();
    ensure!(!earlier.is_empty(), "generation {current} is the only one, so there is none to go back to");
    let named: Vec<String> = earlier.iter().map(u64::to_string).collect();
    let named = named.join(", ");
    let to = wanted.or_else(|| generation_before(store, &kept, current));
    let to = to.with_context(|| {
        format!("every generation before {current} was gone back from; name one of those kept: {named}")
    })?;
    ensure!(
        earlier.contains(&to),
        "generation {to} cannot be gone back to: {current} is in force, kept before it: {named}"
    );
    Ok(to)
}

/// The newest of those `kept` before generation `number` that has other packs and that nobody went back from.
#[must_use]
pub fn generation_before(store: &PackStore, kept: &[u64], number: u64) -> Option<u64> {
    let target = |number: &u64| Some((*number, Report::read(store, *number).ok()?.rolled_back_to?));
    let targets: BTreeMap<u64, u64> = kept.iter().filter_map(target).filter(|(back, to)| to < back).collect();
    let origin = |mut number: u64| {
        while let Some(to) = targets.get(&number) {
            number = *to;
        }
        number
    };
    let was_left = |number: u64| targets.iter().any(|(back, to)| (to + 1..*back).contains(&number));
    let is_other = |earlier: &u64| !was_left(*earlier) && origin(*earlier) != origin(number);
    kept.iter().copied().filter(|earlier| *earlier < number).rfind(is_other)
}

/// Signs packs of an earlier generation anew.
struct SignAgain<'a> {
    earlier: &'a Earlier,
    keys: &'a Keys,
    stamp: Stamp,
    erased: Erased,
}

impl SignAgain<'_> {
    fn shard(&self, reader: &ShardReader, writer: &mut ShardWriter) -> anyhow::Result<()> {
        let subjects = (0..reader.len()).filter_map(|position| reader.subject(position));
        let subjects: Vec<&str> = subjects.filter(|subject| !self.is_forgotten(subject)).collect();
        for chunk in subjects.chunks(CHUNK) {
            let packs: Vec<Vec<u8>> = chunk
                .par_iter()
                .map(|subject| {
                    let pack = self.pack(&reader.get(subject)?.unwrap_or_default());
                    pack.with_context(|| format!("the pack of {subject}"))
                })
                .collect::<anyhow::Result<_>>()?;
            for (subject, pack) in chunk.iter().zip(packs) {
                writer.push(subject, &pack)?;
            }
        }
        Ok(())
    }

    fn is_forgotten(&self, subject: &str) -> bool {
        subject.strip_prefix("user:").is_some_and(|user| self.erased.contains(user))
    }

    fn pack(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let payload = envelope::open(Purpose::Pack, bytes, &self.earlier.key, limits::PACK_BYTES)?;
        let mut pack: Pack = rmp_serde::from_slice(&payload)?;
        pack.generation = self.stamp.generation;
        (pack.created_ms, pack.expires_ms) = (self.stamp.created_ms, self.stamp.expires_ms);
        Ok(pack.seal(self.keys.signing())?)
    }
}

/// The report of then, saying what it now is.
fn report(store: &PackStore, earlier: &Earlier, stamp: Stamp) -> anyhow::Result<Report> {
    let report = Report::read(store, earlier.generation.number())?;
    Ok(Report {
        generation: stamp.generation,
        rolled_back_to: Some(earlier.generation.number()),
        expires_ms: stamp.expires_ms,
        remarks: vec![format!(
            "these are the packs of generation {}, signed anew",
            earlier.generation.number()
        )],
        ..report
    })
}
