//! Ranked lists: of the session as it is, and after events.

use std::collections::BTreeMap;

use segue_core::{Applied, Engine, Event, Request, Slate};

use crate::answer::Answer;
use crate::call::Call;
use crate::forward;
use crate::host::Host;
use crate::isolate::Isolate;
use crate::problem::{Code, Problem};
use crate::rows::{Body, places, sorted};
use crate::service::{Answered, internal};
use crate::session::{Live, Sessions};
use crate::shelf::Shelved;
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
        self.check(host, visitor, &request).await?;
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
        body: &[u8],
    ) -> Answered {
        let body = Body::read(call, body)?;
        let context = visitor.context(&body.context);
        let request = request(body.surface, body.count, host.now_ms(), context);
        self.check(host, &visitor, &request).await?;
        let token = body.token.or(visitor.token.clone());
        let live = sessions.open(token.as_deref()).await.map_err(internal)?;
        // Whoever has no account speaks for nobody's, and for no other session.
        let own = |event| Ok(Event { user: String::new(), session: live.id.clone(), ..event });
        let (events, rejected) = sorted(body.events, body.sent_ms, host.now_ms(), own);
        let forwarded = visitor.withheld().is_none() && !events.is_empty();
        if forwarded {
            // Those that the session knows already too: a request may be sent again because this failed before.
            forward::hand_on(host, &events).await?;
        }
        let receipt = Receipt { accepted: 0, duplicates: 0, rejected, forwarded };
        self.list(host, sessions, &visitor, (request, live), &events, Some(receipt)).await
    }

    /// Refuses a list that cannot be made before anything is read, handed on or kept for it.
    async fn check(&self, host: &impl Host, visitor: &Visitor, request: &Request) -> Result<(), Problem> {
        self.with(host, &visitor.region, |shelved| Ok(shelved.engine.turn_to(request)?)).await
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
        request.seed = seed(&live);
        for _ in 0..ATTEMPTS {
            let rank =
                |shelved: &mut Shelved| ranked(&mut shelved.engine, sessions, &mut live, events, &request);
            let ranked = self.with(host, &visitor.region, rank).await?;
            if events.is_empty() {
                live.bytes = ranked.bytes;
            } else if !sessions.keep(&mut live, ranked.bytes).await.map_err(internal)? {
                continue;
            }
            if let Some(receipt) = &mut receipt {
                (receipt.accepted, receipt.duplicates) = (ranked.accepted, events.len() - ranked.accepted);
            }
            let token = sessions.token(&live).map_err(internal)?;
            let answer = shown(visitor, ranked.slate, &live, &token, receipt)?;
            return Ok(Answer { look_after: self.due(host, &visitor.region), ..answer });
        }
        Err(Problem::new(Code::SessionBusy, "others keep writing to this session; try again"))
    }
}

/// What of one request needs the engine, which serves all visitors of a region in turn.
fn ranked(
    engine: &mut Engine,
    sessions: &impl Sessions,
    live: &mut Live,
    events: &[Event],
    request: &Request,
) -> Result<Ranked, Problem> {
    engine.reset_session();
    if !live.bytes.is_empty()
        && let Err(error) = sessions.restore(live, engine)
    {
        live.restarted = Some(error.code().name());
    }
    // Events that name no surface are weighed by this request's, whatever the visitor before asked for.
    engine.turn_to(request)?;
    let accepted = apply(engine, events);
    let slate = engine.rank(request);
    let bytes = sessions.save(engine);
    engine.reset_session();
    Ok(Ranked { slate: slate?, bytes: bytes?, accepted })
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
