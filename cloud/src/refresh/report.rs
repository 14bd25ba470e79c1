//! What a refresh did, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::gates::Measures;
use super::maker::SealedPack;
use crate::events::Filter;
use crate::index::Kind;
use crate::packs::PackStore;

/// How a list came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Retrieved and ranked in this run.
    Fresh,
    /// Taken over, because nothing it follows from changed.
    Unchanged,
    /// Taken over, because time was up.
    Carried,
    /// What is popular, because time was up and there was no list before.
    Popular,
    /// A region's: what is popular there.
    Region,
}

/// What one shard holds and how it was made: written beside it when it is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardReport {
    /// The run.
    pub run: String,
    /// Which shard, from 0.
    pub shard: usize,
    /// Of how many.
    pub of: usize,
    /// The generation its packs are of.
    pub generation: u64,
    /// When the run was planned, in milliseconds since 1970: another run of this name is another one.
    #[serde(default)]
    pub created_ms: i64,
    /// How many subjects all shards together have.
    pub subjects: usize,
    /// Items in the catalogue.
    pub items: usize,
    /// Users in the catalogue.
    pub users: usize,
    /// Events read.
    pub events: usize,
    /// Those of them that were held; the others were counted and let go of.
    #[serde(default)]
    pub events_held: usize,
    /// Hash of the two-tower model that made the vectors, or `none`.
    pub towers: String,
    /// Items whose vectors were kept from before.
    #[serde(default)]
    pub vectors_reused: usize,
    /// `hnsw`, `usearch` or `exact`.
    pub index: String,
    /// What towers, the ranker and exact search were to run on, `cpu` or `cuda`; what another device took over is a remark.
    pub provider: String,
    /// As in [`Report::self_recall`].
    pub self_recall: f64,
    /// As in [`Report::recall_at_100`].
    pub recall_at_100: f64,
    /// As in [`Report::pack_vector_recall_at_10`].
    pub pack_vector_recall_at_10: f64,
    /// Packs written.
    pub packs: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// SHA-256 of the shard's index, which holds that of every pack.
    pub index_hash: String,
    /// Subjects to whom nothing may be shown.
    pub without: usize,
    /// How many lists came about how.
    pub how: BTreeMap<How, usize>,
    /// Bytes of each pack.
    pub pack_bytes: Vec<usize>,
    /// Bytes of ranking data of each pack.
    pub ranking_bytes: Vec<usize>,
    /// Reading the catalogue and the events.
    pub seconds_load: f64,
    /// Vectors, index and its checks.
    pub seconds_prepare: f64,
    /// Retrieval, ranking, signing and writing.
    pub seconds_packs: f64,
    /// What had to be done differently, in words.
    pub remarks: Vec<String>,
}

impl ShardReport {
    /// Counts one more list.
    pub(super) fn add(&mut self, how: How, pack: &SealedPack) {
        *self.how.entry(how).or_default() += 1;
        self.pack_bytes.push(pack.bytes.len());
        self.ranking_bytes.push(pack.bytes.len().saturating_sub(pack.display_bytes));
    }
}

impl fmt::Display for ShardReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shard, of, run, seconds) = (self.shard, self.of, &self.run, self.seconds_packs);
        write!(formatter, "shard {shard} of {of} of run {run}: {} packs, {seconds:.1} s", self.packs)?;
        self.remarks.iter().try_for_each(|remark| write!(formatter, "\n  note     {remark}"))
    }
}

/// What one refresh did: `report.json` of the generation, and the last line of `segue refresh --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The generation that was published.
    pub generation: u64,
    /// The run that made it.
    pub run: String,
    /// The generation before; none for the first.
    pub base: Option<u64>,
    /// The generation whose packs these are, where it was rolled back to.
    pub rolled_back_to: Option<u64>,
    /// Shards.
    pub shards: usize,
    /// The data set's name and the hash of what its items may have.
    pub dataset: String,
    /// Hash of each surface's policy.
    pub policies: BTreeMap<String, String>,
    /// How many lists came about how.
    pub lists: BTreeMap<How, usize>,
    /// What the gates measured.
    pub gates: Measures,
    /// Items in the catalogue.
    pub items: usize,
    /// Users in the catalogue.
    pub users: usize,
    /// Events read, those received by the service among them.
    pub events: usize,
    /// Those of them that were held; the others were counted and let go of.
    #[serde(default)]
    pub events_held: usize,
    /// How many of a person's latest events were held.
    #[serde(default = "super::plan::unbounded")]
    pub history: usize,
    /// How many of nobody's latest deeds were held.
    #[serde(default = "super::plan::nobodys")]
    pub nobodys_history: usize,
    /// Packs written, those of regions among them.
    pub packs: usize,
    /// Packs of regions.
    pub region_packs: usize,
    /// Hash of the two-tower model that made the vectors, or `none`.
    pub towers: String,
    /// Items whose vectors were kept from the refresh before, as nothing that towers read of them changed.
    #[serde(default)]
    pub vectors_reused: usize,
    /// Items whose vectors were made in this run.
    #[serde(default)]
    pub vectors_made: usize,
    /// Hash of the ranker, if one ranked.
    pub ranker: Option<String>,
    /// `hnsw`, `usearch` or `exact`: what was built, not always what was asked for.
    pub index: String,
    /// What towers and exact search ran on: `cpu` or `cuda`.
    pub provider: String,
    /// How candidates were to be retrieved.
    pub asked_index: Kind,
    /// The model's folder, where one was named.
    pub model: Option<PathBuf>,
    /// The last event received by the service that counts.
    pub received: u64,
    /// The last change of an item that counts.
    pub changed: u64,
    /// Which received events counted for nothing.
    pub filter: Filter,
    /// Share of items that their own vector finds, or finds one at the same distance.
    pub self_recall: f64,
    /// Share of the exact 100 nearest items that retrieval finds.
    pub recall_at_100: f64,
    /// Share of the best ten items that survives shortening the vectors for packs.
    pub pack_vector_recall_at_10: f64,
    /// Users whose packs were built, signed and stored in a second, from the loaded catalogue to the last pack on the
    /// disk.
    pub refresh_users_per_second: f64,
    /// The run but for publishing, which the report is part of.
    pub seconds: f64,
    /// Reading the catalogue and the events.
    pub seconds_load: f64,
    /// Vectors, index and its checks.
    pub seconds_prepare: f64,
    /// Retrieval, ranking, signing and writing.
    pub seconds_packs: f64,
    /// Median bytes of a pack.
    pub pack_bytes_median: usize,
    /// Bytes of the largest pack.
    pub pack_bytes_max: usize,
    /// Median bytes of a pack's ranking data: the pack without titles and names.
    pub ranking_bytes_median: usize,
    /// Bytes of the largest pack's ranking data.
    pub ranking_bytes_max: usize,
    /// When packs and manifest stop being accepted, in milliseconds since 1970.
    pub expires_ms: i64,
    /// What had to be done differently, in words.
    pub remarks: Vec<String>,
}

