//! Keeps an isolate's engines fed: from what is at hand, from what all isolates share, from the cloud, in this order.
//!
//! What is at hand is used at once and looked after once the answer is out (stale while revalidate); where nothing is,
//! one request of the isolate pulls while the others wait. Whatever fails, what was accepted last goes on.

use std::collections::BTreeMap;
use std::rc::Rc;

use segue_core::trust::Manifest;
use segue_core::{Code, Engine};
use serde_bytes::ByteBuf;

use crate::bundle::Bundle;
use crate::host::{Fault, Fetched, Host};
use crate::isolate::Isolate;
use crate::region::{EVERYWHERE, subject};

/// How old what is at hand may be before the shared store is looked at, in milliseconds.
const FRESH_MS: i64 = 60_000;
/// How old what is shared may be before the cloud is asked.
const STALE_MS: i64 = 600_000;
/// How often a request looks whether another one has brought what it needs.
const WAIT_MS: u64 = 50;
/// How many times it looks.
const WAITS: usize = 100;

impl Isolate {
    /// Sees to an engine for `region` on the shelf; whether it should be looked after once the answer is out.
    ///
    /// # Errors
    /// In words, when nothing could be had at all.
    pub async fn supply(&self, host: &impl Host, region: &str) -> Result<bool, Fault> {
        for _ in 0..=WAITS {
            let looked_ms = self.shelf.borrow_mut().get(region).map(|shelved| shelved.looked_ms);
            if let Some(looked_ms) = looked_ms {
                return Ok(host.now_ms().saturating_sub(looked_ms) > FRESH_MS);
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
    async fn first(&self, host: &impl Host, region: &str) -> Result<bool, Fault> {
        if let Some(bundle) = shared(host, region).await
            && self.take(region, bundle.clone(), host.now_ms()).is_ok()
        {
            return Ok(host.now_ms().saturating_sub(bundle.checked_ms) > STALE_MS);
        }
        self.pull(host, region, None).await.map(|()| false)
    }

    /// Looks for something newer: in the shared store, and in the cloud where that has not been asked lately.
    pub async fn look_after(&self, host: &impl Host, region: &str) {
        let now_ms = host.now_ms();
        if !self.takes_off(region, now_ms) {
            return;
        }
        let at_hand = self.bundle(region);
        let shared = shared(host, region).await;
        let newer = |bundle: &&Bundle| {
            at_hand.as_ref().is_none_or(|at_hand| at_hand.accepted_ms < bundle.accepted_ms)
        };
        if let Some(bundle) = shared.as_ref().filter(newer) {
            // What is refused is pulled anew below.
            let _ = self.take(region, bundle.clone(), now_ms);
        }
        if let Some(shelved) = self.shelf.borrow_mut().get(region) {
            shelved.looked_ms = now_ms;
        }
        if shared.is_none_or(|bundle| now_ms.saturating_sub(bundle.checked_ms) > STALE_MS) {
            // What is at hand goes on.
            let _ = self.pull(host, region, at_hand).await;
        }
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

    fn bundle(&self, region: &str) -> Option<Rc<Bundle>> {
        self.shelf.borrow_mut().get(region).map(|shelved| Rc::clone(&shelved.bundle))
    }

    /// Fetches what is new, has an engine accept all of it, shares it. When a refresh was published between its
    /// manifest and its pack, everything is fetched once more.
    async fn pull(&self, host: &impl Host, region: &str, known: Option<Rc<Bundle>>) -> Result<(), Fault> {
        let known = known.unwrap_or_default();
        let fetched = self.download(host, region, &known).await?;
        let bundle = match self.take(region, fetched.clone(), host.now_ms()) {
            Ok(()) => fetched,
            Err(error) if error.code() == Code::PackWrongGeneration => {
                let again = Bundle { tags: Default::default(), ..Bundle::clone(&known) };
                let again = self.download(host, region, &again).await?;
                self.take(region, again.clone(), host.now_ms()).map_err(|error| error.to_string())?;
                again
            }
            Err(error) => return Err(error.to_string()),
        };
        let trusted = self.bundle(region).map_or(bundle, |bundle| Bundle::clone(&bundle));
        host.write(&Bundle::key(region), &trusted.write()?).await
    }

    /// Has an engine accept the bundle and puts it on the shelf.
    fn take(&self, region: &str, mut bundle: Bundle, now_ms: i64) -> Result<(), segue_core::Error> {
        let (engine, manifest) = bundle.engine(&self.settings.root, self.prepared.as_ref())?;
        bundle.trust = ByteBuf::from(engine.save_trust()?);
        self.shelf.borrow_mut().put(region, engine, bundle, manifest, now_ms);
        Ok(())
    }

    async fn download(&self, host: &impl Host, region: &str, known: &Bundle) -> Result<Bundle, Fault> {
        let now_ms = host.now_ms();
        let tag = |at: usize| known.tags[at].as_deref();
        let rotations = part(host, "rotations", tag(0), &known.rotations).await?.unwrap_or_default();
        let manifest = part(host, "manifest", tag(1), &known.manifest).await?;
        let manifest = manifest.ok_or("the cloud has no manifest")?;
        let (subject, pack) = own_pack(host, region, known).await?;
        let unchanged = [&rotations, &manifest, &pack].iter().all(|part| part.unchanged);
        let mut bundle = Bundle {
            accepted_ms: if unchanged { known.accepted_ms } else { now_ms },
            checked_ms: now_ms,
            subject,
            trust: known.trust.clone(),
            rotations: rotations.bytes,
            manifest: manifest.bytes,
            pack: pack.bytes,
            tags: [rotations.tag, manifest.tag, pack.tag],
            ..Bundle::default()
        };
        bundle.artefacts = self.artefacts(host, &bundle, &known.artefacts).await?;
        Ok(bundle)
    }

    /// Policies, and the ranker where it is not the bundled one and its plans may be built in a request.
    async fn artefacts(
        &self,
        host: &impl Host,
        bundle: &Bundle,
        known: &BTreeMap<String, ByteBuf>,
    ) -> Result<BTreeMap<String, ByteBuf>, Fault> {
        let manifest = listed(&self.settings.root, bundle).map_err(|error| error.to_string())?;
        let bundled = self.prepared.as_ref().map(|prepared| prepared.named());
        let foreign =
            manifest.ranker.as_ref().filter(|named| self.settings.builds_plans && bundled != Some(*named));
        let ranker = foreign.into_iter().flat_map(|named| [&named.model, &named.schema]);
        let mut artefacts = BTreeMap::new();
        for artefact in manifest.policies.values().chain(ranker) {
            let bytes = match known.get(&artefact.hash) {
                Some(bytes) => bytes.clone(),
                None => content(host, &format!("models/{}", artefact.hash)).await?,
            };
            artefacts.insert(artefact.hash.clone(), bytes);
        }
        Ok(artefacts)
    }
}

/// What the bundle's manifest lists, by an engine of its own.
fn listed(root: &str, bundle: &Bundle) -> Result<Manifest, segue_core::Error> {
    let mut engine = Engine::new(root)?;
    if !bundle.trust.is_empty() {
        engine.restore_trust(&bundle.trust)?;
    }
    if !bundle.rotations.is_empty() {
        engine.accept_rotations(&bundle.rotations)?;
    }
    Ok(engine.accept_manifest(&bundle.manifest, bundle.accepted_ms)?.clone())
}

async fn shared(host: &impl Host, region: &str) -> Option<Bundle> {
    let bytes = host.read(&Bundle::key(region)).await.ok().flatten()?;
    Bundle::read(&bytes)
}

/// Something fetched, or what is at hand of it.
#[derive(Default)]
struct Part {
    bytes: ByteBuf,
    tag: Option<String>,
    unchanged: bool,
}

async fn part(
    host: &impl Host,
    path: &str,
    tag: Option<&str>,
    at_hand: &ByteBuf,
) -> Result<Option<Part>, Fault> {
    Ok(match host.fetch(path, tag).await? {
        Fetched::Content(bytes, tag) => Some(Part { bytes: ByteBuf::from(bytes), tag, unchanged: false }),
        Fetched::Current => {
            let tag = tag.map(str::to_owned);
            Some(Part { bytes: at_hand.clone(), tag, unchanged: true })
        }
        Fetched::Missing => None,
    })
}

/// The region's pack, or everyone's where it has none.
async fn own_pack(host: &impl Host, region: &str, known: &Bundle) -> Result<(String, Part), Fault> {
    for region in [region, EVERYWHERE] {
        let subject = subject(region);
        let tag = known.tags[2].as_deref().filter(|_| known.subject == subject);
        if let Some(pack) = part(host, &format!("packs/{subject}"), tag, &known.pack).await? {
            return Ok((subject, pack));
        }
    }
    Err("the cloud has no pack, not even `region:all`".to_owned())
}

async fn content(host: &impl Host, path: &str) -> Result<ByteBuf, Fault> {
    match host.fetch(path, None).await? {
        Fetched::Content(bytes, _) => Ok(ByteBuf::from(bytes)),
        _ => Err(format!("the cloud has no {path}")),
    }
}
