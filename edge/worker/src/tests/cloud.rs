//! A platform made up for tests: time, a cloud, a store, a queue, each of which can fail.

use std::cell::{Cell as Slot, RefCell};
use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use segue_conformance::{ranker, world};
use segue_core::pack::write_delta;
use segue_core::policies;
use segue_core::trust::hash;

use crate::answer::Answer;
use crate::call::Call;
use crate::host::{Cell, Fault, Fetched, Host};
use crate::isolate::{Bundled, Isolate};
use crate::settings::Settings;

pub(super) const NOW: i64 = world::NOW_MS;

/// Everything a test can look at or break.
#[derive(Default)]
pub(super) struct Platform {
    pub(super) now_ms: Slot<i64>,
    pub(super) draws: Slot<u8>,
    /// What the cloud has, by path.
    pub(super) cloud: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Its packs of generations before, by their hash.
    pub(super) earlier: RefCell<BTreeMap<String, Vec<u8>>>,
    /// How many times it answered with what changed.
    pub(super) deltas: Slot<usize>,
    /// What changed loses its end on the way.
    pub(super) damages: Slot<bool>,
    /// What changed of a pack is the answer to everybody, as of a cache that ignores `Vary`.
    pub(super) mixes: Slot<bool>,
    /// Lines of the log.
    pub(super) reported: RefCell<Vec<String>>,
    pub(super) is_down: Slot<bool>,
    pub(super) fetches: Slot<usize>,
    pub(super) store: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Bodies handed on.
    pub(super) queue: RefCell<Vec<String>>,
    pub(super) queue_is_down: Slot<bool>,
    /// What the cloud answers to a batch of so many events.
    pub(super) refuses_from: Slot<usize>,
    pub(super) posted: RefCell<Vec<String>>,
    pub(super) cells: RefCell<BTreeMap<String, Cell>>,
    /// Another writer gets in between so many times.
    pub(super) disturbances: Slot<usize>,
    /// The next write finds its session forgotten.
    pub(super) forgets: Slot<bool>,
    pub(super) admits: Slot<bool>,
    /// Whom the limiter was asked about.
    pub(super) asked: RefCell<Vec<String>>,
}

impl Platform {
    /// A cloud with generation 1 for everybody and for Germany.
    pub(super) fn new() -> Self {
        let platform = Self::default();
        platform.now_ms.set(NOW);
        platform.admits.set(true);
        platform.refuses_from.set(usize::MAX);
        platform.publish(1, &ranker::model());
        platform
    }

    /// Publishes a generation whose manifest names `model`.
    pub(super) fn publish(&self, generation: u64, model: &[u8]) {
        let schema = ranker::schema();
        let policies = [("radio", policies::RADIO), ("shop", policies::SHOP)];
        let mut manifest = world::manifest(generation, &policies, Some((model, &schema)));
        manifest.created_ms = self.now_ms.get();
        manifest.expires_ms = self.now_ms.get() + 3_600_000;
        let mut cloud = self.cloud.borrow_mut();
        cloud.insert("manifest".into(), manifest.seal(&world::key()).unwrap());
        cloud.insert("rotations".into(), segue_core::trust::write_rotations(&[]).unwrap());
        for bytes in [policies::RADIO, policies::SHOP, model, &schema] {
            cloud.insert(format!("models/{}", hash(bytes)), bytes.to_vec());
        }
        for region in ["all", "DE"] {
            let subject = format!("region:{region}");
            let pack = pack(generation, &subject, self.now_ms.get());
            if let Some(earlier) = cloud.insert(format!("packs/{subject}"), pack) {
                self.earlier.borrow_mut().insert(hash(&earlier), earlier);
            }
        }
    }

    pub(super) fn isolate(&self, variables: &[(&str, &str)]) -> Isolate {
        let bundled = Bundled::new(ranker::model(), ranker::schema()).unwrap();
        Isolate::new(settings(variables), Some(bundled))
    }

    /// The events of everything handed on.
    pub(super) fn handed_on(&self) -> Vec<serde_json::Value> {
        let bodies = self.queue.borrow();
        let events = |body: &String| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body["events"].as_array().unwrap().clone()
        };
        bodies.iter().flat_map(events).collect()
    }
}

/// A pack of 60 items, of which each region holds its own half.
fn pack(generation: u64, subject: &str, now_ms: i64) -> Vec<u8> {
    let items = world::items(60);
    let own = if subject == "region:DE" { &items[30..] } else { &items[..30] };
    world::pack_during(own, generation, subject, now_ms..now_ms + 3_600_000)
}

pub(super) fn settings(variables: &[(&str, &str)]) -> Settings {
    read(variables).unwrap()
}

pub(super) fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let root = world::key().public().to_hex();
    let given = [
        ("ORIGIN", "https://cloud.example"),
        ("ROOT_KEY", root.as_str()),
        ("SESSION_SECRET", "0123456789abcdef0123456789abcdef"),
        ("CONSENT", "assumed"),
        ("REGIONS", "all,DE"),
    ];
    let find = |name: &str| {
        let mut all = variables.iter().chain(&given);
        all.find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
    };
    Settings::read(find)
}

