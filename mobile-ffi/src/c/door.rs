//! Where memory of C comes in and goes out.

use std::ffi::{CStr, CString, c_char};
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
    // SAFETY: not null, and the caller vouches for the length.
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

/// Hands a value out.
///
/// # Safety
/// `place` can be written to, or is null.
pub(super) unsafe fn put<T>(place: *mut T, value: T) -> Result<()> {
    if place.is_null() {
        return Err(missing("the place for the answer"));
    }
    // SAFETY: not null, and the caller vouches for the rest. What was there before is not dropped: it may be nothing yet.
    unsafe { place.write(value) };
    Ok(())
}

/// Hands bytes out.
///
/// # Safety
/// See [`put`].
pub(super) unsafe fn put_bytes(place: *mut SegueBytes, bytes: Vec<u8>) -> Result<()> {
    if place.is_null() {
        return Err(missing("the place for the answer"));
    }
    let length = bytes.len();
    let data = Box::into_raw(bytes.into_boxed_slice()).cast::<u8>();
    // SAFETY: the caller vouches for it.
    unsafe { put(place, SegueBytes { data, length }) }
}

/// Hands a record out as JSON; whoever gives no place for it does not want it.
///
/// # Safety
/// See [`put`].
pub(super) unsafe fn put_json<T: Serialize>(place: *mut *mut c_char, record: &T) -> Result<()> {
    if place.is_null() {
        return Ok(());
    }
    let json = serde_json::to_string(record);
    let json = json.map_err(|error| Error::new(Code::RequestInvalid, format!("{error}.")))?;
    // SAFETY: the caller vouches for it.
    unsafe { put(place, c_text(&json).into_raw()) }
}

fn missing(what: &str) -> crate::SegueError {
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
