//! Everything that one process of a run works with, loaded as the plan says.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};

use super::latest::{Latest, Reading};
use super::{Moment, Plan, Policies, Prepared, Ranking, Whose, plan};
use crate::catalog::{Catalogue, Dataset};
use crate::events::LeftOut;
use crate::expiry;
use crate::keys::{KeyStore, Keys};
use crate::progress;
use crate::towers::ModelDirectory;

/// Everything that one process of a run works with.
pub(super) struct Job {
    /// What the run's processes agreed on.
    pub(super) plan: Plan,
    /// The run's folder.
    pub(super) folder: PathBuf,
    /// The data folder.
    pub(super) data: PathBuf,
    /// What signs.
    pub(super) keys: Keys,
    /// The tables and the events received up to the plan's last one.
    pub(super) catalogue: Catalogue,
    /// How often old events had left the log when they were read.
    pub(super) expired: String,
    /// Received events that are not in it, as no person acts so.
    pub(super) left_out: LeftOut,
    /// The model, where one fits.
    pub(super) model: Option<ModelDirectory>,
    /// The policies in force.
    pub(super) policies: Policies,
    /// Whose packs it makes.
    pub(super) whose: Whose,
    /// Seconds it took to load all this.
    pub(super) seconds_load: f64,
}

impl Job {
    /// Loads what `plan` names, for the packs of some people.
    ///
    /// # Errors
    /// When something is missing, damaged or not what was planned with.
    pub(super) fn open(data: &Path, plan: Plan, whose: Whose) -> anyhow::Result<Self> {
        let started = Instant::now();
        let keys = KeyStore::new(data).load().context("the signing keys")?;
        let policies = Policies::read(data)?;
        let model = model(data, plan.model.as_deref(), &Dataset::read(data)?)?;
        let kept_vectors = Some(data.join("refresh").join("vectors"));
        let model = model.map(|model| ModelDirectory { kept_vectors, ..model });
        plan.check(&plan::inputs(data, model.as_ref(), &policies, &keys)?)?;
        let (mut catalogue, left_out) = load(data, &plan, whose)?;
        let expired = expiry::mark(data)?;
        plan.editorial.apply(&mut catalogue, plan.created_ms);
        let folder = plan::folder(data, &plan.run)?;
        let data = data.to_owned();
        let seconds_load = started.elapsed().as_secs_f64();
        Ok(Self {
            plan,
            folder,
            data,
            keys,
            catalogue,
            expired,
            left_out,
            model,
            policies,
            whose,
            seconds_load,
        })
    }

    /// Vectors, a checked index, counts.
    ///
    /// # Errors
    /// When the model does not fit, or no index is good enough.
    pub(super) fn prepare(&self) -> anyhow::Result<Prepared<'_>> {
        let policy = self.policies.of(&self.catalogue.dataset.surface)?;
        let ranking = Ranking::new(policy, self.model.as_ref())?;
        let bar = progress::bar("index", self.catalogue.items.len());
        let moment = Moment { until_ms: None, now_ms: self.plan.created_ms };
        let model = self.model.as_ref();
        let (index, whose) = (self.plan.index, self.whose);
        let prepared = Prepared::of(&self.catalogue, model, ranking, index, moment, whose, &|done| {
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        let quality = prepared.quality();
        ensure!(
            quality.is_enough(),
            "the index is not good enough to publish: self-recall {:.5} (needs 1), recall@100 {:.4} (needs 0.95)",
            quality.self_recall,
            quality.recall_at_100
        );
        Ok(prepared)
    }
}

/// The tables, and what the service received since they were written, as far as the plan says; how many of those events no
/// person did.
fn load(data: &Path, plan: &Plan, whose: Whose) -> anyhow::Result<(Catalogue, LeftOut)> {
    let mut catalogue = Catalogue::load_without_events(data, plan.changed)?;
    let reading = Reading {
        last: plan.received,
        filter: plan.filter,
        history: plan.history,
        nobodys_history: plan.nobodys_history,
        whose,
        now_ms: plan.created_ms,
    };
    let Latest { tables, received, folded, left_out } = Latest::read(data, &catalogue, reading)?;
    catalogue.folded = folded;
    catalogue.add_events(tables);
    catalogue.add_events(received);
    Ok((catalogue, left_out))
}

/// The model in `folder`, which must fit, or the one that fits the data.
pub(super) fn model(
    data: &Path,
    folder: Option<&Path>,
    dataset: &Dataset,
) -> anyhow::Result<Option<ModelDirectory>> {
    let Some(folder) = folder else { return ModelDirectory::find(data, dataset) };
    let model = ModelDirectory::open(folder)?;
    ensure!(
        model.fits(dataset)?,
        "the model in {} was trained for other attributes and categories than {} has",
        folder.display(),
        data.display()
    );
    Ok(Some(model))
}
