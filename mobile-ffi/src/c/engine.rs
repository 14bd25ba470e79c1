//! The engine's functions.

use std::ffi::c_char;

use segue_core::Code;

use super::answer::{answer, word};
use super::door::{SegueBytes, bytes, put, put_bytes, put_json, record, text};
use super::handles::Handles;
use super::slate::SegueSlate;
use crate::engine::Engine;
use crate::record::PackInfo;

/// An open engine; 0 is none.
pub type SegueEngine = u64;

static ENGINES: Handles<Engine> = Handles::new();

/// The deadline of `segue_engine_rank` for a list that may take as long as it takes.
pub const SEGUE_NO_DEADLINE: u32 = u32::MAX;

/// Opens an engine that trusts one root public key, 64 hexadecimal digits.
///
/// # Safety
/// `root` is text, `engine` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_new(root: *const c_char, engine: *mut SegueEngine) -> *const c_char {
    // SAFETY: the caller vouches for both.
    answer(|| unsafe { put(engine, ENGINES.add(Engine::new(text(root)?)?)) })
}

/// Closes an engine; one that another thread is inside of goes when that call returns.
#[unsafe(no_mangle)]
pub extern "C" fn segue_engine_free(engine: SegueEngine) -> *const c_char {
    answer(|| ENGINES.close(engine))
}

/// Follows the signed key rotations of `GET /api/v1/rotations`; `followed` may be null.
///
/// # Safety
/// `data` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_rotations(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
    followed: *mut u32,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let data = unsafe { bytes(data, length) }?;
        let count = ENGINES.get(engine)?.call(|core| core.accept_rotations(data))?;
        if followed.is_null() {
            return Ok(());
        }
        // SAFETY: the caller vouches for it.
        unsafe { put(followed, u32::try_from(count).unwrap_or(u32::MAX)) }
    })
}

/// Verifies and takes the manifest of `GET /api/v1/manifest`; `manifest` receives it as JSON, or is null.
///
/// # Safety
/// `data` points to `length` bytes, `manifest` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_manifest(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
    now_ms: i64,
    manifest: *mut *mut c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let data = unsafe { bytes(data, length) }?;
        let accepted = ENGINES.get(engine)?.manifest(data, now_ms)?;
        // SAFETY: the caller vouches for it.
        unsafe { put_json(manifest, &accepted) }
    })
}

/// Takes the policy of a surface; its hash has to be the manifest's.
///
/// # Safety
/// `surface` is text, `data` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_policy(
    engine: SegueEngine,
    surface: *const c_char,
    data: *const u8,
    length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (surface, data) = unsafe { (text(surface)?, bytes(data, length)?) };
        ENGINES.get(engine)?.call(|core| core.accept_policy(surface, data))
    })
}

/// Takes the ranker and its feature schema; their hashes have to be the manifest's.
///
/// # Safety
/// Both pointers point to as many bytes as is said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_ranker(
    engine: SegueEngine,
    model: *const u8,
    model_length: usize,
    schema: *const u8,
    schema_length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let model = unsafe { bytes(model, model_length) }?;
        // SAFETY: likewise.
        let schema = unsafe { bytes(schema, schema_length) }?;
        ENGINES.get(engine)?.ranker(model, schema)
    })
}

/// Verifies and takes the pack of `subject` (`user:u1` or `region:all`); `pack` receives what it holds as JSON, or is
/// null. After a refusal the last good pack stays.
///
/// # Safety
/// `data` points to `length` bytes, `subject` is text, `pack` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_pack(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
    subject: *const c_char,
    now_ms: i64,
    pack: *mut *mut c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (data, subject) = unsafe { (bytes(data, length)?, text(subject)?) };
        let accept = |core: &mut segue_core::Engine| {
            core.accept_pack(data, subject, now_ms).map(|pack| PackInfo::of(pack, now_ms))
        };
        let accepted = ENGINES.get(engine)?.call(accept)?;
        // SAFETY: the caller vouches for it.
        unsafe { put_json(pack, &accepted) }
    })
}

