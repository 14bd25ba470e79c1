//! One list, by the best means there are.
//!
//! live ranker → previous ranker → the pack's order → the person's own top items → the region's pack → everybody's pack.
//! The first three need a pack: the person's own, or for somebody who has none yet the region's or everybody's. The
//! others answer when a person's own pack cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context as _;
use segue_core::engine::{Listed, Order, Place, RefillReason, Slate};
use segue_core::pack::VerifiedPack;
use segue_core::{Engine, ReasonCode, Request, trust};
use serde::Serialize;

use super::engines::{self, Kit};
use super::own;
use crate::catalog::sessions::GAP_MS;
use crate::catalog::{Event, Item};
use crate::clock::now_ms;
use crate::consumers::Segment;
use crate::error::{ApiError, Code};
use crate::refresh::Viewer;
use crate::state::{AppState, Published, Verified};
use crate::training_log::{Kept, KeptPlace};

/// The subject of everyone's pack.
const EVERYONE: &str = "region:all";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The person; nobody in particular when empty.
    pub user: String,
    /// The surface whose policy ranks.
    pub surface: String,
    /// The first place wanted, from 0.
    pub offset: usize,
    /// How many places are wanted.
    pub count: usize,
    /// Circumstances, as in [`Request::context`].
    pub context: BTreeMap<String, String>,
    /// The list is the one of this time, in milliseconds since 1970.
    pub as_of_ms: i64,
    /// Events of the person that the service has not received yet.
    pub events: Vec<Event>,
    /// Items that are not to be on the list.
    pub without: Vec<String>,
}

impl Wanted {
    /// What the person did until the list was made, and what came later. A new list knows all that was received; one that
    /// goes on knows what it knew when it began. No time is later than the list's: a clock of theirs may be ahead.
    fn told(&self, state: &AppState) -> (Vec<Event>, Vec<Event>) {
        let until_ms = if self.offset == 0 { i64::MAX } else { self.as_of_ms };
        let (mut events, mut later) = state.sessions.split(&self.user, until_ms);
        let (sent, sent_later): (Vec<_>, Vec<_>) =
            self.events.iter().cloned().partition(|event| event.time_ms <= until_ms);
        events.extend(sent);
        later.extend(sent_later);
        events.iter_mut().for_each(|event| event.time_ms = event.time_ms.min(self.as_of_ms));
        (events, later)
    }
}

/// How far down the ladder the answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Ranked for the live session by the ranker in force.
    LiveRanker,
    /// Ranked for the live session by the ranker of an earlier generation.
    PreviousRanker,
    /// The pack's own order.
    PackOrder,
    /// What the person did most good things with.
    OwnTop,
    /// The pack of the person's region.
    RegionalPopular,
    /// Everybody's pack.
    GlobalPopular,
}

impl Step {
    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LiveRanker => "live_ranker",
            Self::PreviousRanker => "previous_ranker",
            Self::PackOrder => "pack_order",
            Self::OwnTop => "own_top",
            Self::RegionalPopular => "regional_popular",
            Self::GlobalPopular => "global_popular",
        }
    }
}

/// A list and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendations {
    /// How far down the ladder it stands.
    pub step: Step,
    /// Generation of the pack.
    pub generation: u64,
    /// Hash of the ranker that ranked, where one did.
    pub ranker: Option<String>,
    /// The ranked list, its places apart; none for a person's own top items.
    pub slate: Option<Slate>,
    /// The places asked for.
    pub places: Vec<Listed>,
    /// Whether there are more after them.
    pub more: bool,
    /// The session left the pack behind, or used it up.
    pub wants_pack: bool,
}

/// The list.
///
/// # Errors
/// `generation_missing`, `root_key_missing`, `surface_unknown`, `request_invalid`; `pack_missing` when there is nobody's
/// pack either.
pub fn recommend(state: &AppState, wanted: &Wanted) -> Result<Recommendations, ApiError> {
    let published = state.published()?;
    let ladder = Ladder::new(state, &published, wanted)?;
    let own = match wanted.user.as_str() {
        "" => Ok(None),
        user => ladder.pack(&format!("user:{user}")),
    };
    match own {
        Ok(Some(pack)) => ladder.ranked(pack),
        // Somebody new: everybody's candidates in the order of their own session.
        Ok(None) => {
            let pack = ladder.shared()?.1;
            ladder.ranked(pack)
        }
        Err(error) => {
            tracing::error!("a pack cannot be read: {error:#}");
            ladder.without_pack()
        }
    }
}

