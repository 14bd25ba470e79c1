//! Keeps an isolate's engines fed: from what is at hand, from what all isolates share, from the cloud, in this order.
//!
//! What is at hand is used at once and looked after once the answer is out (stale while revalidate); where nothing is,
//! one request of the isolate pulls while the others wait. Whatever fails, what was accepted last goes on, and nothing
//! older ever takes its place.

use std::rc::Rc;

use segue_core::Code;
use serde_bytes::ByteBuf;

use crate::bundle::Bundle;
use crate::host::{Fault, Host};
use crate::isolate::Isolate;
use crate::problem::Problem;
use crate::service::unavailable;
use crate::shelf::Shelved;

/// How old what is at hand may be before the shared store is looked at, in milliseconds.
const FRESH_MS: i64 = 60_000;
/// How old what is shared may be before the cloud is asked.
const STALE_MS: i64 = 600_000;
/// How long a region that another one is ahead of is left alone once it was looked after.
const BEHIND_MS: i64 = 1_000;
/// How often a request looks whether another one has brought what it needs.
pub(crate) const WAIT_MS: u64 = 50;
/// How many times it looks.
pub(crate) const WAITS: usize = 100;

impl Isolate {
    /// Does something with the region's engine. Nothing is awaited between seeing to it and that, so it is there, and
    /// no other request gets in between.
    ///
    /// # Errors
    /// `generation_missing` when no engine could be had at all; what `work` says.
    pub(crate) async fn with<T>(
        &self,
        host: &impl Host,
        region: &str,
        work: impl FnOnce(&mut Shelved) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.supply(host, region).await.map_err(unavailable)?;
        let mut shelf = self.shelf.borrow_mut();
        work(shelf.get(region).ok_or_else(|| unavailable("the engine left".to_owned()))?)
    }

    /// The region, where it is to be looked after once the answer is out.
    pub(crate) fn due(&self, host: &impl Host, region: &str) -> Option<String> {
        let looked_ms = self.shelf.borrow_mut().get(region)?.looked_ms;
        (host.now_ms().saturating_sub(looked_ms) > FRESH_MS).then(|| region.to_owned())
    }

    /// Sees to an engine for `region` on the shelf.
    async fn supply(&self, host: &impl Host, region: &str) -> Result<(), Fault> {
        for _ in 0..=WAITS {
            if self.shelf.borrow_mut().get(region).is_some() {
                return Ok(());
            }
            // Also where the one before came back with nothing, or never.
            if self.takes_off(region, host.now_ms()) {
                let supplied = self.first(host, region).await;
                self.land(region);
                return supplied;
            }
            host.pause(WAIT_MS).await;
        }
        Err(format!("the packs of {region} did not arrive in time"))
    }

    /// What is shared, and what the cloud has where nothing is.
    async fn first(&self, host: &impl Host, region: &str) -> Result<(), Fault> {
        if let Some(bundle) = shared(host, region).await {
            // What was not compared with the cloud for long is looked after at once.
            let looked_ms = if is_stale(&bundle, host.now_ms()) { i64::MIN } else { host.now_ms() };
            if self.take(region, bundle, looked_ms).is_ok() {
                return Ok(());
            }
        }
        self.pull(host, region, None).await
    }

    /// Looks for something newer: in the shared store, and in the cloud where that has not been asked lately.
    pub async fn look_after(&self, host: &impl Host, region: &str) {
        if !self.takes_off(region, host.now_ms()) {
            return;
        }
        let shared = shared(host, region).await;
        let is_current = shared.as_ref().is_some_and(|shared| !is_stale(shared, host.now_ms()));
        let at_hand = self.bundle(region);
        let is_newer =
            |shared: &Bundle| at_hand.as_ref().is_none_or(|at_hand| at_hand.accepted_ms < shared.accepted_ms);
        // What is refused, as it is older or damaged, is pulled anew.
        let is_taken = match shared {
            Some(shared) if is_newer(&shared) => self.take(region, shared, host.now_ms()).is_ok(),
            _ => true,
        };
        self.looked(region, host.now_ms());
        if !is_current || !is_taken {
            // What is at hand goes on.
            let _ = self.pull(host, region, self.bundle(region)).await;
        }
        self.land(region);
    }

