//! Progress bars for people: drawn on stderr where that is a terminal, and nowhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `count` steps of `what`; finish it with `finish_and_clear`.
#[must_use]
pub fn bar(what: &'static str, count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64).with_message(what);
    // A template that cannot be read leaves the plain bar.
    match ProgressStyle::with_template("{msg:24} {wide_bar} {human_pos}/{human_len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
