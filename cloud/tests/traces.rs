//! `segue serve` and a collector of traces: what arrives there, read as OTLP.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use support::{Serve, command, post as post_events, stored};

/// The example of the W3C's recommendation, sampled.
const TRACE: [u8; 16] = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
const CALLER: [u8; 8] = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector that passes on what it takes; its endpoint.
fn collector() -> (String, Receiver<ExportTraceServiceRequest>) {
    async fn take(
        State(took): State<Sender<ExportTraceServiceRequest>>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        took.send(ExportTraceServiceRequest::decode(body).unwrap()).unwrap();
        StatusCode::OK
    }
    let (took, taken) = channel();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let router = axum::Router::new().route("/v1/traces", post(take)).with_state(took);
            axum::serve(listener, router).await.unwrap();
        });
    });
    (endpoint, taken)
}

/// A service that sends its traces there.
fn serve(data: &tempfile::TempDir, endpoint: &str, per_thousand: u32) -> Serve {
    let file = data.path().join("segue.toml");
    let text = format!("[traces]\nendpoint = \"{endpoint}\"\nper_thousand = {per_thousand}\n");
    std::fs::write(&file, text).unwrap();
    // Milliseconds between batches.
    let mut command = command(data.path());
    command.arg("--config").arg(file).env("OTEL_BSP_SCHEDULE_DELAY", "100").stderr(Stdio::null());
    Serve::run(&mut command)
}

fn get(serve: &Serve, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(&serve.address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn stop(mut serve: Serve) {
    let process = serve.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(serve.child.wait().unwrap().success());
}

/// The spans that came, once the service has ended; each batch has to name it.
fn spans(taken: &Receiver<ExportTraceServiceRequest>) -> Vec<Span> {
    let resources = taken.try_iter().flat_map(|batch| batch.resource_spans);
    resources
        .flat_map(|resource| {
            let name = attribute(&resource.resource.unwrap().attributes, "service.name");
            assert_eq!(name, Some(Value::StringValue("segue".to_owned())));
            resource.scope_spans.into_iter().flat_map(|scope| scope.spans)
        })
        .collect()
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.clone().and_then(|AnyValue { value }| value)
}

fn text(span: &Span, key: &str) -> String {
    match attribute(&span.attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?} in {span:?}"),
    }
}

#[test]
fn a_request_goes_on_with_its_callers_trace_and_others_begin_their_own() {
    let data = tempfile::tempdir().unwrap();
    let (endpoint, taken) = collector();
    let service = serve(&data, &endpoint, 1_000);
    get(&service, "/api/v1/manifest", &format!("traceparent: {TRACEPARENT}\r\n"));
    assert!(post_events(&service.address, &["e1".to_owned()]));
    stop(service);

    let spans = spans(&taken);
    let request = |resource| {
        let of = |span: &&Span| span.name == "request" && text(span, "resource") == resource;
        spans.iter().find(of).unwrap()
    };
    let asked = request("manifest");
    assert_eq!((&asked.trace_id[..], &asked.parent_span_id[..]), (&TRACE[..], &CALLER[..]));
    // Nothing was published: 503 is a fault of the service's.
    assert_eq!(attribute(&asked.attributes, "status"), Some(Value::IntValue(503)));
    assert_eq!(asked.status.as_ref().unwrap().code, 2, "{asked:?}");

    let sent = request("events");
    assert!(sent.trace_id != TRACE && sent.parent_span_id.is_empty());
    let stored = spans.iter().find(|span| span.name == "store").unwrap();
    assert_eq!((&stored.trace_id, &stored.parent_span_id), (&sent.trace_id, &sent.span_id));
}

#[test]
fn only_what_a_caller_sampled_is_sent_where_none_is_to_be() {
    let data = tempfile::tempdir().unwrap();
    let (endpoint, taken) = collector();
    let service = serve(&data, &endpoint, 0);
    get(&service, "/healthz", "");
    get(&service, "/healthz", &format!("traceparent: {TRACEPARENT}\r\n"));
    get(&service, "/healthz", &format!("traceparent: {}0\r\n", &TRACEPARENT[..TRACEPARENT.len() - 1]));
    get(&service, "/healthz", "traceparent: nonsense\r\n");
    stop(service);
    let traces: Vec<Vec<u8>> = spans(&taken).into_iter().map(|span| span.trace_id).collect();
    assert_eq!(traces, [TRACE.to_vec()]);
}

#[test]
fn a_collector_that_is_down_costs_spans_and_is_counted() {
    let data = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = serve(&data, &format!("http://{closed}/v1/traces"), 1_000);
    let failed = || {
        let metrics = get(&service, "/metrics", "");
        !metrics.contains("segue_trace_batches_total{result=\"failed\"} 0")
    };
    while !failed() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(post_events(&service.address, &["e1".to_owned()]));
    stop(service);
    assert_eq!(stored(data.path()), ["e1"]);
}

#[test]
fn without_a_collector_a_traceparent_is_no_matter() {
    let data = tempfile::tempdir().unwrap();
    let service = Serve::start(data.path());
    let answer = get(&service, "/healthz", &format!("traceparent: {TRACEPARENT}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
