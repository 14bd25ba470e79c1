//! From candidates to signed bytes: the writer that belongs to the reader beside it.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

use super::{Column, Pack, Vectors, VerifiedPack, verify};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::trust::envelope::{self, Purpose};
use crate::trust::{PrivateKey, PublicKey};

/// One candidate as a writer gives it; see [`super::Candidate`] for the fields' meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateSource<'a> {
    /// The item's id.
    pub item: &'a str,
    /// Its vector; the entries should lie within -1 and 1.
    pub vector: &'a [f32],
    /// The full ranker's utility.
    pub score: f32,
    /// Who made it; empty if nobody is known.
    pub creator: &'a str,
    /// Its categories, most important first; the first few are kept.
    pub categories: &'a [String],
    /// Named numbers.
    pub columns: Vec<(&'a str, f32)>,
    /// When it stops being available, in milliseconds since 1970.
    pub ends_ms: Option<i64>,
    /// The regions it may be shown in; empty for everywhere.
    pub regions: &'a [String],
    /// Title and creator's name.
    pub display: Option<(&'a str, &'a str)>,
}

/// Everything a pack is built from.
#[derive(Debug, Clone, PartialEq)]
pub struct PackSource<'a> {
    /// The generation it belongs to.
    pub generation: u64,
    /// Whom it is for: `user:ID` or `region:NAME`.
    pub subject: &'a str,
    /// When it is made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Not to be accepted from this time on.
    pub expires_ms: i64,
    /// Hash of the ranker that ordered the candidates.
    pub ranker: Option<&'a str>,
    /// Hash of the two-tower model, or `none`.
    pub towers: &'a str,
    /// The user's vector.
    pub user: &'a [f32],
    /// The first category of each of the items that the person took up last, newest first; those that no candidate has are
    /// left out, and so are those beyond the first 100.
    pub profile: Vec<&'a str>,
    /// The candidates, best first.
    pub candidates: Vec<CandidateSource<'a>>,
}

impl PackSource<'_> {
    /// The payload: quantised, in columns.
    #[must_use]
    pub fn to_pack(&self) -> Pack {
        let (creators, creator) = dictionary(self.candidates.iter().map(|one| vec![one.creator]));
        let (categories, category) = dictionary(self.candidates.iter().map(|one| {
            one.categories.iter().take(limits::CATEGORIES_PER_CANDIDATE).map(String::as_str).collect()
        }));
        let (regions, limited) = self.regions();
        let has_display = self.candidates.iter().any(|one| one.display.is_some());
        let display = |one: &CandidateSource<'_>| {
            let (title, creator) = one.display.unwrap_or_default();
            (title.to_owned(), creator.to_owned())
        };
        Pack {
            format: Pack::FORMAT,
            generation: self.generation,
            subject: self.subject.to_owned(),
            created_ms: self.created_ms,
            expires_ms: self.expires_ms,
            ranker: self.ranker.map(str::to_owned),
            towers: self.towers.to_owned(),
            user: quantise(&[self.user]),
            items: self.candidates.iter().map(|one| one.item.to_owned()).collect(),
            vectors: quantise(&self.candidates.iter().map(|one| one.vector).collect::<Vec<_>>()),
            scores: self.candidates.iter().map(|one| one.score).collect(),
            creators,
            creator: creator.into_iter().map(|indices| indices[0]).collect(),
            profile: self.counted(&categories),
            categories,
            category,
            columns: self.columns(),
            ends: (0u32..).zip(&self.candidates).filter_map(|(at, one)| Some((at, one.ends_ms?))).collect(),
            regions,
            limited,
            display: has_display.then(|| self.candidates.iter().map(display).collect()),
        }
    }

    /// Builds, checks as a reader would, and signs.
    ///
    /// # Errors
    /// `payload_damaged` when a reader would refuse it, `too_large` above the size limit.
    pub fn seal(&self, key: &PrivateKey) -> Result<Vec<u8>> {
        let pack = self.to_pack();
        VerifiedPack::from_pack(pack.clone())?;
        pack.seal(key)
    }

    /// How many of the last items have which of these categories.
    fn counted(&self, categories: &[String]) -> Vec<(u16, u16)> {
        let mut counts: BTreeMap<u16, u16> = BTreeMap::new();
        for name in self.profile.iter().take(limits::PROFILE_ITEMS) {
            if let Some(at) = categories.iter().position(|category| category == name) {
                *counts.entry(at as u16).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }

    /// The distinct sets of regions, and which items have which.
    fn regions(&self) -> (Vec<Vec<String>>, Vec<(u32, u16)>) {
        let mut sets: Vec<Vec<String>> = Vec::new();
        let mut limited = Vec::new();
        for (index, one) in (0..).zip(&self.candidates).filter(|(_, one)| !one.regions.is_empty()) {
            let set = sets.iter().position(|set| set == one.regions).unwrap_or_else(|| {
                sets.push(one.regions.to_vec());
                sets.len() - 1
            });
            limited.push((index, set as u16));
        }
        (sets, limited)
    }

    fn columns(&self) -> BTreeMap<String, Column> {
        let mut columns: BTreeMap<&str, Vec<Option<f32>>> = BTreeMap::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            for (name, value) in &candidate.columns {
                columns.entry(name).or_insert_with(|| vec![None; self.candidates.len()])[index] =
                    Some(*value);
            }
        }
        columns.into_iter().map(|(name, values)| (name.to_owned(), Column::of(&values))).collect()
    }
}

