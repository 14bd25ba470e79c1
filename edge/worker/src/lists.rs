//! Ranked lists: of the session as it is, and after events.

use std::collections::BTreeMap;

use segue_core::{Applied, Engine, Event, Request, Slate};

use crate::answer::Answer;
use crate::call::Call;
use crate::forward;
use crate::host::Host;
use crate::isolate::Isolate;
use crate::problem::{Code, Problem};
use crate::rows::{Body, places};
use crate::service::{Answered, internal, unavailable};
use crate::session::{Live, Sessions};
use crate::shown::{Receipt, shown};
use crate::visitor::Visitor;

/// How often events are applied anew because another writer was faster.
const ATTEMPTS: usize = 8;

/// What came of a request's events.
struct Ranked {
    slate: Slate,
    bytes: Vec<u8>,
    accepted: usize,
}

impl Isolate {
    /// `GET /api/v1/next`: the list of the session as it is.
    pub(crate) async fn next(
        &self,
        host: &impl Host,
        sessions: &impl Sessions,
        call: &Call,
        visitor: &Visitor,
    ) -> Answered {
        let request = wanted(call, visitor, host.now_ms())?;
        let live = sessions.open(visitor.token.as_deref()).await.map_err(internal)?;
        self.list(host, sessions, visitor, (request, live), &[], None).await
    }

    /// `POST /api/v1/session/events`: hands events on, applies them, and answers with the list after them.
    pub(crate) async fn events(
        &self,
        host: &impl Host,
        sessions: &impl Sessions,
        call: &Call,
        visitor: Visitor,
    ) -> Answered {
        let mut body = Body::read(call)?;
        let token = body.token.take().or(visitor.token.clone());
        let live = sessions.open(token.as_deref()).await.map_err(internal)?;
        let (events, rejected) = body.events(&live.id, host.now_ms());
        let forwarded = !visitor.private && !visitor.is_bot && !events.is_empty();
        if forwarded {
            // Those that the session knows already too: a request may be sent again because this failed before.
            let message = forward::message(&events).map_err(internal)?;
            if message.len() > forward::MESSAGE_BYTES {
                let detail = "the events are too large together; send fewer at once";
                return Err(Problem::new(Code::BodyTooLarge, detail));
            }
            let handed = host.hand_on(&message).await;
            handed.map_err(|fault| Problem {
                detail: "the events could not be handed on; send them again".to_owned(),
                ..Problem::of_ours(Code::EventsUnavailable, fault)
            })?;
        }
        let context = visitor.context(&body.context);
        let request = request(body.surface, body.count, host.now_ms(), context);
        let receipt = Receipt { accepted: 0, duplicates: 0, rejected, forwarded };
        self.list(host, sessions, &visitor, (request, live), &events, Some(receipt)).await
    }

    /// Applies, ranks, keeps; anew where another writer was faster.
    async fn list(
        &self,
        host: &impl Host,
        sessions: &impl Sessions,
        visitor: &Visitor,
        (mut request, mut live): (Request, Live),
        events: &[Event],
        mut receipt: Option<Receipt>,
    ) -> Answered {
        let look_after = self.supply(host, &visitor.region).await.map_err(unavailable)?;
        request.seed = seed(&live);
        for _ in 0..ATTEMPTS {
            let ranked = self.rank(sessions, &visitor.region, &mut live, events, &request)?;
            let newer = match events {
                [] => None,
                _ => sessions.keep(&live, ranked.bytes.clone()).await.map_err(internal)?,
            };
            if let Some(newer) = newer {
                live = Live { restarted: live.restarted, ..newer };
                continue;
            }
            live.bytes = ranked.bytes;
            if let Some(receipt) = &mut receipt {
                (receipt.accepted, receipt.duplicates) = (ranked.accepted, events.len() - ranked.accepted);
            }
            let token = sessions.token(&live).map_err(internal)?;
            let answer = shown(visitor, ranked.slate, &live, &token, receipt)?;
            return Ok(Answer { look_after: look_after.then(|| visitor.region.clone()), ..answer });
        }
        Err(Problem::new(Code::SessionBusy, "others keep writing to this session; try again"))
    }

    /// What of one request needs the engine: nothing is awaited here, so no other request gets in between.
    fn rank(
        &self,
        sessions: &impl Sessions,
        region: &str,
        live: &mut Live,
        events: &[Event],
        request: &Request,
    ) -> Result<Ranked, Problem> {
        let mut shelf = self.shelf.borrow_mut();
        let shelved = shelf.get(region).ok_or_else(|| unavailable("the engine left".to_owned()))?;
        let engine = &mut shelved.engine;
        engine.reset_session();
        if !live.bytes.is_empty()
            && let Err(error) = sessions.restore(live, engine)
        {
            live.restarted = Some(error.code().name());
        }
        let accepted = apply(engine, events);
        let slate = engine.rank(request);
        let bytes = sessions.save(engine);
        engine.reset_session();
        Ok(Ranked { slate: slate?, bytes: bytes?, accepted })
    }
}

/// Applies events; how many of them the session did not know.
fn apply(engine: &mut Engine, events: &[Event]) -> usize {
    let is_new = |event: &&Event| engine.apply(event).is_ok_and(|applied| applied != Applied::Duplicate);
    events.iter().filter(is_new).count()
}

/// The list that a query asks for.
fn wanted(call: &Call, visitor: &Visitor, now_ms: i64) -> Result<Request, Problem> {
    let (mut surface, mut count, mut told) = (None, places(), BTreeMap::new());
    for (name, value) in &call.query {
        match (name.as_str(), name.strip_prefix("context.")) {
            ("surface", _) => surface = Some(value.clone()),
            ("count", _) => count = value.parse().map_err(|_| wrong("count", value, "a whole number"))?,
            (_, Some(circumstance)) => drop(told.insert(circumstance.to_owned(), value.clone())),
            _ => return Err(wrong(name, value, "`surface`, `count` or `context.NAME`")),
        }
    }
    let missing =
        || Problem::new(Code::QueryInvalid, "`surface` is missing; give one, as in `surface=radio`");
    Ok(request(surface.ok_or_else(missing)?, count, now_ms, visitor.context(&told)))
}

fn wrong(name: &str, value: &str, expected: &str) -> Problem {
    let short = |text: &str| text.chars().take(64).collect::<String>();
    Problem::new(Code::QueryInvalid, format!("`{}` is `{}`; give {expected}", short(name), short(value)))
}

fn request(surface: String, count: usize, now_ms: i64, context: BTreeMap<String, String>) -> Request {
    Request { surface, count, now_ms, seed: 0, context, log_features: false }
}

/// It follows from the session, so that what is drawn stays while that lasts.
fn seed(live: &Live) -> u64 {
    live.id.get(..12).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}
