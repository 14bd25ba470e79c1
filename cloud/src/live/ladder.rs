//! What the steps of a list go by, and those that need no ranking.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use segue_core::ReasonCode;
use segue_core::engine::Listed;
use segue_core::pack::VerifiedPack;

use super::opened::OpenedPack;
use super::own;
use super::recommend::{Recommendations, Step, Wanted};
use crate::catalog::{Event, Item};
use crate::clock::now_ms;
use crate::consumers::Segment;
use crate::error::{ApiError, Code};
use crate::refresh::Viewer;
use crate::state::{AppState, Published, Verified};

/// The subject of everyone's pack.
const EVERYONE: &str = "region:all";

/// Everything that the steps go by.
pub(super) struct Ladder<'a> {
    pub(super) state: &'a AppState,
    pub(super) published: &'a Published,
    pub(super) verified: &'a Verified,
    pub(super) policy: String,
    pub(super) wanted: &'a Wanted,
    /// What the person did, that which came after the list's time apart; nothing of it is later than that.
    pub(super) events: Vec<Event>,
    /// Items that something happened to since: they were on an earlier page, are not wanted, or were withdrawn
    /// or blocked.
    pub(super) since: BTreeSet<String>,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(
        state: &'a AppState,
        published: &'a Published,
        wanted: &'a Wanted,
    ) -> Result<Self, ApiError> {
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
    pub(super) fn pack(&self, subject: &str) -> anyhow::Result<Option<Arc<OpenedPack>>> {
        let other = self.state.other_pack(self.published, subject)?;
        let packs = &self.published.packs;
        let hash = match &other {
            Some(other) => Some(other.hash.clone()),
            None => packs.entry(subject).map(|entry| entry.hash_hex()),
        };
        let Some(hash) = hash else { return Ok(None) };
        let open = || -> anyhow::Result<VerifiedPack> {
            let bytes = match &other {
                Some(other) => other.bytes.to_vec(),
                None => packs.get(subject)?.context("it is gone")?,
            };
            // An expired pack is better than none; the answer says that it is stale.
            let Verified { manifest, key, .. } = self.verified;
            Ok(VerifiedPack::open(&bytes, key, manifest, subject, i64::MIN)?)
        };
        self.published.opened.get(subject, &hash, open).map(Some)
    }

    /// The pack of the region and the age group, or of fewer of both, down to everybody's.
    pub(super) fn shared(&self) -> Result<(Step, Arc<OpenedPack>), ApiError> {
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

    fn readable(&self, subject: &str) -> Option<Arc<OpenedPack>> {
        let pack = self.pack(subject);
        pack.inspect_err(|error| tracing::error!("the pack of {subject} cannot be read: {error:#}"))
            .ok()
            .flatten()
    }

    pub(super) fn without_pack(self) -> Result<Recommendations, ApiError> {
        let own = self.own();
        if own.len() > self.wanted.offset {
            return Ok(self.own_top(own));
        }
        let (step, pack) = self.shared()?;
        Ok(Recommendations { step, ..self.ranked(&pack)? })
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
}
