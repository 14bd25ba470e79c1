//! Errors of the HTTP service: problem+json (RFC 9457) with a stable `code`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::events::StoreError;

/// Every code the service answers with; `docs/API.md` says what each asks of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// The body is no JSON of the documented shape.
    BodyInvalid,
    /// The content type is not JSON.
    ContentTypeUnsupported,
    /// The body has more bytes than allowed.
    BodyTooLarge,
    /// More rows than one batch may hold.
    BatchTooLarge,
    /// The query lacks a parameter or holds a bad one.
    QueryInvalid,
    /// The hash is not 64 lower-case hexadecimal digits.
    HashInvalid,
    /// No artefact with this hash.
    ArtefactMissing,
    /// No pack for this subject.
    PackMissing,
    /// The pack was made on demand a moment ago.
    PackJustMade,
    /// No item of this id.
    ItemUnknown,
    /// None of the answers of a survey is in the catalogue.
    AnswersUnknown,
    /// What answers this is not prepared yet.
    OnDemandUnavailable,
    /// No policy for this surface.
    SurfaceUnknown,
    /// No such path.
    RouteUnknown,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The request took too long to arrive.
    RequestTimeout,
    /// The answer took too long to make.
    AnswerTimeout,
    /// As many requests are being answered as there is room for.
    ServiceBusy,
    /// One client asks too often.
    TooManyRequests,
    /// The request names no service key.
    CredentialsMissing,
    /// The service key is none of this service's.
    CredentialsInvalid,
    /// The operator gave no service key.
    ServiceKeysMissing,
    /// The service key may not administer.
    AdminForbidden,
    /// The token is of another person.
    UserForbidden,
    /// The person was forgotten.
    UserErased,
    /// No erasure has this receipt.
    ReceiptUnknown,
    /// A refresh or rollback is under way.
    JobRunning,
    /// No refresh or rollback has this name.
    JobUnknown,
    /// This generation is not kept.
    GenerationUnknown,
    /// Editors decided about as many items as there is room for.
    ListFull,
    /// Nothing was published yet.
    GenerationMissing,
    /// No key was made yet.
    RootKeyMissing,
    /// More events are waiting than fit in memory.
    EventsBusy,
    /// Events cannot be stored now.
    EventsUnavailable,
    /// A fault of the service; its log says more.
    Internal,
}

impl Code {
    /// Every code with its status and title; one row of the table in `docs/API.md` each.
    pub const ALL: [Self; 35] = [
        Self::BodyInvalid,
        Self::ContentTypeUnsupported,
        Self::BodyTooLarge,
        Self::BatchTooLarge,
        Self::QueryInvalid,
        Self::HashInvalid,
        Self::ArtefactMissing,
        Self::PackMissing,
        Self::PackJustMade,
        Self::ItemUnknown,
        Self::AnswersUnknown,
        Self::OnDemandUnavailable,
        Self::SurfaceUnknown,
        Self::RouteUnknown,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::AnswerTimeout,
        Self::ServiceBusy,
        Self::TooManyRequests,
        Self::CredentialsMissing,
        Self::CredentialsInvalid,
        Self::ServiceKeysMissing,
        Self::AdminForbidden,
        Self::UserForbidden,
        Self::UserErased,
        Self::ReceiptUnknown,
        Self::JobRunning,
        Self::JobUnknown,
        Self::GenerationUnknown,
        Self::ListFull,
        Self::GenerationMissing,
        Self::RootKeyMissing,
        Self::EventsBusy,
        Self::EventsUnavailable,
        Self::Internal,
    ];

