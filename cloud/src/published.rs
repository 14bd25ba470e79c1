//! One generation as the service hands it out: read and checked as a whole before anything of it is.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context as _;
use axum::body::Bytes;
use segue_core::features::Schema;
use segue_core::trust::{Manifest, PrivateKey, PublicKey, Ranker, Trust, VerifiedManifest, hash};

use crate::catalog::Dataset;
use crate::config::Limits;
use crate::deltas::Deltas;
use crate::keys::KeyStore;
use crate::live::OpenedPacks;
use crate::packs::{Generation, PackStore};
use crate::recent::Recent;
use crate::refresh::{self, Report};
use crate::served::{LookedThrough, Served};

/// What a kept pack takes beside its bytes, about.
const KEPT_BYTES: usize = 512;

/// One generation as it is served.
#[derive(Debug)]
pub struct Published {
    /// Packs on the disk.
    pub packs: Generation,
    /// The generations before that are kept, the newest first: clients may have a pack of theirs.
    pub earlier: Vec<Generation>,
    /// The last change of an item that its packs know of.
    pub changed: u64,
    /// Packs of its subjects that lists were made from.
    pub opened: OpenedPacks,
    /// Packs of its subjects that were handed out, as they lie on the disk: read and compared with their hash once. They go with
    /// the generation, so that none is ever out of date.
    kept: Recent<String, Served>,
    /// What looking through packs of its subjects for what ended came to.
    pub(crate) looked_through: Recent<String, LookedThrough>,
    /// What changed from earlier packs of its subjects.
    deltas: Deltas,
    /// Feature schemas of its rankers, by their hashes.
    schemas: OnceLock<Vec<(String, Schema)>>,
    /// The signed manifest.
    pub manifest: Bytes,
    /// Its hash.
    pub manifest_hash: String,
    /// The signed key rotations.
    pub rotations: Bytes,
    /// Their hash.
    pub rotations_hash: String,
    /// What is known by the keys; none where the data folder has no key.
    pub verified: Option<Verified>,
    /// The surface that the data's events come from.
    pub surface: Option<String>,
}

/// A generation's manifest, checked as a client does.
#[derive(Debug)]
pub struct Verified {
    /// The manifest.
    pub manifest: VerifiedManifest,
    /// What it and its packs are signed with.
    pub key: PublicKey,
    /// Its private half, where the service has it.
    pub signer: Option<PrivateKey>,
    /// The ranker of the generation that one would go back to, where that is another one.
    pub previous_ranker: Option<Ranker>,
}

impl Published {
    /// The generation in force of `store`, which lies in data folder `data`; none before the first. `limits` say how
    /// many of its packs are kept in memory.
    ///
    /// # Errors
    /// When it cannot be read, or its manifest is not what a client would accept.
    pub(crate) fn load(store: &PackStore, data: &Path, limits: &Limits) -> anyhow::Result<Option<Self>> {
        let Some(packs) = store.open_current()? else { return Ok(None) };
        let manifest = Bytes::copy_from_slice(packs.manifest());
        let rotations = Bytes::copy_from_slice(packs.rotations());
        let verified = Verified::of(&packs, store, data)?;
        // A damaged one is none that a client could ask for the changes from.
        let before = store.kept()?.into_iter().rev().filter(|number| *number < packs.number());
        let earlier = before.filter_map(|number| store.open(number).ok().flatten()).collect();
        let (manifest_hash, rotations_hash) = (hash(&manifest), hash(&rotations));
        let changed = Report::read(store, packs.number()).map_or(0, |report| report.changed);
        let surface = Dataset::read(data).ok().map(|dataset| dataset.surface);
        Ok(Some(Self {
            packs,
            earlier,
            changed,
            opened: OpenedPacks::of(limits.opened_candidates),
            kept: Recent::of(limits.kept_pack_bytes, |pack: &Served| KEPT_BYTES + pack.bytes.len()),
            looked_through: Recent::of(limits.kept_pack_bytes, |looked: &LookedThrough| {
                KEPT_BYTES + looked.with_ends.as_ref().map_or(0, |pack| pack.bytes.len())
            }),
            deltas: Deltas::of(limits.kept_pack_bytes / 4),
            schemas: OnceLock::new(),
            manifest,
            manifest_hash,
            rotations,
            rotations_hash,
            verified,
            surface,
        }))
    }

    /// The pack of `subject` where it is in memory.
    #[must_use]
    pub fn kept(&self, subject: &str) -> Option<Served> {
        self.kept.get(subject, |_| true)
    }

