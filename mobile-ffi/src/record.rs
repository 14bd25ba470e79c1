//! The records that cross the boundary, field by field as the core has them: a field that the core gains has to be
//! decided upon here before anything compiles.

use std::collections::{BTreeMap, HashMap};

use segue_core::pack::VerifiedPack;
use segue_core::trust;
use segue_core::{EventKind, RefillReason, Request};
use serde::Serialize;

/// One thing the person did: applied to the session and posted to `POST /api/v1/events`.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Event {
    /// Unique id made by the host; a second event with the same id has no effect.
    pub event_id: String,
    /// What happened: `skip`, `like`, ... (`event_kinds`); other words are kept and forwarded without effect.
    pub kind: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time_ms: i64,
    /// The item it is about; empty where there is none (a search).
    #[uniffi(default)]
    pub item: String,
    /// Who did it; empty for anonymous people.
    #[uniffi(default)]
    pub user: String,
    /// The session it belongs to.
    #[uniffi(default)]
    pub session: String,
    /// Place in the slate it was shown at, from 0.
    #[uniffi(default)]
    pub position: Option<u32>,
    /// The slate (shown list) it came from.
    #[uniffi(default)]
    pub slate: Option<String>,
    /// How much was played, in milliseconds.
    #[uniffi(default)]
    pub played_ms: Option<u64>,
    /// The item's whole length, in milliseconds.
    #[uniffi(default)]
    pub total_ms: Option<u64>,
    /// Rating, price paid or another amount the kind calls for.
    #[uniffi(default)]
    pub value: Option<f64>,
    /// Circumstances: `surface`, `region`, `device`, `local_hour`, `weekday`, ...
    #[uniffi(default)]
    pub context: HashMap<String, String>,
    /// What could have been shown instead (only in logged data).
    #[uniffi(default)]
    pub candidates: Vec<String>,
}

/// The kinds of event that the engine knows, `impression` to `restore`.
#[uniffi::export]
#[must_use]
pub fn event_kinds() -> Vec<String> {
    EventKind::KNOWN.iter().map(|kind| kind.name().to_owned()).collect()
}

/// What `apply` did with an event.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Applied {
    /// Whether the event changed the session.
    pub applied: bool,
    /// What else is to be said of it: it had no effect (`duplicate_event`, `unknown_kind`, `acted_upon`), came late
    /// (`late`, `too_late`), or left nothing of an earlier event (`took_back`, `corrected`).
    pub reason: Option<String>,
}

/// An artefact the manifest names, found at `GET /api/v1/models/{hash}`.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Artefact {
    /// SHA-256 of the bytes, in hex.
    pub hash: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The artefact that bytes are: they are what a manifest names if it is equal.
#[uniffi::export]
#[must_use]
pub fn artefact_of(bytes: Vec<u8>) -> Artefact {
    trust::Artefact::of(&bytes).into()
}

/// The ranker the manifest names, with the feature schema it was exported with.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RankerArtefact {
    /// SHA-256 of the model, in hex.
    pub hash: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The feature schema beside the model.
    pub schema: Artefact,
}

/// What one refresh published.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Manifest {
    /// Version of the manifest's layout.
    pub format: u16,
    /// The refresh that made it; never goes back.
    pub generation: u64,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// When it stops being accepted.
    pub expires_ms: i64,
    /// Hash of the towers that made the vectors, or `none`.
    pub towers: String,
    /// The session ranker; absent where no model was trained for this catalogue.
    pub ranker: Option<RankerArtefact>,
    /// Policy artefact of each surface.
    pub policies: HashMap<String, Artefact>,
}

/// What an accepted pack holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, uniffi::Record)]
pub struct PackInfo {
    /// The generation it belongs to.
    pub generation: u64,
    /// Whose it is: `user:u1` or `region:all`.
    pub subject: String,
    /// When it was made.
    pub created_ms: i64,
    /// From when on it is stale.
    pub expires_ms: i64,
    /// How many candidates it holds.
    pub candidates: u32,
    /// Whether it had expired when it was accepted.
    pub stale: bool,
}

