//! What a visitor carries, what is kept, and what is not.

use serde_json::{Value, json};

use super::cloud::{NOW, Platform, ask, body, call, cookie, items};
use super::{NEXT, event, get, post};

#[test]
fn a_list_follows_the_events_of_the_session_that_the_cookie_carries() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let first = get(&isolate, &platform, NEXT, &[]);
    assert_eq!((first.status, items(&first).len()), (200, 10), "{}", body(&first));
    assert_eq!(body(&first)["fallback"], Value::Null, "the bundled ranker is the manifest's");
    let disliked = items(&first)[0].clone();
    let second =
        post(&isolate, &platform, &[("cookie", &cookie(&first))], json!([event("1", "dislike", &disliked)]));
    assert_eq!(body(&second)["accepted"], 1);
    assert!(!items(&second).contains(&disliked), "the same round trip reflects it");
    let third = get(&isolate, &platform, NEXT, &[("cookie", &cookie(&second))]);
    assert_eq!(items(&third), items(&second), "another isolate or not, the token has it all");
    assert_eq!(body(&third)["session"], body(&first)["session"]);
    let again =
        post(&isolate, &platform, &[("cookie", &cookie(&second))], json!([event("1", "dislike", &disliked)]));
    assert_eq!((&body(&again)["accepted"], &body(&again)["duplicates"]), (&json!(0), &json!(1)));
}

#[test]
fn who_did_not_agree_gets_no_cookie_and_is_not_forwarded() {
    let platform = Platform::new();
    for (variables, headers) in [
        (&[][..], &[("sec-gpc", "1")][..]),
        (&[][..], &[("dnt", "1")][..]),
        (&[("CONSENT", "asked")][..], &[][..]),
        (&[("SESSIONS", "durable")][..], &[("sec-gpc", "1")][..]),
    ] {
        let isolate = platform.isolate(variables);
        let answer = post(&isolate, &platform, headers, json!([event("1", "dislike", "item-030")]));
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(body(&answer)["forwarded"], false);
        let token = body(&answer)["token"].as_str().expect("a token in the body").to_owned();
        let told = json!({ "surface": "radio", "count": 10, "events": [], "token": token });
        let next = ask(&isolate, &platform, &call("POST", "/api/v1/session/events", headers), &told);
        assert_eq!(body(&next)["session"], body(&answer)["session"]);
        assert!(!items(&next).contains(&"item-030".to_owned()));
    }
    assert!(platform.handed_on().is_empty() && platform.cells.borrow().is_empty());
    let isolate = platform.isolate(&[("CONSENT", "asked")]);
    let agreed = get(&isolate, &platform, NEXT, &[("segue-consent", "granted")]);
    assert!(agreed.header("set-cookie").is_some());
}

#[test]
fn a_token_that_cannot_be_opened_or_has_rested_too_long_begins_a_new_session() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let first = get(&isolate, &platform, NEXT, &[]);
    let token = cookie(&first);
    let tampered = token.replace(char::is_numeric, "_");
    let answer = get(&isolate, &platform, NEXT, &[("cookie", &tampered)]);
    assert_eq!((answer.status, &body(&answer)["restarted"]), (200, &json!("token_invalid")));
    let other = platform.isolate(&[("SESSION_SECRET", "ffffffffffffffffffffffffffffffff")]);
    let answer = get(&other, &platform, NEXT, &[("cookie", &token)]);
    assert_eq!(body(&answer)["restarted"], "token_invalid");
    platform.now_ms.set(NOW + 31 * 86_400_000);
    let answer = get(&isolate, &platform, NEXT, &[("cookie", &token)]);
    assert_eq!(body(&answer)["restarted"], "token_expired");
    assert_ne!(body(&answer)["session"], body(&first)["session"]);
}

#[test]
fn a_token_stays_within_its_bound_however_long_the_session() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let mut carried = cookie(&get(&isolate, &platform, NEXT, &[]));
    for round in 0..40 {
        let one = |at: usize| {
            event(
                &format!("{round}-{at}-{}", "x".repeat(40)),
                "complete",
                &format!("item-{:03}", 30 + (round + at) % 30),
            )
        };
        let answer =
            post(&isolate, &platform, &[("cookie", &carried)], json!((0..10).map(one).collect::<Vec<_>>()));
        assert_eq!(body(&answer)["accepted"], 10);
        carried = cookie(&answer);
        assert!(carried.len() <= 3_500 + "__Host-segue=".len(), "{} characters", carried.len());
    }
    assert_eq!(platform.handed_on().len(), 400);
}

#[test]
fn in_a_durable_object_nothing_of_two_writers_is_lost() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("SESSIONS", "durable")]);
    let carried = cookie(&get(&isolate, &platform, NEXT, &[]));
    platform.disturbances.set(3);
    let answer =
        post(&isolate, &platform, &[("cookie", &carried)], json!([event("1", "dislike", "item-030")]));
    assert_eq!((answer.status, &body(&answer)["accepted"]), (200, &json!(1)));
    // The other tab still has the token from before.
    let answer =
        post(&isolate, &platform, &[("cookie", &carried)], json!([event("2", "dislike", "item-031")]));
    let list = items(&answer);
    assert!(!list.contains(&"item-030".to_owned()) && !list.contains(&"item-031".to_owned()));
    platform.disturbances.set(100);
    let busy = post(&isolate, &platform, &[("cookie", &carried)], json!([event("3", "like", "item-032")]));
    assert_eq!(body(&busy)["code"], "session_busy");
    let ended = call("DELETE", "/api/v1/session", &[("cookie", &carried)]);
    let ended = ask(&isolate, &platform, &ended, &Value::Null);
    assert_eq!(ended.status, 204);
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0") && platform.cells.borrow().is_empty());
}

