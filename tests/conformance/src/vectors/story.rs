//! How recipes are told: one line a call, with the world's bytes filled in.

use segue_core::{Event, EventKind, Request};

use super::{Bytes, Case, Shared, Step};
use crate::world::{self, Item, NOW_MS, SUBJECT};

/// All recipes and the files they share.
#[derive(Debug, Default)]
pub struct Book {
    /// The binary inputs.
    pub shared: Shared,
    /// The recipes in the order they were told.
    pub recipes: Vec<Recipe>,
}

/// One case with what has to be different from it.
#[derive(Debug)]
pub struct Recipe {
    /// The folder's name.
    pub name: String,
    /// The case.
    pub case: Case,
    /// What shows that the case touches what it is about.
    pub twin: Option<Twin>,
}

/// The same calls with the rule or event in question taken out: the last list must be another one.
#[derive(Debug)]
pub struct Twin {
    /// The calls.
    pub case: Case,
    /// Their files; they are not written.
    pub shared: Shared,
    /// Places in the policy that differ between the two, as JSON pointers.
    pub paths: Vec<String>,
}

impl Book {
    /// Adds a case.
    pub fn tell(&mut self, name: &str, about: &str, tell: impl FnOnce(&mut Story<'_>)) {
        let mut story = Story { shared: &mut self.shared, steps: Vec::new(), events: 0 };
        tell(&mut story);
        let case = Case { about: about.into(), steps: story.steps };
        self.recipes.push(Recipe { name: name.into(), case, twin: None });
    }

    /// Gives the case told last a twin.
    pub fn unlike(&mut self, paths: Vec<String>, tell: impl FnOnce(&mut Story<'_>)) {
        let mut shared = Shared::default();
        let mut story = Story { shared: &mut shared, steps: Vec::new(), events: 0 };
        tell(&mut story);
        let case = Case { about: String::new(), steps: story.steps };
        if let Some(recipe) = self.recipes.last_mut() {
            recipe.twin = Some(Twin { case, shared, paths });
        }
    }
}

/// A case in the making.
#[derive(Debug)]
pub struct Story<'a> {
    shared: &'a mut Shared,
    steps: Vec<Step>,
    events: usize,
}

impl Story<'_> {
    /// Any call.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Bytes as a shared file.
    pub fn file(&mut self, bytes: impl Into<Vec<u8>>, extension: &str) -> Bytes {
        self.shared.keep(bytes.into(), extension)
    }

    /// A new engine that trusts the world's key.
    pub fn engine(&mut self) {
        self.step(Step::NewEngine { root: world::key().public().to_hex() });
    }

    /// Accepts bytes as a manifest.
    pub fn manifest(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = self.file(bytes, "manifest");
        self.step(Step::AcceptManifest { bytes, now_ms: NOW_MS });
    }

    /// Accepts bytes as `surface`'s policy.
    pub fn policy(&mut self, surface: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = self.file(bytes, "policy.json");
        self.step(Step::AcceptPolicy { surface: surface.into(), bytes });
    }

    /// Accepts bytes as the world's user's pack.
    pub fn pack(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = self.file(bytes, "pack");
        self.step(Step::AcceptPack { bytes, subject: SUBJECT.into(), now_ms: NOW_MS });
    }

    /// An engine with a manifest, `policy` and a pack of `items`, ready to rank without a model.
    pub fn ready(&mut self, surface: &str, policy: &[u8], items: &[Item]) {
        self.engine();
        self.manifest(world::sealed_manifest(1, &[(surface, policy)], None));
        self.policy(surface, policy);
        self.pack(world::pack(items, 1));
    }

    /// The same with a ranker of `model` and `schema`.
    pub fn ready_with_ranker(&mut self, policy: &[u8], items: &[Item], model: Vec<u8>, schema: Vec<u8>) {
        self.engine();
        self.manifest(world::sealed_manifest(1, &[("radio", policy)], Some((&model, &schema))));
        self.policy("radio", policy);
        self.ranker(model, schema);
        self.pack(world::pack(items, 1));
    }

    /// Accepts bytes as a ranker and its feature schema.
    pub fn ranker(&mut self, model: Vec<u8>, schema: Vec<u8>) {
        let (model, schema) = (self.file(model, "onnx"), self.file(schema, "schema.json"));
        self.step(Step::AcceptRanker { model, schema });
    }

    /// Applies an event of `kind` about item number `item`, one second after the last one.
    pub fn event(&mut self, kind: EventKind, item: usize) {
        self.event_with(kind, item, |_| {});
    }

    /// The same, with more fields set.
    pub fn event_with(&mut self, kind: EventKind, item: usize, change: impl FnOnce(&mut Event)) {
        self.events += 1;
        let mut event = world::event(self.events, kind, &format!("item-{item:03}"));
        change(&mut event);
        self.step(Step::Apply { event });
    }

    /// Asks for `count` places of `surface`.
    pub fn rank(&mut self, surface: &str, count: usize) {
        self.rank_with(surface, count, |_| {});
    }

    /// The same, with more of the request set.
    pub fn rank_with(&mut self, surface: &str, count: usize, change: impl FnOnce(&mut Request)) {
        let mut request = world::request(surface, count);
        change(&mut request);
        self.step(Step::Rank { request, units: None });
    }

    /// Asks for `count` places, with time for so many work units.
    pub fn rank_within(&mut self, surface: &str, count: usize, units: u32) {
        self.step(Step::Rank { request: world::request(surface, count), units: Some(units) });
    }
}
