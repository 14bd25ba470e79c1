//! Everything that is computed once for all packs: vectors, a checked index, popularity, what is barred.

use std::sync::Arc;

use anyhow::{Context, ensure};
use segue_core::features::Schema;
use segue_core::pack::CandidateSource;
use segue_core::policy::Policy;

use super::{Barred, Moment, Popular, RETRIEVED, Viewer};
use crate::candidates::{CandidateFacts, ranks};
use crate::catalog::Catalogue;
use crate::index::{self, Built, ItemVectors, Query};
use crate::towers::projection::project;
use crate::towers::{Embeddings, ModelDirectory, embed};

/// Users whose vectors the index is checked with.
const QUERIES: usize = 200;

/// How packs are ordered: the policy, and the ranker where there is one.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// The policy of the surface that packs are ordered for.
    pub policy: Policy,
    /// The ranker (ONNX) and its schema.
    pub ranker: Option<(Vec<u8>, Schema)>,
}

impl Ranking {
    /// The ranking by `policy` and by the ranker of `model`, if one is given.
    ///
    /// # Errors
    /// When the schema cannot be read or is for vectors of another dimension.
    pub fn new(policy: Policy, model: Option<&ModelDirectory>) -> anyhow::Result<Self> {
        let ranker = match model {
            Some(model) => {
                let schema = Schema::from_json(&model.schema)
                    .with_context(|| format!("schema.json of {} cannot be used", model.origin))?;
                Some((model.ranker.to_vec(), schema))
            }
            None => None,
        };
        Ok(Self { policy, ranker })
    }
}

/// What packs are made from.
pub struct Prepared<'a> {
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    /// Vectors as retrieval uses them.
    pub embeddings: Embeddings,
    /// Vectors as packs carry them, at most 64 dimensions.
    pub short: Embeddings,
    /// Share of the best ten items that survives the shortening.
    pub short_recall_at_10: f64,
    /// The index and how it did in its checks.
    pub built: Built,
    /// What may not be put into packs.
    pub barred: Barred,
    /// What is popular lately.
    pub popular: Popular,
    /// How packs are ordered.
    pub ranking: Ranking,
    /// The moment that ages are counted to: the end of the log, or where reading stopped.
    pub as_of_ms: i64,
    facts: CandidateFacts,
    /// Share of the catalogue that was less played lately, 0 to 1.
    trending_rank: Vec<f32>,
}

impl<'a> Prepared<'a> {
    /// Embeds, builds and checks the index, counts.
    ///
    /// # Errors
    /// When the catalogue has no items, or the model does not fit it.
    pub fn new(
        catalogue: &'a Catalogue,
        model: Option<&ModelDirectory>,
        ranking: Ranking,
        kind: index::Kind,
        moment: Moment,
        progress: &dyn Fn(usize),
    ) -> anyhow::Result<Self> {
        ensure!(!catalogue.items.is_empty(), "the catalogue has no items: import or generate some");
        let embeddings = embed(catalogue, moment.until_ms, model)?;
        let projection = project(&embeddings);
        if let Some((_, schema)) = &ranking.ranker {
            let dimension = projection.embeddings.dimension;
            ensure!(
                schema.dimension == dimension,
                "the ranker takes vectors of {} dimensions, the towers make {dimension}: export both together",
                schema.dimension
            );
        }
        let vectors = Arc::new(ItemVectors::normalised(embeddings.dimension, embeddings.items.clone())?);
        let retrieved = RETRIEVED.min(catalogue.items.len());
        let built = index::build(kind, &vectors, &queries(&embeddings), retrieved, progress);
        let as_of_ms = moment.as_of_ms(catalogue);
        let popular = Popular::new(catalogue, moment);
        Ok(Self {
            barred: Barred::new(catalogue, &ranking.policy.seen, moment),
            trending_rank: ranks(popular.scores()),
            popular,
            facts: CandidateFacts::new(catalogue, moment.known(catalogue), as_of_ms),
            as_of_ms,
            short_recall_at_10: projection.recall_at_10,
            short: projection.embeddings,
            catalogue,
            embeddings,
            built,
            ranking,
        })
    }

    /// The nearest items that each user may get. Items seen too lately come back only where nothing else is left.
    #[must_use]
    pub fn retrieve_many(&self, users: &[(&Viewer, usize)]) -> Vec<Vec<index::Found>> {
        let mut found = self.search(users, &|viewer, item| !self.barred.is_seen(viewer, item));
        let nothing_new: Vec<usize> = (0..users.len()).filter(|place| found[*place].is_empty()).collect();
        let again: Vec<(&Viewer, usize)> = nothing_new.iter().map(|place| users[*place]).collect();
        for (place, seen) in nothing_new.into_iter().zip(self.search(&again, &|_, _| true)) {
            found[place] = seen;
        }
        found
    }

    /// The nearest items to each user's vector of those that are not barred and that `wanted` lets through.
    fn search(
        &self,
        users: &[(&Viewer, usize)],
        wanted: &(dyn Fn(&Viewer, usize) -> bool + Sync),
    ) -> Vec<Vec<index::Found>> {
        let allowed = |viewer: &Viewer, item: usize| {
            wanted(viewer, item) && !self.barred.bars(viewer, item, &self.catalogue.items[item])
        };
        let filters: Vec<_> =
            users.iter().map(|(viewer, _)| move |item: usize| allowed(viewer, item)).collect();
        let queries: Vec<Query<'_>> = users
            .iter()
            .zip(&filters)
            .map(|((_, user), filter)| Query { vector: self.embeddings.user(*user), filter })
            .collect();
        self.built.index.search_many(&queries, RETRIEVED, self.built.ef)
    }

    /// Item `index` as a pack carries it; `display` adds title and creator's name.
    #[must_use]
    pub fn candidate(&self, index: usize, score: f32, display: bool) -> CandidateSource<'_> {
        let mut source = self.facts.source(self.catalogue, index, self.short.item(index), score);
        source.columns.push(("trending_rank", self.trending_rank[index]));
        CandidateSource { display: source.display.filter(|_| display), ..source }
    }
}

/// Vectors of users spread evenly over the table, or of items where there are no users.
fn queries(embeddings: &Embeddings) -> Vec<Vec<f32>> {
    let rows = if embeddings.users.is_empty() { &embeddings.items } else { &embeddings.users };
    let step = (rows.len() / embeddings.dimension).div_ceil(QUERIES).max(1);
    rows.chunks_exact(embeddings.dimension).step_by(step).map(<[f32]>::to_vec).collect()
}
