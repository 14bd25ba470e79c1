//! Requests and responses between the platform's types and ours.

use std::collections::BTreeMap;

use js_sys::futures::JsFuture;
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Headers, ReadableStream, ReadableStreamDefaultReader, Request, Response, ResponseInit, Url};

use super::javascript::fault;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::{Code, Problem};
use crate::rows::BODY_BYTES;

/// The request without its body.
pub(super) fn call(request: &Request) -> Result<Call, Problem> {
    let wrong = |thrown: JsValue| Problem::new(Code::QueryInvalid, fault(thrown));
    let url = Url::new(&request.url()).map_err(wrong)?;
    let headers = pairs(&request.headers());
    let header = |name: &str| headers.get(name).cloned();
    let place = Reflect::get(request, &"cf".into()).unwrap_or_default();
    let of_place = |name: &str| Reflect::get(&place, &name.into()).ok().filter(JsValue::is_truthy);
    let bot = of_place("botManagement").and_then(|bot| Reflect::get(&bot, &"score".into()).ok()?.as_f64());
    let told = |name: &str| header(name).filter(|_| place.is_falsy());
    Ok(Call {
        method: request.method(),
        path: decoded(&url.pathname()),
        query: pairs(&url.search_params()),
        country: of_place("country").and_then(|text| text.as_string()).or_else(|| told("cf-ipcountry")),
        bot_score: bot.or_else(|| header("cf-bot-score")?.parse().ok()).map(|score| score as u32),
        client: header("cf-connecting-ip").unwrap_or_default(),
        headers,
    })
}

/// The response that says what the answer says.
pub(super) fn response(answer: &Answer) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &answer.headers {
        headers.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status);
    init.set_headers(&headers);
    let body = (!answer.body.is_empty()).then(|| Uint8Array::from(answer.body.as_slice()));
    Response::new_with_opt_js_u8_array_and_init(body.as_ref(), &init)
}

/// Its body, as far as it may be read.
pub(super) async fn body(request: &Request) -> Result<Vec<u8>, Problem> {
    let broken = |thrown: JsValue| Problem::new(Code::BodyInvalid, fault(thrown));
    at_most(request.body(), BODY_BYTES).await.map_err(broken)
}

/// What a stream brings, as far as it is not much more than `most` bytes: whoever reads more sees that it was too much.
pub(super) async fn at_most(stream: Option<ReadableStream>, most: usize) -> Result<Vec<u8>, JsValue> {
    let Some(stream) = stream else { return Ok(Vec::new()) };
    let reader = stream.get_reader().dyn_into::<ReadableStreamDefaultReader>()?;
    let mut bytes = Vec::new();
    while bytes.len() <= most {
        let chunk = JsFuture::from(reader.read()).await?;
        let Ok(value) = Reflect::get(&chunk, &"value".into())?.dyn_into::<Uint8Array>() else {
            return Ok(bytes);
        };
        bytes.extend_from_slice(&value.to_vec());
    }
    // It is not read further; that the other side notices is its affair.
    let _ = reader.cancel();
    Ok(bytes)
}

/// Names and values of what JavaScript gives as pairs.
fn pairs(of: &JsValue) -> BTreeMap<String, String> {
    let all = js_sys::try_iter(of).ok().flatten().into_iter().flatten();
    let pair = |pair: Result<JsValue, JsValue>| {
        let pair: Array = pair.ok()?.dyn_into().ok()?;
        Some((pair.get(0).as_string()?, pair.get(1).as_string()?))
    };
    all.filter_map(pair).collect()
}

fn decoded(path: &str) -> String {
    js_sys::decode_uri_component(path).map_or_else(|_| path.to_owned(), String::from)
}
