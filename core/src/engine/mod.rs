//! The one object hosts hold: pack, ranker, policies and session in, ranked lists out.

mod accept;
mod explain;
#[cfg(feature = "encode")]
mod groundwork;
mod line;
#[cfg(feature = "ranker")]
mod prepared;
mod rank;
mod ranker;
mod refill;
mod slate;
mod surface;

#[cfg(feature = "encode")]
pub use groundwork::Groundwork;
#[cfg(feature = "ranker")]
pub use prepared::PreparedRanker;
pub(crate) use ranker::Ranker;
pub use ranker::utilities;
pub use refill::{Refill, RefillReason};
pub use slate::{Listed, Order, Place, Request, Slate};
use surface::OfPack;
pub(crate) use surface::Surface;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
#[cfg(feature = "encode")]
use crate::features::Schema;
use crate::pack::VerifiedPack;
#[cfg(feature = "encode")]
use crate::policy::Policy;
use crate::policy::{Feedback, Traits};
use crate::reason::ReasonCode;
#[cfg(feature = "encode")]
use crate::score::Scorer;
use crate::session::{Applied, Event, State};
use crate::trust::{self, PublicKey, Trust};

/// What was refused and has not been replaced since.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pack: bool,
    ranker: bool,
}

/// The accepted ranker by its hashes, and since which generation manifests have named it.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "ranker"), allow(dead_code, reason = "only a build with `ranker` accepts rankers"))]
pub(crate) struct Appointed {
    named: trust::Ranker,
    since: u64,
}

/// The engine. It knows no clock and does no I/O: time, bytes and context come with each call.
///
/// ```
/// use segue_core::{Code, Engine};
///
/// let engine = Engine::new("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")?;
/// assert_eq!(engine.pack().unwrap_err().code(), Code::PackMissing);
/// # Ok::<(), segue_core::Error>(())
/// ```
pub struct Engine {
    trust: Trust,
    surfaces: BTreeMap<String, Surface>,
    ranker: Option<Ranker>,
    /// A ranker is named by the manifest, or was handed over by a server.
    ranker_wanted: bool,
    /// The linear scorer ranks while the ranker that is wanted is not there.
    linear_meanwhile: bool,
    /// The accepted ranker as manifests name it.
    appointed: Option<Appointed>,
    pack: Option<Arc<VerifiedPack>>,
    /// What list rules ask of the pack's candidates, from the first list on: who only asks for utilities needs none.
    traits: OnceCell<Traits>,
    state: State,
    faults: Faults,
    /// Surface of the last request: events without one are weighed by its policy.
    surface: Option<String>,
    /// Region of the last request: what may not be shown there is of no use to the person.
    region: Option<String>,
}

impl Engine {
    /// An engine that trusts `root`, an Ed25519 public key as 64 hexadecimal digits, and nothing else.
    ///
    /// # Errors
    /// `key_invalid`; `key_is_for_tests` when it is the published test key and this is a release build.
    pub fn new(root: &str) -> Result<Self> {
        Self::trusting(PublicKey::from_hex(root)?)
    }

    /// An engine for servers that rank packs they built themselves: no signature is checked on the way in, and nothing
    /// that comes with one is accepted.
    ///
    /// # Errors
    /// `policy_invalid` when the policy's linear weights name an unknown source.
    #[cfg(feature = "encode")]
    pub fn of_server(policy: Policy, ranker: Option<(Schema, Box<dyn Scorer + Send>)>) -> Result<Self> {
        let mut engine = Self::trusting(PublicKey::of_nobody()?)?;
        engine.surfaces.insert(policy.surface.clone(), Surface::new(policy)?);
        engine.ranker_wanted = ranker.is_some();
        engine.ranker = ranker.map(|(schema, scorer)| Ranker::new(schema, scorer));
        Ok(engine)
    }

    /// The same, where there should be a ranker and none can be had: lists keep the pack's own order.
    #[cfg(feature = "encode")]
    #[must_use]
    pub fn lacking_its_ranker(self) -> Self {
        Self { ranker_wanted: true, ..self }
    }

    /// Starts a new session on `pack`, for servers; several engines may share one.
    #[cfg(feature = "encode")]
    pub fn begin(&mut self, pack: impl Into<Arc<VerifiedPack>>) {
        self.state = State::default();
        self.replace_pack(pack.into());
    }

    fn trusting(root: PublicKey) -> Result<Self> {
        Ok(Self {
            trust: Trust::new(root)?,
            surfaces: BTreeMap::new(),
            ranker: None,
            ranker_wanted: false,
            linear_meanwhile: false,
            appointed: None,
            pack: None,
            traits: OnceCell::new(),
            state: State::default(),
            faults: Faults::default(),
            surface: None,
            region: None,
        })
    }

    /// The pack in use.
    ///
    /// # Errors
    /// `pack_missing` before the first one was accepted.
    pub fn pack(&self) -> Result<&VerifiedPack> {
        self.pack.as_deref().ok_or_else(|| Error::new(Code::PackMissing, "no pack has been accepted."))
    }

    /// What the session remembers.
    #[must_use]
    pub fn session(&self) -> &State {
        &self.state
    }