    /// The code as clients see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status it goes with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BodyInvalid => ("body_invalid", StatusCode::BAD_REQUEST, "The body cannot be read"),
            Self::ContentTypeUnsupported => {
                ("content_type_unsupported", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body has to be JSON")
            }
            Self::BodyTooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::BatchTooLarge => {
                ("batch_too_large", StatusCode::PAYLOAD_TOO_LARGE, "Too many events in one batch")
            }
            Self::QueryInvalid => ("query_invalid", StatusCode::BAD_REQUEST, "The query is wrong"),
            Self::HashInvalid => ("hash_invalid", StatusCode::BAD_REQUEST, "This is no hash"),
            Self::ArtefactMissing => ("artefact_missing", StatusCode::NOT_FOUND, "No such artefact"),
            Self::PackMissing => ("pack_missing", StatusCode::NOT_FOUND, "No pack for this subject"),
            Self::PackJustMade => {
                ("pack_just_made", StatusCode::TOO_MANY_REQUESTS, "The pack was made a moment ago")
            }
            Self::ItemUnknown => ("item_unknown", StatusCode::NOT_FOUND, "No such item"),
            Self::AnswersUnknown => {
                ("answers_unknown", StatusCode::UNPROCESSABLE_ENTITY, "None of the answers is known")
            }
            Self::OnDemandUnavailable => {
                ("on_demand_unavailable", StatusCode::SERVICE_UNAVAILABLE, "This cannot be answered yet")
            }
            Self::SurfaceUnknown => {
                ("surface_unknown", StatusCode::BAD_REQUEST, "No policy for this surface")
            }
            Self::RouteUnknown => ("route_unknown", StatusCode::NOT_FOUND, "No such path"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "Not with this method")
            }
            Self::RequestTimeout => {
                ("request_timeout", StatusCode::REQUEST_TIMEOUT, "The request took too long")
            }
            Self::AnswerTimeout => {
                ("answer_timeout", StatusCode::GATEWAY_TIMEOUT, "The answer took too long")
            }
            Self::ServiceBusy => {
                ("service_busy", StatusCode::SERVICE_UNAVAILABLE, "Too many requests at once")
            }
            Self::TooManyRequests => {
                ("too_many_requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests from this client")
            }
            Self::CredentialsMissing => {
                ("credentials_missing", StatusCode::UNAUTHORIZED, "A service key is needed")
            }
            Self::CredentialsInvalid => {
                ("credentials_invalid", StatusCode::UNAUTHORIZED, "The service key is not known")
            }
            Self::ServiceKeysMissing => {
                ("service_keys_missing", StatusCode::FORBIDDEN, "No service is admitted")
            }
            Self::AdminForbidden => {
                ("admin_forbidden", StatusCode::FORBIDDEN, "The service key may not administer")
            }
            Self::UserForbidden => ("user_forbidden", StatusCode::FORBIDDEN, "This is another person's"),
            Self::UserErased => ("user_erased", StatusCode::GONE, "This person was forgotten"),
            Self::ReceiptUnknown => ("receipt_unknown", StatusCode::NOT_FOUND, "No such receipt"),
            Self::JobRunning => ("job_running", StatusCode::CONFLICT, "A refresh or rollback is under way"),
            Self::JobUnknown => ("job_unknown", StatusCode::NOT_FOUND, "No such refresh or rollback"),
            Self::GenerationUnknown => {
                ("generation_unknown", StatusCode::NOT_FOUND, "This generation is not kept")
            }
            Self::ListFull => ("list_full", StatusCode::CONFLICT, "The list is full"),
            Self::GenerationMissing => {
                ("generation_missing", StatusCode::SERVICE_UNAVAILABLE, "Nothing is published yet")
            }
            Self::RootKeyMissing => {
                ("root_key_missing", StatusCode::SERVICE_UNAVAILABLE, "No key was made yet")
            }
            Self::EventsBusy => {
                ("events_busy", StatusCode::SERVICE_UNAVAILABLE, "Too many events are waiting")
            }
            Self::EventsUnavailable => {
                ("events_unavailable", StatusCode::SERVICE_UNAVAILABLE, "Events cannot be stored now")
            }
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A fault of the service"),
        }
    }

    /// What it says in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// Seconds after which the same request may succeed.
    fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::EventsBusy | Self::ServiceBusy | Self::TooManyRequests => Some("1"),
            Self::GenerationMissing | Self::EventsUnavailable | Self::OnDemandUnavailable => Some("10"),
            Self::RootKeyMissing | Self::PackJustMade => Some("60"),
            _ => None,
        }
    }
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What went wrong, for programs.
    pub code: Code,
    /// Which value is wrong and what to do, for people.
    pub detail: String,
}

impl ApiError {
    /// An error with its explanation.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// A fault of ours: logged in full here, once; the caller learns only that it happened.
    #[must_use]
    pub fn internal(what: &str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %error, "{what}");
        Self::new(Code::Internal, format!("{what}; the service's log says why. Try again, then report it."))
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status, title) = self.code.row();
        metrics::counter!("segue_http_problems_total", "code" => code).increment(1);
        let kind = format!("urn:segue:problem:{code}");
        let problem = Problem { kind, title, status: status.as_u16(), code, detail: &self.detail };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.code.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::Full => Self::new(Code::EventsBusy, error.to_string()),
            // The path and the system's words are for the operator, not for the caller.
            other => {
                tracing::error!(error = %other, "events were refused");
                let detail = "the service could not store the events; keep them and send them again later";
                Self::new(Code::EventsUnavailable, detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_documents_table_with_its_status() {
        let table = include_str!("../../docs/API.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.name(), code.status().as_u16());
            assert!(table.contains(&row), "docs/API.md lacks the row `{row}`");
        }
    }
}
