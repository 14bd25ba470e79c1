//! How much is accepted from outside, in one readable place.

/// Largest signed pack, in bytes: ranking data of 500 candidates is below 64 KB, display data comes on top.
pub const PACK_BYTES: usize = 4 << 20;
/// Largest signed manifest, in bytes.
pub const MANIFEST_BYTES: usize = 256 << 10;
/// Largest list of key rotations, in bytes.
pub const ROTATIONS_BYTES: usize = 64 << 10;
/// Largest ranker, in bytes.
pub const MODEL_BYTES: usize = 8 << 20;
/// Largest feature schema, in bytes.
pub const SCHEMA_BYTES: usize = 256 << 10;
/// Largest policy, in bytes.
pub const POLICY_BYTES: usize = 256 << 10;
/// Largest saved session, in bytes.
pub const SESSION_BYTES: usize = 1 << 20;
/// Most candidates in one pack.
pub const CANDIDATES: usize = 5_000;
/// Most dimensions of a pack's vectors.
pub const PACK_DIMENSION: usize = 64;
/// Most categories of one candidate that are kept.
pub const CATEGORIES_PER_CANDIDATE: usize = 4;
/// Longest id (user, item, event, creator, category), in bytes.
pub const ID_BYTES: usize = 128;
/// Most events the session remembers with their features; older ones live on in the decayed state.
pub const SESSION_EVENTS: usize = 50;
/// Most event ids remembered to recognise duplicates.
pub const SESSION_EVENT_IDS: usize = 4_096;
/// Most items, creators and categories the session remembers facts about.
pub const SESSION_ENTRIES: usize = 4_096;
/// Most places in one slate.
pub const PLACES: usize = 500;
/// Most entries of a context.
pub const CONTEXT_ENTRIES: usize = 32;
/// Most columns a model may take per candidate or per event.
pub const FEATURE_WIDTH: usize = 1_024;
/// Most nodes in a model's graph.
pub const MODEL_NODES: usize = 4_096;
