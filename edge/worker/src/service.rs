//! Answers requests: which route it is, who asks, and whether they are let in.

use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::host::{Fault, Host};
use crate::isolate::Isolate;
use crate::problem::{Code, Problem};
use crate::session::{COOKIE, InCell, InToken, Sessions, no_cookie};
use crate::settings::Keeping;
use crate::visitor::{Visitor, limited_as};

/// An answer, or what is wrong.
pub(crate) type Answered = Result<Answer, Problem>;

/// Where the API is.
const API: &str = "/api/v1/";

impl Isolate {
    /// Answers a request; whatever is wrong becomes a problem that says so. The body is read only of a request that is
    /// let in and may have one.
    pub async fn answer(
        &self,
        host: &impl Host,
        call: &Call,
        body: impl Future<Output = Result<Vec<u8>, Problem>>,
    ) -> Answer {
        let answer = self.route(host, call, body).await.unwrap_or_else(Answer::from);
        if call.method == "HEAD" { answer.without_body() } else { answer }
    }

    async fn route(
        &self,
        host: &impl Host,
        call: &Call,
        body: impl Future<Output = Result<Vec<u8>, Problem>>,
    ) -> Answered {
        let Some(path) = call.path.strip_prefix(API) else { return health(host, call) };
        if !host.admits(&limited_as(&call.client)).await {
            return Err(Problem::new(
                Code::TooManyRequests,
                "this client asks too often; send it again later",
            ));
        }
        let allowed = match path {
            "next" | "pack" | "manifest" | "rotations" => "GET",
            "session/events" | "events" => "POST",
            "session" => "DELETE",
            _ if path.starts_with("models/") || path.starts_with("packs/") => "GET",
            _ => return Err(unknown(&call.path)),
        };
        if let Some(refusal) = wrong_method(call, allowed) {
            return Ok(refusal);
        }
        let body = if allowed == "POST" { body.await? } else { Vec::new() };
        let visitor = Visitor::of(call, &self.settings);
        match path {
            "next" | "session/events" | "session" => self.session(host, call, path, visitor, &body).await,
            "events" => self.take_in(host, call, &visitor, &body).await,
            _ => self.supplies(host, call, path, &visitor).await,
        }
    }

    /// What needs the visitor's session, wherever that is.
    async fn session(
        &self,
        host: &impl Host,
        call: &Call,
        path: &str,
        visitor: Visitor,
        body: &[u8],
    ) -> Answered {
        let seal = &self.settings.seal;
        // Of a visitor who did not agree to more nothing is kept; what was kept before is forgotten all the same.
        let forgets = path == "session";
        match if visitor.private && !forgets { Keeping::Token } else { self.settings.keeping } {
            Keeping::Token => self.session_in(host, &InToken { seal, host }, call, path, visitor, body).await,
            Keeping::Durable => {
                self.session_in(host, &InCell { seal, host }, call, path, visitor, body).await
            }
        }
    }

    async fn session_in(
        &self,
        host: &impl Host,
        sessions: &impl Sessions,
        call: &Call,
        path: &str,
        visitor: Visitor,
        body: &[u8],
    ) -> Answered {
        match path {
            "next" => self.next(host, sessions, call, &visitor).await,
            "session/events" => self.events(host, sessions, call, visitor, body).await,
            _ => {
                let carried = visitor.token.as_deref().or_else(|| call.cookie(COOKIE));
                sessions.forget(carried).await.map_err(internal)?;
                Ok(Answer::empty(204).with("set-cookie", no_cookie()))
            }
        }
    }
}

fn health(host: &impl Host, call: &Call) -> Answered {
    match call.path.as_str() {
        // The page at `/` is the platform's to hand out.
        "/healthz" | "/" => match wrong_method(call, "GET") {
            Some(refusal) => Ok(refusal),
            None => Answer::json(200, &json!({"status": "ok", "memory_bytes": host.memory_bytes()})),
        },
        other => Err(unknown(other)),
    }
}

/// The refusal of a method that is not `allowed`; whoever may `GET` may ask for the `HEAD` too.
fn wrong_method(call: &Call, allowed: &str) -> Option<Answer> {
    let method = if call.method == "HEAD" { "GET" } else { &call.method };
    let detail = format!("{} is not answered here; the `allow` header names what is", call.method);
    (method != allowed).then(|| {
        let listed = if allowed == "GET" { "GET, HEAD" } else { allowed };
        Answer::from(Problem::new(Code::MethodNotAllowed, detail)).with("allow", listed)
    })
}

fn unknown(path: &str) -> Problem {
    let shown: String = path.chars().take(200).collect();
    Problem::new(Code::RouteUnknown, format!("`{shown}` is no path of this worker; docs/EDGE.md lists them"))
}

pub(crate) fn internal(fault: Fault) -> Problem {
    Problem::of_ours(Code::Internal, fault)
}

pub(crate) fn unavailable(fault: Fault) -> Problem {
    Problem::of_ours(Code::GenerationMissing, fault)
}
