//! The host on Cloudflare.

use std::time::Duration;

use js_sys::futures::JsFuture;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response, WorkerGlobalScope};
use worker::{Delay, Env};

use super::http::at_most;
use super::javascript::{ask, fault, random, report};
use crate::forward::ACCEPTED;
use crate::host::{Cell, Fault, Fetched, Host};
use crate::settings::Settings;

/// Largest answer of the cloud that is taken, in bytes: a model.
const ANSWER_BYTES: usize = 8 << 20;

/// The status of an answer that is what changed (RFC 3229).
const IM_USED: u16 = 226;

/// How long the cloud may take to answer, in milliseconds.
const PATIENCE_MS: u32 = 8_000;

/// The bindings of `wrangler.toml`: `PACKS` (KV, or R2 under the name `PACKS_BUCKET`), `EVENTS` (Queue), `SESSION_CELLS`
/// (Durable Objects), `LIMITER` (rate limits).
#[derive(Clone)]
pub(super) struct Platform {
    env: Env,
    origin: String,
    service_key: Option<String>,
}

impl Platform {
    pub(super) fn new(env: Env, settings: &Settings) -> Self {
        Self { env, origin: settings.origin.clone(), service_key: settings.service_key.clone() }
    }

    /// Asks the cloud; `headers` are sent along.
    async fn request(
        &self,
        path: &str,
        init: &RequestInit,
        headers: &[(&str, &str)],
    ) -> Result<Response, Fault> {
        let sent = Headers::new().map_err(fault)?;
        let key = self.service_key.as_ref().map(|key| format!("Bearer {key}"));
        let key = key.as_deref().map(|key| ("authorization", key));
        for (name, value) in headers.iter().copied().chain(key) {
            sent.set(name, value).map_err(fault)?;
        }
        init.set_headers(&sent);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE_MS)));
        // A page that some proxy sends to instead is no answer.
        init.set_redirect(RequestRedirect::Manual);
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let url = format!("{}/api/v1/{path}", self.origin);
        let response = JsFuture::from(scope.fetch_with_str_and_init(&url, init)).await.map_err(fault)?;
        response.dyn_into().map_err(|_| "fetch answered no response".to_owned())
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Fetched, Fault> {
        let response = self.request(path, &RequestInit::new(), headers).await?;
        let status = response.status();
        match status {
            304 => Ok(Fetched::Current),
            404 => Ok(Fetched::Missing),
            200 | IM_USED => {
                let bytes = at_most(response.body(), ANSWER_BYTES).await.map_err(fault)?;
                if bytes.len() > ANSWER_BYTES {
                    return Err(format!("GET {path} answered more than {ANSWER_BYTES} bytes"));
                }
                let tag = response.headers().get("etag").map_err(fault)?;
                Ok(if status == IM_USED {
                    Fetched::Changes(bytes, tag)
                } else {
                    Fetched::Content(bytes, tag)
                })
            }
            status => Err(format!("GET {path} answered {status}")),
        }
    }

    fn cell(&self, id: &str) -> Result<JsValue, Fault> {
        let cells = self.env.durable_object("SESSION_CELLS").map_err(fault)?;
        let stub = cells.get_by_name(id).map_err(fault)?;
        Ok(stub.into_rpc::<js_sys::Object>().into())
    }
}

impl Host for Platform {
    fn now_ms(&self) -> i64 {
        js_sys::Date::now() as i64
    }

    fn memory_bytes(&self) -> u32 {
        let memory = wasm_bindgen::memory().dyn_into::<js_sys::WebAssembly::Memory>();
        let buffer = memory.ok().and_then(|memory| memory.buffer().dyn_into::<js_sys::ArrayBuffer>().ok());
        buffer.map_or(0, |buffer| buffer.byte_length())
    }

    fn random(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        // There is always a source of randomness within a request; without one nothing may be sealed.
        if let Err(thrown) = random(&mut bytes) {
            wasm_bindgen::throw_str(&thrown);
        }
        bytes
    }

    fn report(&self, fault: &str) {
        report(fault);
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        if let Ok(bucket) = self.env.bucket("PACKS_BUCKET") {
            let object = bucket.get(key).execute().await.map_err(fault)?;
            let Some(object) = object else { return Ok(None) };
            let body = object.body().ok_or("the object has no body")?;
            return body.bytes().await.map(Some).map_err(fault);
        }
        let store = self.env.kv("PACKS").map_err(fault)?;
        store.get(key).bytes().await.map_err(|error| error.to_string())
    }

    async fn write(&self, key: &str, bytes: &[u8]) -> Result<(), Fault> {
        if let Ok(bucket) = self.env.bucket("PACKS_BUCKET") {
            return bucket.put(key, bytes.to_vec()).execute().await.map(drop).map_err(fault);
        }
        let store = self.env.kv("PACKS").map_err(fault)?;
        let put = store.put_bytes(key, bytes).map_err(|error| error.to_string())?;
        put.execute().await.map_err(|error| error.to_string())
    }

    async fn fetch(&self, path: &str, tag: Option<&str>) -> Result<Fetched, Fault> {
        let tag = tag.map(|tag| ("if-none-match", tag));
        self.get(path, tag.as_slice()).await
    }

    async fn fetch_changes(&self, path: &str, tag: &str) -> Result<Fetched, Fault> {
        self.get(path, &[("if-none-match", tag), ("a-im", "segue-delta")]).await
    }

    async fn post_events(&self, body: &str) -> Result<u16, Fault> {
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&body.into());
        Ok(self.request("events", &init, &[("content-type", "application/json")]).await?.status())
    }

    async fn hand_on(&self, body: &str) -> Result<(), Fault> {
        match self.env.queue("EVENTS") {
            Ok(queue) => queue.send(body.to_owned()).await.map_err(fault),
            // Without a queue the cloud itself has to take them now.
            Err(_) => match self.post_events(body).await? {
                ACCEPTED => Ok(()),
                status => Err(format!("POST events answered {status}")),
            },
        }
    }

    async fn pause(&self, milliseconds: u64) {
        Delay::from(Duration::from_millis(milliseconds)).await;
    }

    async fn admits(&self, client: &str) -> bool {
        let Ok(limiter) = self.env.rate_limiter("LIMITER") else { return true };
        // A limiter that fails limits nobody.
        limiter.limit(client.to_owned()).await.map_or(true, |outcome| outcome.success)
    }

    async fn load_cell(&self, id: &str) -> Result<Cell, Fault> {
        let loaded = ask(&self.cell(id)?, "load", &[]).await?;
        Ok(cell_of(&loaded).unwrap_or_default())
    }

    async fn store_cell(&self, id: &str, cell: &Cell) -> Result<Option<Cell>, Fault> {
        let bytes = Uint8Array::from(cell.bytes.as_slice());
        let kept = ask(&self.cell(id)?, "store", &[(cell.version as f64).into(), bytes.into()]).await?;
        Ok(cell_of(&kept))
    }

    async fn forget_cell(&self, id: &str) -> Result<(), Fault> {
        ask(&self.cell(id)?, "forget", &[]).await.map(drop)
    }
}

/// `{version, bytes}` as JavaScript has it; none of null.
fn cell_of(value: &JsValue) -> Option<Cell> {
    let field = |name: &str| Reflect::get(value, &name.into()).ok();
    let version = field("version")?.as_f64()? as u64;
    let bytes = field("bytes")?.dyn_into::<Uint8Array>().ok()?.to_vec();
    Some(Cell { version, bytes })
}