impl Pack {
    /// What `key` signed, for a service that changes what it signed itself and signs it anew; others open packs by
    /// [`VerifiedPack::open`].
    ///
    /// # Errors
    /// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`, `payload_damaged`.
    pub fn open(bytes: &[u8], key: &PublicKey) -> Result<Self> {
        verify::decode(&envelope::open(Purpose::Pack, bytes, key, limits::PACK_BYTES)?)
    }

    /// Lets items end no later than `end_of` says of their id and creator, in milliseconds since 1970; tells whether this
    /// changes anything.
    pub fn end(&mut self, end_of: impl Fn(&str, &str) -> Option<i64>) -> bool {
        let mut ends: BTreeMap<u32, i64> = self.ends.iter().copied().collect();
        for ((index, item), creator) in (0..).zip(&self.items).zip(&self.creator) {
            let creator = self.creators.get(usize::from(*creator)).map_or("", String::as_str);
            if let Some(end) = end_of(item, creator) {
                ends.entry(index).and_modify(|known| *known = end.min(*known)).or_insert(end);
            }
        }
        let ends: Vec<(u32, i64)> = ends.into_iter().collect();
        let changes = ends != self.ends;
        self.ends = ends;
        changes
    }

    /// Encodes and signs as is; tests use it to sign what no honest writer would.
    ///
    /// # Errors
    /// `payload_damaged` when it cannot be written, `too_large` above the size limit.
    pub fn seal(&self, key: &PrivateKey) -> Result<Vec<u8>> {
        let payload = rmp_serde::to_vec_named(self)
            .map_err(|error| Error::new(Code::PayloadDamaged, format!("pack: {error}.")))?;
        if payload.len() > limits::PACK_BYTES {
            let detail = format!("a pack of {} bytes, at most {}.", payload.len(), limits::PACK_BYTES);
            return Err(Error::new(Code::TooLarge, detail));
        }
        envelope::seal(Purpose::Pack, payload, key)
    }
}

/// Distinct names in order of appearance, and each row's indices into them.
fn dictionary<'a>(rows: impl Iterator<Item = Vec<&'a str>>) -> (Vec<String>, Vec<Vec<u16>>) {
    let mut names = Vec::new();
    let mut index_of = BTreeMap::new();
    let mut index = |name: &'a str| {
        *index_of.entry(name).or_insert_with(|| {
            names.push(name.to_owned());
            (names.len() - 1) as u16
        })
    };
    let indices = rows.map(|row| row.into_iter().map(&mut index).collect()).collect();
    (names, indices)
}

