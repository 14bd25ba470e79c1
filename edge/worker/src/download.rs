//! Fetches a region's bundle from the cloud: by tags, so that little is fetched when nothing has changed.

use std::collections::BTreeMap;

use segue_core::Engine;
use segue_core::trust::Manifest;
use serde_bytes::ByteBuf;

use crate::bundle::Bundle;
use crate::host::{Fault, Fetched, Host};
use crate::isolate::Isolate;
use crate::region::{EVERYWHERE, subject};

impl Isolate {
    /// What the cloud has for a region; `known` is what is at hand of it. Nothing of it is believed yet.
    pub(crate) async fn download(
        &self,
        host: &impl Host,
        region: &str,
        known: &Bundle,
    ) -> Result<Bundle, Fault> {
        let now_ms = host.now_ms();
        let tag = |at: usize| known.tags[at].as_deref();
        let rotations = part(host, "rotations", tag(0), &known.rotations).await?.unwrap_or_default();
        let manifest = part(host, "manifest", tag(1), &known.manifest).await?;
        let manifest = manifest.ok_or("the cloud has no manifest: run `segue refresh` there")?;
        let (subject, pack) = self.own_pack(host, region, known, &rotations.bytes).await?;
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

    /// The region's pack, or everyone's where it has none.
    async fn own_pack(
        &self,
        host: &impl Host,
        region: &str,
        known: &Bundle,
        rotations: &[u8],
    ) -> Result<(String, Part), Fault> {
        for region in [region, EVERYWHERE] {
            let subject = subject(region);
            let path = format!("packs/{subject}");
            let pack = match known.tags[2].as_deref().filter(|_| known.subject == subject) {
                Some(tag) => self.newer_pack(host, &path, tag, known, rotations).await?,
                None => part(host, &path, None, &known.pack).await?,
            };
            if let Some(pack) = pack {
                return Ok((subject, pack));
            }
        }
        Err("the cloud has no pack, not even `region:all`: run `segue refresh` there".to_owned())
    }

    /// The pack at hand with what changed since, or the whole new one where that is of no use.
    async fn newer_pack(
        &self,
        host: &impl Host,
        path: &str,
        tag: &str,
        known: &Bundle,
        rotations: &[u8],
    ) -> Result<Option<Part>, Fault> {
        let (delta, tag) = match host.fetch_changes(path, tag).await? {
            Fetched::Changes(delta, made) => (delta, made),
            other => return Part::of(path, other, Some(tag), &known.pack),
        };
        let made = aside(&self.settings.root, &known.trust, rotations)
            .and_then(|engine| engine.patch_pack(&known.pack, &delta));
        match made {
            Ok(bytes) => Ok(Some(Part { bytes: ByteBuf::from(bytes), tag, unchanged: false })),
            Err(error) => {
                host.report(&format!("what changed of {path} is of no use, it is fetched whole: {error}"));
                part(host, path, None, &known.pack).await
            }
        }
    }

    /// Policies, and the ranker where it is not the bundled one and its plans may be built in a request.
    async fn artefacts(
        &self,
        host: &impl Host,
        bundle: &Bundle,
        known: &BTreeMap<String, ByteBuf>,
    ) -> Result<BTreeMap<String, ByteBuf>, Fault> {
        let manifest = listed(&self.settings.root, bundle).map_err(|error| error.to_string())?;
        let bundled = self.bundled.as_ref().map(|bundled| bundled.prepared.named());
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
fn listed(root: &str, bundle: &Bundle) -> segue_core::Result<Manifest> {
    let mut engine = aside(root, &bundle.trust, &bundle.rotations)?;
    Ok(engine.accept_manifest(&bundle.manifest, bundle.accepted_ms)?.clone())
}

/// An engine that trusts the cloud's present key, and has nothing else.
fn aside(root: &str, trust: &[u8], rotations: &[u8]) -> segue_core::Result<Engine> {
    let mut engine = Engine::new(root)?;
    if !trust.is_empty() {
        engine.restore_trust(trust)?;
    }
    if !rotations.is_empty() {
        engine.accept_rotations(rotations)?;
    }
    Ok(engine)
}

/// Something fetched, or what is at hand of it.
#[derive(Default)]
struct Part {
    bytes: ByteBuf,
    tag: Option<String>,
    unchanged: bool,
}

impl Part {
    /// What came, where `tag` is of what is at hand; none where there is no such thing.
    fn of(path: &str, fetched: Fetched, tag: Option<&str>, at_hand: &ByteBuf) -> Result<Option<Self>, Fault> {
        match fetched {
            Fetched::Content(bytes, tag) => {
                Ok(Some(Self { bytes: ByteBuf::from(bytes), tag, unchanged: false }))
            }
            Fetched::Current => {
                let tag = tag.map(str::to_owned);
                Ok(Some(Self { bytes: at_hand.clone(), tag, unchanged: true }))
            }
            Fetched::Changes(..) => Err(unasked(path)),
            Fetched::Missing => Ok(None),
        }
    }
}

async fn part(
    host: &impl Host,
    path: &str,
    tag: Option<&str>,
    at_hand: &ByteBuf,
) -> Result<Option<Part>, Fault> {
    Part::of(path, host.fetch(path, tag).await?, tag, at_hand)
}

async fn content(host: &impl Host, path: &str) -> Result<ByteBuf, Fault> {
    match host.fetch(path, None).await? {
        Fetched::Content(bytes, _) => Ok(ByteBuf::from(bytes)),
        Fetched::Changes(..) => Err(unasked(path)),
        Fetched::Current | Fetched::Missing => Err(format!("the cloud has no {path}")),
    }
}

/// What changed came for somebody who asked for that.
fn unasked(path: &str) -> Fault {
    format!(
        "GET {path} answered 226 without being asked for what changed: have the cache in between heed `Vary`"
    )
}
