//! Traces for OpenTelemetry: each request a span with what it waited for inside, sent in batches to a collector by OTLP
//! over HTTP.
//!
//! Off unless `traces.endpoint` names a collector, which stands beside the service and speaks plain HTTP. A request that
//! brings a `traceparent` (W3C Trace Context) goes on with its caller's trace, sampled as the caller decided. A collector
//! that is down costs spans, nothing else: they wait in a queue of fixed length, and a thread of its own sends them.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::near;

/// The way to the collector; what is still on it is sent when this is dropped.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends `per_thousand` of 1,000 traces to `endpoint`, such as `http://127.0.0.1:4318/v1/traces`; those that a caller
    /// began are sent as the caller decided.
    ///
    /// # Errors
    /// When the endpoint is no such address.
    pub fn to(endpoint: &str, per_thousand: u32) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::default())
            .with_endpoint(endpoint)
            .with_protocol(Protocol::HttpBinary)
            .build()?;
        let share = Sampler::TraceIdRatioBased(f64::from(per_thousand) / 1_000.0);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(Resource::builder().with_service_name("segue").build())
            .build();
        Ok(Self(provider))
    }

    /// What takes the spans of a subscriber.
    pub fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> + use<S> {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("segue"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Lets the span of a request go on with its caller's trace.
pub(crate) fn follow(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let caller = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        // An error says that nobody traces.
        let _ = span.set_parent(caller);
    }
}

/// Posts to the collector from the exporter's own thread, which may wait.
#[derive(Debug, Default)]
struct Collector {
    is_failing: AtomicBool,
}

impl Collector {
    /// Counts, and says once that it fails and once that it is well again.
    fn note(&self, result: &anyhow::Result<u16>) {
        let problem = match result {
            Ok(200..=299) => None,
            Ok(status) => Some(format!("it answered {status}")),
            Err(error) => Some(format!("{error:#}")),
        };
        let label = if problem.is_some() { "failed" } else { "sent" };
        metrics::counter!("segue_trace_batches_total", "result" => label).increment(1);
        let was_failing = self.is_failing.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !was_failing => {
                tracing::warn!(problem, "the collector does not take traces; see traces.endpoint");
            }
            None if was_failing => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri();
        let address = format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        let answer = near::post(&address, uri.path(), request.headers(), request.body());
        let (result, body) = match answer {
            Ok((status, body)) => (Ok(status), body),
            Err(error) => (Err(error), Vec::new()),
        };
        self.note(&result);
        Ok(Response::builder().status(result?).body(Bytes::from(body))?)
    }
}
