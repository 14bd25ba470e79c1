//! Progress bars for people: drawn on stderr where that is a terminal, and nowhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `count` steps of `what`; finish it with `finish_and_clear`.
#[must_use]
pub fn bar(what: &'static str, count: usize) -> ProgressBar {
    styled(
        ProgressBar::new(count as u64).with_message(what),
        "{msg:24} {wide_bar} {human_pos}/{human_len} {eta}",
    )
}

/// A count of `what` where nobody knows how many there will be.
#[must_use]
pub fn count(what: &'static str) -> ProgressBar {
    styled(ProgressBar::no_length().with_message(what), "{spinner} {human_pos} {msg}, {per_sec}")
}

// A template that cannot be read leaves the plain bar.
fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
