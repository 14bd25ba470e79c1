//! Answers requests: which route it is, who asks.

use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::host::{Fault, Host};
use crate::isolate::Isolate;
use crate::problem::{Code, Problem};
use crate::session::{COOKIE, InCell, InToken, Sessions, no_cookie};
use crate::settings::Keeping;
use crate::visitor::Visitor;

/// An answer, or what is wrong.
pub(crate) type Answered = Result<Answer, Problem>;

impl Isolate {
    /// Answers a request; whatever is wrong becomes a problem that says so.
    pub async fn answer(&self, host: &impl Host, call: &Call) -> Answer {
        self.route(host, call).await.unwrap_or_else(Answer::from)
    }

    async fn route(&self, host: &impl Host, call: &Call) -> Answered {
        let Some(path) = call.path.strip_prefix("/api/v1/") else { return health(host, call) };
        if !host.admits(&call.client).await {
            return Err(Problem::new(
                Code::TooManyRequests,
                "this client asks too often; send it again later",
            ));
        }
        let allowed = match path {
            "next" | "pack" | "manifest" | "rotations" => "GET",
            "session/events" => "POST",
            "session" => "DELETE",
            _ if path.starts_with("models/") || path.starts_with("packs/") => "GET",
            _ => return Err(unknown(&call.path)),
        };
        if call.method != allowed {
            let detail = format!("{} is not answered here; the `allow` header names what is", call.method);
            let problem = Problem::new(Code::MethodNotAllowed, detail);
            return Ok(Answer::from(problem).with("allow", allowed));
        }
        let visitor = Visitor::of(call, &self.settings);
        if !matches!(path, "next" | "session/events" | "session") {
            return self.supplies(host, call, path, visitor).await;
        }
        let seal = &self.settings.seal;
        // Of a visitor who did not agree to more nothing is kept; what was kept before is forgotten all the same.
        let forgets = path == "session";
        match if visitor.private && !forgets { Keeping::Token } else { self.settings.keeping } {
            Keeping::Token => self.serve(host, &InToken { seal, host }, call, path, visitor).await,
            Keeping::Durable => self.serve(host, &InCell { seal, host }, call, path, visitor).await,
        }
    }

    async fn serve(
        &self,
        host: &impl Host,
        sessions: &impl Sessions,
        call: &Call,
        path: &str,
        visitor: Visitor,
    ) -> Answered {
        match path {
            "next" => self.next(host, sessions, call, &visitor).await,
            "session/events" => self.events(host, sessions, call, visitor).await,
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
        "/healthz" => Answer::json(200, &json!({"status": "ok", "memory_bytes": host.memory_bytes()})),
        other => Err(unknown(other)),
    }
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
