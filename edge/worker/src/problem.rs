//! Answers that are errors: problem+json (RFC 9457) in the shape and with the codes of the cloud's API.

use serde_json::json;

use crate::host::Fault;

/// What went wrong. Names and statuses are those of `docs/API.md`; those below the line are of `docs/EDGE.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is no JSON of the documented shape.
    BodyInvalid,
    /// The content type is not JSON.
    ContentTypeUnsupported,
    /// The body has more bytes than allowed.
    BodyTooLarge,
    /// More events than one request may hold.
    BatchTooLarge,
    /// The query lacks a parameter or holds a bad one.
    QueryInvalid,
    /// The hash is not 64 lower-case hexadecimal digits.
    HashInvalid,
    /// The manifest names no artefact with this hash.
    ArtefactMissing,
    /// No pack of this subject for this visitor.
    PackMissing,
    /// No such path.
    RouteUnknown,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// Nothing could be had from the cloud yet.
    GenerationMissing,
    /// The events could not be handed on.
    EventsUnavailable,
    /// A fault of the worker; its log says more.
    Internal,
    /// The manifest names no policy for this surface.
    SurfaceUnknown,
    // ---
    /// The client asks too often.
    TooManyRequests,
    /// Too many writers at one session.
    SessionBusy,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 16] = [
        Self::BodyInvalid,
        Self::ContentTypeUnsupported,
        Self::BodyTooLarge,
        Self::BatchTooLarge,
        Self::QueryInvalid,
        Self::HashInvalid,
        Self::ArtefactMissing,
        Self::PackMissing,
        Self::RouteUnknown,
        Self::MethodNotAllowed,
        Self::GenerationMissing,
        Self::EventsUnavailable,
        Self::Internal,
        Self::SurfaceUnknown,
        Self::TooManyRequests,
        Self::SessionBusy,
    ];

    /// The code as clients see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status it goes with.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().1
    }

    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::BodyInvalid => ("body_invalid", 400, "The body cannot be read"),
            Self::ContentTypeUnsupported => ("content_type_unsupported", 415, "The body has to be JSON"),
            Self::BodyTooLarge => ("body_too_large", 413, "The body is too large"),
            Self::BatchTooLarge => ("batch_too_large", 413, "Too many events in one batch"),
            Self::QueryInvalid => ("query_invalid", 400, "The query is wrong"),
            Self::HashInvalid => ("hash_invalid", 400, "This is no hash"),
            Self::ArtefactMissing => ("artefact_missing", 404, "No such artefact"),
            Self::PackMissing => ("pack_missing", 404, "No pack for this subject"),
            Self::RouteUnknown => ("route_unknown", 404, "No such path"),
            Self::MethodNotAllowed => ("method_not_allowed", 405, "Not with this method"),
            Self::GenerationMissing => ("generation_missing", 503, "Nothing is published yet"),
            Self::EventsUnavailable => ("events_unavailable", 503, "Events cannot be stored now"),
            Self::Internal => ("internal", 500, "A fault of the service"),
            Self::SurfaceUnknown => ("surface_unknown", 400, "No policy for this surface"),
            Self::TooManyRequests => ("too_many_requests", 429, "Too many requests from this client"),
            Self::SessionBusy => ("session_busy", 503, "Too many writers at one session"),
        }
    }

    /// Seconds after which the same request may succeed.
    pub(crate) fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::SessionBusy | Self::TooManyRequests => Some("1"),
            Self::GenerationMissing | Self::EventsUnavailable => Some("10"),
            _ => None,
        }
    }
}

/// A code with its explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong, for programs.
    pub code: Code,
    /// Which value is wrong and what to do, for people.
    pub detail: String,
    /// What went wrong on our side, for the log alone.
    pub fault: Option<Fault>,
}

impl Problem {
    /// An error with its explanation.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), fault: None }
    }

    /// A fault of ours: the log has it, the visitor learns that it happened.
    #[must_use]
    pub fn of_ours(code: Code, fault: Fault) -> Self {
        let fault = Some(format!("{}: {fault}", code.name()));
        Self { code, detail: "the worker's log says why; try again later".to_owned(), fault }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let (code, status, title) = self.code.row();
        let kind = format!("urn:segue:problem:{code}");
        let body = json!({
            "type": kind, "title": title, "status": status, "code": code, "detail": self.detail,
        });
        body.to_string().into_bytes()
    }
}

/// What the engine says of a request.
impl From<segue_core::Error> for Problem {
    fn from(error: segue_core::Error) -> Self {
        let code = match error.code() {
            segue_core::Code::RequestInvalid => Code::QueryInvalid,
            segue_core::Code::SurfaceUnknown => Code::SurfaceUnknown,
            _ => return Self::of_ours(Code::Internal, error.to_string()),
        };
        Self::new(code, error.detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_a_documents_table_with_its_status() {
        let tables = [include_str!("../../../docs/API.md"), include_str!("../../../docs/EDGE.md")];
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.name(), code.status());
            assert!(tables.iter().any(|table| table.contains(&row)), "no document has the row `{row}`");
        }
    }
}
