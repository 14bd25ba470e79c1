//! How much is accepted from outside, in one readable place.

/// Largest signed pack, in bytes: ranking data of 500 candidates is below 64 KB, display data comes on top.
pub const PACK_BYTES: usize = 4 << 20;
/// Largest signed manifest, in bytes.
pub const MANIFEST_BYTES: usize = 256 << 10;
/// Largest list of key rotations, in bytes.
pub const ROTATIONS_BYTES: usize = 64 << 10;
/// Largest kept trust, in bytes: the rotations followed and little more.
pub const TRUST_BYTES: usize = ROTATIONS_BYTES + 1024;
/// Largest ranker, in bytes.
pub const MODEL_BYTES: usize = 8 << 20;
/// Largest feature schema, in bytes.
pub const SCHEMA_BYTES: usize = 256 << 10;
/// Largest policy, in bytes.
pub const POLICY_BYTES: usize = 256 << 10;
/// Largest saved session, in bytes; one that is as full as can be, of the longest ids, is below.
pub const SESSION_BYTES: usize = 2 << 20;
/// Largest session in brief, in bytes: a host chooses less.
pub const SESSION_BRIEF_BYTES: usize = 64 << 10;
/// Most candidates in one pack.
pub const CANDIDATES: usize = 5_000;
/// Most dimensions of a pack's vectors.
pub const PACK_DIMENSION: usize = 64;
/// Named numbers of a candidate.
pub const PACK_COLUMNS: usize = 64;
/// Regions that an item may be limited to.
pub const REGIONS: usize = 512;
/// Most categories of one candidate that are kept.
pub const CATEGORIES_PER_CANDIDATE: usize = 4;
/// Items taken up last that a pack's profile counts.
pub const PROFILE_ITEMS: usize = 100;
/// Longest id (user, item, event, creator, category), in bytes.
pub const ID_BYTES: usize = 128;
/// Longest subject of a pack, in bytes: an id after `user:` or `region:`.
pub const SUBJECT_BYTES: usize = ID_BYTES + "region:".len();
/// Most events the session remembers with their features; older ones live on in the decayed state.
pub const SESSION_EVENTS: usize = 50;
/// Most event ids remembered to recognise duplicates.
pub const SESSION_EVENT_IDS: usize = 4_096;
/// Most items the session remembers facts about.
pub const SESSION_ITEMS: usize = 4_096;
/// Most creators it remembers facts about.
pub const SESSION_CREATORS: usize = 1_024;
/// Most categories it remembers facts about.
pub const SESSION_CATEGORIES: usize = 512;
/// Most items it remembers the vectors of because nothing like them is wanted.
pub const SESSION_REFUSED: usize = 50;
/// Longest kind of event, in bytes.
pub const KIND_BYTES: usize = 64;
/// Longest name or text in the context of an event, in bytes.
pub const CONTEXT_BYTES: usize = 256;
/// Most candidates one logged event may list.
pub const EVENT_CANDIDATES: usize = 1_000;
/// Latest time of an event or a request, in milliseconds since 1970: the end of the year 9999.
pub const LATEST_MS: i64 = 253_402_300_799_999;
/// Most items of a pack that exploration chooses among.
pub const EXPLORATION_ITEMS: usize = 128;
/// Most places in one slate.
pub const PLACES: usize = 500;
/// Most places of a slate that a feature log tells of.
pub const LOGGED_PLACES: usize = 50;
/// Most entries of a context.
pub const CONTEXT_ENTRIES: usize = 32;
/// Most columns a model may take per candidate or per event.
pub const FEATURE_WIDTH: usize = 1_024;
/// Most protobuf fields in a model's file.
pub const MODEL_FIELDS: usize = 65_536;
/// Most nodes in a model's graph.
pub const MODEL_NODES: usize = 1_024;
/// Most steps that a model's graph becomes.
pub const MODEL_STEPS: usize = 4_096;
/// Most axes of a value in a model.
pub const MODEL_AXES: usize = 8;
/// Most numbers that one run of a model computes.
pub const MODEL_VALUES: usize = 8 << 20;
/// Most multiplications in the matrix products of one run of a model.
pub const MODEL_PRODUCTS: usize = 256 << 20;
/// Most numbers that are kept for each candidate of a pack between events.
pub const MODEL_KEPT: usize = 2_048;
/// Most events that wait in the outbox.
pub const OUTBOX_EVENTS: usize = 10_000;
/// Most bytes of waiting events.
pub const OUTBOX_BYTES: usize = 4 << 20;
/// Largest event the outbox takes, in bytes of JSON.
pub const OUTBOX_EVENT_BYTES: usize = 16 << 10;
/// Most events sent at once; the service takes 1,000.
pub const OUTBOX_BATCH_EVENTS: usize = 500;
/// Largest body sent at once, in bytes; the service takes 1 MiB.
pub const OUTBOX_BATCH_BYTES: usize = 256 << 10;
/// Largest record of the outbox's file, in bytes.
pub const OUTBOX_RECORD_BYTES: usize = 64 << 10;
/// Largest file of the outbox, in bytes.
pub const OUTBOX_FILE_BYTES: usize = 16 << 20;
/// Longest wait between two attempts, in milliseconds, before `Retry-After` asks for more.
pub const OUTBOX_LONGEST_WAIT_MS: u64 = 5 * 60 * 1_000;
/// Longest `Retry-After` that is honoured, in milliseconds.
pub const OUTBOX_RETRY_AFTER_MS: u64 = 60 * 60 * 1_000;