/// What to rank.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RankRequest {
    /// `radio`, `home`, `shop` or another surface the manifest has a policy for.
    pub surface: String,
    /// How many places to return, 1 to 500.
    pub count: u32,
    /// The time now, in milliseconds since 1970-01-01 UTC; the engine has no clock.
    pub now_ms: i64,
    /// Where the engine's random draws start; the same seed gives the same list.
    #[uniffi(default)]
    pub seed: u64,
    /// Circumstances: `region`, `device`, `network`, `local_hour` (0 to 23), `weekday` (0 is Monday), ...
    #[uniffi(default)]
    pub context: HashMap<String, String>,
    /// Whether the slate is to tell what the model saw (`features`), for training on what was served.
    #[uniffi(default)]
    pub log_features: bool,
}

/// A new pack is wanted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Refill {
    /// Why, most urgent first: `stale`, `expiring`, `few_candidates`, `drifted`.
    pub reasons: Vec<String>,
    /// Candidates left that may be shown and were not played in this session.
    pub left: u32,
}

impl From<Event> for segue_core::Event {
    fn from(event: Event) -> Self {
        let Event {
            event_id,
            kind,
            time_ms,
            item,
            user,
            session,
            position,
            slate,
            played_ms,
            total_ms,
            value,
            context,
            candidates,
        } = event;
        Self {
            event_id,
            user,
            session,
            item,
            kind: kind_of(kind),
            time_ms,
            position,
            slate,
            played_ms,
            total_ms,
            value,
            context: context.into_iter().collect(),
            candidates,
        }
    }
}

/// Words that no kind bears are kinds of the host's own.
fn kind_of(word: String) -> EventKind {
    let known = EventKind::KNOWN.into_iter().find(|kind| kind.name() == word);
    known.unwrap_or(EventKind::Custom(word))
}

impl From<segue_core::Applied> for Applied {
    fn from(applied: segue_core::Applied) -> Self {
        let says_more = applied != segue_core::Applied::Yes;
        Self { applied: applied.is_applied(), reason: says_more.then(|| applied.name().to_owned()) }
    }
}

impl From<RankRequest> for Request {
    fn from(request: RankRequest) -> Self {
        let RankRequest { surface, count, now_ms, seed, context, log_features } = request;
        let context: BTreeMap<String, String> = context.into_iter().collect();
        // What does not fit is more than is allowed, and refused as such.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Self { surface, count, now_ms, seed, context, log_features }
    }
}

impl From<trust::Artefact> for Artefact {
    fn from(artefact: trust::Artefact) -> Self {
        let trust::Artefact { hash, bytes } = artefact;
        Self { hash, bytes }
    }
}

impl From<trust::Manifest> for Manifest {
    fn from(manifest: trust::Manifest) -> Self {
        let trust::Manifest { format, generation, created_ms, expires_ms, towers, ranker, policies } =
            manifest;
        let ranker = ranker.map(|trust::Ranker { model, schema }| RankerArtefact {
            hash: model.hash,
            bytes: model.bytes,
            schema: schema.into(),
        });
        let policies = policies.into_iter().map(|(surface, policy)| (surface, policy.into())).collect();
        Self { format, generation, created_ms, expires_ms, towers, ranker, policies }
    }
}

impl PackInfo {
    pub(crate) fn of(pack: &VerifiedPack, now_ms: i64) -> Self {
        Self {
            generation: pack.generation(),
            subject: pack.subject().to_owned(),
            created_ms: pack.created_ms(),
            expires_ms: pack.expires_ms(),
            candidates: u32::try_from(pack.candidates().len()).unwrap_or(u32::MAX),
            stale: now_ms >= pack.expires_ms(),
        }
    }
}

impl From<segue_core::Refill> for Refill {
    fn from(refill: segue_core::Refill) -> Self {
        let segue_core::Refill { reasons, left } = refill;
        Self { reasons: reasons.into_iter().map(name_of).collect(), left }
    }
}

/// The stable word, as the core writes it.
fn name_of(reason: RefillReason) -> String {
    let written = serde_json::to_value(reason).ok();
    written.as_ref().and_then(|word| word.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_comes_back_as_itself() {
        for word in event_kinds() {
            assert!(EventKind::KNOWN.contains(&kind_of(word)));
        }
        assert_eq!(kind_of("x_cheer".into()), EventKind::Custom("x_cheer".into()));
    }

    #[test]
    fn a_reason_for_a_refill_has_the_core_s_word() {
        assert_eq!(name_of(RefillReason::FewCandidates), "few_candidates");
    }
}
