//! The service on a real socket: kept connections, slow clients, a stop in the middle of a request.

use std::net::SocketAddr;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::app;
use crate::config::Config;
use crate::state::AppState;
use crate::tls::tests::sample;
use crate::tls::{Pair, acceptor, client, keep_looking};

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) task: JoinHandle<()>,
}

pub(super) async fn start(router: Router, limits: Limits) -> Running {
    start_with(router, limits, None).await
}

async fn start_with(router: Router, limits: Limits, tls: Option<TlsAcceptor>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(run(listener, router, limits, tls, async move {
        // A dropped sender is a stop, too.
        let _ = stopped.await;
    }));
    Running { address, stop, task }
}

pub(super) async fn read_to_end(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn the_whole_service_answers_on_a_socket_and_keeps_events_over_a_restart() {
    let data = tempfile::tempdir().unwrap();
    for (accepted, duplicates) in [(1, 0), (0, 1)] {
        let state = AppState::open(Config::new(data.path())).unwrap();
        let running = start(app::router(state), Limits::default()).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let body = r#"{"events":[{"event_id":"e1","item":"t1","kind":"like","time_ms":1}]}"#;
        let head = format!(
            "POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let text = read_to_end(stream).await;
        assert!(text.contains("HTTP/1.1 202"), "{text}");
        assert!(text.contains(&format!("\"accepted\":{accepted},\"duplicates\":{duplicates}")), "{text}");
        assert!(text.contains("{\"status\":\"ok\"}"), "{text}");
        running.stop.send(()).unwrap();
        running.task.await.unwrap();
    }
}

#[tokio::test]
async fn a_request_in_progress_is_finished_before_the_stop() {
    let (entered, mut inside) = mpsc::unbounded_channel();
    let (release, released) = oneshot::channel::<()>();
    let released = Arc::new(tokio::sync::Mutex::new(Some(released)));
    let slow = get(move || async move {
        entered.send(()).unwrap();
        if let Some(released) = released.lock().await.take() {
            released.await.unwrap();
        }
        "finished"
    });
    let running = start(Router::new().route("/", slow), Limits::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    inside.recv().await.unwrap();
    running.stop.send(()).unwrap();
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.task.is_finished());
    release.send(()).unwrap();
    assert!(read_to_end(stream).await.ends_with("finished"));
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_head_that_never_ends_and_an_answer_that_is_never_taken_are_dropped() {
    let short = Duration::from_millis(50);
    let limits = Limits { head: short, stall: short, stop: short, ..Limits::default() };
    let (done, mut dropped) = mpsc::unbounded_channel();
    let large = get(move || async move {
        let done = done.clone();
        let bytes = axum::body::Bytes::from_owner(Watched(vec![0; 64 << 20], done));
        axum::body::Body::from(bytes)
    });
    let running = start(Router::new().route("/", large), limits).await;

    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    assert!(!read_to_end(slow).await.contains("200"));

    let mut idle = TcpStream::connect(running.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    dropped.recv().await.unwrap();
    drop(idle);
    drop(running.stop);
    running.task.await.unwrap();
}

/// Tells when an answer's bytes are let go.
struct Watched(Vec<u8>, mpsc::UnboundedSender<()>);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.1.send(());
    }
}

#[tokio::test]
async fn with_a_certificate_requests_come_over_tls_and_who_does_not_speak_it_holds_no_place() {
    let [certificate, key] = ["certificate.pem", "key.pem"].map(sample);
    let limits = Limits { head: Duration::from_millis(200), connections: 1, ..Limits::default() };
    let router = Router::new().route("/", get(|| async { "hello" }));
    let pair = Pair::open(&certificate, &key).unwrap();
    let running = start_with(router, limits, Some(acceptor(pair).unwrap())).await;
    // One that says nothing at all, and one that speaks plainly: each gives the only place back.
    let silent = TcpStream::connect(running.address).await.unwrap();
    let mut plain = TcpStream::connect(running.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("hello"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hello"), "{text}");
    drop(silent);
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
}

/// What the service answers one who believes this certificate of the samples alone.
async fn answer_over_tls(address: SocketAddr, certificate: &str) -> io::Result<String> {
    let connector = TlsConnector::from(Arc::new(client(&sample(certificate)).unwrap()));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| {
        let file = folder.path().join(name);
        std::fs::copy(sample(name), &file).unwrap();
        file
    });
    let pair = Pair::open(&certificate, &key).unwrap();
    let looking = tokio::spawn(keep_looking(Arc::clone(&pair), Duration::from_millis(10)));
    let router = Router::new().route("/", get(|| async { "hello" }));
    let running = start_with(router, Limits::default(), Some(acceptor(pair).unwrap())).await;
    assert!(answer_over_tls(running.address, "certificate.pem").await.unwrap().ends_with("hello"));
    // One after the other, so a look may find a pair that does not fit; the next one finds the whole.
    std::fs::copy(sample("other-certificate.pem"), &certificate).unwrap();
    std::fs::copy(sample("other-key.pem"), &key).unwrap();
    let renewed = async {
        while answer_over_tls(running.address, "other-certificate.pem").await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), renewed).await.expect("the renewed certificate is never shown");
    assert!(answer_over_tls(running.address, "certificate.pem").await.is_err());
    looking.abort();
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
}
