//! Where memory of C comes in and goes out.

use std::ffi::{CStr, CString, c_char};
use std::ptr::NonNull;
use std::slice;

use segue_core::{Code, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::c_text;
use crate::error::Result;

/// Longest JSON text that is read, in bytes: four times the largest event that the outbox takes.
const JSON_BYTES: usize = 64 << 10;

/// Bytes that the library made; give them back with `segue_bytes_free`.
#[repr(C)]
#[derive(Debug)]
pub struct SegueBytes {
    /// The bytes; null where there are none.
    pub data: *mut u8,
    /// How many.
    pub length: usize,
}

/// Bytes from C. The core refuses what is too large before it reads any of it.
///
/// # Safety
/// `data` points to `length` bytes that nobody changes during the call, or is null.
pub(super) unsafe fn bytes<'a>(data: *const u8, length: usize) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(missing("bytes"));
    }
    if isize::try_from(length).is_err() {
        return Err(Error::new(Code::TooLarge, format!("{length} bytes, more than there can be.")).into());
    }
    // SAFETY: not null, no longer than memory, and the caller vouches for the rest.
    Ok(unsafe { slice::from_raw_parts(data, length) })
}

/// Text from C.
///
/// # Safety
/// `text` points to bytes that end with a zero and that nobody changes during the call, or is null.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str> {
    if text.is_null() {
        return Err(missing("text"));
    }
    // SAFETY: not null, and the caller vouches for the zero.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map_err(|error| Error::new(Code::RequestInvalid, format!("text that is no UTF-8: {error}.")).into())
}

/// A record that C wrote as JSON; a refusal has `code` and says what is wrong where.
///
/// # Safety
/// See [`text`].
pub(super) unsafe fn record<T: DeserializeOwned>(json: *const c_char, code: Code) -> Result<T> {
    // SAFETY: the caller vouches for it.
    let json = unsafe { text(json) }?;
    if json.len() > JSON_BYTES {
        let detail = format!("a record of {} bytes, at most {JSON_BYTES} are read.", json.len());
        return Err(Error::new(Code::TooLarge, detail).into());
    }
    serde_json::from_str(json).map_err(|error| Error::new(code, format!("{error}.")).into())
}

/// Where an answer goes. It is looked for before any work is done, so that nothing is done whose answer cannot be told.
pub(super) struct Place<T>(NonNull<T>);

impl<T> Place<T> {
    /// A place that has to be there.
    ///
    /// # Safety
    /// `place` can be written to until the call ends, or is null.
    pub(super) unsafe fn of(place: *mut T) -> Result<Self> {
        // SAFETY: the caller vouches for it.
        unsafe { Self::wanted(place) }.ok_or_else(|| missing("the place for the answer"))
    }

    /// A place that is null where the answer is not wanted.
    ///
    /// # Safety
    /// See [`Place::of`].
    pub(super) unsafe fn wanted(place: *mut T) -> Option<Self> {
        NonNull::new(place).map(Self)
    }

    /// Hands a value out.
    pub(super) fn put(self, value: T) {
        // SAFETY: whoever made it vouches for it. What was there before is not dropped: it may be nothing yet.
        unsafe { self.0.write(value) };
    }
}

impl Place<SegueBytes> {
    /// Hands bytes out.
    pub(super) fn put_bytes(self, bytes: Vec<u8>) {
        let length = bytes.len();
        let data = Box::into_raw(bytes.into_boxed_slice()).cast::<u8>();
        self.put(SegueBytes { data, length });
    }
}

impl Place<*mut c_char> {
    /// Hands a record out as JSON.
    pub(super) fn put_json<T: Serialize>(self, record: &T) -> Result<()> {
        let json = serde_json::to_string(record);
        let json = json.map_err(|error| Error::new(Code::RequestInvalid, format!("{error}.")))?;
        self.put(c_text(&json).into_raw());
        Ok(())
    }
}

/// A pointer that is null where one is needed.
pub(super) fn missing(what: &str) -> crate::SegueError {
    Error::new(Code::RequestInvalid, format!("a null pointer in place of {what}.")).into()
}

/// Gives back bytes of the library; null bytes do no harm.
///
/// # Safety
/// `bytes` came from this library and was not given back yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_bytes_free(bytes: SegueBytes) {
    if !bytes.data.is_null() {
        let whole = std::ptr::slice_from_raw_parts_mut(bytes.data, bytes.length);
        // SAFETY: `put_bytes` made it of a box of this length.
        drop(unsafe { Box::from_raw(whole) });
    }
}

/// Gives back text of the library; null does no harm.
///
/// # Safety
/// `text` came from this library as `char *` and was not given back yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: `put_json` made it of such a string.
        drop(unsafe { CString::from_raw(text) });
    }
}
