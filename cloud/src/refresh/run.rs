//! One refresh from the data folder to the moved pointer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use rayon::prelude::*;
use segue_core::limits::{ID_BYTES, SUBJECT_BYTES};
use segue_core::policies;
use segue_core::policy::Policy;
use segue_core::trust::{Artefact, Manifest, PrivateKey, Ranker};

use super::barred::countries;
use super::maker::{SealedPack, Stamp};
use super::report::Sizes;
use super::{KEPT, Moment, PackMaker, Prepared, Ranking, Report, Viewer};
use crate::catalog::Catalogue;
use crate::clock::now_ms;
use crate::index;
use crate::keys::{KeyStore, Keys};
use crate::packs::{PackStore, ShardWriter, Staging, shard_of};
use crate::progress;
use crate::towers::ModelDirectory;

/// Packs made before they are written: bounds the memory.
const CHUNK: usize = 256;
/// Packs in one shard, about.
const SHARD: usize = 100_000;
/// Popular items whose mean stands for a region's taste.
const TASTE: usize = 100;

/// How to refresh.
#[derive(Debug, Clone)]
pub struct Options {
    /// A model's folder; without one the data's own is used where its schema fits.
    pub model: Option<PathBuf>,
    /// How candidates are retrieved.
    pub index: index::Kind,
    /// How long packs are accepted, in milliseconds.
    pub lifetime_ms: i64,
    /// The clock, in milliseconds since 1970; the system's when absent.
    pub now_ms: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { model: None, index: index::Kind::Hnsw, lifetime_ms: 7 * 86_400_000, now_ms: None }
    }
}

/// Refreshes data folder `data` and publishes the result.
///
/// # Errors
/// When something is missing or does not fit; what was published before is then still served.
pub fn run(data: &Path, options: &Options) -> anyhow::Result<Report> {
    let started = Instant::now();
    let now_ms = options.now_ms.unwrap_or_else(now_ms);
    let mut remarks = Vec::new();
    let (keys, made) = KeyStore::new(data).load_or_init().context("the signing keys")?;
    if made {
        remarks.push(format!("new signing keys were made in {}", data.join("keys").display()));
    }
    let staging = PackStore::new(data).begin()?;
    let catalogue = load(data)?;
    let model = model(data, options, &catalogue, &mut remarks)?;
    let policies = policies(data)?;
    let surface = &catalogue.dataset.surface;
    let policy = policies.get(surface).with_context(|| {
        format!("the data is of surface `{surface}`: put its policy into {}", policy_folder(data).display())
    })?;
    let ranking = Ranking::new(Policy::from_json(policy)?, model.as_ref())?;
    let seconds_load = started.elapsed().as_secs_f64();

    let bar = progress::bar("index", catalogue.items.len());
    let moment = Moment { until_ms: None, now_ms };
    let prepared = Prepared::new(&catalogue, model.as_ref(), ranking, options.index, moment, &|done| {
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    remarks.extend(prepared.built.remarks.iter().cloned());
    let quality = prepared.built.quality;
    ensure!(
        quality.is_enough(),
        "the index is not good enough to publish: self-recall {:.5} (needs 1), recall@100 {:.4} (needs 0.95)",
        quality.self_recall,
        quality.recall_at_100
    );
    let seconds_prepare = started.elapsed().as_secs_f64() - seconds_load;

    let expires_ms = now_ms.saturating_add(options.lifetime_ms);
    let times = Times { now_ms, expires_ms };
    let written =
        publish(staging, &prepared, model.as_ref(), &policies, &keys, times, |mut report: Report| {
            report.remarks.splice(0..0, remarks.iter().cloned());
            // To the last pack on the disk: the report itself is part of what is then published.
            report.seconds = started.elapsed().as_secs_f64();
            report.seconds_load = seconds_load;
            report.seconds_prepare = seconds_prepare;
            report.seconds_packs = report.seconds - seconds_load - seconds_prepare;
            report.refresh_users_per_second = report.users as f64 / (report.seconds - seconds_load).max(1e-9);
            report
        })?;
    Ok(written)
}

/// The tables, and the events that the service received since they were written.
fn load(data: &Path) -> anyhow::Result<Catalogue> {
    let mut catalogue = Catalogue::load(data)?;
    let mut received = Vec::new();
    crate::events::read_since(data, 0, |_, event| received.push(event))?;
    if !received.is_empty() {
        catalogue.add_events(received);
    }
    Ok(catalogue)
}

/// The model asked for, which must fit, or the one that fits.
fn model(
    data: &Path,
    options: &Options,
    catalogue: &Catalogue,
    remarks: &mut Vec<String>,
) -> anyhow::Result<Option<ModelDirectory>> {
    if let Some(folder) = &options.model {
        let model = ModelDirectory::open(folder)?;
        ensure!(
            model.fits(&catalogue.dataset)?,
            "the model in {} was trained for other attributes and categories than {} has",
            folder.display(),
            data.display()
        );
        return Ok(Some(model));
    }
    let found = ModelDirectory::find(data, &catalogue.dataset)?;
    if found.is_none() {
        remarks
            .push("no model was trained for this data: vectors come from metadata and co-occurrence".into());
    }
    Ok(found)
}

/// The policy of each surface: those shipped, and those of the data folder in their place.
pub(crate) fn policies(data: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let shipped = policies::ALL.iter().map(|(surface, bytes)| ((*surface).to_owned(), bytes.to_vec()));
    let mut all: BTreeMap<String, Vec<u8>> = shipped.collect();
    let folder = policy_folder(data);
    if !folder.is_dir() {
        return Ok(all);
    }
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let policy =
                Policy::from_json(&bytes).with_context(|| format!("{} cannot be used", path.display()))?;
            all.insert(policy.surface, bytes);
        }
    }
    Ok(all)
}

