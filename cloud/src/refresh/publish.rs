//! From finished shards to the generation in force: check, measure, pass the gates, move the pointer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use rayon::prelude::*;
use segue_core::engine::{Engine, Request};
use segue_core::limits::ID_BYTES;
use segue_core::pack::VerifiedPack;
use segue_core::trust::{Manifest, Ranker};

use super::earlier::{Earlier, ORIGINS};
use super::gates::{self, Gate, Measures};
use super::report::{How, Report, ShardReport, median_and_largest};
use super::shard::finished;
use super::{Plan, Policies, job, plan};
use crate::catalog::Dataset;
use crate::keys::{KeyStore, Keys};
use crate::packs::{self, PackStore, ShardReader, Staging, shard_file, shards_named_by};
use crate::stores::disk;
use crate::towers::ModelDirectory;

/// Packs that a client opens before anybody else does.
const SAMPLE: usize = 200;
/// Says why a run was not let through the gates.
const REFUSED: &str = "refused.json";
/// What the name of a run begins with that is being removed.
const REMOVED: &str = ".removed-";

/// How to publish.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Generations to keep.
    pub keep: usize,
    /// Gates that are passed whatever they find.
    pub waived: Vec<Gate>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { keep: packs::GENERATIONS, waived: Vec::new() }
    }
}

/// Publishes run `run`, whose shards are all there.
///
/// # Errors
/// When a shard is missing or damaged, a gate is not passed, or another generation was published since the run was
/// planned; what was published before is then still served.
pub fn publish(data: &Path, run: &str, terms: &Terms) -> anyhow::Result<Report> {
    let folder = plan::folder(data, run)?;
    let plan = Plan::read(data, run)?;
    let plan = plan.with_context(|| no_run(data, run))?;
    let keys = KeyStore::new(data).load().context("the signing keys")?;
    let dataset = Dataset::read(data)?;
    let model = job::model(data, plan.model.as_deref(), &dataset)?;
    let policies = Policies::read(data)?;
    plan.check_rules(plan::rules(model.as_ref(), &policies, &keys))?;
    let shards = shards(&folder, &plan)?;
    let of = shards.len();

    let store = PackStore::new(data).keeping(terms.keep);
    let mut staging = store.begin_after(plan.base)?;
    ensure!(staging.number() == plan.generation, "generation {} is another run's", plan.generation);
    let manifest = manifest(&mut staging, &plan, &shards[0].towers, model.as_ref(), &policies)?;
    let sealed = manifest.seal(keys.signing())?;
    let client = Client {
        manifest: &sealed,
        keys: &keys,
        policies: &policies,
        model: model.as_ref(),
        surface: &dataset.surface,
    };
    let sample = client.open_sample(&folder, of, plan.created_ms)?;
    let measures = Measures::of(&sample.users, sample.opened, shards[0].items);
    let report = report(&plan, &shards, &manifest, &dataset, measures);
    pass_gates(data, &folder, &report, &terms.waived)?;
    for shard in 0..of {
        for extension in ["blob", "index", ORIGINS] {
            staging.adopt(&folder, &shard_file(shard, of, extension))?;
        }
    }
    staging.publish(&sealed, &keys.rotation_list()?, &serde_json::to_vec_pretty(&report)?)?;
    clear_runs(data, plan.generation);
    Ok(report)
}

/// Why there is no run of this name: a published one is cleared away with every other that it overtook.
fn no_run(data: &Path, run: &str) -> String {
    let kept = PackStore::new(data).kept().unwrap_or_default();
    let mut reports = kept.into_iter().rev().filter_map(|number| before(data, number));
    match reports.find(|report| report.run == run) {
        Some(report) => format!("run {run} is published already, as generation {}", report.generation),
        None => format!(
            "there is no run {run}: none was begun, or another was published since; `segue refresh run-shard` begins one"
        ),
    }
}

/// The reports of all shards, checked: none missing, none damaged, together everybody.
fn shards(folder: &Path, plan: &Plan) -> anyhow::Result<Vec<ShardReport>> {
    let mut cuts: Vec<usize> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        cuts.extend(entry?.file_name().to_str().and_then(|name| shards_named_by(name, "json")));
    }
    let run = &plan.run;
    let of = match cuts[..] {
        [of] => of,
        [] => bail!(
            "shard 0 of run {run} is missing; `segue refresh run-shard --run {run} --shard 0 --of N` makes it"
        ),
        _ => bail!("run {run} was cut into {cuts:?} shards by different processes; begin another run"),
    };
    // Each is read whole and its hash compared.
    let checked = (0..of).into_par_iter().map(|shard| {
        finished(folder, plan, shard, of)?.with_context(|| {
            format!("shard {shard} of {of} is missing or damaged; `segue refresh run-shard --run {run} --shard {shard} --of {of}` makes it")
        })
    });
    // Of several that are missing the first is named.
    let checked: Vec<anyhow::Result<ShardReport>> = checked.collect();
    let reports = checked.into_iter().collect::<anyhow::Result<Vec<ShardReport>>>()?;
    let (wanted, counted) =
        (reports[0].subjects, reports.iter().map(|report| report.packs + report.without).sum::<usize>());
    ensure!(
        wanted == counted,
        "the shards have {counted} subjects together instead of {wanted}; begin another run"
    );
    ensure!(
        reports.iter().any(|report| report.packs > 0),
        "not one pack could be made: every item is barred (availability, regions or ids above {ID_BYTES} bytes)"
    );
    Ok(reports)
}

