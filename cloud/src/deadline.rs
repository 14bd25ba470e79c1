//! A request holds its place for so long and no longer: whoever sends too slowly is told so (408), and whoever had to wait for
//! the service as well (504).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};

use crate::error::{ApiError, Code};

/// Answers in place of a handler that is not done within `limit`.
pub(crate) async fn deadline(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let (watched, has_arrived) = watched(request);
    tokio::time::timeout(limit, next.run(watched)).await.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        let error = match has_arrived.load(Ordering::Relaxed) {
            true => {
                tracing::warn!(seconds, "an answer took too long");
                let detail = format!("the service had no answer within {seconds} s; try again later");
                ApiError::new(Code::AnswerTimeout, detail)
            }
            false => {
                let detail = format!("the request did not arrive within {seconds} s; send it again");
                ApiError::new(Code::RequestTimeout, detail)
            }
        };
        error.into_response()
    })
}

/// The request, and what tells whether all of it arrived.
fn watched(request: Request) -> (Request, Arc<AtomicBool>) {
    let has_arrived = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    if has_arrived.load(Ordering::Relaxed) {
        return (request, has_arrived);
    }
    let (head, body) = request.into_parts();
    let body = Watched { body, has_arrived: Arc::clone(&has_arrived) };
    (Request::from_parts(head, Body::new(body)), has_arrived)
}

/// A body that notes its end.
struct Watched {
    body: Body,
    has_arrived: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.has_arrived.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use http_body_util::channel::Channel;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(path: &str, body: Body) -> StatusCode {
        let never = |_body: Bytes| std::future::pending::<()>();
        let router = Router::new()
            .route("/never", post(never))
            .route("/echo", post(|body: Bytes| async { body }))
            .layer(from_fn_with_state(Duration::from_millis(20), deadline));
        let request = Request::builder().method("POST").uri(path).body(body).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn who_sends_too_slowly_and_who_waits_too_long_are_told_apart() {
        assert_eq!(status("/echo", Body::from("whole")).await, StatusCode::OK);
        for body in [Body::empty(), Body::from("whole")] {
            assert_eq!(status("/never", body).await, StatusCode::GATEWAY_TIMEOUT);
        }
        let (mut sender, body) = Channel::<Bytes, axum::Error>::new(1);
        sender.send_data(Bytes::from("begun")).await.unwrap();
        assert_eq!(status("/echo", Body::new(body)).await, StatusCode::REQUEST_TIMEOUT);
    }
}
