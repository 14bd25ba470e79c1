//! The service called without a socket, on a generation made by hand.

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use segue_core::trust::Manifest;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::auth::{PersonTokens, ServiceKeys};
use crate::catalog::dataset;
use crate::config::Config;
use crate::events::power_cut::PowerCutDisk;
use crate::events::{EventStore, Limits};
use crate::keys::KeyStore;
use crate::live::Sessions;
use crate::monitor;
use crate::packs::{PackStore, ShardWriter};
use crate::state::AppState;

/// A data folder and the service on it.
struct Service {
    data: tempfile::TempDir,
    state: Shared,
}

impl Service {
    fn empty() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::new(data.path());
        change(&mut config);
        let state = AppState::open(config).unwrap();
        Self { data, state }
    }

    fn on_disk(disk: &PowerCutDisk, waiting_bytes: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let limits = Limits { waiting_bytes, ..Limits::default() };
        let events = EventStore::on_disk(disk.clone(), limits).unwrap();
        let config = Config::new(data.path());
        let state = AppState::with_events(config, events, Sessions::default(), monitor::install()).unwrap();
        Self { data, state }
    }

    /// Writes the description of data whose events come from `surface`.
    fn describe(&self, surface: &str) {
        let counts = json!({"items": 0, "users": 0, "events": 0, "collections": 0, "rejects": 0});
        let dataset = json!({
            "format": dataset::FORMAT, "name": "made", "attributes": [], "categories": [],
            "counts": counts, "surface": surface, "timed": true
        });
        std::fs::write(self.data.path().join(dataset::FILE), dataset.to_string()).unwrap();
    }

    /// Publishes a generation whose packs are short texts: the service never looks into a pack.
    fn publish(&self) -> String {
        let keys = KeyStore::new(self.data.path());
        let keys = if keys.root().unwrap().is_some() { keys.load() } else { keys.init() }.unwrap();
        let mut staging = PackStore::new(self.data.path()).begin().unwrap();
        let policy = staging.put_blob(b"{\"policy\":1}").unwrap();
        let mut shard = ShardWriter::create(staging.folder(), 0, 1).unwrap();
        shard.push("region:all", b"pack of everyone").unwrap();
        shard.push("user:u1", format!("pack of u1, {}", staging.number()).as_bytes()).unwrap();
        shard.push("user:ü 2", b"pack of two").unwrap();
        shard.finish().unwrap();
        let manifest = Manifest {
            format: Manifest::FORMAT,
            generation: staging.number(),
            created_ms: 1,
            expires_ms: 2,
            towers: "none".to_owned(),
            ranker: None,
            policies: [("radio".to_owned(), policy.clone())].into(),
        };
        let manifest = manifest.seal(keys.signing()).unwrap();
        staging.publish(&manifest, &keys.rotation_list().unwrap(), b"{}").unwrap();
        policy.hash
    }

    /// Every answer that a test gets has to be one that the document names.
    async fn call(&self, request: Request) -> Answer {
        let described = api::check::operation(request.method().as_str(), request.uri().path());
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        if let Some(operation) = described {
            api::check::answer(operation, head.status.as_u16(), &head.headers, &body);
        }
        Answer { status: head.status, headers: head.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method("POST").uri("/api/v1/events");
        self.call(request.header("content-type", "application/json").body(body.into()).unwrap()).await
    }
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some(code), Some(status.into())));
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        assert_eq!(status == 503, !self.header("retry-after").is_empty());
    }
}

fn event(id: &str) -> Value {
    json!({"event_id": id, "user": "u1", "session": "s", "item": "t1", "kind": "like", "time_ms": 1})
}

#[tokio::test]
async fn before_the_first_refresh_the_service_says_what_is_missing() {
    let service = Service::empty();
    assert_eq!(service.get("/healthz").await.status, 200);
    for path in ["/readyz", "/api/v1/manifest", "/api/v1/rotations", "/api/v1/packs/u1", "/api/v1/users"] {
        let answer = service.get(path).await;
        answer.is_problem(503, "generation_missing");
        assert!(answer.json()["detail"].as_str().unwrap().contains("segue refresh"));
    }
    service.get("/api/v1/keys/root").await.is_problem(503, "root_key_missing");
}

