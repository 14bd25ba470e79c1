//! The whole service on a socket, with clients that are too many, too slow, too large or gone.

use super::tests::{Running, read_to_end, start};
use super::*;
use crate::app;
use crate::config::Config;
use crate::state::AppState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EVENTS: &str = "POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
const EVENT: &str = r#"{"events":[{"event_id":"e1","item":"t1","kind":"like","time_ms":1}]}"#;
const CLOSING: &str = "GET /api/v1/manifest HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// The service on a fresh folder.
struct Served {
    running: Running,
    data: tempfile::TempDir,
}

impl Served {
    async fn with(limits: Limits) -> Self {
        let data = tempfile::tempdir().unwrap();
        let client_header = Some("x-forwarded-for".to_owned());
        let config = Config { limits, client_header, ..Config::new(data.path()) };
        let router = app::router(AppState::open(config).unwrap());
        Self { running: start(router, limits).await, data }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.running.address).await.unwrap()
    }

    async fn ask(&self, head: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        read_to_end(stream).await
    }

    /// Whoever has the only room is in as soon as somebody else is refused.
    async fn until_full(&self) -> String {
        loop {
            let answer = self.ask(CLOSING).await;
            if answer.contains("service_busy") {
                return answer;
            }
        }
    }

    async fn stop(self) -> tempfile::TempDir {
        drop(self.running.stop);
        self.running.task.await.unwrap();
        self.data
    }
}

fn post_head(length: usize) -> String {
    format!("{EVENTS}connection: close\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn a_full_service_refuses_with_a_time_to_come_back_and_can_still_be_looked_at() {
    let served = Served::with(Limits { requests: 1, ..Limits::default() }).await;
    let mut slow = served.connect().await;
    slow.write_all(post_head(EVENT.len()).as_bytes()).await.unwrap();
    let refused = served.until_full().await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    let health = served.ask("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    slow.write_all(EVENT.as_bytes()).await.unwrap();
    assert!(read_to_end(slow).await.starts_with("HTTP/1.1 202"));
    assert!(served.ask(CLOSING).await.contains("generation_missing"));
    served.stop().await;
}

#[tokio::test]
async fn one_client_that_asks_too_often_is_told_to_wait() {
    let served = Served::with(Limits { client_rate: 1, ..Limits::default() }).await;
    let mut stream = served.connect().await;
    let last = CLOSING.replace("connection", "x-forwarded-for: 192.0.2.1\r\nconnection");
    let request = last.replace("close", "keep-alive");
    stream.write_all(request.repeat(19).as_bytes()).await.unwrap();
    stream.write_all(last.as_bytes()).await.unwrap();
    let answers = read_to_end(stream).await;
    assert!(answers.contains("HTTP/1.1 429") && answers.contains("too_many_requests"), "{answers}");
    assert!(answers.contains("generation_missing") && answers.contains("retry-after: 1"), "{answers}");
    served.stop().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_and_a_body_that_never_ends_are_let_go() {
    let short = Duration::from_millis(100);
    let served = Served::with(Limits { head: short, request: short, requests: 1, ..Limits::default() }).await;
    assert_eq!(read_to_end(served.connect().await).await, "");
    let mut dripping = served.connect().await;
    dripping.write_all(format!("{}{{", post_head(100)).as_bytes()).await.unwrap();
    let answer = read_to_end(dripping).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    // The only room there is was given back.
    assert!(served.ask(CLOSING).await.contains("generation_missing"));
    served.stop().await;
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_and_the_service_goes_on() {
    let served = Served::with(Limits::default()).await;
    let whole = (post_head(10 << 20), vec![b' '; 10 << 20]);
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let chunked = format!("{EVENTS}connection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    for (head, body) in [whole, (chunked, chunk.repeat(160))] {
        let (mut reader, mut writer) = served.connect().await.into_split();
        let writing = tokio::spawn(async move {
            // The service may hang up in the middle.
            let _ = writer.write_all(head.as_bytes()).await;
            let _ = writer.write_all(&body).await;
            writer
        });
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
        drop(writing.await.unwrap());
    }
    assert!(served.ask(CLOSING).await.contains("generation_missing"));
    served.stop().await;
}

#[tokio::test]
async fn what_is_being_sent_when_the_service_stops_is_stored_and_acknowledged() {
    let served = Served::with(Limits { requests: 1, ..Limits::default() }).await;
    let mut sending = served.connect().await;
    let (first, rest) = EVENT.split_at(20);
    sending.write_all(format!("{}{first}", post_head(EVENT.len())).as_bytes()).await.unwrap();
    served.until_full().await;
    let address = served.running.address;
    let stopping = tokio::spawn(served.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    sending.write_all(rest.as_bytes()).await.unwrap();
    let answer = read_to_end(sending).await;
    let data = stopping.await.unwrap();
    assert!(answer.contains("HTTP/1.1 202") && answer.contains("\"accepted\":1"), "{answer}");
    let mut stored = Vec::new();
    crate::events::read_since(data.path(), 0, |_, event| stored.push(event.event_id)).unwrap();
    assert_eq!(stored, ["e1"]);
}
