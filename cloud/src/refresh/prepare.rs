//! Everything that is computed once for all packs: vectors, a checked index, popularity, what is barred.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use segue_core::features::Schema;
use segue_core::pack::CandidateSource;
use segue_core::policy::Policy;
use segue_core::score::Scorer;

use super::alike::Alike;
use super::gather::FOR_UNKNOWN;
use super::pools::Known;
use super::sources::{Place, Source};
use super::subjects::mine;
use super::{Barred, Inventories, Moment, People, Pools, Popular, RETRIEVED, Together, Viewer, Whose};
use crate::candidates::{CandidateFacts, ranks};
use crate::catalog::Catalogue;
use crate::consumers::Tally;
use crate::index::{self, ItemVectors, Quality};
use crate::onnx::Device;
use crate::score::{OrtScorer, SharedScorer, candidates_at_once};
use crate::towers::projection::{project, step};
use crate::towers::{Embeddings, ModelDirectory, Placed, embed_some};

const DAY_MS: f32 = 86_400_000.0;
/// People ranked at the same time at most: what each one's candidates are ranked by takes some megabytes.
const AT_ONCE: usize = 64;

/// How packs are ordered: the policy, and the ranker where there is one.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// The policy of the surface that packs are ordered for.
    pub policy: Policy,
    /// The ranker (ONNX) and its schema.
    pub ranker: Option<(Vec<u8>, Schema)>,
    /// What the ranker runs on.
    device: Device,
    /// The one on a graphics card, once somebody asked for it.
    shared: Arc<Mutex<Option<SharedScorer>>>,
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
        Ok(Self { policy, ranker, device: Device::in_force(), shared: Arc::default() })
    }

    /// The ranker at work, with its schema. On a graphics card all who ask share one, else each has its own.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded or refuses the ranker.
    pub(super) fn scorer(&self) -> anyhow::Result<Option<(Schema, Box<dyn Scorer + Send>)>> {
        let Some((model, schema)) = &self.ranker else { return Ok(None) };
        if self.device == Device::PROCESSOR {
            return Ok(Some((schema.clone(), Box::new(OrtScorer::new(model, schema)?))));
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let scorer = match &*shared {
            Some(scorer) => scorer.clone(),
            None => shared.insert(SharedScorer::new(model, schema, self.device)?).clone(),
        };
        Ok(Some((schema.clone(), Box::new(scorer))))
    }

    /// How many people are ranked at the same time on a graphics card, as many as one run of the ranker has room for; none
    /// where that is the processor, which does one for each thread.
    pub(super) fn at_once(&self) -> Option<usize> {
        let (_, schema) = self.ranker.as_ref().filter(|_| self.device != Device::PROCESSOR)?;
        let people = (candidates_at_once(schema) / RETRIEVED).min(AT_ONCE);
        Some(people.max(rayon::current_num_threads()))
    }

    /// The same for one person after the other, who each wait: for one a card is slow to begin.
    pub(super) fn on_processor(self) -> Self {
        Self { device: Device::PROCESSOR, ..self }
    }
}

/// What packs are made from: a catalogue, and what was made of it.
pub struct Prepared<'a> {
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    made: Made,
}

/// What was made of a catalogue.
pub struct Made {
    /// Vectors as retrieval uses them.
    pub embeddings: Embeddings,
    /// Vectors as packs carry them, at most 64 dimensions.
    pub short: Embeddings,
    /// Share of the best ten items that survives the shortening.
    pub short_recall_at_10: f64,
    /// What each region may be shown, with an index over it.
    pub inventories: Inventories,
    /// Where what is like an item is looked for, if not among the vectors of retrieval.
    pub(super) alike: Option<Alike>,
    /// What may not be put into packs.
    pub barred: Barred,
    /// What is popular lately.
    pub popular: Popular,
    /// How packs are ordered.
    pub ranking: Ranking,
    /// The moment that ages are counted to: the end of the log, or where reading stopped.
    pub as_of_ms: i64,
    /// When packs are made: the clock, or where reading stopped.
    pub made_ms: i64,
    /// What is known of each person.
    pub(super) people: People,
    /// What is taken up in the same sessions.
    pub(super) together: Together,
    /// New, little known and editors' items.
    pub(super) pools: Pools,
    /// The items of the highest recent popularity, best first: for people of whom nothing is known.
    pub(super) favourites: Vec<usize>,
    facts: CandidateFacts,
    /// Share of the catalogue that was less played lately, 0 to 1.
    trending_rank: Vec<f32>,
}

