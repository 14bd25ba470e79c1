//! What a visitor gets to see: the fields of the cloud's recommendations (`docs/API.md`), and what belongs to a session here.

use segue_core::engine::{Listed, Order};
use segue_core::{ReasonCode, Slate};
use serde::Serialize;

use crate::answer::Answer;
use crate::rows::Reject;
use crate::service::Answered;
use crate::session::{Live, cookie, no_cookie};
use crate::visitor::Visitor;

/// What became of a batch, as the cloud tells it, and whether the cloud will hear of it.
pub(crate) struct Receipt {
    pub(crate) accepted: usize,
    pub(crate) duplicates: usize,
    pub(crate) rejected: Vec<Reject>,
    pub(crate) forwarded: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    /// Nobody in particular.
    user: &'static str,
    surface: String,
    step: &'static str,
    generation: u64,
    slate: String,
    ranker: Option<String>,
    fallback: Option<&'static str>,
    stale: bool,
    items: Vec<Listed>,
    /// There are no further pages: one answer may have as many places as there are.
    cursor: Option<&'static str>,
    rejected: Vec<Reject>,
    session: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    restarted: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<bool>,
}

/// The answer with a list; with what became of the events where some were sent.
///
/// # Errors
/// `internal` when it cannot be written.
pub(crate) fn shown(
    visitor: &Visitor,
    slate: Slate,
    live: &Live,
    token: &str,
    receipt: Option<Receipt>,
) -> Answered {
    let (accepted, duplicates, forwarded) = match &receipt {
        Some(receipt) => (Some(receipt.accepted), Some(receipt.duplicates), Some(receipt.forwarded)),
        None => (None, None, None),
    };
    let shown = Shown {
        user: "",
        surface: slate.surface,
        step: match slate.order {
            Order::Ranked => "live_ranker",
            Order::Fallback => "pack_order",
        },
        generation: slate.generation,
        slate: slate.slate,
        ranker: slate.ranker,
        fallback: slate.fallback.map(ReasonCode::name),
        stale: slate.stale,
        items: slate.places.into_iter().map(Listed::from).collect(),
        cursor: None,
        rejected: receipt.map(|receipt| receipt.rejected).unwrap_or_default(),
        session: &live.id,
        restarted: live.restarted,
        token: visitor.private.then_some(token),
        accepted,
        duplicates,
        forwarded,
    };
    let answer = Answer::json(200, &shown)?;
    Ok(match visitor {
        Visitor { private: false, .. } => answer.with("set-cookie", cookie(token)),
        Visitor { has_old_cookie: true, .. } => answer.with("set-cookie", no_cookie()),
        _ => answer,
    })
}