    /// Pulls a region that another one is ahead of; what is there goes on where nothing newer can be had.
    pub(crate) async fn catch_up(&self, host: &impl Host, region: &str) {
        let now_ms = host.now_ms();
        let looked_ms = self.shelf.borrow_mut().get(region).map_or(i64::MIN, |shelved| shelved.looked_ms);
        if now_ms.saturating_sub(looked_ms) < BEHIND_MS || !self.takes_off(region, now_ms) {
            return;
        }
        self.looked(region, now_ms);
        let _ = self.pull(host, region, self.bundle(region)).await;
        self.land(region);
    }

    /// The scheduled pull of every configured region; the regions that failed, and why.
    pub async fn pull_all(&self, host: &impl Host) -> Vec<(String, Fault)> {
        let mut failed = Vec::new();
        for region in &self.settings.regions {
            let known = match self.bundle(region) {
                Some(bundle) => Some(bundle),
                None => shared(host, region).await.map(Rc::new),
            };
            if let Err(fault) = self.pull(host, region, known).await {
                failed.push((region.clone(), fault));
            }
        }
        failed
    }

    /// Fetches what is new, has an engine accept all of it, shares it. When a refresh was published between its
    /// manifest and its pack, everything is fetched once more.
    async fn pull(&self, host: &impl Host, region: &str, known: Option<Rc<Bundle>>) -> Result<(), Fault> {
        let mut known = known.map_or_else(Bundle::default, |known| Bundle::clone(&known));
        let mut is_second = false;
        loop {
            let fetched = self.download(host, region, &known).await?;
            match self.take(region, fetched, host.now_ms()) {
                Ok(()) => return self.share(host, region).await,
                Err(error) if error.code() == Code::PackWrongGeneration && !is_second => {
                    (known.tags, is_second) = (Default::default(), true);
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Shares what is at hand, unless others have brought something newer: then that is taken.
    async fn share(&self, host: &impl Host, region: &str) -> Result<(), Fault> {
        let Some(at_hand) = self.bundle(region) else { return Ok(()) };
        let newer = shared(host, region).await.filter(|shared| shared.generation > at_hand.generation);
        match newer.map(|newer| self.take(region, newer, host.now_ms())) {
            Some(Ok(())) => Ok(()),
            _ => host.write(&Bundle::key(region), &at_hand.write()?).await,
        }
    }

    /// Has an engine accept the bundle and puts it on the shelf, unless it is older than what is there.
    fn take(&self, region: &str, mut bundle: Bundle, looked_ms: i64) -> Result<(), segue_core::Error> {
        let trust = self.bundle(region).map(|at_hand| at_hand.trust.clone()).unwrap_or_default();
        let prepared = self.bundled.as_ref().map(|bundled| &bundled.prepared);
        let (engine, manifest) = bundle.engine(&self.settings.root, &trust, prepared)?;
        bundle.trust = ByteBuf::from(engine.save_trust()?);
        bundle.generation = manifest.generation;
        self.shelf.borrow_mut().put(region, engine, bundle, manifest, looked_ms);
        Ok(())
    }

    fn bundle(&self, region: &str) -> Option<Rc<Bundle>> {
        self.shelf.borrow_mut().get(region).map(|shelved| Rc::clone(&shelved.bundle))
    }

    fn looked(&self, region: &str, now_ms: i64) {
        if let Some(shelved) = self.shelf.borrow_mut().get(region) {
            shelved.looked_ms = now_ms;
        }
    }
}

fn is_stale(bundle: &Bundle, now_ms: i64) -> bool {
    now_ms.saturating_sub(bundle.checked_ms) > STALE_MS
}

async fn shared(host: &impl Host, region: &str) -> Option<Bundle> {
    let bytes = host.read(&Bundle::key(region)).await.ok().flatten()?;
    Bundle::read(&bytes)
}
