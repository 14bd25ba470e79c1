//! Lists that devices made, as they tell of them: what is taken, and why something is not.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::features::{FeatureLog, LoggedPlace, Schema};
use segue_core::limits;
use segue_core::session::check_id;
use segue_core::session::row::{AHEAD_MS, Refusal};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::slates::{Kept, KeptPlace};
use super::{HOUR_MS, LABEL_HOURS};
use crate::catalog::{Event, EventKind};
use crate::events::Reject;

/// Certainty, in millionths.
const CERTAIN: u32 = 1_000_000;

/// A list that a device made with `log_features`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ToldSlate)]
pub(crate) struct Told {
    /// Its id, which events about it carry.
    slate: String,
    /// The surface it was ranked for.
    surface: String,
    /// When it was made, in milliseconds since 1970.
    time_ms: i64,
    /// Generation of the pack.
    generation: u64,
    /// Hash of the policy.
    policy: Option<String>,
    /// Hash of the ranker.
    ranker: Option<String>,
    /// Circumstances.
    context: Option<BTreeMap<String, String>>,
    /// Its places, 1 to 500.
    places: Vec<KeptPlace>,
    /// What the model saw and said of the first of them, as docs/FEATURES.md has it.
    #[schema(value_type = Object)]
    features: FeatureLog,
}

/// What lists that are told of are held against.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    /// Whose lists they are.
    pub(crate) user: String,
    /// What is added to their times.
    pub(crate) moved_ms: i64,
    /// The service's clock.
    pub(crate) now_ms: i64,
    /// Feature schemas that are known, by their hashes.
    pub(crate) schemas: &'a [(String, Schema)],
}

impl Teller<'_> {
    /// The lists that may be kept, and why the others may not.
    pub(crate) fn validate(&self, rows: Vec<Value>) -> (Vec<Kept>, Vec<Reject>) {
        let (mut lists, mut rejected) = (Vec::new(), Vec::new());
        for (index, row) in rows.into_iter().enumerate() {
            match self.list(row) {
                Ok(list) => lists.push(list),
                Err((code, detail)) => rejected.push(Reject { index, code, detail }),
            }
        }
        (lists, rejected)
    }

    fn list(&self, row: Value) -> Result<Kept, Refusal> {
        let shown = |error: serde_json::Error| error.to_string().chars().take(200).collect::<String>();
        let told: Told = serde_json::from_value(row).map_err(|error| ("field_invalid", shown(error)))?;
        check_places(&told.places)?;
        check_texts(&told)?;
        check_features(&told.features, &told.places)?;
        self.check_widths(&told.features)?;
        let time_ms = self.time_ms(&told)?;
        let Told { slate, surface, generation, policy, ranker, context, places, features, .. } = told;
        Ok(Kept {
            user: self.user.clone(),
            slate,
            surface,
            time_ms,
            generation,
            policy,
            ranker,
            context: context.unwrap_or_default(),
            places,
            features,
            from_device: true,
        })
    }

    /// When it was made by the service's clock. Events about it come later: a time that is ahead is now.
    fn time_ms(&self, told: &Told) -> Result<i64, Refusal> {
        let (time_ms, now_ms) = (told.time_ms.saturating_add(self.moved_ms), self.now_ms);
        // The event that tells of its first place.
        let shown = Event {
            user: self.user.clone(),
            slate: Some(told.slate.clone()),
            context: told.context.clone().unwrap_or_default(),
            ..Event::new("shown", told.places[0].item.as_str(), EventKind::Impression, time_ms)
        };
        shown.examine().map_err(|(fault, detail)| (fault.name(), detail))?;
        if time_ms > now_ms.saturating_add(AHEAD_MS) {
            let detail = format!("`time_ms` {time_ms} is more than a day from now ({now_ms})");
            return Err(("time_out_of_range", detail));
        }
        // No later hour of the training log is written yet.
        let first_ms = now_ms.saturating_sub(LABEL_HOURS * HOUR_MS);
        if time_ms < first_ms {
            let detail =
                format!("`time_ms` {time_ms} is before {first_ms}: the training log goes on without");
            return Err(("slate_too_late", detail));
        }
        Ok(time_ms.min(now_ms))
    }

    /// Where the schema is known, so is how long its rows are; a log of another is kept as it is.
    fn check_widths(&self, features: &FeatureLog) -> Result<(), Refusal> {
        let known = self.schemas.iter().find(|(hash, _)| *hash == features.schema);
        let Some((_, schema)) = known else { return Ok(()) };
        let FeatureLog { context, events, used, places, .. } = features;
        if *used > schema.slots {
            let detail = format!("`features` has {used} `events`, its schema takes {}", schema.slots);
            return Err(("features_invalid", detail));
        }
        let of_list = [
            ("context", context.len(), schema.context_width()),
            ("events", events.len(), used * schema.event_width()),
        ];
        // Its places are as long as the first.
        let of_places = places.first().into_iter().flat_map(|place| {
            [
                ("candidate", place.candidate.len(), schema.candidate_width()),
                ("live", place.live.len(), schema.live_width()),
                ("heads", place.heads.len(), schema.heads.len()),
            ]
        });
        match of_list.into_iter().chain(of_places).find(|(_, found, wanted)| found != wanted) {
            Some((name, found, wanted)) => {
                let detail = format!("`features` has {found} numbers of `{name}`, its schema {wanted}");
                Err(("features_invalid", detail))
            }
            None => Ok(()),
        }
    }
}

