//! The worker on a made-up platform; `tests/` beside this crate runs it on the real one.

mod cloud;
mod events;
mod requests;
mod sessions;
mod supply;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::isolate::Isolate;
use cloud::{NOW, Platform, ask, body, call};

const NEXT: &str = "/api/v1/next?surface=radio&count=10";

fn get(isolate: &Isolate, platform: &Platform, url: &str, headers: &[(&str, &str)]) -> Answer {
    ask(isolate, platform, &call("GET", url, headers), &Value::Null)
}

fn post(isolate: &Isolate, platform: &Platform, headers: &[(&str, &str)], events: Value) -> Answer {
    let body = json!({ "surface": "radio", "count": 10, "events": events });
    ask(isolate, platform, &call("POST", "/api/v1/session/events", headers), &body)
}

fn event(id: &str, kind: &str, item: &str) -> Value {
    json!({ "event_id": id, "kind": kind, "item": item, "time_ms": NOW })
}

fn code(answer: &Answer) -> String {
    body(answer)["code"].as_str().unwrap_or_default().to_owned()
}
