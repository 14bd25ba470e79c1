//! Progress bars: drawn on stderr where that is a terminal; as lines where another program asks for them.

use std::io;
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// When this is set, each state of a bar becomes a line `progress DONE/ALL WHAT` on stderr.
pub const LINES_VARIABLE: &str = "SEGUE_PROGRESS_LINES";

/// Lines a second at most.
const LINES_PER_SECOND: u8 = 2;

/// A bar over `count` steps of `what`; finish it with `finish_and_clear`.
#[must_use]
pub fn bar(what: &'static str, count: usize) -> ProgressBar {
    styled(
        ProgressBar::new(count as u64).with_message(what),
        "{msg:24} {wide_bar} {human_pos}/{human_len} {eta}",
        "progress {pos}/{len} {msg}",
    )
}

/// A count of `what` where nobody knows how many there will be.
#[must_use]
pub fn count(what: &'static str) -> ProgressBar {
    styled(
        ProgressBar::no_length().with_message(what),
        "{spinner} {human_pos} {msg}, {per_sec}",
        "progress {pos} {msg}",
    )
}

// A template that cannot be read leaves the plain bar.
fn styled(bar: ProgressBar, drawn: &str, line: &str) -> ProgressBar {
    let as_lines = std::env::var_os(LINES_VARIABLE).is_some();
    if as_lines {
        let lines = Box::new(Lines::default());
        bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(lines, LINES_PER_SECOND));
    }
    match ProgressStyle::with_template(if as_lines { line } else { drawn }) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A terminal that cannot move back: each new state is a line of its own.
#[derive(Debug, Default)]
struct Lines {
    states: Mutex<(String, String)>,
}

impl Lines {
    fn write(&self, text: &str) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).0.push_str(text);
    }
}

impl TermLike for Lines {
    fn width(&self) -> u16 {
        120
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let now = std::mem::take(&mut states.0).trim().to_owned();
        if !now.is_empty() && now != states.1 {
            eprintln!("{now}");
            states.1 = now;
        }
        Ok(())
    }
}
