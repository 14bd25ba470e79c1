//! How often the ranker lowers a category because of one more like: what a linear scorer never does.

use anyhow::{Context as _, Result};
use segue_core::pack::Candidate;
use segue_core::{Engine, Event, EventKind};
use serde_json::{Value, json};

use crate::artefacts::Artefacts;
use crate::workload;

/// Sessions of different lengths.
const SESSIONS: usize = 50;
/// Likes tried after each.
const LIKES: usize = 10;

/// The share of likes after which the mean score of the other candidates of the liked one's first category is lower than
/// before, over sessions of 0 to 49 events of the workload.
pub(crate) fn measure(artefacts: &Artefacts) -> Result<Value> {
    let mut engine = artefacts.engine()?;
    let mut lowered = 0;
    for events in 0..SESSIONS {
        engine.reset_session();
        workload::prepare(&mut engine, events)?;
        let session = engine.save_session()?;
        for like in 0..LIKES {
            engine.restore_session(&session)?;
            lowered += usize::from(is_lowered(&mut engine, events, like)?);
        }
    }
    Ok(json!({ "like_lowers_category_share": lowered as f64 / (SESSIONS * LIKES) as f64 }))
}

fn is_lowered(engine: &mut Engine, events: usize, like: usize) -> Result<bool> {
    let candidates = engine.pack()?.candidates();
    let liked = candidates.get(like * 37 % candidates.len().max(1)).context("an empty pack")?;
    let alike =
        |one: &Candidate| one.item != liked.item && one.categories.first() == liked.categories.first();
    let alike: Vec<bool> = candidates.iter().map(alike).collect();
    let request = workload::request(events);
    let id = format!("like-{events}-{like}");
    let event = Event::new(id, &liked.item, EventKind::Like, request.now_ms);
    let sum = |engine: &mut Engine| -> Result<f32> {
        let scores = engine.utilities(&request)?;
        Ok(scores.iter().zip(&alike).filter(|(_, alike)| **alike).map(|(score, _)| score).sum())
    };
    let before = sum(engine)?;
    engine.apply(&event)?;
    Ok(sum(engine)? < before)
}