#[tokio::test]
async fn a_path_is_answered_with_the_methods_that_the_document_names_and_no_other() {
    let service = Service::empty();
    let document = service.get("/api/v1/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let request = Request::builder().method("PATCH").uri(path.replace(['{', '}'], "x"));
        let refused = service.call(request.body(Body::empty()).unwrap()).await;
        refused.is_problem(405, "method_not_allowed");
        let allowed = refused.header("allow").split(',').filter(|method| *method != "HEAD");
        let allowed: BTreeSet<String> = allowed.map(str::to_lowercase).collect();
        assert_eq!(allowed, item.as_object().unwrap().keys().cloned().collect(), "{path}");
        assert!(!matches!(resource_of(path), "unknown" | "player"), "{path} has no name in the metrics");
    }
    let page = service.get("/api/v1/docs").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
}

#[tokio::test]
async fn a_published_generation_is_served_with_tags_and_swapped_for_the_next() {
    let service = Service::empty();
    service.describe("shop");
    let policy = service.publish();
    service.state.reload();
    let ready = service.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["packs"].as_u64()), (StatusCode::OK, Some(3)));
    for path in ["/api/v1/manifest", "/api/v1/rotations", "/api/v1/packs/u1", "/api/v1/packs/region:all"] {
        let first = service.get(path).await;
        assert_eq!((first.status, first.header("segue-generation")), (StatusCode::OK, "1"), "{path}");
        assert!(first.header("cache-control").contains("no-cache"));
        let request = Request::builder().uri(path).header("if-none-match", first.header("etag"));
        let second = service.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!((second.status, second.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
        assert_eq!(second.header("etag"), first.header("etag"));
    }
    assert_eq!(service.get("/api/v1/packs/%C3%BC%202").await.body, b"pack of two");
    let old = service.get("/api/v1/packs/u1").await;
    service.publish();
    service.state.reload();
    let request = Request::builder().uri("/api/v1/packs/user:u1").header("if-none-match", old.header("etag"));
    let new = service.call(request.body(Body::empty()).unwrap()).await;
    assert_eq!((new.status, new.header("segue-generation")), (StatusCode::OK, "2"));
    assert_eq!(new.body, b"pack of u1, 2");
    let model = service.get(&format!("/api/v1/models/{policy}")).await;
    assert_eq!(model.body, b"{\"policy\":1}");
    assert!(model.header("cache-control").contains("immutable"));
    assert_eq!(
        service.get("/api/v1/users?limit=1").await.json(),
        json!({"users": ["u1"], "surface": "shop"})
    );
    assert_eq!(service.get("/api/v1/keys/root").await.json()["root"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_generation_that_cannot_be_read_leaves_the_one_before_served() {
    let service = Service::empty();
    service.publish();
    service.state.reload();
    service.publish();
    let folder = service.data.path().join("served/generations/2");
    let mut manifest = std::fs::read(folder.join("manifest.cose")).unwrap();
    *manifest.last_mut().unwrap() ^= 1;
    std::fs::write(folder.join("manifest.cose"), manifest).unwrap();
    service.state.reload();
    assert_eq!(service.get("/readyz").await.json()["generation"], 1);
    assert_eq!(service.get("/api/v1/packs/u1").await.body, b"pack of u1, 1");
    std::fs::write(service.data.path().join("served/current"), "nonsense\n").unwrap();
    service.state.reload();
    assert_eq!(service.get("/readyz").await.json()["generation"], 1);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_with_its_own_code() {
    let service = Service::empty();
    service.publish();
    service.state.reload();
    service.get("/api/v1/packs/nobody").await.is_problem(404, "pack_missing");
    service.get("/api/v1/packs/%ff").await.is_problem(404, "pack_missing");
    service.get(&format!("/api/v1/models/{}", "0".repeat(64))).await.is_problem(404, "artefact_missing");
    for bad in ["0", "..%2F..%2Fkeys%2Fsigning.key", &"G".repeat(64)] {
        service.get(&format!("/api/v1/models/{bad}")).await.is_problem(400, "hash_invalid");
    }
    service.get("/api/v1/nothing").await.is_problem(404, "route_unknown");
    service.get("/api").await.is_problem(404, "route_unknown");
    service.get("/nothing.js").await.is_problem(404, "route_unknown");
    let wrong = service.get("/api/v1/events").await;
    wrong.is_problem(405, "method_not_allowed");
    assert!(wrong.header("allow").contains("POST"));
    for query in ["limit=0", "limit=x", "limit=1001"] {
        service.get(&format!("/api/v1/users?{query}")).await.is_problem(400, "query_invalid");
    }
}

#[tokio::test]
async fn items_come_in_the_order_asked_for_and_missing_ones_are_named() {
    let service = Service::empty();
    let rows = "{\"item\":\"a\",\"title\":\"A\",\"vector\":[1.0]}\n{\"item\":\"b,c\",\"title\":\"B\"}\n";
    std::fs::write(service.data.path().join("items.jsonl"), rows).unwrap();
    service.state.reload();
    let answer = service.get("/api/v1/items?ids=b%2Cc,x,a").await.json();
    let expected =
        json!({"items": [{"item": "b,c", "title": "B"}, {"item": "a", "title": "A"}], "missing": ["x"]});
    assert_eq!(answer, expected);
    service.get("/api/v1/items").await.is_problem(400, "query_invalid");
    let many = vec!["a"; 1_001].join(",");
    service.get(&format!("/api/v1/items?ids={many}")).await.is_problem(400, "query_invalid");
}

#[tokio::test]
async fn events_are_stored_before_the_answer_and_counted_once() {
    let service = Service::empty();
    let batch = json!({"events": [event("e1"), {"event_id": "bad"}, event("e2"), event("e1")]}).to_string();
    let answer = service.post(batch.clone()).await;
    assert_eq!(answer.status, 202);
    let receipt = answer.json();
    assert_eq!((receipt["accepted"].as_u64(), receipt["duplicates"].as_u64()), (Some(2), Some(1)));
    assert_eq!(
        (receipt["rejected"][0]["index"].as_u64(), receipt["rejected"][0]["code"].as_str()),
        (Some(1), Some("kind_missing"))
    );
    let mut stored = Vec::new();
    crate::events::read_since(service.data.path(), 0, |_, event| stored.push(event.event_id)).unwrap();
    assert_eq!(stored, ["e1", "e2"]);
    let again = service.post(batch).await.json();
    assert_eq!((again["accepted"].as_u64(), again["duplicates"].as_u64()), (Some(0), Some(3)));
    assert_eq!(service.post("{\"events\":[]}").await.status, 202);
}

#[tokio::test]
async fn bodies_that_are_wrong_or_too_large_are_refused_whole() {
    let service = Service::empty();
    for bad in ["", "[]", "{}", "{\"events\":{}}", "{\"events\":[", "\u{0}"] {
        service.post(bad).await.is_problem(400, "body_invalid");
    }
    service.post(vec![b' '; (1 << 20) + 1]).await.is_problem(413, "body_too_large");
    let many: Vec<Value> = (0..1_001).map(|number| event(&number.to_string())).collect();
    service.post(json!({"events": many}).to_string()).await.is_problem(413, "batch_too_large");
    let form = Request::builder().method("POST").uri("/api/v1/events").header("content-type", "text/plain");
    service.call(form.body(Body::from("{}")).unwrap()).await.is_problem(415, "content_type_unsupported");
    let untyped = Request::builder().method("POST").uri("/api/v1/events");
    let body = Body::from(json!({"events": [event("e1")]}).to_string());
    service.call(untyped.body(body).unwrap()).await.is_problem(415, "content_type_unsupported");
    assert_eq!(service.state.events.count(), 0);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_its_sync_and_a_full_queue_is_refused() {
    let disk = PowerCutDisk::default();
    let service = Service::on_disk(&disk, 1_024);
    let held = disk.hold_next_sync();
    let state = service.state.clone();
    let first = tokio::spawn(async move {
        let body = Body::from(json!({"events": [event("e1")]}).to_string());
        let request = Request::builder().method("POST").uri("/api/v1/events");
        let request = request.header("content-type", "application/json").body(body).unwrap();
        router(state).oneshot(request).await.unwrap().status()
    });
    while disk.unsynced() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished(), "202 before the sync");
    service.post(json!({"events": [event("e2")]}).to_string()).await.is_problem(503, "events_busy");
    drop(held);
    assert_eq!(first.await.unwrap(), 202);
    assert_eq!(disk.unsynced(), 0);
}

#[tokio::test]
async fn what_follows_from_a_commit_is_done_though_nobody_waits_for_the_answer() {
    let disk = PowerCutDisk::default();
    let service = Service::on_disk(&disk, 1 << 20);
    let held = disk.hold_next_sync();
    let state = service.state.clone();
    let asked = tokio::spawn(async move {
        let body = Body::from(json!({"events": [event("e1")]}).to_string());
        let request = Request::builder().method("POST").uri("/api/v1/events");
        router(state).oneshot(request.header("content-type", "application/json").body(body).unwrap()).await
    });
    while disk.unsynced() == 0 {
        tokio::task::yield_now().await;
    }
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    // Meanwhile the person is forgotten, and all that is known of them gone.
    service.state.forget("u1".to_owned()).await.unwrap();
    let erased = service.state.tombstones.erased();
    service.state.tombstones.done(&erased, 1, 0).unwrap();
    drop(held);
    let followed = async {
        while service.state.tombstones.pending().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), followed).await;
    waited.expect("what came in of somebody who was forgotten goes as well");
}

#[tokio::test]
async fn an_event_that_comes_again_is_no_second_one_in_the_session() {
    let service = Service::empty();
    let told = |ids: std::ops::Range<u32>| {
        let events: Vec<Value> = ids.map(|id| event(&format!("e{id}"))).collect();
        json!({ "events": events }).to_string()
    };
    for ids in [0..250, 0..20] {
        assert_eq!(service.post(told(ids)).await.status, 202);
    }
    let session = service.state.sessions.of("u1");
    assert_eq!((session[0].event_id.as_str(), session.len()), ("e50", 200));
    assert_eq!(session[199].event_id, "e249");
}

#[tokio::test]
async fn a_disk_that_fails_asks_the_client_to_keep_its_events() {
    let disk = PowerCutDisk::default();
    let service = Service::on_disk(&disk, 1 << 20);
    disk.state().sync_fails = true;
    for id in ["e1", "e2"] {
        let answer = service.post(json!({"events": [event(id)]}).to_string()).await;
        answer.is_problem(503, "events_unavailable");
        assert!(
            !answer.json()["detail"].as_str().unwrap().contains("device"),
            "the system's words stay in the log"
        );
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let service = Service::with(|config| config.limits.request = std::time::Duration::from_millis(20));
    let body = Body::new(Endless);
    service.post(body).await.is_problem(408, "request_timeout");
}

/// A body that never comes.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn metrics_count_requests_and_events_without_naming_anyone() {
    let service = Service::empty();
    service.publish();
    service.state.reload();
    service.post(json!({"events": [event("m1"), {"event_id": "x"}]}).to_string()).await;
    service.get("/api/v1/packs/u1").await;
    let text = String::from_utf8(service.get("/metrics").await.body).unwrap();
    for part in [
        "segue_http_requests_total{resource=\"packs\",method=\"GET\",status=\"200\"}",
        "segue_http_request_seconds_bucket{resource=\"packs\",le=\"0.005\"}",
        "segue_events_accepted_total",
        "segue_events_rejected_total{code=\"kind_missing\"}",
        "segue_generation_packs 3",
        "segue_generation_age_seconds",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(!text.contains("u1"));
}

#[tokio::test]
async fn the_player_is_served_with_its_types_caching_and_isolation() {
    let player = tempfile::tempdir().unwrap();
    std::fs::create_dir(player.path().join("assets")).unwrap();
    for (name, text) in [("index.html", "<p>player"), ("sw.js", "1"), ("assets/engine-1a.wasm", "\0asm")] {
        std::fs::write(player.path().join(name), text).unwrap();
    }
    let service = Service::with(|config| config.player = Some(player.path().to_owned()));
    let index = service.get("/").await;
    assert_eq!((index.status, index.body.as_slice()), (StatusCode::OK, b"<p>player".as_slice()));
    assert_eq!(index.header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(index.header("cache-control"), "no-cache");
    assert_eq!(service.get("/sw.js").await.header("cache-control"), "no-cache");
    let wasm = service.get("/assets/engine-1a.wasm").await;
    assert_eq!(wasm.header("content-type"), "application/wasm");
    assert!(wasm.header("cache-control").contains("immutable"));
    let page = Request::builder().uri("/session/3").header("accept", "text/html,*/*").body(Body::empty());
    assert_eq!(service.call(page.unwrap()).await.body, b"<p>player");
    service.get("/missing.js").await.is_problem(404, "route_unknown");
    service.get("/..%2f..%2fetc/passwd").await.is_problem(404, "route_unknown");
}

#[tokio::test]
async fn other_origins_may_call_only_when_they_are_named() {
    let from = |origin: &str| {
        Request::builder().uri("/healthz").header("origin", origin.to_owned()).body(Body::empty()).unwrap()
    };
    let closed = Service::empty();
    assert_eq!(closed.call(from("https://app.example")).await.header("access-control-allow-origin"), "");
    let open = Service::with(|config| config.cors_origins = vec!["https://app.example".to_owned()]);
    let answer = open.call(from("https://app.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(open.call(from("https://other.example")).await.header("access-control-allow-origin"), "");
    let may =
        Request::builder().method("OPTIONS").uri("/api/v1/events").header("origin", "https://app.example");
    let may = may.header("access-control-request-method", "POST");
    let may = open
        .call(may.header("access-control-request-headers", "idempotency-key").body(Body::empty()).unwrap());
    let allowed = may.await.header("access-control-allow-headers").to_owned();
    assert!(
        ["authorization", "content-type", "if-none-match", "a-im", "idempotency-key"]
            .iter()
            .all(|name| allowed.contains(name)),
        "{allowed}"
    );
}

#[tokio::test]
async fn what_is_kept_about_somebody_is_told_to_services_alone() {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    Service::empty().get("/api/v1/users/u1").await.is_problem(403, "service_keys_missing");
    let service =
        Service::with(|config| config.callers.services = ServiceKeys::read(None, Some(KEY)).unwrap());
    let ask = |key: &str| {
        let request =
            Request::builder().uri("/api/v1/users/u1").header("authorization", format!("Bearer {key}"));
        service.call(request.body(Body::empty()).unwrap())
    };
    let without = service.get("/api/v1/users/u1").await;
    without.is_problem(401, "credentials_missing");
    assert_eq!(without.header("www-authenticate"), "Bearer");
    ask("another").await.is_problem(401, "credentials_invalid");
    let events: Vec<Value> = (0..1_000).map(|number| event(&format!("e{number}"))).collect();
    assert_eq!(service.post(json!({ "events": events }).to_string()).await.status, StatusCode::ACCEPTED);
    let answer = ask(KEY).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/x-ndjson"));
    let lines: Vec<Value> = answer
        .body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1_001);
    assert_eq!((&lines[999]["table"], &lines[999]["row"]["event_id"]), (&json!("received"), &json!("e999")));
    assert_eq!(lines[1_000], json!({"rows": 1_000}));
    // Whoever writes an export gives the turn back a moment after its last line.
    let all = service.state.exports.clone().acquire_many_owned(api::EXPORTS_AT_ONCE as u32);
    let turns = tokio::time::timeout(std::time::Duration::from_secs(10), all).await.unwrap().unwrap();
    ask(KEY).await.is_problem(503, "service_busy");
    drop(turns);
    assert_eq!(ask(KEY).await.status, StatusCode::OK);
}

#[tokio::test]
async fn with_a_key_of_their_sign_in_people_get_and_send_what_is_their_own() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let service = Service::with(|config| {
        config.callers.people = PersonTokens::read(None, [Some(SECRET), None], None).unwrap();
    });
    service.publish();
    service.state.reload();
    let claims = json!({"sub": "u1", "exp": crate::clock::now_ms() / 1000 + 600});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let ask = |method: &str, path: &str, token: &str, body: String| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        service.call(request.body(body.into()).unwrap())
    };
    let get = |path: &'static str, token: &str| ask("GET", path, token, String::new());
    assert_eq!(get("/api/v1/packs/u1", &token).await.status, StatusCode::OK);
    get("/api/v1/packs/%C3%BC%202", &token).await.is_problem(403, "user_forbidden");
    for path in ["/api/v1/recommendations?user=u2", "/api/v1/collections/u2"] {
        get(path, &token).await.is_problem(403, "user_forbidden");
    }
    get("/api/v1/packs/u1", "nonsense").await.is_problem(401, "credentials_invalid");
    service.get("/api/v1/packs/u1").await.is_problem(401, "credentials_missing");
    assert_eq!(service.get("/api/v1/packs/region:all").await.status, StatusCode::OK);
    service.get(&format!("/api/v1/packs/device-{}", "0f".repeat(16))).await.is_problem(404, "pack_missing");
    get("/api/v1/users", &token).await.is_problem(403, "service_keys_missing");
    let told = |id: &str, user: &str| {
        let mut event = event(id);
        event["user"] = json!(user);
        event
    };
    let batch = json!({"events": [told("a", "u1"), told("b", "u2"), told("c", "")]}).to_string();
    let answer = ask("POST", "/api/v1/events", &token, batch).await.json();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["code"]), (&json!(2), &json!("user_forbidden")));
    let anonymous =
        service.post(json!({"events": [told("d", "u1"), told("e", "")]}).to_string()).await.json();
    assert_eq!((&anonymous["accepted"], &anonymous["rejected"][0]["index"]), (&json!(1), &json!(0)));
    let asked = ask("DELETE", "/api/v1/users/u1", &token, String::new()).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    let receipt = format!("/api/v1/erasures/{}", asked.json()["receipt"].as_str().unwrap());
    assert_eq!(service.get(&receipt).await.json()["stage"], "asked");
    service.get(&format!("{receipt}0")).await.is_problem(404, "receipt_unknown");
}

#[tokio::test]
async fn events_may_come_in_message_pack_one_by_one_and_without_ids() {
    let service = Service::empty();
    let send = |kind: &str, key: &str, body: Vec<u8>| {
        let request = Request::builder().method("POST").uri("/api/v1/events").header("content-type", kind);
        service.call(request.header("idempotency-key", key).body(body.into()).unwrap())
    };
    let batch = json!({"sent_ms": null, "events": [event("a"), event("b")]});
    let packed = rmp_serde::to_vec_named(&batch).unwrap();
    assert_eq!(send("application/msgpack", "", packed).await.json()["accepted"], 2);
    let again = send("application/json", "", batch.to_string().into()).await.json();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(2)));
    send("application/msgpack", "", vec![0x91; 5_000]).await.is_problem(400, "body_invalid");
    // The second event of a batch of `docs/events.proto`; the first is the one that is known.
    let protobuf =
        b"\x12\x0f\x0a\x01a\x22\x02t1\x2a\x04like\x30\x01\x12\x0f\x0a\x01p\x22\x02t1\x2a\x04like\x30\x01";
    let answer = send("application/x-protobuf", "", protobuf.to_vec()).await.json();
    assert_eq!(
        (&answer["accepted"], &answer["duplicates"], &answer["rejected"]),
        (&json!(1), &json!(1), &json!([]))
    );
    send("application/protobuf", "", vec![0xff]).await.is_problem(400, "body_invalid");
    send("application/xml", "", vec![1]).await.is_problem(415, "content_type_unsupported");

    let one = json!({"user_id": "u1", "item_id": "t1", "event": "skip", "duration_sec": 3, "timestamp": 1});
    for (accepted, duplicates) in [(1, 0), (0, 1)] {
        let answer = send("application/json", "", one.to_string().into()).await.json();
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(accepted), &json!(duplicates)));
    }
    let mut without = event("c");
    without.as_object_mut().unwrap().remove("event_id");
    let batch = json!({"events": [without.clone(), without]}).to_string();
    let keyless = send("application/json", "", batch.clone().into()).await.json();
    assert_eq!(keyless["rejected"][0]["code"], "event_id_missing");
    for accepted in [2, 0] {
        assert_eq!(send("application/json", "k1", batch.clone().into()).await.json()["accepted"], accepted);
    }
    // Somebody else who names their requests alike.
    let theirs = batch.replace("u1", "u2");
    for accepted in [2, 0] {
        assert_eq!(send("application/json", "k1", theirs.clone().into()).await.json()["accepted"], accepted);
    }
}
