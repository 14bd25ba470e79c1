//! A whole refresh in one process: plan, every shard, publish.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;

use super::job::Job;
use super::publish::{Terms, is_refused, publish};
use super::shard::{ShardMaker, finished};
use super::subjects::{shards_for, subjects};
use super::{Plan, Report, Whose, plan};
use crate::clock;
use crate::events::Filter;
use crate::index;
use crate::keys::{KeyStore, Keys};
use crate::lock::FileLock;
use crate::packs::PackStore;
use crate::stores::disk;

/// A run that was begun longer ago than this is not gone on with, since events came in meanwhile.
const RESUME_MS: i64 = 60 * 60_000;

/// How many of a person's latest events are held, unless told otherwise.
pub(crate) const HISTORY: usize = 1_000;

/// How many of the latest deeds of nobody are held, unless told otherwise: those of all the sessions that are looked at for
/// what is taken up together, as far as these are short.
pub(crate) const NOBODYS_HISTORY: usize = 4_000_000;

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
    /// After so many milliseconds nobody's list is made anew; who is left keeps the one before.
    pub deadline_ms: Option<i64>,
    /// How old the list of somebody about whom nothing changed may be, in milliseconds; 0 makes all of them anew.
    pub reuse_ms: i64,
    /// How many of a person's latest events of each kind are held while reading; older ones are counted.
    pub history: usize,
    /// How many of the latest events that are nobody's and say what was taken up or refused are held likewise.
    pub nobodys_history: usize,
    /// Shards; about one for every 10,000 subjects when absent.
    pub shards: Option<usize>,
    /// Which received events count for nothing.
    pub filter: Filter,
    /// How to publish.
    pub terms: Terms,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: None,
            index: index::Kind::Hnsw,
            lifetime_ms: 7 * 86_400_000,
            now_ms: None,
            deadline_ms: None,
            reuse_ms: 6 * 3_600_000,
            history: HISTORY,
            nobodys_history: NOBODYS_HISTORY,
            shards: None,
            filter: Filter::default(),
            terms: Terms::default(),
        }
    }
}

/// Refreshes data folder `data` and publishes the result. A run that was interrupted is gone on with.
///
/// # Errors
/// When something is missing or does not fit; what was published before is then still served.
pub fn run(data: &Path, options: &Options) -> anyhow::Result<Report> {
    crate::catalog::Dataset::read(data)?;
    let (keys, made) = KeyStore::new(data).load_or_init().context("the signing keys")?;
    disk::create_folder(&plan::runs(data))?;
    let lock = FileLock::try_take(&plan::runs(data).join(".lock")).context("locking the runs")?;
    let _lock = lock.with_context(|| {
        format!("another refresh of {} is running; wait for it or stop it", data.display())
    })?;
    let plan = plan(data, options, &keys)?;
    let name = plan.run.clone();
    make_shards(&Job::open(data, plan, Whose::Everybody)?, options)?;
    let mut report = publish(data, &name, &options.terms)?;
    if made {
        report.remarks.insert(0, new_keys(data));
    }
    Ok(report)
}

/// Whether a refresh of data folder `data` is under way, whoever started it.
///
/// # Errors
/// When the disk refuses.
pub fn is_running(data: &Path) -> anyhow::Result<bool> {
    let runs = plan::runs(data);
    if !runs.is_dir() {
        return Ok(false);
    }
    Ok(FileLock::try_take(&runs.join(".lock")).context("looking at the lock of the runs")?.is_none())
}

/// The remark on a data folder that had no keys.
pub(super) fn new_keys(data: &Path) -> String {
    format!("new signing keys were made in {}", data.join("keys").display())
}

/// The plan of the next generation: that of a run that was interrupted, if it still holds, or a new one.
fn plan(data: &Path, options: &Options, keys: &Keys) -> anyhow::Result<Plan> {
    let store = PackStore::new(data);
    let run = format!("auto-{}", store.next_after(store.current()?)?);
    let folder = plan::folder(data, &run)?;
    let interrupted = Plan::read(data, &run).unwrap_or_default();
    if interrupted.is_some_and(|plan| still_holds(data, &plan, options, keys).unwrap_or(false)) {
        return Plan::open(data, &run, options, keys);
    }
    if folder.exists() {
        disk::remove_folder(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Plan::open(data, &run, options, keys)
}

fn still_holds(data: &Path, plan: &Plan, options: &Options, keys: &Keys) -> anyhow::Result<bool> {
    let age = options.now_ms.unwrap_or_else(clock::now_ms).saturating_sub(plan.created_ms);
    let model = super::job::model(data, options.model.as_deref(), &crate::catalog::Dataset::read(data)?)?;
    let inputs = plan::inputs(data, model.as_ref(), &super::Policies::read(data)?, keys)?;
    Ok((0..RESUME_MS).contains(&age)
        && !plan.is_late()
        && !is_refused(&plan::folder(data, &plan.run)?)
        && plan.base == PackStore::new(data).current()?
        && (plan.index, plan.reuse_ms, &plan.model) == (options.index, options.reuse_ms, &options.model)
        && (plan.filter, plan.history) == (options.filter, options.history)
        && plan.nobodys_history == options.nobodys_history
        && plan.check(&inputs).is_ok())
}

/// Makes every shard that is not finished.
fn make_shards(job: &Job, options: &Options) -> anyhow::Result<()> {
    let subjects = subjects(&job.catalogue);
    let of = options.shards.unwrap_or_else(|| shards_for(subjects.len())).max(1);
    let mut missing = Vec::new();
    for shard in 0..of {
        if finished(&job.folder, &job.plan, shard, of)?.is_none() {
            missing.push(shard);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let prepared = job.prepare()?;
    let maker = ShardMaker::new(job, &prepared, &subjects, started.elapsed().as_secs_f64());
    for (done, shard) in missing.iter().enumerate() {
        // Each shard may take an equal share of what time is left, so that the last one's people are not left out.
        let share = share_of_time(job.plan.deadline_ms, missing.len() - done);
        maker.make(*shard, of, &|| share.is_some_and(|until| clock::now_ms() >= until))?;
    }
    Ok(())
}

/// Until when the next of `left` shards may make lists anew.
fn share_of_time(deadline_ms: Option<i64>, left: usize) -> Option<i64> {
    let now_ms = clock::now_ms();
    let left = i64::try_from(left).unwrap_or(i64::MAX).max(1);
    deadline_ms.map(|deadline| now_ms.saturating_add(deadline.saturating_sub(now_ms).max(0) / left))
}
