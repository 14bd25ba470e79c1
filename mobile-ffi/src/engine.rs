//! The engine behind a queue of threads.

use std::time::{Duration, Instant};

use segue_core::{Budget, Request};

use crate::error::{Result, SegueError, guarded};
use crate::record::{Applied, Event, Manifest, PackInfo, RankRequest, Refill};
use crate::slate::Slate;
use crate::turns::Turns;

/// The engine: one person's pack, model, policies and live session. May be called from any thread.
#[derive(uniffi::Object)]
pub struct Engine(Turns<segue_core::Engine>);

#[uniffi::export]
impl Engine {
    /// An engine that trusts one root public key, 64 hexadecimal digits.
    #[uniffi::constructor]
    pub fn new(root: &str) -> Result<Self> {
        guarded(|| Ok(Self(Turns::new(segue_core::Engine::new(root)?))))
    }

    /// Follows the signed key rotations of `GET /api/v1/rotations`; returns how many were followed.
    pub fn accept_rotations(&self, bytes: Vec<u8>) -> Result<u32> {
        let followed = self.call(|engine| engine.accept_rotations(&bytes))?;
        Ok(u32::try_from(followed).unwrap_or(u32::MAX))
    }

    /// Verifies and takes the manifest of `GET /api/v1/manifest`.
    pub fn accept_manifest(&self, bytes: Vec<u8>, now_ms: i64) -> Result<Manifest> {
        self.manifest(&bytes, now_ms).map(Manifest::from)
    }

    /// Takes the policy of a surface; its hash has to be the manifest's.
    pub fn accept_policy(&self, surface: &str, bytes: Vec<u8>) -> Result<()> {
        self.call(|engine| engine.accept_policy(surface, &bytes))
    }

    /// Takes the ranker and its feature schema; their hashes have to be the manifest's.
    pub fn accept_ranker(&self, model: Vec<u8>, schema: Vec<u8>) -> Result<()> {
        self.ranker(&model, &schema)
    }

    /// Verifies and takes the pack of `subject` (`user:u1` or `region:all`). After a refusal the last good pack stays.
    pub fn accept_pack(&self, bytes: Vec<u8>, subject: &str, now_ms: i64) -> Result<PackInfo> {
        self.call(|engine| engine.accept_pack(&bytes, subject, now_ms).map(|pack| PackInfo::of(pack, now_ms)))
    }

    /// The signed pack that a signed delta makes of the pack `base`, to be kept and accepted like any other. Changes nothing;
    /// fetch the pack whole after an error.
    pub fn patch_pack(&self, base: Vec<u8>, delta: Vec<u8>) -> Result<Vec<u8>> {
        self.call(|engine| engine.patch_pack(&base, &delta))
    }

    /// Applies one event to the session; the next list reflects it.
    pub fn apply(&self, event: Event) -> Result<Applied> {
        self.told(&event.into()).map(Applied::from)
    }

    /// Ranks the pack for the session as it is now, or as far as it gets within so many milliseconds; what it does not
    /// reach keeps the pack's order. `engine_busy` when other threads kept the engine for as long.
    #[uniffi::method(default(deadline_ms))]
    pub fn rank(&self, request: RankRequest, deadline_ms: Option<u32>) -> Result<Slate> {
        self.ranked(&request.into(), deadline_ms).map(Slate::from)
    }

    /// Ranks with as many work units as a list took (`units`): the same list again.
    pub fn replay(&self, request: RankRequest, units: u32) -> Result<Slate> {
        self.replayed(&request.into(), units).map(Slate::from)
    }

    /// The session as bytes, to be kept by the host.
    pub fn save_session(&self) -> Result<Vec<u8>> {
        self.call(|engine| engine.save_session())
    }

    /// Takes back what `save_session` returned, in whichever language.
    pub fn restore_session(&self, bytes: Vec<u8>) -> Result<()> {
        self.call(|engine| engine.restore_session(&bytes))
    }

    /// How many events were applied, impressions apart, in the sessions before this one too.
    pub fn interactions(&self) -> Result<u64> {
        self.call(|engine| Ok(engine.session().applied()))
    }

    /// Begins the person's next session: taste starts anew; likes, refusals and follows stay, and so does what was seen
    /// when.
    pub fn next_session(&self) -> Result<()> {
        self.call(|engine| {
            engine.next_session();
            Ok(())
        })
    }

