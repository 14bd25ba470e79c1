//! From bytes to a pack that may be ranked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Candidate, Columns, Pack};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::trust::envelope::{self, Purpose};
use crate::trust::{PublicKey, VerifiedManifest};

/// Vectors of up to this scale can be summed over any session and stay finite.
const LARGEST_SCALE: f32 = 1e6;

/// A pack whose signature, subject, generation and content were checked.
#[derive(Debug, Clone)]
pub struct VerifiedPack {
    generation: u64,
    subject: String,
    created_ms: i64,
    expires_ms: i64,
    towers: String,
    user: Vec<f32>,
    profile: Vec<(String, u16)>,
    candidates: Vec<Candidate>,
    index: BTreeMap<String, usize>,
}

impl VerifiedPack {
    /// Verifies, then decodes, then checks the content.
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`, `payload_damaged`,
    /// `pack_wrong_subject`, `pack_wrong_generation` and `pack_wrong_towers` (not `manifest`'s), `pack_expired`.
    pub fn open(
        bytes: &[u8],
        key: &PublicKey,
        manifest: &VerifiedManifest,
        subject: &str,
        now_ms: i64,
    ) -> Result<Self> {
        let payload = envelope::open(Purpose::Pack, bytes, key, limits::PACK_BYTES)?;
        let pack = decode(&payload)?;
        if pack.subject != subject {
            let detail = format!("made for {:?}, wanted {subject:?}.", pack.subject);
            return Err(Error::new(Code::PackWrongSubject, detail));
        }
        if pack.generation != manifest.generation {
            let detail =
                format!("of generation {}, the manifest is {}.", pack.generation, manifest.generation);
            return Err(Error::new(Code::PackWrongGeneration, detail));
        }
        if pack.towers != manifest.towers {
            let detail =
                format!("vectors of towers {:?}, the manifest's are {:?}.", pack.towers, manifest.towers);
            return Err(Error::new(Code::PackWrongTowers, detail));
        }
        if now_ms >= pack.expires_ms {
            return Err(Error::new(Code::PackExpired, format!("it expired at {} ms.", pack.expires_ms)));
        }
        Self::checked(pack)
    }

    /// Checks the content of a pack just built; writers use it to refuse what readers would refuse.
    ///
    /// # Errors
    /// `payload_damaged` naming the contradiction.
    #[cfg(feature = "encode")]
    pub fn from_pack(pack: Pack) -> Result<Self> {
        Self::checked(pack)
    }

    fn checked(pack: Pack) -> Result<Self> {
        check(&pack).map_err(|detail| Error::new(Code::PayloadDamaged, format!("pack: {detail}.")))?;
        let (candidates, profile) = (candidates(&pack), profile(&pack));
        let index = candidates.iter().enumerate().map(|(place, one)| (one.item.clone(), place)).collect();
        Ok(Self {
            generation: pack.generation,
            created_ms: pack.created_ms,
            expires_ms: pack.expires_ms,
            towers: pack.towers,
            user: pack.user.get(0).unwrap_or_default(),
            profile,
            subject: pack.subject,
            candidates,
            index,
        })
    }

    /// The generation it belongs to.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whom it was made for.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When it was made, in milliseconds since 1970.
    #[must_use]
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// From when on it is stale, in milliseconds since 1970.
    #[must_use]
    pub fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// Hash of the towers that made its vectors, or `none`.
    #[must_use]
    pub fn towers(&self) -> &str {
        &self.towers
    }

    /// Names what its vectors can be compared with: those of packs of the same towers, and where there are none, as
    /// vectors are then made anew with each refresh, those of the same generation.
    #[must_use]
    pub fn vector_space(&self) -> String {
        match self.towers.as_str() {
            "none" => format!("none/{}", self.generation),
            towers => towers.to_owned(),
        }
    }

    /// The user's vector.
    #[must_use]
    pub fn user(&self) -> &[f32] {
        &self.user
    }

    /// How many of the items that the person took up last have which category as their first.
    #[must_use]
    pub fn profile(&self) -> &[(String, u16)] {
        &self.profile
    }

    /// The candidates, best first.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Each candidate's id with its place, in the order of the ids.
    pub(crate) fn by_item(&self) -> impl Iterator<Item = (&str, usize)> {
        self.index.iter().map(|(item, &place)| (item.as_ref(), place))
    }

    /// The candidate with this id.
    #[must_use]
    pub fn find(&self, item: &str) -> Option<&Candidate> {
        self.index.get(item).map(|&place| &self.candidates[place])
    }
}

pub(super) fn decode(payload: &[u8]) -> Result<Pack> {
    let damaged = |error| Error::new(Code::PayloadDamaged, format!("pack: {error}."));
    let crate::trust::FormatOnly { format } = rmp_serde::from_slice(payload).map_err(damaged)?;
    if format != Pack::FORMAT {
        let detail = format!("a pack of format {format}, this version reads {}.", Pack::FORMAT);
        return Err(Error::new(Code::FormatUnknown, detail));
    }
    rmp_serde::from_slice(payload).map_err(damaged)
}

fn check(pack: &Pack) -> std::result::Result<(), String> {
    let count = pack.items.len();
    if count == 0 || count > limits::CANDIDATES {
        return Err(format!("{count} candidates, allowed are 1 to {}", limits::CANDIDATES));
    }
    check_vectors(pack)?;
    let lengths = [pack.scores.len(), pack.creator.len(), pack.category.len()];
    if lengths.iter().any(|&length| length != count) {
        return Err(format!("{count} items, but columns of {lengths:?}"));
    }
    if let Some(score) = pack.scores.iter().find(|score| !score.is_finite()) {
        return Err(format!("a score of {score}"));
    }
    check_columns(pack, count)?;
    if pack.display.as_ref().is_some_and(|display| display.len() != count) {
        return Err("display data of another length than the items".into());
    }
    check_names(pack)
}

fn check_columns(pack: &Pack, count: usize) -> std::result::Result<(), String> {
    if pack.columns.len() > limits::PACK_COLUMNS {
        return Err(format!("{} columns, at most {}", pack.columns.len(), limits::PACK_COLUMNS));
    }
    match pack.columns.iter().find(|(_, column)| column.count() != Some(count)) {
        Some((name, _)) => Err(format!("the column {name:?} is not for {count} items")),
        None => Ok(()),
    }
}

fn check_vectors(pack: &Pack) -> std::result::Result<(), String> {
    let dimension = usize::from(pack.vectors.dimension);
    if dimension == 0 || dimension > limits::PACK_DIMENSION || pack.user.dimension != pack.vectors.dimension {
        return Err(format!("vectors of {dimension} and a user of {} dimensions", pack.user.dimension));
    }
    if pack.vectors.values.len() != pack.items.len() * dimension || pack.user.values.len() != dimension {
        return Err(format!("{} vector bytes for {} items", pack.vectors.values.len(), pack.items.len()));
    }
    for scale in [pack.vectors.scale, pack.user.scale] {
        if !(-LARGEST_SCALE..=LARGEST_SCALE).contains(&scale) {
            return Err(format!("a vector scale of {scale}"));
        }
    }
    Ok(())
}

fn check_names(pack: &Pack) -> std::result::Result<(), String> {
    let mut seen = BTreeSet::new();
    for item in &pack.items {
        if item.is_empty() || item.len() > limits::ID_BYTES || !seen.insert(item) {
            return Err(format!("item id {item:?} is empty, too long or there twice"));
        }
    }
    let names = pack.creators.iter().chain(&pack.categories).chain([&pack.towers]);
    let names = names.chain(pack.columns.keys()).chain(pack.regions.iter().flatten());
    if let Some(name) = names.into_iter().find(|name| name.len() > limits::ID_BYTES) {
        return Err(format!("the name {name:?} is longer than {} bytes", limits::ID_BYTES));
    }
    if let Some(index) = pack.creator.iter().find(|&&index| usize::from(index) >= pack.creators.len()) {
        return Err(format!("creator {index} of {}", pack.creators.len()));
    }
    for categories in &pack.category {
        let unknown = categories.iter().any(|&index| usize::from(index) >= pack.categories.len());
        if unknown || categories.len() > limits::CATEGORIES_PER_CANDIDATE {
            return Err(format!("categories {categories:?} of {}", pack.categories.len()));
        }
    }
    let counted: usize = pack.profile.iter().map(|(_, count)| usize::from(*count)).sum();
    let unknown = pack.profile.iter().any(|(index, _)| usize::from(*index) >= pack.categories.len());
    if unknown || counted > limits::PROFILE_ITEMS || pack.profile.len() > limits::PROFILE_ITEMS {
        return Err(format!("a profile of {counted} items in {} categories", pack.profile.len()));
    }
    if let Some((index, _)) = pack.ends.iter().find(|(index, _)| *index as usize >= pack.items.len()) {
        return Err(format!("an end for item {index}"));
    }
    check_regions(pack)
}

fn check_regions(pack: &Pack) -> std::result::Result<(), String> {
    if let Some(set) = pack.regions.iter().find(|set| set.is_empty() || set.len() > limits::REGIONS) {
        return Err(format!("a set of {} regions, allowed are 1 to {}", set.len(), limits::REGIONS));
    }
    let outside = |(index, set): &&(u32, u16)| {
        *index as usize >= pack.items.len() || usize::from(*set) >= pack.regions.len()
    };
    match pack.limited.iter().find(outside) {
        Some((index, set)) => Err(format!("the regions {set} of {} for item {index}", pack.regions.len())),
        None => Ok(()),
    }
}

fn profile(pack: &Pack) -> Vec<(String, u16)> {
    let named = |&(at, count): &(u16, u16)| (pack.categories[usize::from(at)].clone(), count);
    pack.profile.iter().map(named).collect()
}

fn candidates(pack: &Pack) -> Vec<Candidate> {
    let ends: BTreeMap<usize, i64> = pack.ends.iter().map(|&(index, end)| (index as usize, end)).collect();
    let names: Arc<[Arc<str>]> = pack.columns.keys().map(|name| name.as_str().into()).collect();
    let columns = |index: usize| Columns::new(&names, pack.columns.values().map(|column| column.get(index)));
    let sets: Vec<Arc<[String]>> = pack.regions.iter().map(|set| set.clone().into()).collect();
    let everywhere: Arc<[String]> = [].into();
    let limited: BTreeMap<usize, &Arc<[String]>> =
        pack.limited.iter().map(|&(index, set)| (index as usize, &sets[usize::from(set)])).collect();
    let candidate = |(index, item): (usize, &String)| Candidate {
        item: item.clone(),
        vector: pack.vectors.get(index).unwrap_or_default(),
        score: pack.scores[index],
        creator: pack.creators[usize::from(pack.creator[index])].clone(),
        categories: pack.category[index].iter().map(|&at| pack.categories[usize::from(at)].clone()).collect(),
        columns: columns(index),
        regions: limited.get(&index).map_or_else(|| everywhere.clone(), |set| Arc::clone(set)),
        ends_ms: ends.get(&index).copied(),
        display: pack.display.as_ref().map(|display| display[index].clone()),
    };
    pack.items.iter().enumerate().map(candidate).collect()
}
