//! Events on their way to the cloud.

use serde_json::{Value, json};

use super::cloud::{NOW, Platform, ask, body, call, now};
use super::{code, event, post};
use crate::call::Call;
use crate::forward::{self, Fate};

#[test]
fn events_are_handed_on_as_this_sessions_and_nobodys() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let mut forged = event("1", "like", "item-030");
    forged["user"] = json!("somebody");
    forged["session"] = json!("somebody's");
    let answer =
        post(&isolate, &platform, &[], json!([forged, { "kind": "like" }, event("2", "like", "item-031")]));
    assert_eq!(body(&answer)["rejected"][0]["code"], "event_id_missing");
    let handed = platform.handed_on();
    assert_eq!(handed.len(), 2);
    assert_eq!(handed[0]["user"], "");
    assert_eq!(handed[0]["session"], body(&answer)["session"]);
    platform.queue_is_down.set(true);
    let refused = post(&isolate, &platform, &[], json!([event("3", "like", "item-032")]));
    assert_eq!((refused.status, &body(&refused)["code"]), (503, &json!("events_unavailable")));
    assert_eq!(refused.header("retry-after"), Some("10"));
}

#[test]
fn bots_are_answered_and_not_forwarded() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("LEAST_BOT_SCORE", "30")]);
    let told = json!({ "surface": "radio", "events": [event("1", "like", "item-030")] });
    for (score, forwarded) in [(Some(2), false), (Some(90), true), (None, true)] {
        let request = Call { bot_score: score, ..call("POST", "/api/v1/session/events", &[]) };
        let answer = ask(&isolate, &platform, &request, &told);
        assert_eq!((answer.status, &body(&answer)["forwarded"]), (200, &json!(forwarded)));
    }
}

#[test]
fn a_client_whose_clock_is_years_off_loses_nothing() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let mut told = event("1", "dislike", "item-030");
    told["time_ms"] = json!(NOW + 90 * 86_400_000_i64);
    let told = json!({ "surface": "radio", "events": [told], "sent_ms": NOW + 90 * 86_400_000_i64 });
    let answer = ask(&isolate, &platform, &call("POST", "/api/v1/session/events", &[]), &told);
    assert_eq!(body(&answer)["accepted"], 1);
    assert_eq!(platform.handed_on()[0]["time_ms"], NOW);
}

#[test]
fn a_queue_delivers_in_batches_and_one_bad_message_does_not_hold_up_the_others() {
    let platform = Platform::new();
    let message = |count: usize| json!({ "events": vec![event("1", "like", "a"); count] }).to_string();
    let messages = [message(3), message(400), message(700), "damaged".to_owned()];
    assert_eq!(now(forward::post(&platform, &messages)), [const { Fate::Done }; 4]);
    let sizes: Vec<usize> =
        platform.posted.borrow().iter().map(|body| body.matches("event_id").count()).collect();
    assert_eq!(sizes, [403, 700]);
    platform.refuses_from.set(500);
    assert_eq!(now(forward::post(&platform, &[message(300), message(300)])), [const { Fate::Done }; 2]);
    assert_eq!(platform.posted.borrow().len(), 4, "each by itself");
    let again = |messages: &[String]| {
        let fates = now(forward::post(&platform, messages));
        fates.iter().filter(|fate| matches!(fate, Fate::Again(fault) if !fault.is_empty())).count()
    };
    // Refused for good: it waits for the queue of dead letters, and is not taken for delivered.
    assert_eq!(again(&[message(600), message(1)]), 1);
    platform.is_down.set(true);
    assert_eq!(again(&messages), 4);
}

#[test]
fn each_time_a_message_waits_as_long_again_as_it_has_waited_up_to_an_hour() {
    let waits = [0, 900, 5_000, 90_000, 7_200_000, i64::MAX].map(forward::again_seconds);
    assert_eq!(waits, [1, 1, 5, 90, 3_600, 3_600]);
}

const EVENTS: &str = "/api/v1/events";

#[test]
fn what_a_page_sends_that_ranks_by_itself_is_handed_on_with_its_own_session() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let mut own = event("1", "like", "item-030");
    own["session"] = json!("page-1");
    let mut somebodys = event("2", "like", "item-031");
    somebodys["user"] = json!("u1");
    let told = json!({ "sent_ms": NOW, "events": [own.clone(), somebodys, { "kind": "like" }, own] });
    let answer = ask(&isolate, &platform, &call("POST", EVENTS, &[]), &told);
    let receipt = body(&answer);
    assert_eq!((answer.status, &receipt["accepted"], &receipt["duplicates"]), (202, &json!(1), &json!(1)));
    let codes: Vec<&Value> = receipt["rejected"].as_array().unwrap().iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, ["user_forbidden", "event_id_missing"]);
    let handed = platform.handed_on();
    assert_eq!((handed.len(), &handed[0]["session"]), (1, &json!("page-1")));
    let alone = ask(&isolate, &platform, &call("POST", EVENTS, &[]), &event("3", "like", "item-030"));
    assert_eq!((alone.status, body(&alone)["accepted"].as_u64()), (202, Some(1)));
    assert_eq!(alone.header("set-cookie"), None);
}

#[test]
fn a_batch_is_refused_as_in_the_cloud_and_kept_by_its_sender_until_it_is_safe() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let sent = |told: &Value| ask(&isolate, &platform, &call("POST", EVENTS, &[]), told);
    assert_eq!(code(&sent(&json!({}))), "body_invalid");
    assert_eq!(code(&sent(&json!([]))), "body_invalid");
    assert_eq!(code(&sent(&json!({ "events": vec![json!({}); 1_001] }))), "batch_too_large");
    assert_eq!(code(&sent(&json!({ "events": ["x".repeat(70_000)] }))), "body_too_large");
    let nothing = sent(&json!({ "events": [] }));
    assert_eq!((nothing.status, body(&nothing)["accepted"].as_u64()), (202, Some(0)));
    platform.queue_is_down.set(true);
    let refused = sent(&json!({ "events": [event("1", "like", "item-030")] }));
    assert_eq!((refused.status, code(&refused).as_str()), (503, "events_unavailable"));
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert!(platform.handed_on().is_empty());
}

#[test]
fn events_of_a_page_whose_visitor_did_not_agree_or_is_a_program_are_refused_for_good() {
    let platform = Platform::new();
    let told = json!({ "events": [event("1", "like", "item-030")] });
    for (variables, headers, score) in [
        (&[][..], &[("sec-gpc", "1")][..], None),
        (&[][..], &[("dnt", "1")][..], None),
        (&[("CONSENT", "asked")][..], &[][..], None),
        (&[("LEAST_BOT_SCORE", "30")][..], &[][..], Some(2)),
    ] {
        let isolate = platform.isolate(variables);
        let request = Call { bot_score: score, ..call("POST", EVENTS, headers) };
        let answer = ask(&isolate, &platform, &request, &told);
        let receipt = body(&answer);
        assert_eq!((answer.status, receipt["accepted"].as_u64()), (202, Some(0)));
        assert_eq!(receipt["rejected"][0]["code"], "not_forwarded");
    }
    assert!(platform.handed_on().is_empty());
    let isolate = platform.isolate(&[("CONSENT", "asked")]);
    let agreed = call("POST", EVENTS, &[("segue-consent", "granted")]);
    assert_eq!(body(&ask(&isolate, &platform, &agreed, &told))["accepted"], 1);
}
