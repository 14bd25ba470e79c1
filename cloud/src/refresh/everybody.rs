//! The packs of everybody, made in parallel and written shard after shard.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use rayon::prelude::*;
use segue_core::limits::{ID_BYTES, SUBJECT_BYTES};
use segue_core::trust::PrivateKey;

use super::barred::countries;
use super::maker::{SealedPack, Stamp};
use super::report::Sizes;
use super::{KEPT, PackMaker, Prepared, Viewer};
use crate::catalog::Catalogue;
use crate::index;
use crate::packs::{ShardWriter, Staging, shard_of};
use crate::progress;

/// Packs made before they are written: bounds the memory.
const CHUNK: usize = 256;
/// Packs in one shard, about.
const SHARD: usize = 100_000;
/// Popular items whose mean stands for a region's taste.
const TASTE: usize = 100;

/// Who gets a pack.
enum Subject {
    Region(Option<String>),
    User(usize),
}

/// What was written.
pub(super) struct Written {
    /// Packs of users and regions.
    pub(super) packs: usize,
    /// Those of regions.
    pub(super) region_packs: usize,
    /// How large they are.
    pub(super) sizes: Sizes,
    /// Users to whom nothing may be shown.
    pub(super) without: usize,
}

/// Makes packs in parallel and writes them in order, shard after shard.
pub(super) fn write_packs(
    staging: &Staging,
    prepared: &Prepared<'_>,
    stamp: Stamp<'_>,
    key: &PrivateKey,
) -> anyhow::Result<Written> {
    let subjects = subjects(prepared.catalogue);
    let of = subjects.len().div_ceil(SHARD).max(1);
    let makers = Makers { prepared, idle: Mutex::default() };
    let bar = progress::bar("packs", subjects.len());
    let mut written = Written { packs: 0, region_packs: 0, sizes: Sizes::default(), without: 0 };
    for shard in 0..of {
        let here: Vec<_> = subjects.iter().filter(|(name, _)| shard_of(name, of) == shard).collect();
        let mut writer = ShardWriter::create(staging.folder(), shard, of)?;
        for chunk in here.chunks(CHUNK) {
            let packs: Vec<Option<SealedPack>> = chunk
                .par_iter()
                .map(|(name, subject)| {
                    let pack = makers.with(|maker| make(maker, prepared, name, subject, stamp, key));
                    bar.inc(1);
                    pack.with_context(|| format!("the pack of {name}"))
                })
                .collect::<anyhow::Result<_>>()?;
            for ((name, subject), pack) in chunk.iter().zip(packs) {
                let Some(pack) = pack else {
                    written.without += 1;
                    continue;
                };
                writer.push(name, &pack.bytes)?;
                written.packs += 1;
                written.region_packs += usize::from(matches!(subject, Subject::Region(_)));
                written.sizes.add(pack.bytes.len(), pack.display_bytes);
            }
        }
        writer.finish()?;
    }
    bar.finish_and_clear();
    if written.packs == 0 {
        bail!(
            "not one pack could be made: every item is barred (availability, regions or ids above {ID_BYTES} bytes)"
        );
    }
    Ok(written)
}

/// Everyone who gets a pack, in order of the subject's name.
fn subjects(catalogue: &Catalogue) -> Vec<(String, Subject)> {
    let mut subjects = vec![("region:all".to_owned(), Subject::Region(None))];
    let region = |country: String| (format!("region:{country}"), Subject::Region(Some(country)));
    subjects.extend(countries(catalogue).into_iter().map(region));
    let user =
        |(index, user): (usize, &crate::catalog::User)| (format!("user:{}", user.user), Subject::User(index));
    subjects.extend(catalogue.users.iter().enumerate().map(user));
    subjects.retain(|(name, _)| name.len() <= SUBJECT_BYTES);
    subjects.sort_by(|one, other| one.0.cmp(&other.0));
    subjects.dedup_by(|one, other| one.0 == other.0);
    subjects
}

fn make(
    maker: &mut PackMaker<'_>,
    prepared: &Prepared<'_>,
    name: &str,
    subject: &Subject,
    stamp: Stamp<'_>,
    key: &PrivateKey,
) -> anyhow::Result<Option<SealedPack>> {
    let (ranked, vector) = match subject {
        Subject::User(user) => {
            let viewer = Viewer::of_user(*user, &prepared.catalogue.users[*user]);
            (maker.rank(&viewer, *user)?, prepared.short.user(*user).to_vec())
        }
        Subject::Region(country) => {
            let viewer = Viewer::of_region(country.as_deref());
            let list = prepared.popular.list(prepared.catalogue, &prepared.barred, &viewer, KEPT);
            let vector = taste(prepared, &list);
            (list, vector)
        }
    };
    if ranked.is_empty() {
        return Ok(None);
    }
    // A region's list is popularity's order, not the ranker's.
    let ranker = stamp.ranker.filter(|_| matches!(subject, Subject::User(_)));
    maker.seal(name, &vector, &ranked, Stamp { ranker, ..stamp }, key).map(Some)
}

/// The mean of what is most popular: where a person stands about whom nothing is known.
fn taste(prepared: &Prepared<'_>, list: &[(usize, f32)]) -> Vec<f32> {
    let mut mean = vec![0.0; prepared.short.dimension];
    for (item, _) in list.iter().take(TASTE) {
        mean.iter_mut().zip(prepared.short.item(*item)).for_each(|(sum, value)| *sum += value);
    }
    index::normalise(&mut mean);
    mean
}

/// One maker per thread that wants one; a ranker's session runs one pack at a time.
struct Makers<'a> {
    prepared: &'a Prepared<'a>,
    idle: Mutex<Vec<PackMaker<'a>>>,
}

impl<'a> Makers<'a> {
    fn with<T>(&self, work: impl FnOnce(&mut PackMaker<'a>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut maker = taken.map_or_else(|| PackMaker::new(self.prepared), Ok)?;
        let result = work(&mut maker);
        idle().push(maker);
        result
    }
}