    /// Applies one event; the next list reflects it.
    ///
    /// The event is weighed by the policy of its `context["surface"]`, else of the surface ranked last.
    ///
    /// # Errors
    /// `event_invalid`; the session then stays as it was.
    pub fn apply(&mut self, event: &Event) -> Result<Applied> {
        let neutral = Feedback::neutral();
        let feedback = feedback(&self.surfaces, event, self.surface.as_ref()).unwrap_or(&neutral);
        let candidate = self.pack.as_deref().and_then(|pack| pack.find(&event.item));
        let applied = self.state.apply(event, candidate, feedback)?;
        // What was let go of may be near to something else that is refused.
        let decides = event.bars("", &[]).is_some();
        if let Some(pack) = self.pack.as_deref().filter(|_| decides) {
            self.state.bar_neighbours(pack.candidates());
        }
        Ok(applied)
    }

    /// Ranks with the policy's linear scorer, marked `fallback_model_pending`, while the ranker that the manifest names
    /// is not there; without this it is the pack's own order. For hosts that cannot build a ranker's plans at any time.
    pub fn rank_linearly_meanwhile(&mut self) {
        self.linear_meanwhile = true;
    }

    /// The session in at most `most` bytes, for hosts that keep it in a cookie: see [`State::save_brief`].
    ///
    /// # Errors
    /// `session_damaged` when it cannot be written.
    pub fn save_brief_session(&self, most: usize) -> Result<Vec<u8>> {
        self.state.save_brief(most)
    }

    /// Continues the session that [`Engine::save_brief_session`] wrote, with what the pack says of its items.
    ///
    /// # Errors
    /// `pack_missing`, `too_large`, `format_unknown`, `session_damaged`; the session then stays as it was.
    pub fn restore_brief_session(&mut self, bytes: &[u8]) -> Result<()> {
        let state = State::restore_brief(bytes, self.pack()?)?;
        self.go_on(state);
        Ok(())
    }

    /// The session as bytes.
    ///
    /// # Errors
    /// `session_damaged` when it cannot be written.
    pub fn save_session(&self) -> Result<Vec<u8>> {
        self.state.save()
    }

    /// Continues the session that [`Engine::save_session`] wrote.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `session_damaged`; the session then stays as it was.
    pub fn restore_session(&mut self, bytes: &[u8]) -> Result<()> {
        self.go_on(State::restore(bytes)?);
        Ok(())
    }

    /// Begins the person's next session: taste starts anew, what the person decided stays ([`State::next_session`]).
    pub fn next_session(&mut self) {
        self.state.next_session();
    }

    /// Forgets the session and everything the person decided.
    pub fn reset_session(&mut self) {
        self.go_on(State::default());
    }

    fn go_on(&mut self, state: State) {
        self.state = state;
        self.pack.iter().for_each(|pack| self.state.adopt(pack));
    }

    /// Why the pack's own order would be shown now, if it would.
    #[must_use]
    pub fn fallback(&self) -> Option<ReasonCode> {
        if self.faults.pack {
            return Some(ReasonCode::FallbackPackRefused);
        }
        if self.faults.ranker {
            return Some(ReasonCode::FallbackModelRefused);
        }
        (self.lacks_ranker() && !self.linear_meanwhile).then_some(ReasonCode::FallbackNoModel)
    }

    /// Why the linear scorer ranks instead of the ranker, if it does.
    fn meanwhile(&self) -> Option<ReasonCode> {
        (self.lacks_ranker() && self.linear_meanwhile).then_some(ReasonCode::FallbackModelPending)
    }

    fn lacks_ranker(&self) -> bool {
        self.ranker_wanted && !self.ranker_fits()
    }

    /// Hash of the accepted ranker.
    fn ranker_hash(&self) -> Option<String> {
        self.appointed.as_ref().map(|appointed| appointed.named.model.hash.clone())
    }

    /// There is a ranker, it is not one for packs newer than the one in use, whose vectors may come from other towers,
    /// and where it says which towers it was trained on, the pack's vectors are theirs.
    fn ranker_fits(&self) -> bool {
        let since = self.appointed.as_ref().map_or(0, |appointed| appointed.since);
        let reads = |pack: &VerifiedPack, ranker: &Ranker| {
            pack.generation() >= since && ranker.schema.reads_vectors_of(pack.towers())
        };
        let ranker = self.ranker.as_ref();
        ranker.is_some_and(|ranker| self.pack.as_deref().is_none_or(|pack| reads(pack, ranker)))
    }

    fn replace_pack(&mut self, pack: Arc<VerifiedPack>) {
        self.state.adopt(&pack);
        self.traits = OnceCell::new();
        self.pack = Some(pack);
        if let Some(ranker) = &mut self.ranker {
            ranker.exchange(None);
        }
        self.surfaces.values_mut().for_each(|surface| surface.of_pack = OfPack::default());
    }
}

/// How the policy of the event's surface weighs it.
fn feedback<'a>(
    surfaces: &'a BTreeMap<String, Surface>,
    event: &Event,
    last: Option<&String>,
) -> Option<&'a Feedback> {
    let named = event.context.get("surface").or(last).and_then(|surface| surfaces.get(surface));
    named.or_else(|| surfaces.values().next()).map(|surface| &surface.policy.feedback)
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pack = self.pack.as_ref().map(|pack| (pack.generation(), pack.subject()));
        formatter
            .debug_struct("Engine")
            .field("pack", &pack)
            .field("surfaces", &self.surfaces.keys())
            .field("fallback", &self.fallback())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "encode"))]
mod rank_tests;
#[cfg(all(test, feature = "encode"))]
mod tests;
