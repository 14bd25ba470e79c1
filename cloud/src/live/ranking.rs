//! The steps that rank: with a person's pack and what they did since, by an engine of the pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::Context as _;
use segue_core::engine::{Listed, Order, Place, RefillReason, Slate};
use segue_core::{Engine, Request, trust};

use super::engines::{self, Kit};
use super::ladder::Ladder;
use super::opened::OpenedPack;
use super::recommend::{Recommendations, Step};
use crate::catalog::sessions::GAP_MS;
use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::training_log::{Kept, KeptPlace};

impl Ladder<'_> {
    /// The first three steps.
    pub(super) fn ranked(mut self, pack: &OpenedPack) -> Result<Recommendations, ApiError> {
        let items = pack.verified().candidates().iter().map(|one| (one.item.as_str(), one.creator.as_str()));
        let ended = self.state.items.ended(items, now_ms());
        self.since.extend(ended.into_iter().map(str::to_owned));
        let kit = |ranker| Kit { policy: self.policy.clone(), ranker };
        let slate = self.slate(kit(self.verified.manifest.ranker.clone()), pack)?;
        if slate.0.order == Order::Ranked {
            return Ok(self.page(Step::LiveRanker, slate));
        }
        if let Some(ranker) = self.verified.previous_ranker.clone() {
            let second = self.slate(kit(Some(ranker)), pack)?;
            if second.0.order == Order::Ranked {
                return Ok(self.page(Step::PreviousRanker, second));
            }
        }
        Ok(self.page(Step::PackOrder, slate))
    }

    /// Ranks with this kit. Where its policy cannot be had, or ranking goes wrong, the list keeps the pack's order.
    fn slate(&self, kit: Kit, pack: &OpenedPack) -> Result<Made, ApiError> {
        let error = match self.lent(kit, pack) {
            Ok(made) => return made,
            Err(error) => error,
        };
        tracing::error!("a list keeps its pack's order: {error:#}");
        let mut engine = engines::in_the_packs_order(&self.wanted.surface)
            .map_err(|error| ApiError::internal("the pack cannot be used", &format!("{error:#}")))?;
        engine.begin(Arc::clone(pack.verified()));
        self.made(&mut engine)
    }

    /// By an engine of the pool, which it does not come back to from a panic.
    fn lent(&self, kit: Kit, pack: &OpenedPack) -> anyhow::Result<Result<Made, ApiError>> {
        let engines = &self.state.engines;
        let mut engine = engines.lend(self.state, &kit).context("the policy cannot be used")?;
        let made = catch_unwind(AssertUnwindSafe(|| {
            match pack.groundwork(&kit) {
                Some(groundwork) => engine.begin_on(groundwork),
                None => engine.begin(Arc::clone(pack.verified())),
            }
            self.made(&mut engine)
        }));
        let made = made.map_err(|_| anyhow::anyhow!("ranking panicked"))?;
        engine.leave().into_iter().for_each(|groundwork| pack.keep(&kit, groundwork));
        engines.give_back(kit, engine);
        Ok(made)
    }

    fn made(&self, engine: &mut Engine) -> Result<Made, ApiError> {
        let slate = self.rank(engine);
        let refill = engine.refill(self.wanted.as_of_ms);
        let wants_pack = refill.is_some_and(|refill| refill.reasons.iter().any(is_about_the_session));
        slate.map(|slate| (slate, wants_pack)).map_err(|error| match error.code() {
            segue_core::Code::RequestInvalid => ApiError::new(Code::QueryInvalid, error.to_string()),
            _ => ApiError::internal("the list could not be made", &error),
        })
    }

    fn rank(&self, engine: &mut Engine) -> segue_core::Result<Slate> {
        let mut newest_ms = None;
        for event in &self.events {
            if newest_ms.is_some_and(|newest| event.time_ms - newest > GAP_MS) {
                engine.next_session();
            }
            newest_ms = newest_ms.max(Some(event.time_ms));
            // One that is refused has no effect; it was acknowledged by the rules of another version.
            let _ = engine.apply(event);
        }
        if newest_ms.is_some_and(|newest| self.wanted.as_of_ms - newest > GAP_MS) {
            engine.next_session();
        }
        engine.rank(&Request {
            surface: self.wanted.surface.clone(),
            // One more tells whether there is another page; what happened since makes room.
            count: (self.wanted.offset + self.wanted.count + self.since.len() + 1)
                .min(segue_core::limits::PLACES),
            now_ms: self.wanted.as_of_ms,
            seed: seed(&self.wanted.user, &self.wanted.surface),
            context: self.wanted.context.clone(),
            log_features: self.state.slates.wants(&self.wanted.user, self.wanted.as_of_ms),
        })
    }

    /// The places asked for.
    fn page(&self, step: Step, (mut slate, wants_pack): Made) -> Recommendations {
        self.keep(step, &mut slate);
        let places = std::mem::take(&mut slate.places);
        let mut rest =
            places.into_iter().skip(self.wanted.offset).filter(|place| !self.since.contains(&place.item));
        let places: Vec<Listed> = rest.by_ref().take(self.wanted.count).map(Listed::from).collect();
        let more = rest.next().is_some();
        let ranker = self.ranker(step);
        let generation = slate.generation;
        Recommendations { step, generation, ranker, slate: Some(slate), places, more, wants_pack }
    }

    /// Hash of the ranker that ranked.
    fn ranker(&self, step: Step) -> Option<String> {
        let ranker = match step {
            Step::LiveRanker => self.verified.manifest.ranker.as_ref(),
            Step::PreviousRanker => self.verified.previous_ranker.as_ref(),
            _ => None,
        };
        ranker.map(|ranker| ranker.model.hash.clone())
    }

    /// Keeps a list for the training log, if that was asked for.
    fn keep(&self, step: Step, slate: &mut Slate) {
        let Some(features) = slate.features.take() else { return };
        let place = |place: &Place| KeptPlace {
            item: place.item.clone(),
            position: place.position,
            score: place.score,
            propensity: place.propensity,
        };
        let kept = Kept {
            user: self.wanted.user.clone(),
            slate: slate.slate.clone(),
            surface: slate.surface.clone(),
            time_ms: self.wanted.as_of_ms,
            generation: slate.generation,
            policy: Some(self.policy.clone()),
            ranker: self.ranker(step),
            context: self.wanted.context.clone(),
            places: slate.places.iter().map(place).collect(),
            features,
            from_device: false,
        };
        let result = match self.state.slates.keep(&kept, &self.state.tombstones) {
            Ok(true) => "kept",
            Ok(false) => "passed_over",
            Err(error) => {
                // The list is given all the same; its rows lack what the model saw.
                tracing::error!("a list was not kept for the training log: {error:#}");
                "failed"
            }
        };
        metrics::counter!("segue_slates_total", "from" => "service", "result" => result).increment(1);
    }
}

/// A list, and whether the session left its pack behind.
type Made = (Slate, bool);

/// A pack made now would help; one that expires waits for the refresh.
fn is_about_the_session(reason: &RefillReason) -> bool {
    matches!(reason, RefillReason::FewCandidates | RefillReason::Drifted)
}

/// The same person's lists are drawn alike, so that the next page goes on where this one ends.
fn seed(user: &str, surface: &str) -> u64 {
    let digits = trust::hash(format!("{surface}\n{user}").as_bytes());
    u64::from_str_radix(&digits[..16], 16).unwrap_or_default()
}
