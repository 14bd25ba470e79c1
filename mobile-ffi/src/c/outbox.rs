//! The outbox's functions.

use std::ffi::c_char;

use segue_core::Code;

use super::answer::answer;
use super::door::{Place, bytes, record, text};
use super::handles::Handles;
use crate::outbox::Outbox;

/// An open outbox; 0 is none.
pub type SegueOutbox = u64;

static OUTBOXES: Handles<Outbox> = Handles::new();

/// What `segue_outbox_answered` is told when the answer has no `Retry-After`.
pub const SEGUE_NO_RETRY_AFTER: i64 = -1;

/// Goes on with the file at `path`, or begins it; its folder has to exist. `seed` spreads the retries of different
/// devices.
///
/// # Safety
/// `path` is text, `outbox` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_outbox_open(
    path: *const c_char,
    seed: u64,
    outbox: *mut SegueOutbox,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (outbox, path) = unsafe { (Place::of(outbox)?, text(path)?) };
        outbox.put(OUTBOXES.add(Outbox::open(path, seed)?));
        Ok(())
    })
}

/// Closes an outbox; what waits stays in its file.
#[unsafe(no_mangle)]
pub extern "C" fn segue_outbox_free(outbox: SegueOutbox) -> *const c_char {
    answer(|| OUTBOXES.close(outbox))
}

/// Takes an event in, a JSON object of `docs/EVENTS.md`; when this returns it survives a crash and a power cut.
///
/// # Safety
/// `event` is text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_outbox_enqueue(outbox: SegueOutbox, event: *const c_char) -> *const c_char {
    // SAFETY: the caller vouches for it.
    answer(|| OUTBOXES.get(outbox)?.keep(&unsafe { record(event, Code::EventInvalid) }?))
}

/// What to do now, as JSON: `{"next":"empty"}`, `busy`, `wait` with `milliseconds`, `credentials`, or `send` with
/// `sequences` and the `body` to post, of at most so many bytes.
///
/// # Safety
/// `next` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_outbox_next(
    outbox: SegueOutbox,
    now_ms: i64,
    most_bytes: u32,
    next: *mut *mut c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let next = unsafe { Place::of(next) }?;
        next.put_json(&OUTBOXES.get(outbox)?.next(now_ms, most_bytes)?)
    })
}

/// What the answer to the batch on its way means; what is settled leaves the file. Status 0 is for no answer.
/// `outcome` receives `verdict`, `taken` and `refused` as JSON, or is null.
///
/// # Safety
/// `data` points to `length` bytes, `outcome` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_outbox_answered(
    outbox: SegueOutbox,
    status: u16,
    retry_after_ms: i64,
    data: *const u8,
    length: usize,
    now_ms: i64,
    outcome: *mut *mut c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (body, outcome) = unsafe { (bytes(data, length)?, Place::wanted(outcome)) };
        let retry_after_ms = u64::try_from(retry_after_ms).ok();
        let settled = OUTBOXES.get(outbox)?.settle(status, retry_after_ms, body, now_ms)?;
        outcome.map_or(Ok(()), |outcome| outcome.put_json(&settled))
    })
}

/// The batch on its way comes back without a verdict.
#[unsafe(no_mangle)]
pub extern "C" fn segue_outbox_give_back(outbox: SegueOutbox) -> *const c_char {
    answer(|| OUTBOXES.get(outbox)?.give_back())
}

/// The network is back: a wait the service did not ask for ends.
#[unsafe(no_mangle)]
pub extern "C" fn segue_outbox_wake(outbox: SegueOutbox) -> *const c_char {
    answer(|| OUTBOXES.get(outbox)?.wake())
}

/// The host has other credentials.
#[unsafe(no_mangle)]
pub extern "C" fn segue_outbox_renew_credentials(outbox: SegueOutbox) -> *const c_char {
    answer(|| OUTBOXES.get(outbox)?.renew_credentials())
}

/// How many events wait, those on their way included.
///
/// # Safety
/// `waiting` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_outbox_waiting(outbox: SegueOutbox, waiting: *mut u64) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let waiting = unsafe { Place::of(waiting) }?;
        waiting.put(OUTBOXES.get(outbox)?.waiting()?);
        Ok(())
    })
}
