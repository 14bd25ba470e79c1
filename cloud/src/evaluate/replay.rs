//! Held-out sessions through the engine, and the simple orders beside it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use rayon::prelude::*;
use segue_core::engine::{Engine, Request, Slate};
use segue_core::pack::{Candidate, VerifiedPack};
use segue_core::score::Scorer;

use super::{LabelRules, Step, Sums, steps};
use crate::catalog::SessionLog;
use crate::refresh::{PackMaker, Prepared, Viewer};
use crate::score::OrtScorer;

/// Places looked at; a target further down counts as not found.
const PLACES: usize = 50;

/// What runs the ranker during the replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ScorerKind {
    /// tract, as in apps and browsers.
    #[cfg(feature = "tract")]
    Tract,
    /// ONNX Runtime, as in the refresh.
    Ort,
}

impl ScorerKind {
    /// What users run where it is built in.
    #[must_use]
    pub fn shipped() -> Self {
        #[cfg(feature = "tract")]
        return Self::Tract;
        #[cfg(not(feature = "tract"))]
        return Self::Ort;
    }

    /// Its word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "tract")]
            Self::Tract => "tract",
            Self::Ort => "ort",
        }
    }
}

/// Sums of each method over the steps replayed.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Sums by method.
    pub methods: BTreeMap<&'static str, Sums>,
    /// Sessions replayed.
    pub sessions: usize,
    /// Steps judged.
    pub steps: usize,
    /// Steps whose target was among the candidates.
    pub in_pack: usize,
}

impl Tally {
    fn merge(mut self, other: Self) -> Self {
        for (method, sums) in other.methods {
            let mine = self.methods.remove(method).unwrap_or_default();
            self.methods.insert(method, mine.merge(&sums));
        }
        self.sessions += other.sessions;
        self.steps += other.steps;
        self.in_pack += other.in_pack;
        self
    }

    fn add(&mut self, method: &'static str, rank: Option<usize>) {
        self.methods.entry(method).or_default().add(rank);
    }
}

/// Replays sessions with an engine of its own.
pub struct Replay<'a> {
    prepared: &'a Prepared<'a>,
    maker: PackMaker<'a>,
    engine: Engine,
}

impl<'a> Replay<'a> {
    /// A replay on packs that `prepared` would have made.
    ///
    /// # Errors
    /// When the ranker cannot be loaded.
    pub fn new(prepared: &'a Prepared<'a>, kind: ScorerKind) -> anyhow::Result<Self> {
        let ranker = match &prepared.ranking.ranker {
            Some((model, schema)) => {
                let scorer: Box<dyn Scorer + Send> = match kind {
                    #[cfg(feature = "tract")]
                    ScorerKind::Tract => Box::new(segue_core::score::TractScorer::new(model, schema)?),
                    ScorerKind::Ort => Box::new(OrtScorer::new(model, schema)?),
                };
                Some((schema.clone(), scorer))
            }
            None => None,
        };
        let engine = Engine::of_server(prepared.ranking.policy.clone(), ranker)?;
        Ok(Self { prepared, maker: PackMaker::new(prepared)?, engine })
    }

    /// Replays `sessions` on all cores; `progress` is called after each.
    ///
    /// # Errors
    /// When a pack cannot be made or the engine refuses a request.
    pub fn all(
        prepared: &Prepared<'_>,
        kind: ScorerKind,
        sessions: &[&SessionLog],
        progress: &(dyn Fn() + Sync),
    ) -> anyhow::Result<Tally> {
        let share = sessions.len().div_ceil(rayon::current_num_threads()).max(1);
        let part = |part: &[&SessionLog]| -> anyhow::Result<Tally> {
            let mut replay = Replay::new(prepared, kind)?;
            let mut tally = Tally::default();
            for session in part {
                replay.session(session, &mut tally)?;
                progress();
            }
            Ok(tally)
        };
        sessions.par_chunks(share).map(part).try_reduce(Tally::default, |one, other| Ok(one.merge(other)))
    }

    fn session(&mut self, session: &SessionLog, tally: &mut Tally) -> anyhow::Result<()> {
        let rules = LabelRules::of(&self.prepared.catalogue.dataset.surface)?;
        let steps = steps(self.prepared.catalogue, session, &rules);
        let (Some(user), false) = (session.user, steps.is_empty()) else { return Ok(()) };
        let viewer = Viewer::of_user(user as usize, &self.prepared.catalogue.users[user as usize]);
        let Some(pack) = self.maker.unsigned(&viewer, user as usize)? else { return Ok(()) };
        tally.sessions += 1;
        let first = session.events[0] as usize;
        self.engine.begin(pack.clone());
        let fixed = items(&self.engine.rank(&self.request(first))?);
        let popular = by_popularity(&pack);
        let mut applied = 0;
        for step in steps {
            while applied < step.known {
                self.apply(session.events[applied] as usize)?;
                applied += 1;
            }
            self.judge(session, step, &pack, &fixed, &popular, tally)?;
        }
        Ok(())
    }

    fn judge(
        &mut self,
        session: &SessionLog,
        step: Step,
        pack: &VerifiedPack,
        fixed: &[String],
        popular: &[String],
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let catalogue = self.prepared.catalogue;
        let target = catalogue.items[step.target].item.as_str();
        let slate = self.engine.rank(&self.request(session.events[step.known] as usize))?;
        let known = &session.events[..step.known];
        let played: BTreeSet<&str> =
            known.iter().map(|&index| catalogue.events[index as usize].item.as_str()).collect();
        let rank = |list: &[String]| {
            list.iter()
                .filter(|item| !played.contains(item.as_str()))
                .take(PLACES)
                .position(|item| item == target)
        };
        tally.add("static", rank(fixed));
        tally.add("segue", rank(&items(&slate)));
        tally.add("popular", rank(popular));
        tally.steps += 1;
        tally.in_pack += usize::from(pack.find(target).is_some());
        Ok(())
    }

    /// The engine learns of an event what a client would: an item that the pack does not hold has no vector there.
    fn apply(&mut self, event: usize) -> anyhow::Result<()> {
        let event = &self.prepared.catalogue.events[event];
        self.engine.apply(event).with_context(|| format!("event {}", event.event_id))?;
        Ok(())
    }

    fn request(&self, event: usize) -> Request {
        let event = &self.prepared.catalogue.events[event];
        Request {
            surface: self.prepared.ranking.policy.surface.clone(),
            // The fixed order loses what is played on the way, so it starts longer.
            count: 2 * PLACES,
            now_ms: event.time_ms,
            seed: 0,
            context: event.context.clone(),
            log_features: false,
        }
    }
}

fn items(slate: &Slate) -> Vec<String> {
    slate.places.iter().map(|place| place.item.clone()).collect()
}

fn by_popularity(pack: &VerifiedPack) -> Vec<String> {
    let popularity = |candidate: &Candidate| candidate.columns.get("popularity").copied().unwrap_or_default();
    let mut candidates: Vec<&Candidate> = pack.candidates().iter().collect();
    candidates.sort_by(|one, other| {
        popularity(other).total_cmp(&popularity(one)).then_with(|| one.item.cmp(&other.item))
    });
    candidates.iter().map(|candidate| candidate.item.clone()).collect()
}