impl Made {
    /// Whether packs carry other vectors than retrieval uses, made of all of them together.
    pub(super) fn is_shortened(&self) -> bool {
        self.short.dimension != self.embeddings.dimension
    }

    /// What the checks of the worst index measured.
    pub(super) fn quality(&self) -> Quality {
        let quality = self.inventories.quality();
        self.alike.as_ref().map_or(quality, |alike| quality.or_worse(alike.inventories.quality()))
    }

    /// What had to be done differently for the indices, in words; what is so in both is said once.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.inventories.remarks();
        let mut alike = self.alike.as_ref().map(|alike| alike.inventories.remarks()).unwrap_or_default();
        alike.retain(|remark| !remarks.contains(remark));
        remarks.extend(alike.into_iter().map(|remark| format!("the table beside the towers: {remark}")));
        remarks
    }

    /// Takes in the item at `place` of the catalogue where it was placed: it is new and the last one, or has another row now.
    /// Not where vectors are shortened.
    pub(super) fn put(&mut self, catalogue: &Catalogue, place: usize, placed: &Placed) {
        let (item, vector) = (&catalogue.items[place], placed.vector.as_slice());
        for of in [&mut self.embeddings, &mut self.short] {
            match of.items.get_mut(place * of.dimension..(place + 1) * of.dimension) {
                Some(known) => known.copy_from_slice(vector),
                None => of.items.extend_from_slice(vector),
            }
        }
        if place == self.trending_rank.len() {
            self.trending_rank.push(0.0);
            self.popular.push();
        }
        self.inventories.put(place, vector, &item.regions);
        if let (Some(alike), Some(vector)) = (&mut self.alike, &placed.alike) {
            alike.inventories.put(place, vector, &item.regions);
        }
        self.barred.put(place, item, self.made_ms);
        self.facts.put(catalogue, place);
        let (facts, as_of_ms, made_ms) = (&self.facts, self.as_of_ms, self.made_ms);
        self.pools.put(&Known { catalogue, facts, as_of_ms, made_ms }, place);
    }
}

impl Deref for Prepared<'_> {
    type Target = Made;

    fn deref(&self) -> &Made {
        &self.made
    }
}

