//! An answer, free of the platform it goes out by.

use serde::Serialize;

use crate::call::Call;
use crate::host::Fault;
use crate::problem::{Code, Problem};

/// What signed records are sent as.
pub const COSE: &str = "application/cose";

/// What nobody but the visitor may keep.
const PRIVATE: &str = "private, no-store";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers in the order they are sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// A region whose supply is to be looked after once the answer is out.
    pub look_after: Option<String>,
    /// What went wrong on our side, for the log.
    pub fault: Option<Fault>,
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), look_after: None, fault: None }
            .with("cache-control", PRIVATE)
    }

    /// `value` as JSON, kept by nobody.
    ///
    /// # Errors
    /// `internal` when it cannot be written.
    pub fn json(status: u16, value: &impl Serialize) -> Result<Self, Problem> {
        let body =
            serde_json::to_vec(value).map_err(|error| Problem::of_ours(Code::Internal, error.to_string()))?;
        Ok(Self { body, ..Self::empty(status) }.with("content-type", "application/json"))
    }

    /// Content with a strong validator: 304 without it for whoever has it.
    #[must_use]
    pub fn content(call: &Call, bytes: &[u8], kind: &str, cache: &str) -> Self {
        let hash = segue_core::trust::hash(bytes);
        let current = call.has(&hash);
        let answer = Self {
            status: if current { 304 } else { 200 },
            headers: vec![("cache-control", cache.to_owned()), ("etag", format!("\"{hash}\""))],
            body: if current { Vec::new() } else { bytes.to_vec() },
            look_after: None,
            fault: None,
        };
        if current { answer } else { answer.with("content-type", kind) }
    }

    /// The answer to `HEAD`: the same without its body.
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { body: Vec::new(), ..self }
    }

    /// The same with another header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let retry = problem.code.retry_after();
        let body = problem.to_json();
        let answer = Self { body, fault: problem.fault, ..Self::empty(problem.code.status()) };
        let answer = answer.with("content-type", "application/problem+json");
        retry.map_or(answer.clone(), |seconds| answer.with("retry-after", seconds))
    }
}
