//! One refresh from the data folder to the moved pointer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use segue_core::trust::{Artefact, Manifest, Ranker};

use super::everybody::{Written, write_packs};
use super::maker::Stamp;
use super::{Moment, Policies, Prepared, Ranking, Report};
use crate::catalog::Catalogue;
use crate::clock::now_ms;
use crate::index;
use crate::keys::{KeyStore, Keys};
use crate::packs::{PackStore, Staging};
use crate::progress;
use crate::towers::ModelDirectory;

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
    let policies = Policies::read(data)?;
    let ranking = Ranking::new(policies.of(&catalogue.dataset.surface)?, model.as_ref())?;
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
    policies: &Policies,
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
    for (surface, bytes) in policies.files() {
        named.insert(surface.to_owned(), staging.put_blob(bytes)?);
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