fn check_places(places: &[KeptPlace]) -> Result<(), Refusal> {
    if !(1..=limits::PLACES).contains(&places.len()) {
        let detail = format!("`places` has {} entries, allowed are 1 to {}", places.len(), limits::PLACES);
        return Err(("places_invalid", detail));
    }
    let items: BTreeSet<&str> = places.iter().map(|place| place.item.as_str()).collect();
    let positions: BTreeSet<u32> = places.iter().map(|place| place.position).collect();
    if items.len().min(positions.len()) < places.len() {
        return Err(("places_invalid", "`places` has an item or a position twice".to_owned()));
    }
    let is_wrong = |place: &&KeptPlace| {
        let is_beyond = place.position as usize >= limits::PLACES;
        is_beyond || place.item.is_empty() || !place.score.is_finite() || place.propensity > CERTAIN
    };
    match places.iter().find(is_wrong) {
        Some(KeptPlace { position, score, propensity, .. }) => {
            let detail = format!(
                "a place needs an `item`, a `position` below {}, a finite `score` and a `propensity` of at most {CERTAIN}: \
                 one has {position}, {score} and {propensity}",
                limits::PLACES
            );
            Err(("places_invalid", detail))
        }
        None => Ok(()),
    }
}

fn check_texts(told: &Told) -> Result<(), Refusal> {
    if told.slate.is_empty() {
        return Err(("id_invalid", "`slate` is empty: no event can be about it".to_owned()));
    }
    let texts = [("surface", Some(&told.surface)), ("policy", told.policy.as_ref())];
    let more = [("ranker", told.ranker.as_ref()), ("schema", Some(&told.features.schema))];
    let texts = texts.into_iter().chain(more).filter_map(|(name, text)| Some((name, text?)));
    let items = told.places.iter().map(|place| ("item", &place.item));
    let checked = texts.chain(items).try_for_each(|(name, text)| check_id(name, text));
    checked.map_err(|detail| ("id_invalid", detail))
}

/// Whether it is whole, whatever its schema says.
fn check_features(features: &FeatureLog, places: &[KeptPlace]) -> Result<(), Refusal> {
    let FeatureLog { format: version, context, events, used, places: seen, .. } = features;
    let widths = |place: &LoggedPlace| [place.candidate.len(), place.live.len(), place.heads.len()];
    let first = seen.first().map(widths).unwrap_or_default();
    let is_placed = |one: &LoggedPlace| places.iter().any(|place| place.item == one.item);
    let items: BTreeSet<&str> = seen.iter().map(|place| place.item.as_str()).collect();
    let row = events.len().checked_div(*used).unwrap_or_default();
    let of_places =
        seen.iter().flat_map(|place| place.candidate.iter().chain(&place.live).chain(&place.heads));
    let rules = [
        (*version == FeatureLog::FORMAT, "is of another `format` than this version reads"),
        (seen.len() <= limits::LOGGED_PLACES, "has too many `places`"),
        (seen.iter().all(is_placed), "tells of an item that is on no place"),
        (items.len() == seen.len(), "tells of an item twice"),
        (seen.iter().all(|place| widths(place) == first), "has `places` of several lengths"),
        (
            *used <= limits::SESSION_EVENTS && row.checked_mul(*used) == Some(events.len()),
            "has `events` of no whole rows",
        ),
        (
            first.iter().chain([&row, &context.len()]).all(|width| *width <= limits::FEATURE_WIDTH),
            "has rows that are too long",
        ),
        (
            context.iter().chain(events).chain(of_places).all(|number| number.is_finite()),
            "has numbers that are not finite",
        ),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err(("features_invalid", format!("`features` {broken}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "told_tests.rs"]
mod tests;