impl Host for Platform {
    fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }

    fn memory_bytes(&self) -> u32 {
        0
    }

    fn random(&self) -> [u8; 24] {
        self.draws.set(self.draws.get().wrapping_add(1));
        [self.draws.get(); 24]
    }

    fn report(&self, fault: &str) {
        self.reported.borrow_mut().push(fault.to_owned());
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn write(&self, key: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.store.borrow_mut().insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn fetch(&self, path: &str, tag: Option<&str>) -> Result<Fetched, Fault> {
        self.fetches.set(self.fetches.get() + 1);
        if self.is_down.get() {
            return Err("the cloud is down".into());
        }
        let cloud = self.cloud.borrow();
        let Some(bytes) = cloud.get(path) else { return Ok(Fetched::Missing) };
        let current = hash(bytes);
        if self.mixes.get() && path.starts_with("packs/") {
            Ok(Fetched::Changes(b"a delta".to_vec(), Some(current)))
        } else if tag == Some(&current) {
            Ok(Fetched::Current)
        } else {
            Ok(Fetched::Content(bytes.clone(), Some(current)))
        }
    }

    async fn fetch_changes(&self, path: &str, tag: &str) -> Result<Fetched, Fault> {
        let fetched = self.fetch(path, Some(tag)).await?;
        let earlier = self.earlier.borrow();
        match (fetched, earlier.get(tag)) {
            (Fetched::Content(pack, current), Some(base)) => {
                self.deltas.set(self.deltas.get() + 1);
                let mut delta = write_delta(base, &pack, &world::key()).unwrap();
                if self.damages.get() {
                    delta.pop();
                }
                Ok(Fetched::Changes(delta, current))
            }
            (fetched, _) => Ok(fetched),
        }
    }

    async fn post_events(&self, body: &str) -> Result<u16, Fault> {
        if self.is_down.get() {
            return Ok(503);
        }
        let events = serde_json::from_str::<serde_json::Value>(body).unwrap();
        if events["events"].as_array().unwrap().len() >= self.refuses_from.get() {
            return Ok(400);
        }
        self.posted.borrow_mut().push(body.to_owned());
        Ok(202)
    }

    async fn hand_on(&self, body: &str) -> Result<(), Fault> {
        if self.queue_is_down.get() {
            return Err("the queue is down".into());
        }
        self.queue.borrow_mut().push(body.to_owned());
        Ok(())
    }

    async fn pause(&self, milliseconds: u64) {
        self.now_ms.set(self.now_ms.get() + milliseconds as i64);
    }

    async fn admits(&self, client: &str) -> bool {
        self.asked.borrow_mut().push(client.to_owned());
        self.admits.get()
    }

    async fn load_cell(&self, id: &str) -> Result<Cell, Fault> {
        Ok(self.cells.borrow().get(id).cloned().unwrap_or_default())
    }

    async fn store_cell(&self, id: &str, cell: &Cell) -> Result<Option<Cell>, Fault> {
        let mut cells = self.cells.borrow_mut();
        if self.forgets.replace(false) {
            cells.clear();
        }
        let kept = cells.entry(id.to_owned()).or_default();
        if self.disturbances.get() > 0 {
            self.disturbances.set(self.disturbances.get() - 1);
            kept.version += 1;
        }
        if kept.version != cell.version {
            return Ok(Some(kept.clone()));
        }
        *kept = Cell { version: cell.version + 1, bytes: cell.bytes.clone() };
        Ok(None)
    }

    async fn forget_cell(&self, id: &str) -> Result<(), Fault> {
        self.cells.borrow_mut().remove(id);
        Ok(())
    }
}

/// Nothing here ever waits for anything, so one look is enough.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a platform made for tests never waits"),
    }
}

/// What a request is answered, whose body is only there once it is read.
pub(super) fn ask(isolate: &Isolate, platform: &Platform, call: &Call, body: &serde_json::Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    now(isolate.answer(platform, call, async { Ok(body) }))
}

/// A request with headers.
pub(super) fn call(method: &str, url: &str, headers: &[(&str, &str)]) -> Call {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers.entry("content-type".into()).or_insert_with(|| "application/json".into());
    Call {
        method: method.into(),
        path: path.into(),
        query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers,
        country: Some("DE".into()),
        bot_score: None,
        client: "192.0.2.1".into(),
    }
}

/// An answer's body.
pub(super) fn body(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// The items of a list.
pub(super) fn items(answer: &Answer) -> Vec<String> {
    let body = body(answer);
    let listed = body["items"].as_array().unwrap_or_else(|| panic!("no list: {body}"));
    listed.iter().map(|place| place["item"].as_str().unwrap().to_owned()).collect()
}

/// The cookie that an answer sets, as a request sends it back.
pub(super) fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").expect("a cookie").split(';').next().unwrap().to_owned()
}