/// Everything that the steps go by.
struct Ladder<'a> {
    state: &'a AppState,
    published: &'a Published,
    verified: &'a Verified,
    policy: String,
    wanted: &'a Wanted,
    /// What the person did, that which came after the list's time apart; nothing of it is later than that.
    events: Vec<Event>,
    /// Items that something happened to since: they were on an earlier page, are not wanted, or were withdrawn
    /// or blocked.
    since: BTreeSet<String>,
}

impl<'a> Ladder<'a> {
    fn new(state: &'a AppState, published: &'a Published, wanted: &'a Wanted) -> Result<Self, ApiError> {
        let verified = published.verified.as_ref().ok_or_else(|| {
            ApiError::new(Code::RootKeyMissing, "this data folder has no key; run `segue keys init`")
        })?;
        let policies = &verified.manifest.policies;
        let policy = policies.get(&wanted.surface).ok_or_else(|| {
            let known: Vec<&str> = policies.keys().map(String::as_str).collect();
            let shown: String = wanted.surface.chars().take(64).collect();
            let detail = format!("`surface` is `{shown}`; give one of {}", known.join(", "));
            ApiError::new(Code::SurfaceUnknown, detail)
        })?;
        let (events, later) = wanted.told(state);
        let since = later.into_iter().map(|event| event.item).chain(wanted.without.iter().cloned()).collect();
        Ok(Self { state, published, verified, policy: policy.hash.clone(), wanted, events, since })
    }

    /// A subject's pack, none where it has none.
    fn pack(&self, subject: &str) -> anyhow::Result<Option<VerifiedPack>> {
        let bytes = match self.state.other_pack(self.published, subject)? {
            Some(other) => other.bytes.to_vec(),
            None => match self.published.packs.get(subject)? {
                Some(bytes) => bytes,
                None => return Ok(None),
            },
        };
        // An expired pack is better than none; the answer says that it is stale.
        let Verified { manifest, key, .. } = self.verified;
        Ok(Some(VerifiedPack::open(&bytes, key, manifest, subject, i64::MIN)?))
    }

    /// The pack of the region and the age group, or of fewer of both, down to everybody's.
    fn shared(&self) -> Result<(Step, VerifiedPack), ApiError> {
        let said = |name: &str| self.wanted.context.get(name);
        let region = said("region").map(|region| (Step::RegionalPopular, format!("region:{region}")));
        let everyone = (Step::GlobalPopular, EVERYONE.to_owned());
        for (step, region) in region.filter(|(_, region)| region != EVERYONE).into_iter().chain([everyone]) {
            let of_age = said("age_group").map(|group| format!("{region}:age:{group}"));
            if let Some(pack) = of_age.into_iter().chain([region]).find_map(|subject| self.readable(&subject))
            {
                return Ok((step, pack));
            }
        }
        let detail = format!("there is no pack of {EVERYONE}; run `segue refresh`");
        Err(ApiError::new(Code::PackMissing, detail))
    }

    fn readable(&self, subject: &str) -> Option<VerifiedPack> {
        let pack = self.pack(subject);
        pack.inspect_err(|error| tracing::error!("the pack of {subject} cannot be read: {error:#}"))
            .ok()
            .flatten()
    }

    fn without_pack(self) -> Result<Recommendations, ApiError> {
        let own = self.own();
        if own.len() > self.wanted.offset {
            return Ok(self.own_top(own));
        }
        let (step, pack) = self.shared()?;
        Ok(Recommendations { step, ..self.ranked(pack)? })
    }

    /// The person's own top items that a pack of theirs could hold.
    fn own(&self) -> Vec<(Item, f32)> {
        let said = |name: &str| self.wanted.context.get(name).cloned();
        let segment = Segment { country: said("region"), age_group: said("age_group") };
        let (viewer, now_ms) = (Viewer::of_segment(&segment), now_ms());
        let row = |item: &str| {
            let row = self.state.item(item);
            row.inspect_err(|error| tracing::error!("an item cannot be read: {error:#}")).ok().flatten()
        };
        let may = |item: &Item| viewer.may_get(item, now_ms) && !self.wanted.without.contains(&item.item);
        own::top(&self.events, row, may)
    }

