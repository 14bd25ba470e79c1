//! Refusals: what an operation says in `x-problems` becomes answers by status.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Code;

/// The extension in which a handler names its own codes.
const OWN: &str = "x-problems";

/// What every request may meet, wherever it goes; questions about the service itself are always let in.
const COMMON: [Code; 5] =
    [Code::RequestTimeout, Code::AnswerTimeout, Code::ServiceBusy, Code::TooManyRequests, Code::Internal];

/// What all refusals have in common.
pub(super) fn schema() -> Value {
    let text = |description| json!({"type": "string", "description": description});
    json!({
        "type": "object",
        "description": "why a request was refused (RFC 9457)",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": text("`urn:segue:problem:CODE`"),
            "title": text("the code in a few words"),
            "status": {"type": "integer", "description": "the answer's status"},
            "code": text("what programs look at; never changes its meaning"),
            "detail": text("which value is wrong and what to do, for people"),
        },
    })
}

/// Replaces the operation's codes by the answers that carry them.
pub(super) fn write_out(path: &str, operation: &mut Value) {
    let own = operation.as_object_mut().and_then(|operation| operation.remove(OWN));
    let own = own.as_ref().and_then(Value::as_array).into_iter().flatten();
    let own = own.filter_map(|name| Code::ALL.into_iter().find(|code| name == code.name()));
    let common = COMMON.into_iter().filter(|_| path.starts_with("/api/"));
    let mut statuses: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in own.chain(common) {
        statuses.entry(code.status().as_u16()).or_default().push(code);
    }
    for (status, codes) in statuses {
        operation["responses"][status.to_string()] = answer(status, &codes);
    }
}

fn answer(status: u16, codes: &[Code]) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let titles: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}", code.name(), code.title())).collect();
    let text = |description| json!({"description": description, "schema": {"type": "string"}});
    let headers = match status {
        401 => json!({"www-authenticate": text("`Bearer`")}),
        429 | 503 => json!({"retry-after": text("seconds after which the same request may succeed")}),
        _ => json!({}),
    };
    json!({
        "description": titles.join("; "),
        "headers": headers,
        "content": {"application/problem+json": {"schema": {
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": {"status": {"const": status}, "code": {"enum": names}},
        }}},
    })
}
