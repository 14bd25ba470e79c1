//! "Not interested" takes an item's neighbours with it. They are barred one by one, by id, when the refusal is given and
//! whenever a pack brings new candidates: so they stay away when the next pack's vectors cannot be compared with it.

use serde::{Deserialize, Serialize};

use super::seen::fingerprint;
use super::{EventKind, Remembered, State};
use crate::features::similarity;
use crate::limits;
use crate::pack::Candidate;

/// An item that the person does not want to see the like of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) item: String,
    pub(super) vector: Vec<f32>,
    /// What is closer than this cosine goes too.
    pub(super) near: f32,
    time_ms: i64,
}

impl Refused {
    /// The same with the item's vector in another space.
    pub(super) fn with(&self, vector: Vec<f32>) -> Self {
        Self { vector, ..self.clone() }
    }
}

impl State {
    /// Notes what the event refuses, or that it takes an earlier refusal of its item back.
    pub(super) fn refuse(&mut self, event: &Remembered, near: f32) {
        self.refused.retain(|refused| refused.item != event.item);
        let mark = fingerprint(&event.item);
        let neighbours = self.items.by_name().filter(|(_, facts)| facts.near == mark);
        let neighbours: Vec<String> = neighbours.map(|(item, _)| item.to_owned()).collect();
        neighbours.iter().for_each(|item| self.items.touch(item, |facts| facts.near = 0));
        if event.kind != EventKind::NotInterested || event.vector.is_empty() {
            return;
        }
        let Remembered { item, vector, time_ms, .. } = event.clone();
        self.refused.push_back(Refused { item, vector, near, time_ms });
        if self.refused.len() > limits::SESSION_REFUSED {
            self.refused.pop_front();
        }
    }

    /// Bars what is near to the refused items among `candidates`, unless a newer opinion, or a like, says otherwise.
    pub(crate) fn bar_neighbours(&mut self, candidates: &[Candidate]) {
        for refused in &self.refused {
            let mark = fingerprint(&refused.item);
            let is_near = |one: &&Candidate| similarity(&refused.vector, &one.vector) > refused.near;
            for candidate in candidates.iter().filter(is_near) {
                let known = self.items.get(&candidate.item).copied().unwrap_or_default();
                let is_older = known.decided_ms.is_none_or(|decided| decided <= refused.time_ms);
                if is_older && !known.is_liked() && !known.is_barred() {
                    self.items.touch(&candidate.item, |facts| facts.near = mark);
                }
            }
        }
    }
}
