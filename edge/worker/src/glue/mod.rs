//! The platform: Cloudflare's events in, its bindings out. `worker.mjs` calls what is exported here.

mod http;
mod javascript;
mod platform;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use js_sys::Promise;
use js_sys::futures::future_to_promise;
use wasm_bindgen::prelude::*;
use worker::worker_sys::{Context, MessageBatch, ScheduleContext};
use worker::{Env, MessageExt as _, QueueRetryOptionsBuilder};

use crate::answer::Answer;
use crate::forward::{self, Fate};
use crate::host::Host as _;
use crate::isolate::{Bundled, Isolate};
use crate::problem::{Code, Problem};
use crate::settings::Settings;
use platform::Platform;

thread_local! {
    static BUNDLED: RefCell<Option<Bundled>> = const { RefCell::new(None) };
    static ISOLATE: RefCell<Option<Rc<Isolate>>> = const { RefCell::new(None) };
}

/// Builds the plans of the ranker that was current at deploy. Called in global scope, whose processor time is apart from
/// that of requests.
///
/// # Errors
/// In words, when the ranker cannot be read.
#[wasm_bindgen]
pub fn prepare(ranker: Vec<u8>, schema: Vec<u8>) -> Result<(), JsValue> {
    std::panic::set_hook(Box::new(|panic| javascript::report(&format!("panic: {panic}"))));
    let bundled = Bundled::new(ranker, schema).map_err(|error| JsValue::from(error.to_string()))?;
    BUNDLED.with_borrow_mut(|kept| *kept = Some(bundled));
    Ok(())
}

/// Answers a request.
#[wasm_bindgen]
pub fn fetch(request: web_sys::Request, env: Env, context: Context) -> Promise {
    future(async move {
        let answer = answer(&request, &env, &context).await.unwrap_or_else(Answer::from);
        answer.fault.iter().for_each(|fault| javascript::report(fault));
        http::response(&answer).map(JsValue::from)
    })
}

async fn answer(request: &web_sys::Request, env: &Env, context: &Context) -> Result<Answer, Problem> {
    let isolate = isolate(env).map_err(|fault| Problem::of_ours(Code::Internal, fault))?;
    let call = http::call(request)?;
    let platform = Platform::new(env.clone(), &isolate.settings);
    let answer = isolate.answer(&platform, &call, http::body(request)).await;
    if let Some(region) = answer.look_after.clone() {
        let later = future(async move {
            isolate.look_after(&platform, &region).await;
            Ok(JsValue::UNDEFINED)
        });
        // Refused only by a context that has ended: then the next request looks after it.
        let _ = context.wait_until(&later);
    }
    Ok(answer)
}

/// Pulls the configured regions' packs.
#[wasm_bindgen]
pub fn scheduled(_event: JsValue, env: Env, _context: ScheduleContext) -> Promise {
    future(async move {
        let isolate = isolate(&env).map_err(JsValue::from)?;
        let platform = Platform::new(env.clone(), &isolate.settings);
        let failed = isolate.pull_all(&platform).await;
        failed.iter().for_each(|(region, fault)| javascript::report(&format!("pull of {region}: {fault}")));
        match failed.len() {
            0 => Ok(JsValue::UNDEFINED),
            count => Err(JsValue::from(format!("{count} regions could not be pulled"))),
        }
    })
}

/// Posts a batch of events to the cloud.
#[wasm_bindgen]
pub fn queue(batch: MessageBatch, env: Env, _context: Context) -> Promise {
    future(async move {
        let isolate = isolate(&env).map_err(JsValue::from)?;
        let platform = Platform::new(env.clone(), &isolate.settings);
        let batch = worker::MessageBatch::<String>::from(batch);
        let messages: Vec<_> = batch.raw_iter().collect();
        let bodies: Vec<String> =
            messages.iter().map(|message| message.body().as_string().unwrap_or_default()).collect();
        let mut faults = BTreeSet::new();
        for (message, fate) in messages.iter().zip(forward::post(&platform, &bodies).await) {
            match fate {
                Fate::Done => message.ack(),
                Fate::Again(fault) => {
                    let age_ms = platform.now_ms().saturating_sub(message.timestamp().as_millis() as i64);
                    let delay = forward::again_seconds(age_ms);
                    let options = QueueRetryOptionsBuilder::new().with_delay_seconds(delay).build();
                    message.retry_with_options(&options);
                    faults.insert(fault);
                }
            }
        }
        faults.iter().for_each(|fault| javascript::report(&format!("events wait: {fault}")));
        Ok(JsValue::UNDEFINED)
    })
}

/// The isolate, made from the variables of the first request.
fn isolate(env: &Env) -> Result<Rc<Isolate>, String> {
    if let Some(isolate) = ISOLATE.with_borrow(Clone::clone) {
        return Ok(isolate);
    }
    let settings = Settings::read(|name| env.var(name).ok().map(|value| value.to_string()))?;
    let isolate = Rc::new(Isolate::new(settings, BUNDLED.with_borrow_mut(Option::take)));
    ISOLATE.with_borrow_mut(|kept| *kept = Some(Rc::clone(&isolate)));
    Ok(isolate)
}

fn future(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    future_to_promise(std::panic::AssertUnwindSafe(work))
}
