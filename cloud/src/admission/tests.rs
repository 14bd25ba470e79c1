//! Who is let in, decided without a socket.

use axum::body::Body;

use super::*;
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
    let held = admission.admit(&request(&[])).unwrap();
    assert_eq!(code(admission.admit(&request(&[]))), Some(Code::ServiceBusy));
    drop(held);
    assert_eq!(code(admission.admit(&request(&[]))), None);
}

#[test]
fn bodies_together_take_no_more_memory_than_is_allowed() {
    let limits = Limits { body_bytes: 4_096, bodies_bytes: 8_192, ..Limits::default() };
    let admission = admission(|config| config.limits = limits);
    let (small, endless) = ([("content-length", "4096")], [("transfer-encoding", "chunked")]);
    // Longer than allowed is refused by its handler before it is read: it takes no more room than is allowed.
    let huge = [("content-length", "99999999999")];
    for headers in [small, endless, huge] {
        let _held =
            [admission.admit(&request(&small)).unwrap(), admission.admit(&request(&headers)).unwrap()];
        assert_eq!(code(admission.admit(&request(&small))), Some(Code::ServiceBusy));
        assert_eq!(code(admission.admit(&request(&[]))), None);
    }
}

#[test]
fn a_client_that_asks_too_often_is_told_apart_from_the_others() {
    let limits = Limits { client_rate: 1, ..Limits::default() };
    let admission = admission(|config| {
        config.limits = limits;
        config.client_header = Some("x-forwarded-for".to_owned());
        config.callers.services = crate::auth::ServiceKeys::read(None, Some(KEY)).unwrap();
    });
    let answers = (0..11).map(|_| code(admission.admit(&request(&[]))));
    assert_eq!(answers.last().flatten(), Some(Code::TooManyRequests));
    assert_eq!(code(admission.admit(&request(&[("x-forwarded-for", "10.0.0.1, 10.9.9.9")]))), None);
    assert_eq!(code(admission.admit(&request(&[("authorization", &format!("Bearer {KEY}"))]))), None);
    assert_eq!(
        code(admission.admit(&request(&[("x-forwarded-for", "10.9.9.9, 10.0.0.1")]))),
        Some(Code::TooManyRequests)
    );
}
