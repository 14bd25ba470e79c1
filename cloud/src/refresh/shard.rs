//! One shard of a run: the packs of the subjects that belong to it.
//!
//! Its files' names follow from the run and the shard alone and appear when they are whole; the report comes last. So
//! a shard can be made again at any time, by anybody, and a finished one is left as it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, ensure};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::earlier::{Lists, ORIGINS, Origin};
use super::gather::{Person, gather};
use super::job::Job;
use super::maker::{SealedPack, Stamp};
use super::regional::{PopularLists, regional};
use super::report::{How, ShardReport};
use super::sources::Place;
use super::subjects::{Activity, Subject, is_young};
use super::{PackMaker, Plan, Prepared, Whose, plan};
use crate::index;
use crate::lock::FileLock;
use crate::onnx;
use crate::packs::{ShardReader, ShardWriter, shard_file};
use crate::progress;
use crate::stores::disk;

/// Packs made before they are written: bounds the memory.
const CHUNK: usize = 256;
/// Popular items whose mean stands for a region's taste.
const TASTE: usize = 100;

/// The report of a shard that is finished by the plan and undamaged. What an earlier run of the same name left is none.
///
/// # Errors
/// When the report cannot be read; a shard that is damaged is as good as none.
pub(super) fn finished(
    folder: &Path,
    plan: &Plan,
    shard: usize,
    of: usize,
) -> anyhow::Result<Option<ShardReport>> {
    let path = folder.join(shard_file(shard, of, "json"));
    let Ok(bytes) = std::fs::read(&path) else { return Ok(None) };
    let report: ShardReport = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged; remove it", path.display()))?;
    let planned = (&plan.run, plan.generation, plan.created_ms);
    if (&report.run, report.generation, report.created_ms) != planned {
        return Ok(None);
    }
    let whole = ShardReader::open(folder, shard, of)
        .is_ok_and(|reader| reader.index_hash() == report.index_hash && reader.verify().is_ok());
    Ok(whole.then_some(report))
}

/// Makes shards of one run, one after the other.
pub(super) struct ShardMaker<'a> {
    job: &'a Job,
    prepared: &'a Prepared<'a>,
    subjects: &'a [Subject],
    activity: Activity,
    shared: String,
    seconds_prepare: f64,
    popular: PopularLists,
    idle: Mutex<Vec<PackMaker<'a>>>,
    /// Where a graphics card ranks, one for each person that a run of it has room for: they wait for it together.
    threads: Option<ThreadPool>,
}

/// One subject's list, and how it came about.
struct Listed {
    ranked: Vec<Place>,
    how: How,
    made_ms: i64,
}

impl<'a> ShardMaker<'a> {
    /// A maker of shards with packs for `subjects`.
    pub(super) fn new(
        job: &'a Job,
        prepared: &'a Prepared<'a>,
        subjects: &'a [Subject],
        seconds_prepare: f64,
    ) -> Self {
        let activity = Activity::new(&job.catalogue);
        let mut shared = job.plan.shared();
        if job.expired != job.plan.expired {
            // Events may have gone while they were read: nobody's list is told from another by how many there were.
            shared.push_str(&job.expired);
        }
        let (popular, idle) = (PopularLists::default(), Mutex::default());
        // Without them the processor's threads do it, a few people at a time.
        let threads = prepared
            .ranking
            .at_once()
            .and_then(|people| ThreadPoolBuilder::new().num_threads(people).build().ok());
        Self { job, prepared, subjects, activity, shared, seconds_prepare, popular, idle, threads }
    }

