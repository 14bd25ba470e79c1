//! The engine's functions.

use std::ffi::c_char;

use segue_core::Code;

use super::answer::{answer, word};
use super::door::{Place, SegueBytes, bytes, record, text};
use super::handles::Handles;
use super::slate::SegueSlate;
use crate::engine::Engine;

/// An open engine; 0 is none.
pub type SegueEngine = u64;

pub(super) static ENGINES: Handles<Engine> = Handles::new();

/// The deadline of `segue_engine_rank` for a list that may take as long as it takes.
pub const SEGUE_NO_DEADLINE: u32 = u32::MAX;

/// Opens an engine that trusts one root public key, 64 hexadecimal digits.
///
/// # Safety
/// `root` is text, `engine` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_new(root: *const c_char, engine: *mut SegueEngine) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (engine, root) = unsafe { (Place::of(engine)?, text(root)?) };
        engine.put(ENGINES.add(Engine::new(root)?));
        Ok(())
    })
}

/// Closes an engine; one that another thread is inside of goes when that call returns.
#[unsafe(no_mangle)]
pub extern "C" fn segue_engine_free(engine: SegueEngine) -> *const c_char {
    answer(|| ENGINES.close(engine))
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
        // SAFETY: the caller vouches for both.
        let (event, applied) = unsafe { (record(event, Code::EventInvalid)?, Place::wanted(applied)) };
        let outcome = ENGINES.get(engine)?.told(&event)?;
        if let Some(applied) = applied {
            applied.put(word(outcome.name()));
        }
        Ok(())
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
        // SAFETY: the caller vouches for both.
        let (request, slate) = unsafe { (record(request, Code::RequestInvalid)?, Place::of(slate)?) };
        let deadline_ms = Some(deadline_ms).filter(|limit| *limit != SEGUE_NO_DEADLINE);
        let ranked = ENGINES.get(engine)?.ranked(&request, deadline_ms)?;
        slate.put(SegueSlate::handed_out(ranked));
        Ok(())
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
        // SAFETY: the caller vouches for both.
        let (request, slate) = unsafe { (record(request, Code::RequestInvalid)?, Place::of(slate)?) };
        let ranked = ENGINES.get(engine)?.replayed(&request, units)?;
        slate.put(SegueSlate::handed_out(ranked));
        Ok(())
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
    answer(|| {
        // SAFETY: the caller vouches for it.
        let session = unsafe { Place::of(session) }?;
        session.put_bytes(ENGINES.get(engine)?.save_session()?);
        Ok(())
    })
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
    answer(|| {
        // SAFETY: the caller vouches for it.
        let interactions = unsafe { Place::of(interactions) }?;
        interactions.put(ENGINES.get(engine)?.interactions()?);
        Ok(())
    })
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
    answer(|| {
        // SAFETY: the caller vouches for it.
        let refill = unsafe { Place::of(refill) }?;
        refill.put_json(&ENGINES.get(engine)?.wanted(now_ms)?)
    })
}
