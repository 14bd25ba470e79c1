//! The edge worker before the real service, without a socket: thin clients read both alike, and events count once.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use segue_cloud::catalog::generate;
use segue_cloud::clock::now_ms;
use segue_cloud::config::Config;
use segue_cloud::keys::KeyStore;
use segue_cloud::state::AppState;
use segue_cloud::{app, refresh};
use segue_worker::call::Call;
use segue_worker::forward;
use segue_worker::host::{Cell, Fault, Fetched, Host};
use segue_worker::isolate::Isolate;
use segue_worker::problem::{Code, Problem};
use segue_worker::region::EVERYWHERE;
use segue_worker::settings::Settings;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A service with one published generation.
struct Service {
    data: tempfile::TempDir,
    state: Arc<AppState>,
    router: Router,
}

/// What a client sees of an answer: status, headers, body.
type Seen = (u16, HeaderMap, Value);

impl Service {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let options = generate::Options { tracks: 400, users: 12, seed: 7, truth: None };
        generate::run(&options, data.path()).unwrap();
        refresh::run(data.path(), &refresh::Options::default()).unwrap();
        let state = AppState::open(Config::new(data.path())).unwrap();
        let router = app::router(Arc::clone(&state));
        Self { data, state, router }
    }

    /// Publishes the next generation.
    fn publish(&self) {
        refresh::run(self.data.path(), &refresh::Options::default()).unwrap();
        self.state.reload();
    }

    async fn bytes(&self, request: Request<Body>) -> (u16, HeaderMap, Vec<u8>) {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        (parts.status.as_u16(), parts.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
    }

    async fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> Seen {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        let (status, headers, bytes) = self.bytes(request.body(Body::from(body.to_owned())).unwrap()).await;
        (status, headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn isolate(&self) -> Isolate {
        let root = root(self.data.path());
        let settings = Settings::read(|name| match name {
            "ORIGIN" => Some("https://cloud.example".to_owned()),
            "ROOT_KEY" => Some(root.clone()),
            "SESSION_SECRET" => Some("0123456789abcdef0123456789abcdef".to_owned()),
            "CONSENT" => Some("assumed".to_owned()),
            "BUILD_PLANS" => Some("yes".to_owned()),
            _ => None,
        });
        Isolate::new(settings.unwrap(), None)
    }
}

fn root(data: &Path) -> String {
    KeyStore::new(data).root().unwrap().unwrap().to_hex()
}

/// A platform whose cloud is the service, and whose queue delivers at once.
struct Platform {
    service: Arc<Service>,
    messages: std::cell::RefCell<Vec<String>>,
    /// How often the service told what changed.
    changes: std::cell::Cell<usize>,
}

impl Platform {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Fetched, Fault> {
        let request = headers
            .iter()
            .fold(Request::get(format!("/api/v1/{path}")), |request, pair| request.header(pair.0, pair.1));
        let (status, headers, bytes) = self.service.bytes(request.body(Body::empty()).unwrap()).await;
        let tag = headers.get(header::ETAG).map(|tag| tag.to_str().unwrap().to_owned());
        match StatusCode::from_u16(status).unwrap() {
            StatusCode::OK => Ok(Fetched::Content(bytes, tag)),
            StatusCode::IM_USED => {
                self.changes.set(self.changes.get() + 1);
                Ok(Fetched::Changes(bytes, tag))
            }
            StatusCode::NOT_MODIFIED => Ok(Fetched::Current),
            StatusCode::NOT_FOUND => Ok(Fetched::Missing),
            status => Err(format!("GET {path} answered {status}")),
        }
    }
}

impl Host for Platform {
    fn now_ms(&self) -> i64 {
        now_ms()
    }

    fn memory_bytes(&self) -> u32 {
        0
    }

    fn random(&self) -> [u8; 24] {
        [7; 24]
    }

    async fn read(&self, _: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }

    async fn write(&self, _: &str, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn report(&self, fault: &str) {
        panic!("{fault}");
    }

    async fn fetch(&self, path: &str, tag: Option<&str>) -> Result<Fetched, Fault> {
        let tag = tag.map(|tag| ("if-none-match", tag));
        self.get(path, tag.as_slice()).await
    }

    async fn fetch_changes(&self, path: &str, tag: &str) -> Result<Fetched, Fault> {
        self.get(path, &[("if-none-match", tag), ("a-im", "segue-delta")]).await
    }

    async fn post_events(&self, body: &str) -> Result<u16, Fault> {
        Ok(self.service.ask("POST", "/api/v1/events", "application/json", body).await.0)
    }

    async fn hand_on(&self, body: &str) -> Result<(), Fault> {
        self.messages.borrow_mut().push(body.to_owned());
        Ok(())
    }

    async fn pause(&self, _: u64) {}

    async fn admits(&self, _: &str) -> bool {
        true
    }

    async fn load_cell(&self, _: &str) -> Result<Cell, Fault> {
        Ok(Cell::default())
    }

    async fn store_cell(&self, _: &str, _: &Cell) -> Result<Option<Cell>, Fault> {
        Ok(None)
    }

    async fn forget_cell(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// The worker before the service.
struct Edge {
    isolate: Isolate,
    platform: Platform,
}

impl Edge {
    fn before(service: &Arc<Service>) -> Self {
        let platform =
            Platform { service: Arc::clone(service), messages: Vec::new().into(), changes: 0.into() };
        Self { isolate: service.isolate(), platform }
    }

    async fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> Seen {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let call = Call {
            method: method.to_owned(),
            path: path.to_owned(),
            query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            headers: [("content-type".to_owned(), kind.to_owned())].into(),
            ..Call::default()
        };
        let body = async { Ok(body.as_bytes().to_vec()) };
        let answer = self.isolate.answer(&self.platform, &call, body).await;
        let header = |(name, value): &(&'static str, String)| (name.parse().unwrap(), value.parse().unwrap());
        let headers = answer.headers.iter().map(header).collect();
        (answer.status, headers, serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

/// Runs on one thread, as an isolate does.
fn run(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story);
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const JSON: &str = "application/json";

#[test]
fn a_list_of_the_edge_has_every_field_of_the_services_and_the_same_items() {
    run(async {
        let service = Arc::new(Service::new());
        let edge = Edge::before(&service);
        let path = "surface=radio&count=10&context.device=phone";
        let (status, _, theirs) =
            service.ask("GET", &format!("/api/v1/recommendations?{path}"), JSON, "").await;
        let (other, _, ours) = edge.ask("GET", &format!("/api/v1/next?{path}"), JSON, "").await;
        assert_eq!((status, other), (200, 200), "{theirs} {ours}");
        let missing: Vec<&str> = names(&theirs).into_iter().filter(|name| ours.get(name).is_none()).collect();
        assert!(missing.is_empty(), "the edge lacks {missing:?}");
        assert_eq!(names(&ours["items"][0]), names(&theirs["items"][0]));
        for field in ["user", "surface", "step", "generation", "ranker", "fallback", "stale"] {
            assert_eq!(ours[field], theirs[field], "{field}");
        }
        let certain = |list: &Value| -> Vec<Value> {
            let items = list["items"].as_array().unwrap();
            // What is drawn depends on whose list it is, and the service scores with another library.
            let items = items.iter().take_while(|place| place["propensity"] == 1_000_000);
            items.map(|place| json!([place["item"], place["position"], place["reason"]])).collect()
        };
        assert!(certain(&ours).len() >= 5);
        assert_eq!(certain(&ours), certain(&theirs), "the same core on the same pack");
    });
}

#[test]
fn what_the_service_says_has_changed_of_a_pack_is_followed() {
    run(async {
        let service = Arc::new(Service::new());
        let edge = Edge::before(&service);
        let path = "/api/v1/next?surface=radio";
        let before = edge.ask("GET", path, JSON, "").await.2;
        service.publish();
        edge.isolate.look_after(&edge.platform, EVERYWHERE).await;
        assert_eq!(edge.platform.changes.get(), 1);
        let after = edge.ask("GET", path, JSON, "").await.2;
        assert_eq!((&before["generation"], &after["generation"]), (&json!(1), &json!(2)), "{after}");
    });
}

#[test]
fn a_shops_new_visitor_has_a_regions_pack_of_300_and_explores_what_the_refresh_put_there_for_it() {
    run(async {
        let service = Arc::new(Service::new());
        let edge = Edge::before(&service);
        let (_, _, all) = edge.ask("GET", "/api/v1/next?surface=shop&count=500", JSON, "").await;
        assert_eq!(all["items"].as_array().map(Vec::len), Some(300));
        let (_, _, list) = edge.ask("GET", "/api/v1/next?surface=shop&count=20", JSON, "").await;
        let items = list["items"].as_array().unwrap().iter();
        let explored = items.filter(|place| place["reason_code"] == "something_different");
        let places: Vec<&Value> = explored.map(|place| &place["position"]).collect();
        assert_eq!(places, [4, 9, 14, 19], "one place in five for somebody new");
    });
}

#[test]
fn what_is_wrong_is_said_as_the_service_says_it() {
    run(async {
        let service = Arc::new(Service::new());
        let edge = Edge::before(&service);
        let missing = format!("/api/v1/models/{}", "0".repeat(64));
        let [next, recommendations] = ["/api/v1/next", "/api/v1/recommendations"];
        let [session, events] = ["/api/v1/session/events", "/api/v1/events"];
        let many = json!({ "surface": "radio", "events": vec![json!({}); 1_001] }).to_string();
        let bodies = [("{", JSON), ("{}", "text/plain"), (many.as_str(), JSON)];
        let gets = ["?surface=none", "?surface=radio&count=many", "?surface=radio&count=0", "?cuont=5"];
        let paths = gets
            .map(|query| ("GET", format!("{next}{query}"), format!("{recommendations}{query}"), "", JSON));
        let posts = bodies.map(|(body, kind)| ("POST", session.to_owned(), events.to_owned(), body, kind));
        let same = [
            ("GET", "/api/v1/models/abc"),
            ("GET", missing.as_str()),
            ("GET", "/api/v1/none"),
            ("POST", "/api/v1/manifest"),
        ];
        let same = same.map(|(method, path)| (method, path.to_owned(), path.to_owned(), "", JSON));
        for (method, ours, theirs, body, kind) in paths.into_iter().chain(posts).chain(same) {
            let (status, headers, problem) = edge.ask(method, &ours, kind, body).await;
            let (expected, other, wanted) = service.ask(method, &theirs, kind, body).await;
            assert_eq!(status, expected, "{method} {ours}: {problem} {wanted}");
            assert_eq!(headers[header::CONTENT_TYPE], other[header::CONTENT_TYPE], "{ours}");
            assert_eq!(names(&problem), names(&wanted), "{ours}");
            for field in ["code", "type", "title", "status"] {
                assert_eq!(problem[field], wanted[field], "{method} {ours}");
            }
        }
    });
}

#[test]
fn every_code_means_what_it_means_in_the_service() {
    let own = ["session_busy"];
    for code in Code::ALL {
        let known = segue_cloud::error::Code::ALL.into_iter().find(|known| known.name() == code.name());
        match known {
            Some(known) => assert_eq!(code.status(), known.status().as_u16(), "{}", code.name()),
            None => assert!(own.contains(&code.name()), "{} is no code of the service", code.name()),
        }
        let answer = segue_worker::answer::Answer::from(Problem::new(code, "why"));
        assert_eq!(answer.header("retry-after").is_some(), [429, 503].contains(&answer.status));
    }
}

#[test]
fn a_batch_of_a_page_is_answered_as_the_service_answers_it() {
    run(async {
        let service = Arc::new(Service::new());
        let edge = Edge::before(&service);
        let event = |id: &str, kind: &str| json!({ "event_id": id, "kind": kind, "item": "t1", "time_ms": now_ms(), "session": "s1" });
        let rows = [event("1", "like"), event("1", "like"), event("2", "No Kind"), json!("text"), json!({})];
        let year_ms = 365 * 86_400_000;
        let mut late = event("3", "skip");
        late["time_ms"] = json!(now_ms() - year_ms);
        let late = json!({ "sent_ms": now_ms() - year_ms, "events": [late] });
        let bodies = [json!({ "events": rows }), late, event("4", "like"), json!({ "events": [] }), json!(7)];
        for body in bodies.map(|body| body.to_string()) {
            let (status, _, ours) = edge.ask("POST", "/api/v1/events", JSON, &body).await;
            let (expected, _, theirs) = service.ask("POST", "/api/v1/events", JSON, &body).await;
            assert_eq!((status, names(&ours)), (expected, names(&theirs)), "{body}");
            for field in ["accepted", "duplicates", "rejected", "code"] {
                assert_eq!(ours[field], theirs[field], "{body}: {field}");
            }
        }
    });
}

#[test]
fn an_event_counts_once_in_the_service_however_often_the_queue_delivers_it() {
    run(async {
        let service = Arc::new(Service::new());
        let edge = Edge::before(&service);
        let list = edge.ask("GET", "/api/v1/next?surface=radio", JSON, "").await.2;
        let item = &list["items"][0]["item"];
        let event = json!({ "event_id": "e1", "kind": "like", "item": item, "time_ms": now_ms() });
        let body = json!({ "surface": "radio", "events": [event] }).to_string();
        for _ in 0..2 {
            // Without the token of the first answer the second begins another session; the id is the same.
            let (status, _, answer) = edge.ask("POST", "/api/v1/session/events", JSON, &body).await;
            assert_eq!((status, &answer["accepted"], &answer["forwarded"]), (200, &json!(1), &json!(true)));
        }
        let messages = edge.platform.messages.take();
        assert_eq!(messages.len(), 2);
        let fates = forward::post(&edge.platform, &messages).await;
        assert_eq!(fates, [const { forward::Fate::Done }; 2]);
        let again = service.ask("POST", "/api/v1/events", JSON, &messages[0]).await.2;
        assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(1)));
    });
}