    /// The pack of `subject`, which has one: from memory, or read, compared with its hash, and kept.
    ///
    /// # Errors
    /// When the disk refuses or the bytes are damaged.
    pub fn read(&self, subject: &str) -> anyhow::Result<Served> {
        let read = || -> anyhow::Result<Served> {
            let entry = self.packs.entry(subject).context("it is gone")?;
            let bytes = self.packs.get(subject)?.context("it is gone")?;
            Ok(Served { hash: entry.hash_hex(), bytes: bytes.into() })
        };
        self.kept.get_or_make(subject, |_| true, read)
    }

    /// The packs of `subject` that a client may have, by their hashes: the generation's and those of generations before.
    pub(crate) fn bases<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = (String, &'a Generation)> {
        let generations = std::iter::once(&self.packs).chain(&self.earlier);
        generations.filter_map(move |generation| Some((generation.entry(subject)?.hash_hex(), generation)))
    }

    /// What changed from these packs to the ones that are handed out.
    pub(crate) fn deltas(&self) -> &Deltas {
        &self.deltas
    }

    /// The feature schemas of the ranker in force and of the one before, by their hashes. `bytes` finds each when they are asked
    /// for first; one that it does not find is not known of this generation.
    pub(crate) fn schemas(&self, bytes: impl Fn(&str) -> Option<Bytes>) -> &[(String, Schema)] {
        self.schemas.get_or_init(|| {
            let rankers = self
                .verified
                .iter()
                .flat_map(|verified| verified.manifest.ranker.iter().chain(&verified.previous_ranker));
            let known = rankers.filter_map(|ranker| {
                let schema = Schema::from_json(&bytes(&ranker.schema.hash)?).ok()?;
                Some((schema.hash(), schema))
            });
            known.collect()
        })
    }

    /// Lets go of what memory holds of the pack of `subject` and of what changed of it, and of what is being read of it; answers
    /// the hashes under which it was handed out.
    pub fn forget(&self, subject: &str) -> Vec<String> {
        let own = self.packs.entry(subject).map(|entry| entry.hash_hex());
        let looked = self.looked_through.get(subject, |_| true);
        let with_ends = looked.and_then(|looked| looked.with_ends).map(|pack| pack.hash);
        self.opened.forget(subject);
        self.kept.forget(subject);
        self.looked_through.forget(subject);
        self.bases(subject).for_each(|(base, _)| self.deltas.forget(subject, &base));
        own.into_iter().chain(with_ends).collect()
    }

    /// Bytes of the packs in memory, and of what changed of them.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.kept.weight() + self.looked_through.weight() + self.deltas.weight()
    }
}

impl Verified {
    /// Checks the manifest as a client would (but for its expiry: an old generation is better than none).
    fn of(packs: &Generation, store: &PackStore, data: &Path) -> anyhow::Result<Option<Self>> {
        let Some(root) = KeyStore::new(data).root()? else { return Ok(None) };
        let (manifest, key) = manifest_of(packs, root.clone())?;
        let number = packs.number();
        anyhow::ensure!(
            manifest.generation == number,
            "its manifest says generation {}",
            manifest.generation
        );
        let previous_ranker = previous_ranker(store, number, &root);
        let previous_ranker = previous_ranker.filter(|ranker| manifest.ranker.as_ref() != Some(ranker));
        let keys = KeyStore::new(data).load().ok();
        let signer = keys.map(|keys| keys.signing().clone()).filter(|signer| signer.public() == key);
        Ok(Some(Self { manifest, key, signer, previous_ranker }))
    }
}

/// The ranker of the generation that one would go back to from `number`; a damaged one is none to fall back on.
fn previous_ranker(store: &PackStore, number: u64, root: &PublicKey) -> Option<Ranker> {
    let before = refresh::generation_before(store, &store.kept().ok()?, number)?;
    let packs = store.open(before).ok().flatten()?;
    manifest_of(&packs, root.clone()).ok()?.0.ranker.clone()
}

/// A generation's manifest, and the key it is signed with.
fn manifest_of(packs: &Generation, root: PublicKey) -> anyhow::Result<(VerifiedManifest, PublicKey)> {
    let mut trust = Trust::new(root)?;
    trust.accept_rotations(packs.rotations())?;
    Ok((Manifest::verify(packs.manifest(), trust.key())?, trust.key().clone()))
}
