//! What is kept of a preparation while its basis changes, and how a changed item is taken into it.

use std::collections::{HashMap, HashSet};

use segue_core::Engine;

use super::basis::{Basis, FRESH};
use crate::refresh::tallies::Tallies;
use crate::refresh::trending::Trending;
use crate::refresh::{Made, PackMaker, Prepared};
use crate::towers::ItemPlacer;
use crate::towers::history::Histories;
use crate::towers::person::PersonEncoder;

/// What was prepared, without what it was prepared from.
pub struct Parts {
    pub(super) made: Made,
    pub(super) tools: Tools,
}

/// What answers questions beside what a refresh prepares, and needs no basis of its own.
pub(super) struct Tools {
    pub(super) histories: Histories,
    pub(super) encoder: PersonEncoder,
    /// Lent to the maker of one pack at a time.
    pub(super) engine: Option<Engine>,
    /// Ids of the events of each person that was asked for, those of the tables among them.
    pub(super) known: HashMap<usize, HashSet<String>>,
    pub(super) trending: Trending,
    pub(super) tallies: Tallies,
    /// Where items are being taken in.
    placer: Option<ItemPlacer>,
}

impl Tools {
    /// Those for what was prepared from `basis`.
    pub(super) fn new(basis: &Basis, prepared: &Prepared<'_>) -> anyhow::Result<Self> {
        let (catalogue, model) = (&basis.catalogue, basis.model.as_ref());
        let histories = Histories::before(catalogue, None);
        Ok(Self {
            encoder: PersonEncoder::new(catalogue, &histories, model)?,
            histories,
            engine: Some(PackMaker::new(prepared)?.into_engine()),
            known: HashMap::new(),
            trending: Trending::new(catalogue),
            tallies: Tallies::default(),
            placer: None,
        })
    }
}

/// What was taken in at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenIn {
    /// How many items.
    pub items: usize,
    /// Whether no other waits.
    pub is_all: bool,
}

impl Parts {
    /// Takes in the next items that changed since `basis` was loaded, each by itself. None where everything has to be
    /// prepared anew; nothing has changed then.
    ///
    /// # Errors
    /// When the changes cannot be read or the model fails; nothing has changed then either.
    pub fn catch_up(&mut self, basis: &mut Basis, now_ms: i64) -> anyhow::Result<Option<TakenIn>> {
        if self.made.is_shortened() || self.made.inventories.fresh() >= FRESH {
            return Ok(None);
        }
        let Some(rows) = basis.due()? else { return Ok(None) };
        let (catalogue, model) = (&basis.catalogue, basis.model.as_ref());
        let tools = &mut self.tools;
        let mut placer = match tools.placer.take() {
            Some(placer) => placer,
            None => ItemPlacer::new(catalogue, &tools.histories, model, &self.made.embeddings)?,
        };
        let mut all = Vec::with_capacity(rows.len());
        for (place, item) in &rows {
            let Some(placed) = placer.place(catalogue, *place, item)? else { return Ok(None) };
            all.push((*place, placed));
        }
        let (items, is_all) = (rows.len(), basis.take_in(rows, now_ms));
        tools.placer = (!is_all).then_some(placer);
        self.made.made_ms = basis.now_ms;
        for (place, placed) in all {
            let known = tools.histories.counts.len().max(place + 1);
            tools.histories.counts.resize(known, 0.0);
            self.made.put(&basis.catalogue, place, &placed);
            if let Some(row) = &placed.row {
                tools.encoder.put(place, row);
            }
            tools.trending.put(&basis.catalogue.items[place]);
        }
        Ok(Some(TakenIn { items, is_all }))
    }
}
