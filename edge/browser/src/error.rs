//! A genuine `Error` with the core's stable code, so that TypeScript can switch on it.

use js_sys::{Error, Reflect};
use segue_core::Code;
use wasm_bindgen::JsValue;

pub(crate) fn to_error(error: segue_core::Error) -> JsValue {
    let thrown = Error::new(&error.to_string());
    thrown.set_name("SegueError");
    // Setting a property of an ordinary object cannot fail.
    let _ = Reflect::set(&thrown, &"code".into(), &error.code().name().into());
    thrown.into()
}

/// For records that do not have the documented shape.
pub(crate) fn invalid(detail: &str) -> JsValue {
    to_error(segue_core::Error::new(Code::RequestInvalid, detail))
}