impl DerefMut for Prepared<'_> {
    fn deref_mut(&mut self) -> &mut Made {
        &mut self.made
    }
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
        Self::of(catalogue, model, ranking, kind, moment, Whose::Everybody, progress)
    }

    /// As [`Self::new`], for the packs of some people: what follows from one person alone is made of them, what follows
    /// from all is the same.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of(
        catalogue: &'a Catalogue,
        model: Option<&ModelDirectory>,
        ranking: Ranking,
        kind: index::Kind,
        moment: Moment,
        whose: Whose,
        progress: &dyn Fn(usize),
    ) -> anyhow::Result<Self> {
        ensure!(!catalogue.items.is_empty(), "the catalogue has no items: import or generate some");
        let mine = mine(catalogue, whose);
        // Index and shortening are checked with people spread over all, whoever's packs these are.
        let step = step(mine.len());
        let embeddings =
            embed_some(catalogue, moment.until_ms, model, &|user| mine[user] || user % step == 0)?;
        let projection = project(&embeddings);
        if let Some((_, schema)) = &ranking.ranker {
            let (dimension, towers) = (projection.embeddings.dimension, &embeddings.towers);
            ensure!(
                schema.reads_vectors_of(towers),
                "the ranker was trained on vectors of the towers {}, these are of {towers}: export both together",
                schema.towers.as_deref().unwrap_or_default()
            );
            ensure!(
                schema.dimension == dimension,
                "the ranker takes vectors of {} dimensions, the towers make {dimension}: export both together",
                schema.dimension
            );
        }
        let vectors = Arc::new(ItemVectors::normalised(embeddings.dimension, embeddings.items.clone())?);
        let queries = queries(&embeddings);
        let inventories =
            Inventories::new(kind, catalogue, &vectors, &queries, Source::Taste.brings(), progress);
        let (as_of_ms, made_ms) = (moment.as_of_ms(catalogue), moment.until_ms.unwrap_or(moment.now_ms));
        let popular = Popular::new(catalogue, moment);
        let facts = CandidateFacts::new(catalogue, moment.known(catalogue), as_of_ms);
        let made = Made {
            barred: Barred::of(catalogue, &ranking.policy.seen, moment, &mine),
            trending_rank: ranks(popular.scores()),
            popular,
            people: People::of(catalogue, moment, &mine),
            together: Together::new(catalogue, moment),
            pools: Pools::new(catalogue, &facts, as_of_ms, made_ms),
            favourites: best(facts.recent_popularity(), FOR_UNKNOWN),
            facts,
            as_of_ms,
            made_ms,
            short_recall_at_10: projection.recall_at_10,
            short: projection.embeddings,
            embeddings,
            inventories,
            alike: Alike::of(model, kind, catalogue)?,
            ranking,
        };
        Ok(Self { catalogue, made })
    }

    /// What was made of a catalogue that it was taken from, with that catalogue.
    pub(super) fn with(catalogue: &'a Catalogue, made: Made) -> Self {
        Self { catalogue, made }
    }

    /// What was made, without the catalogue.
    pub(super) fn into_made(self) -> Made {
        self.made
    }

    /// Puts a user at another place, given as retrieval has it. Where packs carry shorter vectors, theirs stays.
    pub(super) fn place(&mut self, user: usize, vector: &[f32]) {
        let put =
            |of: &mut Embeddings| of.users[user * of.dimension..][..of.dimension].copy_from_slice(vector);
        if !self.is_shortened() {
            put(&mut self.short);
        }
        put(&mut self.embeddings);
    }

    /// From now on posteriors go by what the events of each item come to by now.
    pub(super) fn recount(&mut self, tallies: Vec<Tally>) {
        self.facts.recount(tallies);
    }

    /// The share of tries that item `index` is expected to do well in.
    pub(super) fn expected(&self, index: usize) -> f32 {
        self.facts.expected(index)
    }

    /// The first category of each of the items that a viewer took up last, newest first; none of nobody.
    #[must_use]
    pub fn profile(&self, viewer: &Viewer) -> Vec<&str> {
        let items = viewer.user.map_or(&[][..], |user| self.people.remembered(user));
        let first = |item: &u32| self.catalogue.items[*item as usize].categories.first();
        items.iter().filter_map(first).map(String::as_str).collect()
    }

    /// A candidate as the pack of `viewer` carries it. What is `served` has title and creator's name, for items that
    /// are worth trying the counts to explore them by, and a mark on what editors chose.
    #[must_use]
    pub fn candidate(&self, place: &Place, viewer: &Viewer, served: bool) -> CandidateSource<'_> {
        let item = place.item;
        let mut source = self.facts.source(self.catalogue, item, self.short.item(item), place.score);
        source.columns.push(("trending_rank", self.trending_rank[item]));
        source.columns.push(("sources", place.sources.number()));
        let rank = viewer.country.as_ref().and_then(|country| self.popular.regional_rank(country, item));
        source.columns.extend(rank.map(|rank| ("regional_trending_rank", rank)));
        let seen_ms = viewer.user.and_then(|user| self.people.seen_ms(user, item));
        let days = |seen_ms| self.made_ms.saturating_sub(seen_ms).max(0) as f32 / DAY_MS;
        source.columns.extend(seen_ms.map(|seen_ms| ("last_seen_days", days(seen_ms))));
        let tried = [Source::New, Source::Exploration].iter().any(|one| place.sources.contains(*one));
        if served && tried {
            let (well, not) = self.facts.posterior(item);
            source.columns.extend([("explore_successes", well), ("explore_failures", not)]);
        }
        if served && place.sources.contains(Source::Editorial) {
            source.columns.push(("editorial", 1.0));
        }
        CandidateSource { display: source.display.filter(|_| served), ..source }
    }
}

/// The places of the highest values above 0, at most `count`, best first.
fn best(values: &[f32], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).filter(|place| values[*place] > 0.0).collect();
    places.sort_by(|one, other| values[*other].total_cmp(&values[*one]).then(one.cmp(other)));
    places.truncate(count);
    places
}

/// Vectors of users spread evenly over the table, or of items where there are no users.
fn queries(embeddings: &Embeddings) -> Vec<Vec<f32>> {
    let rows = if embeddings.users.is_empty() { &embeddings.items } else { &embeddings.users };
    rows.chunks_exact(embeddings.dimension)
        .step_by(step(rows.len() / embeddings.dimension))
        .map(<[f32]>::to_vec)
        .collect()
}
