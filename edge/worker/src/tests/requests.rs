//! Which requests are answered, which are refused, and whom a limit counts.

use serde_json::json;

use super::cloud::{self, Platform, ask, body, call, now};
use super::{NEXT, code, event, get, post};

#[test]
fn whoever_asks_too_often_or_for_something_wrong_is_told_so() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/next", &[])), "query_invalid");
    assert_eq!(
        code(&get(&isolate, &platform, "/api/v1/next?surface=radio&count=many", &[])),
        "query_invalid"
    );
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/next?surface=radio&count=0", &[])), "query_invalid");
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/next?surface=none", &[])), "surface_unknown");
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/other", &[])), "route_unknown");
    assert_eq!(get(&isolate, &platform, "/api/v1/session", &[]).header("allow"), Some("DELETE"));
    let text = call("POST", "/api/v1/session/events", &[("content-type", "text/plain")]);
    assert_eq!(code(&ask(&isolate, &platform, &text, &json!({}))), "content_type_unsupported");
    let many = post(&isolate, &platform, &[], json!(vec![event("1", "like", "a"); 101]));
    assert_eq!(code(&many), "batch_too_large");
    let huge = post(&isolate, &platform, &[], json!(["x".repeat(70_000)]));
    assert_eq!(code(&huge), "body_too_large");
    platform.admits.set(false);
    assert_eq!(code(&get(&isolate, &platform, NEXT, &[])), "too_many_requests");
}

#[test]
fn settings_that_cannot_work_are_named_and_faults_stay_in_the_log() {
    for (name, value) in
        [("ROOT_KEY", "abc"), ("ORIGIN", "cloud.example"), ("REGIONS", "all, de"), ("REGIONS", "all,")]
    {
        let fault = cloud::read(&[(name, value)]).unwrap_err();
        assert!(fault.contains(name), "{fault}");
    }
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    platform.is_down.set(true);
    let answer = get(&isolate, &platform, NEXT, &[]);
    let fault = answer.fault.clone().unwrap();
    assert!(answer.status == 503 && fault.starts_with("generation_missing: "), "{fault}");
    assert!(
        !body(&answer)["detail"].as_str().unwrap().contains(fault.trim_start_matches("generation_missing: "))
    );
}

#[test]
fn a_list_that_cannot_be_made_costs_no_event_and_keeps_nothing() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("SESSIONS", "durable")]);
    for (surface, count, wanted) in [
        ("cinema", 10, "surface_unknown"),
        ("radio", 0, "query_invalid"),
        ("radio", 501, "query_invalid"),
        ("", 10, "surface_unknown"),
    ] {
        let told = json!({ "surface": surface, "count": count, "events": [event("1", "like", "item-030")] });
        let answer = ask(&isolate, &platform, &call("POST", "/api/v1/session/events", &[]), &told);
        assert_eq!((answer.status, code(&answer).as_str()), (400, wanted));
    }
    assert!(platform.handed_on().is_empty() && platform.cells.borrow().is_empty());
}

#[test]
fn head_is_answered_as_get_without_a_body() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    for path in ["/api/v1/manifest", "/api/v1/pack", "/api/v1/packs/region:all", NEXT, "/healthz"] {
        let [head, get] = ["HEAD", "GET"]
            .map(|method| ask(&isolate, &platform, &call(method, path, &[]), &serde_json::Value::Null));
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert!(!get.body.is_empty() && head.header("etag") == get.header("etag"));
    }
    for (method, path, allow) in [
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/api/v1/pack", "GET, HEAD"),
        ("HEAD", "/api/v1/events", "POST"),
    ] {
        let answer = ask(&isolate, &platform, &call(method, path, &[]), &serde_json::Value::Null);
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn whoever_is_not_let_in_has_no_body_read() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let mut request = call("POST", "/api/v1/session/events", &[]);
    request.client = "2001:db8:0:7:1:2:3:4".into();
    platform.admits.set(false);
    let answer = now(isolate.answer(&platform, &request, async { panic!("it was read") }));
    assert_eq!(code(&answer), "too_many_requests");
    assert_eq!(platform.asked.borrow().last().unwrap(), "2001:db8:0:7::/64");
}