    fn own_top(&self, own: Vec<(Item, f32)>) -> Recommendations {
        let reason = ReasonCode::PlayedBefore;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let listed = own.into_iter().zip(0..).map(|((row, score), position)| Listed {
            position,
            score,
            reason_code: reason.name(),
            reason: reason.template().to_owned(),
            propensity: 1_000_000,
            title: some(row.title),
            creator: row.creator_name.or_else(|| some(row.creator)),
            item: row.item,
        });
        let rest: Vec<Listed> = listed.skip(self.wanted.offset).collect();
        let (more, generation) = (rest.len() > self.wanted.count, self.published.packs.number());
        let places = rest.into_iter().take(self.wanted.count).collect();
        Recommendations {
            step: Step::OwnTop,
            generation,
            ranker: None,
            slate: None,
            places,
            more,
            wants_pack: false,
        }
    }

    /// The first three steps.
    fn ranked(mut self, pack: VerifiedPack) -> Result<Recommendations, ApiError> {
        let ended = pack.candidates().iter().filter(|one| self.has_ended(&one.item, &one.creator));
        let ended: Vec<String> = ended.map(|candidate| candidate.item.clone()).collect();
        self.since.extend(ended);
        let subject = pack.subject().to_owned();
        let kit = |ranker| Kit { policy: self.policy.clone(), ranker };
        let slate = self.slate(kit(self.verified.manifest.ranker.clone()), pack)?;
        if slate.0.order == Order::Ranked {
            return Ok(self.page(Step::LiveRanker, slate));
        }
        let previous = self.verified.previous_ranker.clone();
        if let Some((ranker, pack)) = previous.zip(self.readable(&subject)) {
            let second = self.slate(kit(Some(ranker)), pack)?;
            if second.0.order == Order::Ranked {
                return Ok(self.page(Step::PreviousRanker, second));
            }
        }
        Ok(self.page(Step::PackOrder, slate))
    }

    /// Whether an item was withdrawn or blocked since the packs were made.
    fn has_ended(&self, item: &str, creator: &str) -> bool {
        self.state.items.end_of(item, creator).is_some_and(|end| end <= now_ms())
    }

    /// Ranks with this kit. Where its policy cannot be had, or ranking goes wrong, the list keeps the pack's order.
    fn slate(&self, kit: Kit, pack: VerifiedPack) -> Result<Made, ApiError> {
        let subject = pack.subject().to_owned();
        let error = match self.lent(kit, pack) {
            Ok(made) => return made,
            Err(error) => error,
        };
        tracing::error!("a list keeps its pack's order: {error:#}");
        let unusable =
            |error: anyhow::Error| ApiError::internal("the pack cannot be used", &format!("{error:#}"));
        let again = self.pack(&subject).and_then(|pack| pack.context("it is gone")).map_err(unusable)?;
        let mut engine = engines::in_the_packs_order(&self.wanted.surface).map_err(unusable)?;
        self.made(&mut engine, again)
    }

    /// By an engine of the pool, which it does not come back to from a panic.
    fn lent(&self, kit: Kit, pack: VerifiedPack) -> anyhow::Result<Result<Made, ApiError>> {
        let engines = &self.state.engines;
        let mut engine = engines.lend(self.state, &kit).context("the policy cannot be used")?;
        let made = catch_unwind(AssertUnwindSafe(|| self.made(&mut engine, pack)));
        let made = made.map_err(|_| anyhow::anyhow!("ranking panicked"))?;
        engines.give_back(kit, engine);
        Ok(made)
    }

    fn made(&self, engine: &mut Engine, pack: VerifiedPack) -> Result<Made, ApiError> {
        let slate = self.rank(engine, pack);
        let refill = engine.refill(self.wanted.as_of_ms);
        let wants_pack = refill.is_some_and(|refill| refill.reasons.iter().any(is_about_the_session));
        slate.map(|slate| (slate, wants_pack)).map_err(|error| match error.code() {
            segue_core::Code::RequestInvalid => ApiError::new(Code::QueryInvalid, error.to_string()),
            _ => ApiError::internal("the list could not be made", &error),
        })
    }

    fn rank(&self, engine: &mut Engine, pack: VerifiedPack) -> segue_core::Result<Slate> {
        engine.begin(pack);
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
        };
        if let Err(error) = self.state.slates.keep(&kept) {
            // The list is given all the same; its rows lack what the model saw.
            tracing::error!("a list was not kept for the training log: {error:#}");
        }
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
