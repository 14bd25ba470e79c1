//! The worker on a made-up platform; `tests/` beside this crate runs it on the real one.

mod cloud;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::forward::{self, Fate};
use crate::isolate::Isolate;
use cloud::{NOW, Platform, body, call, cookie, items, now};

fn get(isolate: &Isolate, platform: &Platform, url: &str, headers: &[(&str, &str)]) -> Answer {
    now(isolate.answer(platform, &call("GET", url, headers, &Value::Null)))
}

fn post(isolate: &Isolate, platform: &Platform, headers: &[(&str, &str)], events: Value) -> Answer {
    let body = json!({ "surface": "radio", "count": 10, "events": events });
    now(isolate.answer(platform, &call("POST", "/api/v1/session/events", headers, &body)))
}

fn event(id: &str, kind: &str, item: &str) -> Value {
    json!({ "event_id": id, "kind": kind, "item": item, "time_ms": NOW })
}

const NEXT: &str = "/api/v1/next?surface=radio&count=10";

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
        let request = call("POST", "/api/v1/session/events", headers, &told);
        let next = now(isolate.answer(&platform, &request));
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
    let ended =
        now(isolate
            .answer(&platform, &call("DELETE", "/api/v1/session", &[("cookie", &carried)], &Value::Null)));
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
fn each_region_gets_its_own_pack_and_nobody_can_ask_for_another() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let of = |country: Option<&str>, url: &str| {
        let request =
            crate::call::Call { country: country.map(str::to_owned), ..call("GET", url, &[], &Value::Null) };
        now(isolate.answer(&platform, &request))
    };
    let german = items(&of(Some("DE"), NEXT));
    assert!(german.iter().all(|item| item.as_str() >= "item-030"));
    for country in [None, Some("FR"), Some("XX"), Some("../DE"), Some("T1")] {
        assert!(items(&of(country, NEXT)).iter().all(|item| item.as_str() < "item-030"), "{country:?}");
    }
    let asked = of(None, "/api/v1/next?surface=radio&count=10&context.region=DE");
    assert!(items(&asked).iter().all(|item| item.as_str() < "item-030"));
    assert_eq!(of(None, "/api/v1/packs/region:DE").status, 404);
    let pack = of(Some("DE"), "/api/v1/pack");
    assert_eq!(pack.header("segue-subject"), Some("region:DE"));
    assert!(pack.header("cache-control").unwrap().starts_with("private"));
}

#[test]
fn clients_that_run_the_engine_get_what_it_checks_with_tags() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    for path in ["manifest", "rotations", "pack", "packs/region:DE"] {
        let answer = get(&isolate, &platform, &format!("/api/v1/{path}"), &[]);
        assert_eq!((answer.status, answer.header("segue-generation")), (200, Some("1")), "{path}");
        let tag = answer.header("etag").unwrap().to_owned();
        let again = get(&isolate, &platform, &format!("/api/v1/{path}"), &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    let model = segue_core::trust::hash(&segue_conformance::ranker::model());
    let answer = get(&isolate, &platform, &format!("/api/v1/models/{model}"), &[]);
    assert_eq!(answer.body, segue_conformance::ranker::model());
    assert!(answer.header("cache-control").unwrap().contains("immutable"));
    platform.is_down.set(true);
    assert_eq!(get(&isolate, &platform, &format!("/api/v1/models/{model}"), &[]).status, 200);
    let unknown = get(&isolate, &platform, &format!("/api/v1/models/{}", "0".repeat(64)), &[]);
    assert_eq!(body(&unknown)["code"], "artefact_missing");
    assert_eq!(body(&get(&isolate, &platform, "/api/v1/models/abc", &[]))["code"], "hash_invalid");
}

#[test]
fn when_the_cloud_is_down_what_was_accepted_goes_on_marked_stale() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[]))["stale"], false);
    platform.is_down.set(true);
    platform.now_ms.set(NOW + 7_200_000);
    let stale = get(&isolate, &platform, NEXT, &[]);
    assert_eq!((stale.status, &body(&stale)["stale"]), (200, &json!(true)));
    assert_eq!(stale.look_after.as_deref(), Some("DE"));
    now(isolate.look_after(&platform, "DE"));
    let elsewhere = platform.isolate(&[]);
    let restarted = get(&elsewhere, &platform, NEXT, &[]);
    assert_eq!(body(&restarted)["stale"], true, "a new isolate takes it from the shared store");
    platform.store.borrow_mut().clear();
    let nothing = get(&platform.isolate(&[]), &platform, NEXT, &[]);
    assert_eq!((nothing.status, &body(&nothing)["code"]), (503, &json!("generation_missing")));
}

