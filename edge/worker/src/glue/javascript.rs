//! The few calls into JavaScript that no crate has.

use js_sys::futures::JsFuture;
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::host::Fault;

/// Writes a line into the worker's log.
pub(super) fn report(text: &str) {
    let console = Reflect::get(&js_sys::global(), &"console".into()).unwrap_or_default();
    let _ = call(&console, "error", &[text.into()]);
}

/// Fills `bytes` with what nobody can foresee.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), Fault> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(fault)?;
    let drawn = Uint8Array::new_with_length(bytes.len() as u32);
    call(&crypto, "getRandomValues", &[drawn.clone().into()])?;
    drawn.copy_to(bytes);
    Ok(())
}

/// `object.method(...arguments)`.
pub(super) fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, Fault> {
    let function = Reflect::get(object, &method.into()).map_err(fault)?;
    let function: Function = function.dyn_into().map_err(|_| format!("there is no {method}"))?;
    Reflect::apply(&function, object, &arguments.iter().collect::<Array>()).map_err(fault)
}

/// The same of a method that answers later.
pub(super) async fn ask(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, Fault> {
    let promise = Promise::resolve(&call(object, method, arguments)?);
    JsFuture::from(promise).await.map_err(fault)
}

/// What was thrown, in words.
pub(super) fn fault(thrown: impl Into<JsValue>) -> Fault {
    let thrown = thrown.into();
    let text = thrown.as_string().or_else(|| thrown.dyn_ref::<Object>()?.to_string().as_string());
    text.unwrap_or_else(|| "something was thrown".to_owned())
}