    /// Makes shard `shard` of `of`; `late` says when nobody's list is made anew any more.
    ///
    /// # Errors
    /// When a pack cannot be made or the disk refuses.
    pub(super) fn make(
        &self,
        shard: usize,
        of: usize,
        late: &(dyn Fn() -> bool + Sync),
    ) -> anyhow::Result<ShardReport> {
        let started = Instant::now();
        let (plan, folder) = (&self.job.plan, &self.job.folder);
        let here = self.activity.first_to_last(self.subjects, shard, of);
        let (lists, remark) = Lists::open(&self.job.data, plan.base, shard, of);
        let mut report = self.report(shard, of);
        report.remarks.extend(remark);
        let mut writer = ShardWriter::create(folder, shard, of)?;
        let mut origins: Vec<(String, Origin)> = Vec::new();
        let bar = progress::bar("packs", here.len());
        for chunk in here.chunks(CHUNK) {
            let listed = self.lists(chunk, &lists, late())?;
            let packs = self.seal(chunk, &listed)?;
            for ((subject, listed), pack) in chunk.iter().zip(listed).zip(packs) {
                let Some(pack) = pack else {
                    report.without += 1;
                    continue;
                };
                writer.push(&subject.name, &pack.bytes)?;
                report.add(listed.how, &pack);
                origins.extend(self.origin(subject, &listed));
            }
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        report.remarks.extend(onnx::remarks());
        // Another process may finish the same shard at this moment.
        let _lock = FileLock::take(&folder.join(".lock"))?;
        let summary = writer.finish()?;
        (report.packs, report.bytes, report.index_hash) = (summary.packs, summary.bytes, summary.index);
        report.seconds_packs = started.elapsed().as_secs_f64();
        let origins = rmp_serde::to_vec(&origins)?;
        disk::write_synced(&folder.join(shard_file(shard, of, ORIGINS)), &origins)?;
        disk::write_synced(&folder.join(shard_file(shard, of, "json")), &serde_json::to_vec(&report)?)?;
        Ok(report)
    }

    /// What is known before the first pack.
    fn report(&self, shard: usize, of: usize) -> ShardReport {
        let (prepared, quality) = (self.prepared, self.prepared.quality());
        ShardReport {
            run: self.job.plan.run.clone(),
            shard,
            of,
            generation: self.job.plan.generation,
            created_ms: self.job.plan.created_ms,
            subjects: self.subjects.len(),
            items: prepared.catalogue.items.len(),
            users: prepared.catalogue.users.len(),
            events: prepared.catalogue.events.len() + prepared.catalogue.folded.events(),
            events_held: prepared.catalogue.events.len(),
            towers: prepared.embeddings.towers.clone(),
            vectors_reused: prepared.embeddings.reused,
            index: prepared.inventories.method().to_owned(),
            provider: onnx::provider().name().to_owned(),
            self_recall: quality.self_recall,
            recall_at_100: quality.recall_at_100,
            pack_vector_recall_at_10: prepared.short_recall_at_10,
            packs: 0,
            bytes: 0,
            index_hash: String::new(),
            without: 0,
            how: BTreeMap::new(),
            pack_bytes: Vec::new(),
            ranking_bytes: Vec::new(),
            seconds_load: self.job.seconds_load,
            seconds_prepare: self.seconds_prepare,
            seconds_packs: 0.0,
            remarks: self.remarks(),
        }
    }

    /// What had to be done differently, for inventories and events.
    fn remarks(&self) -> Vec<String> {
        let left_out = Some(self.job.left_out).filter(|left_out| left_out.all() > 0);
        let remarks = self.prepared.remarks().into_iter();
        remarks.chain(left_out.map(|left_out| left_out.to_string())).collect()
    }

    /// Everybody's list, in order: taken over, popular, or retrieved and ranked.
    fn lists(&self, chunk: &[Subject], lists: &Lists, late: bool) -> anyhow::Result<Vec<Listed>> {
        let known: Vec<Option<Listed>> =
            chunk.par_iter().map(|subject| self.without_ranking(subject, lists, late)).collect();
        let wanted: Vec<Person<'_>> = chunk
            .iter()
            .zip(&known)
            .filter(|(_, listed)| listed.is_none())
            .filter_map(|(subject, _)| Some(Person { viewer: &subject.viewer, user: subject.viewer.user? }))
            .collect();
        let gathered = gather(self.prepared, &wanted);
        let order = || -> anyhow::Result<Vec<Vec<Place>>> {
            let people = wanted.par_iter().zip(gathered);
            people.map(|(person, places)| self.with_maker(|maker| maker.order(*person, &places))).collect()
        };
        let ranked = match &self.threads {
            Some(threads) => threads.install(order)?,
            None => order()?,
        };
        let mut ranked = ranked.into_iter();
        let made_ms = self.job.plan.created_ms;
        let fresh = |ranked| Listed { ranked, how: How::Fresh, made_ms };
        let all = known.into_iter().map(|listed| listed.or_else(|| ranked.next().map(fresh)));
        all.collect::<Option<_>>().context("somebody has no list")
    }

    /// The list of a region, of somebody about whom nothing changed, or of anybody when it is late.
    fn without_ranking(&self, subject: &Subject, lists: &Lists, late: bool) -> Option<Listed> {
        let (viewer, made_ms) = (&subject.viewer, self.job.plan.created_ms);
        let Some(user) = viewer.user else {
            return Some(Listed { ranked: regional(self.prepared, subject), how: How::Region, made_ms });
        };
        let origin = lists.origin(&subject.name);
        let unchanged = origin.is_some_and(|origin| {
            is_young(&self.job.plan, origin.made_ms)
                && origin.digest == self.activity.digest(&self.shared, &self.job.catalogue, user)
        });
        if !unchanged && !late {
            return None;
        }
        match lists.list(self.prepared, &subject.name, viewer) {
            Some(ranked) => {
                let how = if unchanged { How::Unchanged } else { How::Carried };
                Some(Listed { ranked, how, made_ms: origin.map_or(i64::MIN, |origin| origin.made_ms) })
            }
            None if late => {
                let ranked = self.popular.of(self.prepared, subject);
                Some(Listed { ranked, how: How::Popular, made_ms })
            }
            None => None,
        }
    }

    /// Signed packs of a chunk; none for whom nothing may be shown to.
    fn seal(&self, chunk: &[Subject], listed: &[Listed]) -> anyhow::Result<Vec<Option<SealedPack>>> {
        chunk
            .par_iter()
            .zip(listed)
            .map(|(subject, listed)| {
                if listed.ranked.is_empty() {
                    return Ok(None);
                }
                let pack = self.with_maker(|maker| self.seal_one(maker, subject, listed));
                pack.map(Some).with_context(|| format!("the pack of {}", subject.name))
            })
            .collect()
    }

    fn seal_one(
        &self,
        maker: &mut PackMaker<'_>,
        subject: &Subject,
        listed: &Listed,
    ) -> anyhow::Result<SealedPack> {
        let (prepared, plan) = (self.prepared, &self.job.plan);
        let vector = match subject.viewer.user {
            Some(user) => prepared.short.user(user).to_vec(),
            None => taste(prepared, listed.ranked.iter().map(|place| place.item)),
        };
        // Popularity's order is not the ranker's.
        let ranked = !matches!(listed.how, How::Region | How::Popular);
        let ranker =
            self.job.model.as_ref().filter(|_| ranked).map(|model| segue_core::trust::hash(&model.ranker));
        let stamp = Stamp {
            generation: plan.generation,
            created_ms: plan.created_ms,
            expires_ms: plan.expires_ms,
            ranker: ranker.as_deref(),
        };
        maker.seal(subject, &vector, &listed.ranked, stamp, self.job.keys.signing())
    }

    /// What has to be known for the list to be taken over one day.
    fn origin(&self, subject: &Subject, listed: &Listed) -> Option<(String, Origin)> {
        let user = subject.viewer.user?;
        let digest = match listed.how {
            How::Fresh | How::Unchanged => self.activity.digest(&self.shared, &self.job.catalogue, user),
            // It does not follow from what is known now, so the next run makes it anew.
            How::Carried | How::Popular | How::Region => String::new(),
        };
        Some((subject.name.clone(), Origin { digest, made_ms: listed.made_ms }))
    }

    /// One maker per thread that wants one; a ranker's session runs one pack at a time.
    fn with_maker<T>(&self, work: impl FnOnce(&mut PackMaker<'a>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut maker = taken.map_or_else(|| PackMaker::new(self.prepared), Ok)?;
        let result = work(&mut maker);
        idle().push(maker);
        result
    }
}

/// The mean of what is most popular: where a person stands about whom nothing is known.
pub(crate) fn taste(prepared: &Prepared<'_>, items: impl Iterator<Item = usize>) -> Vec<f32> {
    let mut mean = vec![0.0; prepared.short.dimension];
    for item in items.take(TASTE) {
        mean.iter_mut().zip(prepared.short.item(item)).for_each(|(sum, value)| *sum += value);
    }
    index::normalise(&mut mean);
    mean
}

/// Makes shard `shard` of `of` of run `run`, unless it is finished.
///
/// # Errors
/// When something is missing, does not fit the run's plan, or the disk refuses.
pub fn run_shard(
    data: &Path,
    run: &str,
    (shard, of): (usize, usize),
    options: &super::Options,
) -> anyhow::Result<ShardReport> {
    ensure!(shard < of, "shard {shard} of {of}: shards are counted from 0");
    let (keys, made) = crate::keys::KeyStore::new(data).load_or_init().context("the signing keys")?;
    let plan = Plan::open(data, run, options, &keys)?;
    if let Some(report) = finished(&plan::folder(data, run)?, &plan, shard, of)? {
        return Ok(report);
    }
    let job = Job::open(data, plan, Whose::Shard { shard, of })?;
    let started = Instant::now();
    let prepared = job.prepare()?;
    let subjects = super::subjects::subjects(&job.catalogue);
    let seconds = started.elapsed().as_secs_f64();
    let maker = ShardMaker::new(&job, &prepared, &subjects, seconds);
    let mut report = maker.make(shard, of, &|| job.plan.is_late())?;
    if made {
        report.remarks.insert(0, super::run::new_keys(data));
    }
    Ok(report)
}
