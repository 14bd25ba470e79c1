//! Who is let in, decided without a socket.

use axum::body::Body;

use super::*;
use crate::auth::{PersonTokens, ServiceKeys};
use crate::config::Limits;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn admission(change: impl FnOnce(&mut Config)) -> Admission {
    let mut config = Config::new("D");
    change(&mut config);
    Admission::new(&config)
}

fn request(headers: &[(&str, &str)]) -> Request {
    let mut builder = Request::builder().uri("/api/v1/events");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let mut request = builder.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer("10.0.0.1".parse().unwrap()));
    request
}

fn code(result: Result<Room, ApiError>) -> Option<Code> {
    result.err().map(|error| error.code)
}

#[test]
fn who_finds_no_room_is_told_so_and_room_comes_back() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let admission = admission(|config| config.limits = limits);
    let held = admission.admit(&mut request(&[])).unwrap();
    assert_eq!(code(admission.admit(&mut request(&[]))), Some(Code::ServiceBusy));
    drop(held);
    assert_eq!(code(admission.admit(&mut request(&[]))), None);
}

#[test]
fn bodies_together_take_no_more_memory_than_is_allowed() {
    let limits = Limits { body_bytes: 4_096, bodies_bytes: 8_192, ..Limits::default() };
    let admission = admission(|config| config.limits = limits);
    let (small, endless) = ([("content-length", "4096")], [("transfer-encoding", "chunked")]);
    // Longer than allowed is refused by its handler before it is read: it takes no more room than is allowed.
    let huge = [("content-length", "99999999999")];
    for headers in [small, endless, huge] {
        let _held = [
            admission.admit(&mut request(&small)).unwrap(),
            admission.admit(&mut request(&headers)).unwrap(),
        ];
        assert_eq!(code(admission.admit(&mut request(&small))), Some(Code::ServiceBusy));
        assert_eq!(code(admission.admit(&mut request(&[]))), None);
    }
}

#[test]
fn an_address_that_asks_too_often_is_told_apart_from_the_others() {
    let limits = Limits { client_rate: 1, ..Limits::default() };
    let admission = admission(|config| {
        config.limits = limits;
        config.client_header = Some("x-forwarded-for".to_owned());
        config.callers.services = ServiceKeys::read(None, Some(KEY)).unwrap();
    });
    let code = |headers: &[(&str, &str)]| code(admission.admit(&mut request(headers)));
    let answers = (0..11).map(|_| code(&[]));
    assert_eq!(answers.fold(None, |_, answer| answer), Some(Code::TooManyRequests));
    assert_eq!(code(&[("x-forwarded-for", "10.0.0.1, 10.9.9.9")]), None);
    assert_eq!(code(&[("authorization", &format!("Bearer {KEY}"))]), None);
    assert_eq!(code(&[("x-forwarded-for", "10.9.9.9, 10.0.0.1")]), Some(Code::TooManyRequests));
}

#[test]
fn a_proxy_or_an_operator_on_the_same_machine_is_not_counted() {
    let limits = Limits { client_rate: 1, ..Limits::default() };
    let admission = admission(|config| config.limits = limits);
    let mut request = request(&[]);
    request.extensions_mut().insert(Peer("127.0.0.1".parse().unwrap()));
    assert!((0..100).all(|_| admission.admit(&mut request).is_ok()));
}

#[test]
fn a_person_is_counted_wherever_they_come_from_and_a_service_by_its_key() {
    let admission = admission(|config| {
        config.limits = Limits { client_rate: 0, person_rate: 1, service_rate: 2, ..Limits::default() };
        config.client_header = Some("x-forwarded-for".to_owned());
        config.callers.services = ServiceKeys::read(None, Some(&format!("{KEY},{KEY}{KEY}"))).unwrap();
        config.callers.people = PersonTokens::read(None, [Some(KEY), None], None).unwrap();
    });
    let token = |person: &str| {
        let claims = serde_json::json!({"sub": person, "exp": crate::clock::now_ms() / 1000 + 600});
        let key = jsonwebtoken::EncodingKey::from_secret(KEY.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    let let_in = |credentials: &str| {
        let bearer = format!("Bearer {credentials}");
        let addresses = (0..50).map(|number| format!("192.0.2.{number}"));
        addresses
            .filter(|from| {
                let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", from.as_str())];
                admission.admit(&mut request(&headers)).is_ok()
            })
            .count()
    };
    assert_eq!((let_in(&token("u1")), let_in(&token("u2"))), (10, 10));
    assert_eq!((let_in(KEY), let_in(&format!("{KEY}{KEY}"))), (20, 20));
    assert_eq!(let_in("nobody's"), 50, "who shows nothing that holds is refused by whoever reads it");
}