fn manifest(
    staging: &mut Staging,
    plan: &Plan,
    towers: &str,
    model: Option<&ModelDirectory>,
    policies: &Policies,
) -> anyhow::Result<Manifest> {
    let ranker = match model {
        Some(model) => {
            Some(Ranker { model: staging.put_blob(&model.ranker)?, schema: staging.put_blob(&model.schema)? })
        }
        None => None,
    };
    let mut named = BTreeMap::new();
    for (surface, bytes) in policies.files() {
        named.insert(surface.to_owned(), staging.put_blob(bytes)?);
    }
    Ok(Manifest {
        format: Manifest::FORMAT,
        generation: plan.generation,
        created_ms: plan.created_ms,
        expires_ms: plan.expires_ms,
        towers: towers.to_owned(),
        ranker,
        policies: named,
    })
}

/// What a client has when it starts afresh.
struct Client<'a> {
    manifest: &'a [u8],
    keys: &'a Keys,
    policies: &'a Policies,
    #[cfg_attr(not(feature = "ranker"), allow(dead_code, reason = "only the core's own operators read it"))]
    model: Option<&'a ModelDirectory>,
    surface: &'a str,
}

/// Packs that a client opened.
struct Sample {
    opened: usize,
    /// Those of users.
    users: Vec<VerifiedPack>,
}

impl Client<'_> {
    /// Accepts packs spread over all shards and ranks each, as the first client would that fetches them.
    fn open_sample(&self, folder: &Path, of: usize, now_ms: i64) -> anyhow::Result<Sample> {
        let mut engine = Engine::new(&self.keys.root().to_hex())?;
        engine.accept_rotations(&self.keys.rotation_list()?)?;
        engine.accept_manifest(self.manifest, now_ms).context("a client refuses the manifest")?;
        for (surface, bytes) in self.policies.files() {
            engine
                .accept_policy(surface, bytes)
                .with_context(|| format!("a client refuses policy {surface}"))?;
        }
        #[cfg(feature = "ranker")]
        if let Some(model) = self.model {
            let refused = "a client refuses the ranker; `segue model check` tells what it may consist of";
            engine.accept_ranker(&model.ranker, &model.schema).context(refused)?;
        }
        let request = Request {
            surface: self.surface.to_owned(),
            count: 1,
            now_ms,
            seed: 0,
            context: [].into(),
            log_features: false,
        };
        let mut sample = Sample { opened: 0, users: Vec::new() };
        for shard in 0..of {
            let reader = ShardReader::open(folder, shard, of)?;
            let wanted = SAMPLE.div_ceil(of);
            for position in (0..reader.len()).step_by(reader.len().div_ceil(wanted).max(1)) {
                let subject = reader.subject(position).unwrap_or_default();
                let bytes = reader.get(subject)?.unwrap_or_default();
                let refused = || format!("a client refuses the pack of {subject}");
                let pack = engine.accept_pack(&bytes, subject, now_ms).with_context(refused)?.clone();
                let places = engine.rank(&request).with_context(refused)?.places.len();
                ensure!(places == 1, "a client gets no list from the pack of {subject}");
                sample.opened += 1;
                if subject.starts_with("user:") {
                    sample.users.push(pack);
                }
            }
        }
        Ok(sample)
    }
}

