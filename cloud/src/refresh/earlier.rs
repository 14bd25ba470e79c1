//! A published generation read as a client reads it, and the lists that may be taken over from it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use segue_core::pack::VerifiedPack;
use segue_core::trust::{Manifest, PublicKey, Trust, VerifiedManifest};
use serde::{Deserialize, Serialize};

use super::sources::{Place, Sources};
use super::{Prepared, Viewer};
use crate::keys::KeyStore;
use crate::packs::{Generation, PackStore, shard_file, shard_of};

/// A published generation whose packs are verified on the way out.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) generation: Generation,
    pub(super) manifest: VerifiedManifest,
    /// What it is signed with.
    pub(super) key: PublicKey,
}

impl Earlier {
    /// Opens generation `number` and checks its manifest; none when it is not kept.
    ///
    /// # Errors
    /// When it is damaged or not signed by a key that the root leads to.
    pub(super) fn open(data: &Path, number: u64) -> anyhow::Result<Option<Self>> {
        let Some(generation) = PackStore::new(data).open(number)? else { return Ok(None) };
        let root =
            KeyStore::new(data).root()?.context("there is no root key; `segue keys init` makes one")?;
        let mut trust = Trust::new(root)?;
        trust.accept_rotations(generation.rotations())?;
        let manifest = Manifest::verify(generation.manifest(), trust.key())?;
        Ok(Some(Self { generation, manifest, key: trust.key().clone() }))
    }

    /// The pack of `subject`, also one that expired.
    ///
    /// # Errors
    /// When it is damaged or not what the manifest goes with.
    pub(super) fn pack(&self, subject: &str) -> anyhow::Result<Option<VerifiedPack>> {
        let Some(bytes) = self.generation.get(subject)? else { return Ok(None) };
        let pack = VerifiedPack::open(&bytes, &self.key, &self.manifest, subject, i64::MIN);
        pack.map(Some).with_context(|| format!("the pack of {subject}"))
    }
}

/// How a person's list was made: what it follows from, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Hash of everything the list follows from.
    pub(super) digest: String,
    /// When it was made, in milliseconds since 1970.
    pub(super) made_ms: i64,
}

/// What file of a shard says how its lists were made.
pub(super) const ORIGINS: &str = "lists";

/// The lists of the generation before that may be taken over into one shard.
#[derive(Debug, Default)]
pub(super) struct Lists {
    earlier: Option<Earlier>,
    origins: HashMap<String, Origin>,
}

impl Lists {
    /// Those of generation `base` that belong to shard `shard` of `of`; none, with the reason, when it cannot be read.
    pub(super) fn open(data: &Path, base: Option<u64>, shard: usize, of: usize) -> (Self, Option<String>) {
        let read = |number| -> anyhow::Result<Self> {
            let Some(earlier) = Earlier::open(data, number)? else { return Ok(Self::default()) };
            let origins = origins(&earlier.generation, shard, of)?;
            Ok(Self { earlier: Some(earlier), origins })
        };
        match base.map(read) {
            None => (Self::default(), None),
            Some(Ok(lists)) => (lists, None),
            Some(Err(error)) => {
                let remark =
                    format!("every list is made anew: the generation before cannot be read ({error:#})");
                (Self::default(), Some(remark))
            }
        }
    }

    /// How the list of `subject` was made.
    pub(super) fn origin(&self, subject: &str) -> Option<&Origin> {
        self.origins.get(subject)
    }

    /// The list of `subject`, less what `viewer` may not get any more; none when there is none or it is damaged.
    pub(super) fn list(&self, prepared: &Prepared<'_>, subject: &str, viewer: &Viewer) -> Option<Vec<Place>> {
        let pack = self.earlier.as_ref()?.pack(subject).ok()??;
        let allowed = |item: &usize| {
            !prepared.barred.bars(viewer, *item, &prepared.catalogue.items[*item])
                && !prepared.barred.is_seen(viewer, *item)
        };
        let found = pack.candidates().iter().filter_map(|candidate| {
            let item = prepared.catalogue.item_index(&candidate.item).filter(allowed)?;
            let sources = Sources::of_number(candidate.columns.get("sources").unwrap_or_default());
            Some(Place::new(item, candidate.score, sources))
        });
        Some(found.collect()).filter(|list: &Vec<Place>| !list.is_empty())
    }
}

/// Reads how lists were made, from the one shard that holds them or, where there were others, from all.
fn origins(generation: &Generation, shard: usize, of: usize) -> anyhow::Result<HashMap<String, Origin>> {
    let before = generation.shards().len();
    let shards = if before == of { shard..shard + 1 } else { 0..before };
    let mut origins = HashMap::new();
    for shard_before in shards {
        let name = shard_file(shard_before, before, ORIGINS);
        // A generation that was rolled back to has none.
        let Some(bytes) = generation.object(&name).ok().flatten() else { continue };
        let rows: Vec<(String, Origin)> = rmp_serde::from_slice(&bytes)
            .with_context(|| format!("{name} of generation {} is damaged", generation.number()))?;
        origins.extend(rows.into_iter().filter(|(subject, _)| shard_of(subject, of) == shard));
    }
    Ok(origins)
}
