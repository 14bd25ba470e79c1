//! Refreshing again and again.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Reads `45s`, `30m`, `12h` or `7d`.
///
/// # Errors
/// When it is none of these or zero.
pub fn parse_duration(text: &str) -> anyhow::Result<Duration> {
    let wanted = || format!("`{text}` is no duration: write a number and s, m, h or d, such as 30m");
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => anyhow::bail!(wanted()),
    };
    let number: u64 = number.parse().with_context(wanted)?;
    let total = number.checked_mul(seconds).with_context(wanted)?;
    ensure!(total > 0 && total <= 366 * 86_400, wanted());
    Ok(Duration::from_secs(total))
}

/// Calls `run` every `period`, counted from start to start; `pause` waits and says whether to go on.
///
/// A failing run is reported to `failed` and the next one is tried all the same.
pub fn repeat(
    period: Duration,
    mut run: impl FnMut() -> anyhow::Result<()>,
    mut failed: impl FnMut(&anyhow::Error),
    mut pause: impl FnMut(Duration) -> bool,
) {
    loop {
        let started = Instant::now();
        if let Err(error) = run() {
            failed(&error);
        }
        if !pause(period.saturating_sub(started.elapsed())) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        assert_eq!(parse_duration("45s").unwrap(), Duration::from_secs(45));
        assert_eq!(parse_duration("30m").unwrap(), Duration::from_secs(1_800));
        assert_eq!(parse_duration("7d").unwrap(), Duration::from_secs(604_800));
        for wrong in ["", "30", "m", "0m", "-1m", "1.5h", "30 m", "5µ", "99999999999999999999d", "9999d"] {
            assert!(parse_duration(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_failing_run_is_reported_and_the_next_one_goes_on() {
        let (mut runs, mut failures) = (0, Vec::new());
        repeat(
            Duration::from_secs(60),
            || {
                runs += 1;
                anyhow::ensure!(runs != 2, "run {runs} failed");
                Ok(())
            },
            |error| failures.push(error.to_string()),
            {
                let mut left = 3;
                move |wait| {
                    assert!(wait <= Duration::from_secs(60));
                    left -= 1;
                    left > 0
                }
            },
        );
        assert_eq!((runs, failures), (3, vec!["run 2 failed".to_owned()]));
    }
}