impl How {
    /// As programs read it.
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Unchanged => "unchanged",
            Self::Carried => "carried",
            Self::Popular => "popular",
            Self::Region => "region",
        }
    }

    /// As people read it.
    fn word(self) -> &'static str {
        match self {
            Self::Fresh => "made anew",
            Self::Unchanged => "unchanged",
            Self::Carried => "taken over for want of time",
            Self::Popular => "popular for want of time",
            Self::Region => "of regions",
        }
    }
}

impl Report {
    /// The report of generation `number`.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn read(store: &PackStore, number: u64) -> anyhow::Result<Self> {
        let bytes = store.object(number, "report.json")?;
        let bytes = bytes.with_context(|| format!("generation {number} has no report.json"))?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("report.json of generation {number} is damaged"))
    }

    /// Sets the gauges of how the served generation was made.
    pub fn set_gauges(&self) {
        metrics::gauge!("segue_refresh_seconds").set(self.seconds);
        metrics::gauge!("segue_refresh_self_recall").set(self.self_recall);
        metrics::gauge!("segue_refresh_recall_at_100").set(self.recall_at_100);
        metrics::gauge!("segue_pack_bytes_median").set(self.pack_bytes_median as f64);
        metrics::gauge!("segue_pack_bytes_max").set(self.pack_bytes_max as f64);
        for (how, count) in [("reused", self.vectors_reused), ("made", self.vectors_made)] {
            metrics::gauge!("segue_refresh_vectors", "how" => how).set(count as f64);
        }
        for (how, count) in &self.lists {
            metrics::gauge!("segue_refresh_lists", "how" => how.name()).set(*count as f64);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let towers =
            if self.towers == "none" { "none (metadata and co-occurrence)" } else { short(&self.towers) };
        let ranker = self.ranker.as_deref().map_or("none (the policy's linear weights)", short);
        writeln!(formatter, "generation {} is served", self.generation)?;
        writeln!(
            formatter,
            "  packs    {} ({} of regions) for {} users",
            self.packs, self.region_packs, self.users
        )?;
        let lists = self.lists.iter().map(|(how, count)| format!("{count} {}", how.word()));
        writeln!(formatter, "  lists    {}", lists.collect::<Vec<_>>().join(", "))?;
        writeln!(formatter, "  items    {}, events {} ({} held)", self.items, self.events, self.events_held)?;
        let (reused, made) = (self.vectors_reused, self.vectors_made);
        writeln!(formatter, "  towers   {towers}: {made} vectors made, {reused} kept")?;
        writeln!(formatter, "  ranker   {ranker}")?;
        writeln!(
            formatter,
            "  index    {} (on {}): self-recall {:.4}, recall@100 {:.4}",
            self.index, self.provider, self.self_recall, self.recall_at_100
        )?;
        writeln!(
            formatter,
            "  bytes    {} a pack (median), {} the largest; ranking data {} and {}",
            self.pack_bytes_median, self.pack_bytes_max, self.ranking_bytes_median, self.ranking_bytes_max
        )?;
        write!(
            formatter,
            "  seconds  {:.1} (load {:.1}, vectors and index {:.1}, packs {:.1}), {:.0} users a second",
            self.seconds,
            self.seconds_load,
            self.seconds_prepare,
            self.seconds_packs,
            self.refresh_users_per_second
        )?;
        self.remarks.iter().try_for_each(|remark| write!(formatter, "\n  note     {remark}"))
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Median and largest of some sizes; 0 of none.
pub(super) fn median_and_largest(mut sizes: Vec<usize>) -> (usize, usize) {
    sizes.sort_unstable();
    let at = |place: usize| sizes.get(place).copied().unwrap_or(0);
    (at(sizes.len() / 2), at(sizes.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_largest_of_sizes() {
        assert_eq!(median_and_largest(vec![30, 10, 20]), (20, 30));
        assert_eq!(median_and_largest(Vec::new()), (0, 0));
    }
}