    /// Forgets the session and everything the person decided; pack, ranker and policies stay.
    pub fn reset_session(&self) -> Result<()> {
        self.call(|engine| {
            engine.reset_session();
            Ok(())
        })
    }

    /// Whether and why a new pack is wanted; absent while the one in use will do.
    pub fn refill(&self, now_ms: i64) -> Result<Option<Refill>> {
        self.wanted(now_ms).map(|refill| refill.map(Refill::from))
    }

    /// What is trusted, as bytes to be kept by the host: save them whenever rotations or a manifest were accepted.
    pub fn save_trust(&self) -> Result<Vec<u8>> {
        self.call(|engine| engine.save_trust())
    }

    /// Takes up what `save_trust` returned, before anything is accepted: an older generation is then refused after a
    /// restart too.
    pub fn restore_trust(&self, bytes: Vec<u8>) -> Result<()> {
        self.call(|engine| engine.restore_trust(&bytes))
    }
}

/// For the C side, which has the bytes and passes the core's own records on as JSON.
impl Engine {
    pub(crate) fn manifest(&self, bytes: &[u8], now_ms: i64) -> Result<segue_core::trust::Manifest> {
        self.call(|engine| engine.accept_manifest(bytes, now_ms).cloned())
    }

    #[cfg(feature = "ranker")]
    pub(crate) fn ranker(&self, model: &[u8], schema: &[u8]) -> Result<()> {
        self.call(|engine| engine.accept_ranker(model, schema))
    }

    #[cfg(not(feature = "ranker"))]
    pub(crate) fn ranker(&self, _: &[u8], _: &[u8]) -> Result<()> {
        Err(segue_core::Error::new(segue_core::Code::RequestInvalid, "built without the scorer for rankers.")
            .into())
    }

    pub(crate) fn told(&self, event: &segue_core::Event) -> Result<segue_core::Applied> {
        self.call(|engine| engine.apply(event))
    }

    pub(crate) fn ranked(&self, request: &Request, deadline_ms: Option<u32>) -> Result<segue_core::Slate> {
        let end = deadline_ms.map(|limit| Instant::now() + Duration::from_millis(u64::from(limit)));
        let mut is_due = || end.is_some_and(|end| Instant::now() >= end);
        self.call_before(end, |engine| engine.rank_within(request, &mut Budget::until(&mut is_due)))
    }

    pub(crate) fn replayed(&self, request: &Request, units: u32) -> Result<segue_core::Slate> {
        self.call(|engine| engine.rank_within(request, &mut Budget::of_units(units)))
    }

    pub(crate) fn wanted(&self, now_ms: i64) -> Result<Option<segue_core::Refill>> {
        self.call(|engine| Ok(engine.refill(now_ms)))
    }

    pub(crate) fn call<T>(
        &self,
        work: impl FnOnce(&mut segue_core::Engine) -> segue_core::Result<T>,
    ) -> Result<T> {
        self.call_before(None, work)
    }

    fn call_before<T>(
        &self,
        end: Option<Instant>,
        work: impl FnOnce(&mut segue_core::Engine) -> segue_core::Result<T>,
    ) -> Result<T> {
        guarded(|| Ok(self.0.take(end, work).ok_or_else(SegueError::busy)??))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_core::trust::TEST_PUBLIC_KEY;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_list_asked_for_while_another_thread_is_inside_is_refused_in_time() {
        let engine = Engine::new(TEST_PUBLIC_KEY).unwrap();
        let request = Request {
            surface: "radio".into(),
            count: 1,
            now_ms: 0,
            seed: 0,
            context: [].into(),
            log_features: false,
        };
        let (inside, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let work = move |_: &mut segue_core::Engine| {
                inside.send(()).unwrap();
                left.recv().unwrap();
                Ok(())
            };
            let engine = &engine;
            scope.spawn(move || engine.call(work));
            entered.recv().unwrap();
            assert_eq!(engine.ranked(&request, Some(0)).unwrap_err().code(), "engine_busy");
            leave.send(()).unwrap();
            assert_eq!(engine.ranked(&request, None).unwrap_err().code(), "pack_missing");
        });
    }
}