#[test]
fn a_new_generation_is_looked_for_after_the_answer_and_an_older_one_never_taken() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    get(&isolate, &platform, NEXT, &[]);
    platform.now_ms.set(NOW + 900_000);
    platform.publish(3, &segue_conformance::ranker::model());
    let stale = get(&isolate, &platform, NEXT, &[]);
    assert_eq!(body(&stale)["generation"], 1, "nobody waits for it");
    now(isolate.look_after(&platform, "DE"));
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[]))["generation"], 3);
    platform.publish(2, &segue_conformance::ranker::model());
    assert_eq!(
        now(isolate.pull_all(&platform)).len(),
        1,
        "for Germany it is refused, `all` was never seen newer"
    );
    assert_eq!(body(&get(&isolate, &platform, NEXT, &[]))["generation"], 3);
}

#[test]
fn the_schedule_fills_the_shared_store_and_asks_little_when_nothing_changed() {
    let platform = Platform::new();
    assert!(now(platform.isolate(&[]).pull_all(&platform)).is_empty());
    assert_eq!(platform.store.borrow().keys().collect::<Vec<_>>(), ["bundle/DE", "bundle/all"]);
    platform.fetches.set(0);
    platform.now_ms.set(NOW + 60_000);
    assert!(now(platform.isolate(&[]).pull_all(&platform)).is_empty());
    assert_eq!(platform.fetches.get(), 6, "rotations, manifest and pack of two regions, by their tags");
    platform.is_down.set(true);
    let isolate = platform.isolate(&[]);
    assert_eq!(get(&isolate, &platform, NEXT, &[]).status, 200);
    assert_eq!(platform.fetches.get(), 6, "a cold isolate is fed from the store");
}

#[test]
fn without_the_manifests_ranker_the_linear_one_ranks_and_says_so() {
    let platform = Platform::new();
    let mut other = segue_conformance::ranker::model();
    // Another producer's name makes other bytes of the same model.
    other.extend_from_slice(&[0x12, 1, b'x']);
    platform.publish(2, &other);
    let isolate = platform.isolate(&[]);
    let answer = get(&isolate, &platform, NEXT, &[]);
    assert_eq!(body(&answer)["fallback"], "fallback_model_pending");
    assert_eq!(body(&answer)["step"], "live_ranker");
    let list = items(&answer);
    let disliked =
        post(&isolate, &platform, &[("cookie", &cookie(&answer))], json!([event("1", "dislike", &list[0])]));
    assert!(!items(&disliked).contains(&list[0]), "it reads its feedback all the same");
    let building = platform.isolate(&[("BUILD_PLANS", "yes")]);
    platform.store.borrow_mut().clear();
    assert_eq!(body(&get(&building, &platform, NEXT, &[]))["fallback"], Value::Null);
}

#[test]
fn whoever_asks_too_often_or_for_something_wrong_is_told_so() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[]);
    let code = |answer: &Answer| body(answer)["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/next", &[])), "query_invalid");
    assert_eq!(
        code(&get(&isolate, &platform, "/api/v1/next?surface=radio&count=many", &[])),
        "query_invalid"
    );
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/next?surface=radio&count=0", &[])), "query_invalid");
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/next?surface=none", &[])), "surface_unknown");
    assert_eq!(code(&get(&isolate, &platform, "/api/v1/other", &[])), "route_unknown");
    assert_eq!(get(&isolate, &platform, "/api/v1/session", &[]).header("allow"), Some("DELETE"));
    let text = call("POST", "/api/v1/session/events", &[("content-type", "text/plain")], &json!({}));
    assert_eq!(code(&now(isolate.answer(&platform, &text))), "content_type_unsupported");
    let many = post(&isolate, &platform, &[], json!(vec![event("1", "like", "a"); 101]));
    assert_eq!(code(&many), "batch_too_large");
    let huge = post(&isolate, &platform, &[], json!(["x".repeat(70_000)]));
    assert_eq!(code(&huge), "body_too_large");
    platform.admits.set(false);
    assert_eq!(code(&get(&isolate, &platform, NEXT, &[])), "too_many_requests");
}

#[test]
fn bots_are_answered_and_not_forwarded() {
    let platform = Platform::new();
    let isolate = platform.isolate(&[("LEAST_BOT_SCORE", "30")]);
    let told = json!({ "surface": "radio", "events": [event("1", "like", "item-030")] });
    for (score, forwarded) in [(Some(2), false), (Some(90), true), (None, true)] {
        let request = call("POST", "/api/v1/session/events", &[], &told);
        let answer = now(isolate.answer(&platform, &crate::call::Call { bot_score: score, ..request }));
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
    let answer = now(isolate.answer(&platform, &call("POST", "/api/v1/session/events", &[], &told)));
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
    let ended = now(isolate.answer(&platform, &call("DELETE", "/api/v1/session", &objecting, &Value::Null)));
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
    let after = now(isolate.answer(&platform, &call("POST", "/api/v1/session/events", &agreed, &told)));
    assert_eq!(body(&after)["session"], body(&before)["session"]);
    let list = get(&isolate, &platform, NEXT, &[("segue-consent", "granted"), ("cookie", &cookie(&after))]);
    let list = items(&list);
    assert!(!list.contains(&"item-030".to_owned()) && !list.contains(&"item-031".to_owned()));
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