fn policy_folder(data: &Path) -> PathBuf {
    data.join("policies")
}

#[derive(Debug, Clone, Copy)]
struct Times {
    now_ms: i64,
    expires_ms: i64,
}

/// Writes blobs, packs and manifest, and moves the pointer.
fn publish(
    mut staging: Staging,
    prepared: &Prepared<'_>,
    model: Option<&ModelDirectory>,
    policies: &BTreeMap<String, Vec<u8>>,
    keys: &Keys,
    times: Times,
    complete: impl FnOnce(Report) -> Report,
) -> anyhow::Result<Report> {
    let ranker = match model {
        Some(model) => {
            Some(Ranker { model: staging.put_blob(&model.ranker)?, schema: staging.put_blob(&model.schema)? })
        }
        None => None,
    };
    let mut named: BTreeMap<String, Artefact> = BTreeMap::new();
    for (surface, bytes) in policies {
        named.insert(surface.clone(), staging.put_blob(bytes)?);
    }
    let generation = staging.number();
    let manifest = Manifest {
        format: Manifest::FORMAT,
        generation,
        created_ms: times.now_ms,
        expires_ms: times.expires_ms,
        towers: prepared.embeddings.towers.clone(),
        ranker,
        policies: named,
    };
    let ranker = manifest.ranker.as_ref().map(|ranker| ranker.model.hash.clone());
    let stamp = Stamp {
        generation,
        created_ms: times.now_ms,
        expires_ms: times.expires_ms,
        ranker: ranker.as_deref(),
    };
    let written = write_packs(&staging, prepared, stamp, keys.signing())?;
    let sealed = manifest.seal(keys.signing())?;
    let report = complete(written.report(prepared, &manifest, ranker.clone()));
    staging.publish(&sealed, &keys.rotation_list()?, &serde_json::to_vec_pretty(&report)?)?;
    Ok(report)
}

/// Who gets a pack.
enum Subject {
    Region(Option<String>),
    User(usize),
}

/// What was written.
struct Written {
    packs: usize,
    region_packs: usize,
    sizes: Sizes,
    without: usize,
}

impl Written {
    fn report(self, prepared: &Prepared<'_>, manifest: &Manifest, ranker: Option<String>) -> Report {
        let [whole, ranking] = self.sizes.summary();
        let mut remarks = Vec::new();
        if self.without > 0 {
            remarks.push(format!(
                "{} users have no pack of their own: nothing may be shown to them",
                self.without
            ));
        }
        if ranking.1 >= 64 << 10 {
            remarks.push(format!("the largest pack has {} bytes of ranking data, above 64 KB", ranking.1));
        }
        let built = &prepared.built;
        Report {
            generation: manifest.generation,
            items: prepared.catalogue.items.len(),
            users: prepared.catalogue.users.len(),
            events: prepared.catalogue.events.len(),
            packs: self.packs,
            region_packs: self.region_packs,
            towers: manifest.towers.clone(),
            ranker,
            index: built.index.name().to_owned(),
            self_recall: built.quality.self_recall,
            recall_at_100: built.quality.recall_at_100,
            pack_vector_recall_at_10: prepared.short_recall_at_10,
            refresh_users_per_second: 0.0,
            seconds: 0.0,
            seconds_load: 0.0,
            seconds_prepare: 0.0,
            seconds_packs: 0.0,
            pack_bytes_median: whole.0,
            pack_bytes_max: whole.1,
            ranking_bytes_median: ranking.0,
            ranking_bytes_max: ranking.1,
            expires_ms: manifest.expires_ms,
            remarks,
        }
    }
}

/// Makes packs in parallel and writes them in order, shard after shard.
fn write_packs(
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