fn report(
    plan: &Plan,
    shards: &[ShardReport],
    manifest: &Manifest,
    dataset: &Dataset,
    gates: Measures,
) -> Report {
    let first = &shards[0];
    let least = |value: fn(&ShardReport) -> f64| shards.iter().map(value).fold(f64::INFINITY, f64::min);
    let most = |value: fn(&ShardReport) -> f64| shards.iter().map(value).fold(0.0, f64::max);
    let lists = lists(shards);
    let packs: usize = shards.iter().map(|shard| shard.packs).sum();
    let ranking = median_and_largest(shards.iter().flat_map(|shard| shard.ranking_bytes.clone()).collect());
    let whole = median_and_largest(shards.iter().flat_map(|shard| shard.pack_bytes.clone()).collect());
    let (load, prepare) = (most(|shard| shard.seconds_load), most(|shard| shard.seconds_prepare));
    let making: f64 = shards.iter().map(|shard| shard.seconds_packs).sum();
    // What one process made the others reuse.
    let vectors_reused = shards.iter().map(|shard| shard.vectors_reused).min().unwrap_or(0);
    Report {
        generation: plan.generation,
        run: plan.run.clone(),
        base: plan.base,
        rolled_back_to: None,
        shards: shards.len(),
        dataset: format!("{} {}", dataset.name, dataset.schema_hash()),
        policies: manifest
            .policies
            .iter()
            .map(|(surface, policy)| (surface.clone(), policy.hash.clone()))
            .collect(),
        region_packs: lists.get(&How::Region).copied().unwrap_or(0),
        lists,
        gates,
        items: first.items,
        users: first.users,
        events: first.events,
        events_held: first.events_held,
        history: plan.history,
        nobodys_history: plan.nobodys_history,
        packs,
        towers: manifest.towers.clone(),
        vectors_reused,
        vectors_made: first.items.saturating_sub(vectors_reused),
        ranker: manifest.ranker.as_ref().map(|ranker| ranker.model.hash.clone()),
        index: first.index.clone(),
        provider: first.provider.clone(),
        asked_index: plan.index,
        model: plan.model.clone(),
        received: plan.received,
        changed: plan.changed,
        filter: plan.filter,
        self_recall: least(|shard| shard.self_recall),
        recall_at_100: least(|shard| shard.recall_at_100),
        pack_vector_recall_at_10: first.pack_vector_recall_at_10,
        refresh_users_per_second: first.users as f64 / (prepare + making).max(1e-9),
        seconds: load + prepare + making,
        seconds_load: load,
        seconds_prepare: prepare,
        seconds_packs: making,
        pack_bytes_median: whole.0,
        pack_bytes_max: whole.1,
        ranking_bytes_median: ranking.0,
        ranking_bytes_max: ranking.1,
        expires_ms: manifest.expires_ms,
        remarks: remarks(shards, ranking.1),
    }
}

/// How many lists were made in which way.
fn lists(shards: &[ShardReport]) -> BTreeMap<How, usize> {
    let mut lists = BTreeMap::new();
    for (how, count) in shards.iter().flat_map(|shard| &shard.how) {
        *lists.entry(*how).or_default() += count;
    }
    lists
}

/// What somebody who reads the report should know: what the shards remarked, each thing once, and what only all of
/// them together show.
fn remarks(shards: &[ShardReport], largest_ranking_bytes: usize) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    for remark in shards.iter().flat_map(|shard| &shard.remarks) {
        if !remarks.contains(remark) {
            remarks.push(remark.clone());
        }
    }
    if shards[0].towers == "none" {
        remarks
            .push("no model was trained for this data: vectors come from metadata and co-occurrence".into());
    }
    let without: usize = shards.iter().map(|shard| shard.without).sum();
    if without > 0 {
        remarks.push(format!("{without} users have no pack of their own: nothing may be shown to them"));
    }
    if largest_ranking_bytes >= 64 << 10 {
        remarks
            .push(format!("the largest pack has {largest_ranking_bytes} bytes of ranking data, above 64 KB"));
    }
    remarks
}

/// Says which gates are not passed and keeps that beside the run, so that the next refresh begins another one.
fn pass_gates(data: &Path, folder: &Path, report: &Report, waived: &[Gate]) -> anyhow::Result<()> {
    let before = report.base.and_then(|base| before(data, base));
    let failures = gates::failures(report, before.as_ref(), waived);
    if failures.is_empty() {
        return Ok(());
    }
    let refused = serde_json::json!({ "failures": failures, "report": report });
    disk::write_synced(&folder.join(REFUSED), &serde_json::to_vec_pretty(&refused)?)?;
    bail!(
        "generation {} was not published, the one before is still served: {}. Look at {}; where it was intended, `segue refresh publish --run {} --waive GATE`",
        report.generation,
        failures.join("; "),
        folder.join(REFUSED).display(),
        report.run
    )
}

/// Whether a run was not let through the gates.
pub(super) fn is_refused(folder: &Path) -> bool {
    folder.join(REFUSED).exists()
}

/// The report of generation `number`; none when it cannot be read, which is then nothing to compare with.
fn before(data: &Path, number: u64) -> Option<Report> {
    Earlier::open(data, number).ok()??;
    Report::read(&PackStore::new(data), number).ok()
}

/// Removes the runs that can no longer be published, since `published` is.
fn clear_runs(data: &Path, published: u64) {
    let Ok(entries) = fs::read_dir(plan::runs(data)) else { return };
    let names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    for name in names {
        if let Err(error) = clear_run(data, &name, published) {
            // Published all the same; the next run clears again.
            tracing::warn!("{} could not be removed: {error}", plan::runs(data).join(name).display());
        }
    }
}

/// Removes one of them, or what is left of one. It loses its name first: shards that stay where the removal is cut short must
/// not wait for another run of that name.
fn clear_run(data: &Path, name: &str, published: u64) -> std::io::Result<()> {
    let (runs, is_removed) = (plan::runs(data), name.starts_with(REMOVED));
    let removed = runs.join(if is_removed { name.to_owned() } else { format!("{REMOVED}{name}") });
    if !is_removed {
        let plan = Plan::read(data, name).ok().flatten();
        if plan.is_none_or(|plan| plan.generation > published) {
            return Ok(());
        }
        if removed.exists() {
            disk::remove_folder(&removed)?;
        }
        disk::rename_synced(&runs.join(name), &removed)?;
    }
    if removed.exists() { disk::remove_folder(&removed) } else { Ok(()) }
}
