//! A ranked list that C reads.

use std::ffi::{CString, c_char};
use std::ptr;

use super::answer::{answer, c_text, word};
use super::door::{Place, missing};

/// One place of a list. Texts live as long as the list.
#[repr(C)]
#[derive(Debug)]
pub struct SeguePlace {
    /// The item.
    pub item: *const c_char,
    /// Title, where the pack carries display data; else null.
    pub title: *const c_char,
    /// Creator, where the pack carries display data; else null.
    pub creator: *const c_char,
    /// Stable code of the reason, for tests and translations.
    pub reason: *const c_char,
    /// The reason in English.
    pub text: *const c_char,
    /// Its utility under the policy; comparable within one list.
    pub score: f32,
    /// Its place, from 0.
    pub position: u32,
    /// Its place in the pack's own order, from 0.
    pub pack_position: u32,
    /// Probability of this item at this place, given the places above, in millionths.
    pub propensity: u32,
}

/// A ranked list; give it back with `segue_slate_free`.
#[derive(Debug)]
pub struct SegueSlate {
    slate: segue_core::Slate,
    places: Vec<SeguePlace>,
    /// What the places point to.
    _texts: Vec<CString>,
}

impl SegueSlate {
    fn new(slate: segue_core::Slate) -> Self {
        let mut texts = Vec::new();
        let mut keep = |text: &str| {
            texts.push(c_text(text));
            // The text stays where it is when the list of texts grows.
            texts.last().map_or(ptr::null(), |text: &CString| text.as_ptr())
        };
        let mut place = |place: &segue_core::Place| SeguePlace {
            item: keep(&place.item),
            title: place.title.as_deref().map_or(ptr::null(), &mut keep),
            creator: place.creator.as_deref().map_or(ptr::null(), &mut keep),
            reason: word(place.reason.code.name()),
            text: keep(&place.text),
            score: place.score,
            position: place.position,
            pack_position: place.pack_position,
            propensity: place.propensity,
        };
        let places = slate.places.iter().map(&mut place).collect();
        Self { places, _texts: texts, slate }
    }

    /// A list on its way to C.
    pub(super) fn handed_out(slate: segue_core::Slate) -> *mut Self {
        Box::into_raw(Box::new(Self::new(slate)))
    }
}

/// The places of a list, best first; `count` receives how many, none for a list that is null. They live as long as the list.
///
/// # Safety
/// `slate` came from this library and was not given back; `count` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_slate_places(
    slate: *const SegueSlate,
    count: *mut usize,
) -> *const SeguePlace {
    // SAFETY: the caller vouches for both.
    let (slate, count) = unsafe { (slate.as_ref(), Place::wanted(count)) };
    let Some(count) = count else { return ptr::null() };
    let places = slate.map_or(&[][..], |slate| &slate.places);
    count.put(places.len());
    if places.is_empty() { ptr::null() } else { places.as_ptr() }
}

/// The whole list as JSON, with its id for the events that follow from it.
///
/// # Safety
/// `slate` came from this library and was not given back; `json` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_slate_json(slate: *const SegueSlate, json: *mut *mut c_char) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (slate, json) = unsafe { (slate.as_ref(), Place::of(json)?) };
        json.put_json(&slate.ok_or_else(|| missing("a list"))?.slate)
    })
}

/// Gives a list back; null does no harm.
///
/// # Safety
/// `slate` came from this library and was not given back yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_slate_free(slate: *mut SegueSlate) {
    if !slate.is_null() {
        // SAFETY: `handed_out` made it of such a box.
        drop(unsafe { Box::from_raw(slate) });
    }
}
