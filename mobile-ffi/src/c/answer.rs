//! What every function returns, and what it says beside it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::error::{Result, SegueError, guarded};

thread_local! {
    /// Detail and remedy of this thread's last failure.
    static LAST: RefCell<(CString, CString)> = RefCell::default();
}

/// Words handed out; there are as many as codes, and each stays.
static WORDS: Mutex<BTreeMap<String, &'static CString>> = Mutex::new(BTreeMap::new());

/// Does the work of one function: its code, null when it went well.
pub(super) fn answer(work: impl FnOnce() -> Result<()>) -> *const c_char {
    match guarded(work) {
        Ok(()) => ptr::null(),
        Err(SegueError::Refused { code, detail, remedy }) => {
            LAST.with_borrow_mut(|last| *last = (c_text(&detail), c_text(&remedy)));
            word(&code)
        }
    }
}

/// A word of the library's own, which lives as long as the program.
pub(super) fn word(text: &str) -> *const c_char {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = words.entry(text.to_owned()).or_insert_with(|| Box::leak(Box::new(c_text(text))));
    kept.as_ptr()
}

/// Text for C, which ends at a zero: one inside becomes the sign for what cannot be shown.
pub(super) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// Which value was wrong in this thread's last call that failed; valid until its next one that does.
#[unsafe(no_mangle)]
pub extern "C" fn segue_error_detail() -> *const c_char {
    LAST.with_borrow(|(detail, _)| detail.as_ptr())
}

/// What to do about this thread's last call that failed; valid until its next one that does.
#[unsafe(no_mangle)]
pub extern "C" fn segue_error_remedy() -> *const c_char {
    LAST.with_borrow(|(_, remedy)| remedy.as_ptr())
}
