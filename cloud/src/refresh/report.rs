//! What a refresh did, for people and for programs.

use std::fmt;

use serde::Serialize;

/// What one refresh did: `report.json` of the generation, and the last line of `segue refresh --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The generation that was published.
    pub generation: u64,
    /// Items in the catalogue.
    pub items: usize,
    /// Users in the catalogue.
    pub users: usize,
    /// Events read, those received by the service among them.
    pub events: usize,
    /// Packs written, those of regions among them.
    pub packs: usize,
    /// Packs of regions.
    pub region_packs: usize,
    /// Hash of the two-tower model that made the vectors, or `none`.
    pub towers: String,
    /// Hash of the ranker, if one ranked.
    pub ranker: Option<String>,
    /// `hnsw` or `exact`.
    pub index: String,
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
        writeln!(formatter, "  items    {}, events {}", self.items, self.events)?;
        writeln!(formatter, "  towers   {towers}")?;
        writeln!(formatter, "  ranker   {ranker}")?;
        writeln!(
            formatter,
            "  index    {}: self-recall {:.4}, recall@100 {:.4}",
            self.index, self.self_recall, self.recall_at_100
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

/// Sizes of the packs of one generation.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    whole: Vec<usize>,
    ranking: Vec<usize>,
}

impl Sizes {
    pub(super) fn add(&mut self, whole: usize, display: usize) {
        self.whole.push(whole);
        self.ranking.push(whole.saturating_sub(display));
    }

    /// Median and largest, of whole packs and of their ranking data.
    pub(super) fn summary(mut self) -> [(usize, usize); 2] {
        [&mut self.whole, &mut self.ranking].map(|sizes| {
            sizes.sort_unstable();
            let at = |place: usize| sizes.get(place).copied().unwrap_or(0);
            (at(sizes.len() / 2), at(sizes.len().saturating_sub(1)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_with_and_without_titles() {
        let mut sizes = Sizes::default();
        [(10, 4), (30, 5), (20, 6)].iter().for_each(|(whole, display)| sizes.add(*whole, *display));
        assert_eq!(sizes.summary(), [(20, 30), (14, 25)]);
        assert_eq!(Sizes::default().summary(), [(0, 0), (0, 0)]);
    }
}
