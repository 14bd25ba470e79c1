//! The system's clock, as the service and the refresh read it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in milliseconds since 1970; 0 where the clock is set before that.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
