//! Reads how many tests a test runner ran.

use crate::steps::Counts;

/// Sums cargo's lines: `test result: ok. 12 passed; 0 failed; 1 ignored; ...`.
pub(super) fn of_cargo(output: &str) -> Counts {
    let mut total = Counts::default();
    for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        total.add(Counts {
            passed: before(line, " passed"),
            failed: before(line, " failed"),
            skipped: before(line, " ignored"),
        });
    }
    total
}

/// Reads Node's closing lines: `# pass 5`, `# fail 0`, `# skipped 1`.
pub(super) fn of_node(output: &str) -> Counts {
    let number = |name: &str| {
        let mut lines = output.lines().rev().filter_map(|line| line.trim().strip_prefix(name));
        lines.next().and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
    };
    let failed = number("# fail ") + number("# cancelled ");
    Counts { passed: number("# pass "), failed, skipped: number("# skipped ") + number("# todo ") }
}

/// Reads pytest's closing line: `3 passed, 1 failed, 2 skipped in 1.20s`.
pub(super) fn of_pytest(output: &str) -> Counts {
    let line = output.lines().rev().find(|line| line.contains(" in ") && line.contains(" passed"));
    let line = line.or_else(|| output.lines().rev().find(|line| line.contains(" failed"))).unwrap_or("");
    Counts {
        passed: before(line, " passed"),
        failed: before(line, " failed") + before(line, " error"),
        skipped: before(line, " skipped"),
    }
}

/// The number that stands directly before `word`.
fn before(line: &str, word: &str) -> u64 {
    let head = line.split(word).next().filter(|head| head.len() < line.len()).unwrap_or("");
    let digits = head.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_crates_are_summed() {
        let output = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured\nother\n\
                      test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured\n";
        assert_eq!(of_cargo(output), Counts { passed: 15, failed: 2, skipped: 1 });
    }

    #[test]
    fn node_s_closing_lines_are_read() {
        let output = "# tests 7\n# suites 0\n# pass 5\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n";
        assert_eq!(of_node(output), Counts { passed: 5, failed: 1, skipped: 1 });
    }

    #[test]
    fn pytest_s_closing_line_is_read() {
        let output = "...\n=== 1 failed, 30 passed, 2 skipped in 1.20s ===\n";
        assert_eq!(of_pytest(output), Counts { passed: 30, failed: 1, skipped: 2 });
    }

    #[test]
    fn output_of_a_runner_that_never_started_counts_nothing() {
        assert_eq!(of_cargo("error: could not compile"), Counts::default());
    }
}