#[test]
fn with_two_tabs_on_one_token_the_last_one_wins_and_every_event_is_handed_on_once() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let carried = cookie(&get(&isolate, &platform, NEXT, &[]));
    post(&isolate, &platform, &[("cookie", &carried)], json!([event("1", "dislike", "item-030")]));
    let last = post(&isolate, &platform, &[("cookie", &carried)], json!([event("2", "dislike", "item-031")]));
    let ids: Vec<Value> = platform.handed_on().iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(ids, ["1", "2"]);
    assert!(!items(&last).contains(&"item-031".to_owned()));
}

#[test]
fn whoever_objects_later_is_forgotten_and_loses_the_cookie() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("SESSIONS", "durable")]);
    let told = post(&isolate, &platform, &[], json!([event("1", "dislike", "item-030")]));
    let carried = cookie(&told);
    assert_eq!(platform.cells.borrow().len(), 1);
    let objecting = [("cookie", carried.as_str()), ("sec-gpc", "1")];
    let shown = get(&isolate, &platform, NEXT, &objecting);
    assert!(shown.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_ne!(body(&shown)["session"], body(&told)["session"]);
    let ended = ask(&isolate, &platform, &call("DELETE", "/api/v1/session", &objecting), &Value::Null);
    assert!(ended.status == 204 && platform.cells.borrow().is_empty());
}

#[test]
fn a_session_goes_on_when_consent_comes_later() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("SESSIONS", "durable"), ("CONSENT", "asked")]);
    let before = post(&isolate, &platform, &[], json!([event("1", "dislike", "item-030")]));
    let told = json!({
        "surface": "radio", "count": 10, "token": body(&before)["token"], "events": [event("2", "dislike", "item-031")],
    });
    let agreed = [("segue-consent", "granted")];
    let after = ask(&isolate, &platform, &call("POST", "/api/v1/session/events", &agreed), &told);
    assert_eq!(body(&after)["session"], body(&before)["session"]);
    let list = get(&isolate, &platform, NEXT, &[("segue-consent", "granted"), ("cookie", &cookie(&after))]);
    let list = items(&list);
    assert!(!list.contains(&"item-030".to_owned()) && !list.contains(&"item-031".to_owned()));
}

#[test]
fn a_session_whose_object_is_gone_begins_anew_and_says_so() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("SESSIONS", "durable")]);
    let told = post(&isolate, &platform, &[], json!([event("1", "dislike", "item-030")]));
    let carried = cookie(&told);
    platform.cells.borrow_mut().clear();
    for answer in [
        get(&isolate, &platform, NEXT, &[("cookie", &carried)]),
        post(&isolate, &platform, &[("cookie", &carried)], json!([event("2", "dislike", "item-031")])),
    ] {
        assert_eq!((answer.status, &body(&answer)["restarted"]), (200, &json!("session_gone")));
        assert_ne!(body(&answer)["session"], body(&told)["session"]);
    }
    // One that was never written to is not gone.
    let empty = cookie(&get(&isolate, &platform, NEXT, &[]));
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[("cookie", &empty)]))["restarted"], Value::Null);
}

#[test]
fn an_object_that_goes_while_events_are_applied_costs_none_of_them() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("SESSIONS", "durable")]);
    let carried = cookie(&post(&isolate, &platform, &[], json!([event("1", "dislike", "item-030")])));
    platform.forgets.set(true);
    let answer =
        post(&isolate, &platform, &[("cookie", &carried)], json!([event("2", "dislike", "item-031")]));
    assert_eq!((answer.status, &body(&answer)["restarted"]), (200, &json!("session_gone")));
    assert!(!items(&answer).contains(&"item-031".to_owned()));
    assert_eq!(platform.handed_on().len(), 2);
}

#[test]
fn consent_that_is_withdrawn_and_given_again_covers_what_was_done_under_it() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("CONSENT", "asked")]);
    let agreed = [("segue-consent", "granted")];
    let first = post(&isolate, &platform, &agreed, json!([event("1", "dislike", "item-030")]));
    let carried = cookie(&first);
    let without = post(&isolate, &platform, &[("cookie", &carried)], json!([event("2", "like", "item-031")]));
    assert!(without.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_ne!(body(&without)["session"], body(&first)["session"]);
    let told = json!({
        "surface": "radio", "count": 10, "token": body(&without)["token"], "events": [event("3", "like", "item-032")],
    });
    let again = ask(&isolate, &platform, &call("POST", "/api/v1/session/events", &agreed), &told);
    assert!(again.header("set-cookie").is_some());
    assert_eq!(body(&again)["session"], body(&without)["session"]);
    let ids: Vec<Value> = platform.handed_on().iter().map(|event| event["event_id"].clone()).collect();
    assert_eq!(ids, ["1", "3"]);
}

#[test]
fn an_event_that_names_no_surface_is_weighed_by_its_requests_whoever_asked_before() {
    let platform = Platform::new();
    let scores_after = |visitor_before: &str| {
        let isolate = platform.isolate(&[]);
        get(&isolate, &platform, visitor_before, &[]);
        // It says something in a shop, and nothing on a radio.
        let answer = post(&isolate, &platform, &[], json!([event("1", "click", "item-035")]));
        let places = body(&answer)["items"].as_array().unwrap().clone();
        places.iter().map(|place| place["score"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(scores_after(NEXT), scores_after("/api/v1/next?surface=shop&count=10"));
}
