//! Which steps of the group are measured.

use anyhow::bail;

use super::super::report::Report;
use super::{million, people, reading};

/// The steps that measure something, as the log names them.
pub(super) const IMPORT: &str = "cloud: import";
pub(super) const REFRESH: &str = "cloud: refresh";
pub(super) const RETRIEVAL: &str = "cloud: retrieval";
pub(super) const INDEX: &str = "cloud: memory of an index";
pub(super) const PEOPLE: &str = "cloud: many people";
pub(super) const MILLION: &str = "cloud: a million items";
pub(super) const READING: &str = "cloud: reading the log";
pub(super) const NEWCOMERS: &str = "cloud: between refreshes";
pub(super) const PACKS: &str = "cloud: packs";
pub(super) const LISTS: &str = "cloud: lists";
pub(super) const EVENTS: &str = "cloud: events";

/// Why a figure of another step is not there.
const NOT_ASKED: &str = "it was not asked for";

/// Each step with what it measures.
const STEPS: [(&str, &[&str]); 11] = [
    (IMPORT, &["import_rows_per_second"]),
    (REFRESH, &["refresh_users_per_second"]),
    (
        RETRIEVAL,
        &[
            "retrieval_usearch_per_second",
            "retrieval_hnsw_per_second",
            "retrieval_exact_per_second",
            "retrieval_card_per_second",
            "retrieval_card_matrix_share",
            "towers_card_users_per_second",
            "retrieval_faiss_per_second",
            "ratio_faiss_refresh",
            "ratio_faiss_usearch",
        ],
    ),
    (INDEX, &["usearch_f16_1m_64_bytes"]),
    (PEOPLE, &[people::RATIO]),
    (MILLION, &[million::PEAK]),
    (READING, &[reading::RATE]),
    (NEWCOMERS, &["pack_on_demand_p50_ms", "pack_on_demand_p99_ms", "new_item_retrievable_ms"]),
    (
        PACKS,
        &[
            "pack_get_per_second",
            "pack_304_per_second",
            "ratio_304_pack_get",
            "ratio_nginx_pack_get",
            "pack_get_p99_ms",
        ],
    ),
    (LISTS, &["recommendations_first_p50_ms", "recommendations_p50_ms", "recommendations_p99_ms"]),
    (EVENTS, &["events_per_second", "events_202_p99_ms", "events_full_p99_ms", "events_memory_bytes_each"]),
];

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands::bench) struct Choice<'a> {
    /// Also what takes an hour.
    pub(super) all: bool,
    only: Option<&'a str>,
}

impl<'a> Choice<'a> {
    /// All steps, or those alone whose name contains `only`.
    ///
    /// # Errors
    /// When no name does.
    pub(in crate::commands::bench) fn new(all: bool, only: Option<&'a str>) -> anyhow::Result<Self> {
        let choice = Self { all, only };
        if !STEPS.iter().any(|(name, _)| choice.takes(name)) {
            let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
            bail!(
                "--only is `{}`, which none of the steps contains: {}",
                only.unwrap_or_default(),
                names.join(", ")
            );
        }
        Ok(choice)
    }

    /// Whether this step was asked for.
    pub(super) fn takes(&self, step: &str) -> bool {
        self.only.is_none_or(|only| step.contains(only))
    }

    /// Whether one was that has the service running.
    pub(super) fn takes_service(&self) -> bool {
        [PACKS, LISTS, EVENTS].into_iter().any(|step| self.takes(step))
    }

    /// Whether one was that needs a generation.
    pub(super) fn takes_generation(&self) -> bool {
        self.takes_service() || [READING, NEWCOMERS].into_iter().any(|step| self.takes(step))
    }

    /// Notes of what the other steps measure that it was not asked for.
    pub(super) fn skip_others(&self, report: &mut Report) {
        let others = STEPS.iter().filter(|(name, _)| !self.takes(name));
        others.flat_map(|(_, keys)| keys.iter()).for_each(|key| report.skip(key, NOT_ASKED));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::super::{Group, KEYS};
    use super::*;

    #[test]
    fn every_figure_of_the_group_belongs_to_one_step() {
        let keys: Vec<&str> = STEPS.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
        let of_group = KEYS.iter().filter(|(_, group, _)| *group == Group::Cloud);
        let of_group: BTreeSet<&str> = of_group.map(|(key, _, _)| *key).collect();
        assert_eq!(keys.iter().copied().collect::<BTreeSet<&str>>(), of_group);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn a_part_of_a_name_chooses_its_steps_and_what_none_contains_is_refused() {
        let chosen = |only: Option<&str>| -> Vec<&str> {
            let choice = Choice::new(false, only).unwrap();
            STEPS.iter().map(|(name, _)| *name).filter(|name| choice.takes(name)).collect()
        };
        assert_eq!(chosen(None).len(), STEPS.len());
        assert_eq!(chosen(Some("packs")), [PACKS]);
        assert_eq!(chosen(Some("refresh")), [REFRESH, NEWCOMERS]);
        assert!(Choice::new(false, Some("packs")).unwrap().takes_service());
        assert!(!Choice::new(false, Some("import")).unwrap().takes_service());
        assert_eq!(chosen(Some("log")), [READING]);
        assert!(Choice::new(false, Some("log")).unwrap().takes_generation());
        assert!(!Choice::new(false, Some("import")).unwrap().takes_generation());
        let refused = Choice::new(true, Some("packets")).unwrap_err().to_string();
        assert!(refused.contains("packets") && refused.contains(LISTS), "{refused}");
    }
}