fn quantise(rows: &[&[f32]]) -> Vectors {
    let largest =
        rows.iter().flat_map(|row| row.iter()).fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let byte = |value: &f32| libm::roundf(value / scale).clamp(-127.0, 127.0) as i8 as u8;
    Vectors {
        dimension: rows.first().map_or(0, |row| row.len()) as u16,
        scale,
        values: ByteBuf::from(rows.iter().flat_map(|row| row.iter().map(byte)).collect::<Vec<u8>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Manifest, VerifiedManifest};

    /// What the cloud writes, and what the policies may look at besides.
    const COLUMNS: [&str; 9] = [
        "popularity",
        "popularity_rank",
        "trending_rank",
        "regional_trending_rank",
        "completion_rate",
        "age_days",
        "duration_seconds",
        "explore_successes",
        "explore_failures",
    ];

    fn manifest() -> VerifiedManifest {
        let manifest = Manifest {
            format: Manifest::FORMAT,
            generation: 3,
            created_ms: 0,
            expires_ms: 100,
            towers: "none".into(),
            ranker: None,
            policies: [].into(),
        };
        let key = PrivateKey::from_seed([3; 32]);
        Manifest::verify(&manifest.seal(&key).unwrap(), &key.public()).unwrap()
    }

    fn source<'a>(categories: &'a [String], vector: &'a [f32]) -> PackSource<'a> {
        let candidate = |item: &'a str, score, popularity| CandidateSource {
            item,
            vector,
            score,
            creator: "ada",
            categories,
            columns: vec![("popularity", popularity)],
            regions: &[],
            ends_ms: (item == "b").then_some(50),
            display: Some((item, "Ada")),
        };
        PackSource {
            generation: 3,
            subject: "user:u",
            created_ms: 1,
            expires_ms: 90,
            ranker: None,
            towers: "none",
            user: vector,
            profile: Vec::new(),
            candidates: vec![candidate("a", 0.9, 0.0), candidate("b", 0.5, 1.0)],
        }
    }

    fn code(bytes: &[u8], key: &PrivateKey, subject: &str, now_ms: i64) -> Code {
        VerifiedPack::open(bytes, &key.public(), &manifest(), subject, now_ms).unwrap_err().code()
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_content() {
        let key = PrivateKey::from_seed([1; 32]);
        let categories = ["jazz".to_string()];
        let sealed = source(&categories, &[0.6, -0.8]).seal(&key).unwrap();
        let pack = VerifiedPack::open(&sealed, &key.public(), &manifest(), "user:u", 10).unwrap();
        let second = pack.find("b").unwrap();
        assert_eq!((second.creator.as_str(), second.ends_ms), ("ada", Some(50)));
        assert_eq!(second.categories, categories);
        assert!((second.columns.get("popularity").unwrap() - 1.0).abs() < 1e-6);
        assert!((second.vector[1] + 0.8).abs() < 0.01);
    }

    #[test]
    fn what_was_signed_can_be_changed_and_signed_again() {
        let key = PrivateKey::from_seed([1; 32]);
        let sealed = source(&[], &[1.0]).seal(&key).unwrap();
        let mut pack = Pack::open(&sealed, &key.public()).unwrap();
        assert!(
            !pack.end(|_, _| None) && !pack.end(|item, by| (item == "b" && by == "ada").then_some(60)),
            "it ends at 50"
        );
        assert!(pack.end(|item, _| (item == "a").then_some(40)));
        let again = VerifiedPack::open(&pack.seal(&key).unwrap(), &key.public(), &manifest(), "user:u", 10);
        let ends: Vec<_> = again.unwrap().candidates().iter().map(|one| one.ends_ms).collect();
        assert_eq!(ends, [Some(40), Some(50)]);
        let other = PrivateKey::from_seed([2; 32]).public();
        assert_eq!(Pack::open(&sealed, &other).unwrap_err().code(), Code::SignerUnknown);
    }

    #[test]
    fn the_wrong_subject_generation_towers_time_or_key_is_refused() {
        let key = PrivateKey::from_seed([1; 32]);
        let sealed = source(&[], &[1.0]).seal(&key).unwrap();
        assert_eq!(code(&sealed, &key, "user:other", 10), Code::PackWrongSubject);
        assert_eq!(code(&sealed, &key, "user:u", 90), Code::PackExpired);
        assert_eq!(code(&sealed, &PrivateKey::from_seed([2; 32]), "user:u", 10), Code::SignerUnknown);
        assert_eq!(code(&sealed[..sealed.len() / 2], &key, "user:u", 10), Code::EnvelopeDamaged);
        let older = PackSource { generation: 2, ..source(&[], &[1.0]) }.seal(&key).unwrap();
        assert_eq!(code(&older, &key, "user:u", 10), Code::PackWrongGeneration);
        let other = PackSource { towers: "others", ..source(&[], &[1.0]) }.seal(&key).unwrap();
        assert_eq!(code(&other, &key, "user:u", 10), Code::PackWrongTowers);
        let older = PackSource { generation: 2, towers: "others", ..source(&[], &[1.0]) }.seal(&key).unwrap();
        assert_eq!(code(&older, &key, "user:u", 10), Code::PackWrongGeneration, "it is fetched again");
    }

    #[test]
    fn a_number_that_a_candidate_does_not_have_stays_absent() {
        let mut source = source(&[], &[1.0]);
        source.candidates[0].columns = vec![("age_days", 3.0)];
        source.candidates[1].columns = vec![("popularity", 0.0)];
        let pack = VerifiedPack::from_pack(source.to_pack()).unwrap();
        let names =
            |at: usize| pack.candidates()[at].columns.iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!((names(0), names(1)), (vec!["age_days"], vec!["popularity"]));
        assert_eq!(pack.candidates()[0].columns.get("age_days"), Some(3.0));
    }

    #[test]
    fn the_regions_an_item_is_limited_to_arrive() {
        let regions = ["de".to_owned(), "at".to_owned()];
        let mut source = source(&[], &[1.0]);
        source.candidates[1].regions = &regions;
        let pack = VerifiedPack::from_pack(source.to_pack()).unwrap();
        assert_eq!((&*pack.candidates()[0].regions, &*pack.candidates()[1].regions), (&[][..], &regions[..]));
    }

    #[test]
    fn the_profile_counts_categories_that_candidates_have() {
        let categories = ["jazz".to_owned(), "pop".to_owned()];
        let profile = [["pop"; 60], ["polka"; 60]].concat();
        let pack = PackSource { profile, ..source(&categories, &[1.0]) }.to_pack();
        assert_eq!(pack.profile, [(1, 60)]);
        let pack = VerifiedPack::from_pack(pack).unwrap();
        assert_eq!(pack.profile(), [("pop".to_owned(), 60)]);
    }

    #[test]
    fn columns_and_regions_beyond_their_bounds_are_refused() {
        let refused = |change: fn(&mut Pack)| {
            let mut pack = source(&[], &[1.0]).to_pack();
            change(&mut pack);
            VerifiedPack::from_pack(pack).is_err()
        };
        let column = |pack: &Pack| pack.columns["popularity"].clone();
        assert!(!refused(|_| {}));
        assert!(refused(|pack| pack.limited.push((0, 0))), "a set that is not there");
        assert!(refused(|pack| pack.regions.push(vec![])), "a set of nothing");
        assert!(refused(|pack| pack.profile.push((9, 1))), "a category that is not there");
        assert!(refused(|pack| pack.profile.push((0, 101))), "more than the last items");
        assert!(refused(|pack| pack.regions.push(vec!["x".repeat(200)])));
        assert!(refused(|pack| pack.columns.extend([("x".into(), Column::of(&[None]))])));
        let many = (0..=limits::PACK_COLUMNS).map(|at| at.to_string());
        let mut pack = source(&[], &[1.0]).to_pack();
        pack.columns = many.map(|name| (name, column(&pack))).collect();
        assert!(VerifiedPack::from_pack(pack).is_err());
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let key = PrivateKey::from_seed([1; 32]);
        let newer = Pack { format: Pack::FORMAT + 1, ..source(&[], &[1.0]).to_pack() }.seal(&key).unwrap();
        assert_eq!(code(&newer, &key, "user:u", 10), Code::FormatUnknown);
        let mut contradicting = source(&[], &[1.0]).to_pack();
        contradicting.scores.pop();
        assert_eq!(code(&contradicting.seal(&key).unwrap(), &key, "user:u", 10), Code::PayloadDamaged);
    }

    #[test]
    fn five_hundred_candidates_of_64_dimensions_stay_under_64_kilobytes() {
        let vectors: Vec<Vec<f32>> = (0..500).map(|row| vec![(row as f32).sin(); 64]).collect();
        let names: Vec<String> = (0..500).map(|row| format!("track-{row:06}")).collect();
        let creators: Vec<String> = (0..300).map(|row| format!("artist-{row:05}")).collect();
        let categories = ["indie rock".to_string(), "dream pop".to_string()];
        let regions = [vec![], vec!["de".to_owned(), "at".to_owned()], vec!["fr".to_owned()]];
        let candidates = (0..500)
            .map(|row| CandidateSource {
                item: &names[row],
                vector: &vectors[row],
                score: row as f32,
                creator: &creators[row % 300],
                categories: &categories,
                columns: COLUMNS.map(|name| (name, row as f32)).to_vec(),
                regions: &regions[row % 3],
                ends_ms: None,
                display: None,
            })
            .collect();
        let profile = ["dream pop"; 100].to_vec();
        let source = PackSource { candidates, profile, user: &vectors[0], ..source(&[], &[]) };
        let bytes = source.seal(&PrivateKey::from_seed([1; 32])).unwrap().len();
        assert!(bytes < 64 << 10, "{bytes} bytes");
    }
}