/// Applies one event, a JSON object of `docs/EVENTS.md`, to the session; `applied` receives the word for what became of
/// it (`applied`, `duplicate_event`, ...), which lives as long as the program, or is null.
///
/// # Safety
/// `event` is text, `applied` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_apply(
    engine: SegueEngine,
    event: *const c_char,
    applied: *mut *const c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let event = unsafe { record(event, Code::EventInvalid) }?;
        let outcome = ENGINES.get(engine)?.told(&event)?;
        if applied.is_null() {
            return Ok(());
        }
        // SAFETY: the caller vouches for it.
        unsafe { put(applied, word(outcome.name())) }
    })
}

/// Ranks for a request, a JSON object with `surface`, `count` and `now_ms`, and where wanted `seed`, `context` and
/// `log_features`, within so many milliseconds. `engine_busy` when other threads kept the engine for as long.
///
/// # Safety
/// `request` is text, `slate` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_rank(
    engine: SegueEngine,
    request: *const c_char,
    deadline_ms: u32,
    slate: *mut *mut SegueSlate,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let request = unsafe { record(request, Code::RequestInvalid) }?;
        let deadline_ms = Some(deadline_ms).filter(|limit| *limit != SEGUE_NO_DEADLINE);
        let ranked = ENGINES.get(engine)?.ranked(&request, deadline_ms)?;
        // SAFETY: the caller vouches for it.
        unsafe { SegueSlate::put(slate, ranked) }
    })
}

/// Ranks with as many work units as a list took (`units`): the same list again.
///
/// # Safety
/// `request` is text, `slate` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_replay(
    engine: SegueEngine,
    request: *const c_char,
    units: u32,
    slate: *mut *mut SegueSlate,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let request = unsafe { record(request, Code::RequestInvalid) }?;
        let ranked = ENGINES.get(engine)?.replayed(&request, units)?;
        // SAFETY: the caller vouches for it.
        unsafe { SegueSlate::put(slate, ranked) }
    })
}

/// The session as bytes, to be kept by the host.
///
/// # Safety
/// `session` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_save_session(
    engine: SegueEngine,
    session: *mut SegueBytes,
) -> *const c_char {
    // SAFETY: the caller vouches for it.
    answer(|| unsafe { put_bytes(session, ENGINES.get(engine)?.save_session()?) })
}

/// Takes back what `segue_engine_save_session` gave, or another language's engine.
///
/// # Safety
/// `data` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_restore_session(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let data = unsafe { bytes(data, length) }?;
        ENGINES.get(engine)?.call(|core| core.restore_session(data))
    })
}

/// How many events were applied, impressions apart, in the sessions before this one too.
///
/// # Safety
/// `interactions` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_interactions(
    engine: SegueEngine,
    interactions: *mut u64,
) -> *const c_char {
    // SAFETY: the caller vouches for it.
    answer(|| unsafe { put(interactions, ENGINES.get(engine)?.interactions()?) })
}

/// Begins the person's next session: taste starts anew, what the person decided stays.
#[unsafe(no_mangle)]
pub extern "C" fn segue_engine_next_session(engine: SegueEngine) -> *const c_char {
    answer(|| ENGINES.get(engine)?.next_session())
}

/// Forgets the session and everything the person decided; pack, ranker and policies stay.
#[unsafe(no_mangle)]
pub extern "C" fn segue_engine_reset_session(engine: SegueEngine) -> *const c_char {
    answer(|| ENGINES.get(engine)?.reset_session())
}

/// Whether and why a new pack is wanted, as JSON: `null` while the one in use will do.
///
/// # Safety
/// `refill` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_refill(
    engine: SegueEngine,
    now_ms: i64,
    refill: *mut *mut c_char,
) -> *const c_char {
    // SAFETY: the caller vouches for it.
    answer(|| unsafe { put_json(refill, &ENGINES.get(engine)?.wanted(now_ms)?) })
}

/// What is trusted, as bytes to be kept by the host: save them whenever rotations or a manifest were accepted.
///
/// # Safety
/// `trust` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_save_trust(
    engine: SegueEngine,
    trust: *mut SegueBytes,
) -> *const c_char {
    // SAFETY: the caller vouches for it.
    answer(|| unsafe { put_bytes(trust, ENGINES.get(engine)?.save_trust()?) })
}

/// Takes up what `segue_engine_save_trust` gave, before anything is accepted.
///
/// # Safety
/// `data` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_restore_trust(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let data = unsafe { bytes(data, length) }?;
        ENGINES.get(engine)?.call(|core| core.restore_trust(data))
    })
}
