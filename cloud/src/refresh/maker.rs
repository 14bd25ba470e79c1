//! One pack at a time: gather, rank with an empty session, keep the best, quantise, sign.

use segue_core::engine::{Engine, Request};
use segue_core::pack::{PackSource, VerifiedPack};
use segue_core::trust::PrivateKey;

use super::gather::{Person, gather};
use super::sources::{Place, keep};
use super::subjects::Subject;
use super::{KEPT, Prepared, Viewer};

/// What is the same in every pack of a generation.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The generation's number.
    pub generation: u64,
    /// When it is made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Not to be accepted from this time on.
    pub expires_ms: i64,
    /// Hash of the ranker.
    pub ranker: Option<&'a str>,
}

impl Stamp<'_> {
    /// Of a pack that nobody gets.
    const NONE: Self = Self { generation: 0, created_ms: 0, expires_ms: i64::MAX, ranker: None };
}

/// A signed pack, and how much of it is what people look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPack {
    /// The signed bytes.
    pub bytes: Vec<u8>,
    /// Bytes of titles and names; the rest is ranking data.
    pub display_bytes: usize,
}

/// Makes packs one after the other, with an engine of its own.
pub struct PackMaker<'a> {
    prepared: &'a Prepared<'a>,
    engine: Engine,
}

impl<'a> PackMaker<'a> {
    /// A maker that ranks as `prepared` says.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded or refuses the ranker.
    pub fn new(prepared: &'a Prepared<'a>) -> anyhow::Result<Self> {
        let ranking = &prepared.ranking;
        Ok(Self { prepared, engine: Engine::of_server(ranking.policy.clone(), ranking.scorer()?)? })
    }

    /// A maker that ranks with the engine of one before.
    pub(super) fn with_engine(prepared: &'a Prepared<'a>, engine: Engine) -> Self {
        Self { prepared, engine }
    }

    /// Its engine, for the next one.
    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// The best candidates for a user, best first; none when nothing may be shown.
    ///
    /// # Errors
    /// When the ranker fails.
    pub fn rank(&mut self, viewer: &Viewer, user: usize) -> anyhow::Result<Vec<Place>> {
        let gathered = gather(self.prepared, &[Person { viewer, user }]).pop().unwrap_or_default();
        self.order(Person { viewer, user }, &gathered)
    }

    /// What was gathered for a person in the order of the full ranker with an empty session, the best of it.
    ///
    /// # Errors
    /// When the ranker fails.
    pub fn order(&mut self, person: Person<'_>, gathered: &[Place]) -> anyhow::Result<Vec<Place>> {
        if gathered.is_empty() {
            return Ok(Vec::new());
        }
        let vector = self.prepared.short.user(person.user);
        let pack = self.source("user:", person.viewer, vector, gathered, Stamp::NONE, false).to_pack();
        self.engine.begin(VerifiedPack::from_pack(pack)?);
        let request = Request {
            surface: self.prepared.ranking.policy.surface.clone(),
            count: 1,
            now_ms: self.prepared.as_of_ms,
            seed: 0,
            context: [].into(),
            log_features: false,
        };
        let utilities = self.engine.utilities(&request)?;
        let scored = gathered.iter().zip(utilities).map(|(place, score)| Place { score, ..*place });
        let mut ranked: Vec<Place> = scored.collect();
        let id = |item: usize| &self.prepared.catalogue.items[item].item;
        ranked.sort_by(|one, other| {
            other.score.total_cmp(&one.score).then_with(|| id(one.item).cmp(id(other.item)))
        });
        Ok(keep(&ranked, KEPT))
    }

    /// The signed pack of `subject` with `ranked`.
    ///
    /// # Errors
    /// When a reader would refuse the pack.
    pub fn seal(
        &self,
        subject: &Subject,
        vector: &[f32],
        ranked: &[Place],
        stamp: Stamp<'_>,
        key: &PrivateKey,
    ) -> anyhow::Result<SealedPack> {
        let source = self.source(&subject.name, &subject.viewer, vector, ranked, stamp, true);
        let display = source.candidates.iter().filter_map(|one| one.display);
        let display_bytes = display.map(|(title, creator)| 1 + text_bytes(title) + text_bytes(creator)).sum();
        Ok(SealedPack { bytes: source.seal(key)?, display_bytes })
    }

    fn source<'b>(
        &'b self,
        subject: &'b str,
        viewer: &Viewer,
        vector: &'b [f32],
        places: &[Place],
        stamp: Stamp<'b>,
        served: bool,
    ) -> PackSource<'b> {
        PackSource {
            generation: stamp.generation,
            subject,
            created_ms: stamp.created_ms,
            expires_ms: stamp.expires_ms,
            ranker: stamp.ranker,
            towers: &self.prepared.embeddings.towers,
            user: vector,
            profile: self.prepared.profile(viewer),
            candidates: places.iter().map(|place| self.prepared.candidate(place, viewer, served)).collect(),
        }
    }
}

/// Length of a text in MessagePack.
fn text_bytes(text: &str) -> usize {
    let header = match text.len() {
        0..32 => 1,
        32..256 => 2,
        _ => 3,
    };
    header + text.len()
}
