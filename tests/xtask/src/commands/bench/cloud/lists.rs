//! Lists that the service makes, at a rate.

use std::time::Duration;

use serde_json::Value;

use crate::commands::bench::Figures;
use crate::load::{Load, request};
use crate::server::Server;

/// Requests in a second, and for how long.
const RATE: f64 = 500.0;
const LASTS: Duration = Duration::from_secs(30);
const CONNECTIONS: u64 = 32;
/// People who ask, in turn.
const PEOPLE: usize = 500;

/// The wait for a list of 20 that ninety-nine of a hundred stay within.
///
/// # Errors
/// When a request fails.
pub(super) fn measure(server: &Server) -> anyhow::Result<Figures> {
    let people = super::people(server, PEOPLE)?;
    let load =
        Load { address: server.address, per_second: Some(RATE), lasts: LASTS, connections: CONNECTIONS };
    let answers = load.send(200, |number, bytes| {
        let person = &people[usize::try_from(number).unwrap_or(0) % people.len()];
        request(bytes, "GET", &format!("/api/v1/recommendations?user={person}&count=20"), "", b"");
    })?;
    let answers = answers.all_expected("recommendations")?;
    Ok(Figures::from_iter([
        ("recommendations_p50_ms".to_owned(), Value::from(answers.percentile(50.0))),
        ("recommendations_p99_ms".to_owned(), Value::from(answers.percentile(99.0))),
    ]))
}
