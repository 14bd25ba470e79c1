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
pub(crate) fn of_node(output: &str) -> Counts {
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

/// Reads the closing line of our own test programs: `3 passed, 1 failed, 0 skipped`.
pub(super) fn of_counts(output: &str) -> Counts {
    let line = output.lines().rev().find(|line| line.contains(" passed, ")).unwrap_or("");
    Counts {
        passed: before(line, " passed"),
        failed: before(line, " failed"),
        skipped: before(line, " skipped"),
    }
}

/// Sums Maven's line for each module: `[INFO] Tests run: 12, Failures: 1, Errors: 0, Skipped: 0`.
pub(super) fn of_maven(output: &str) -> Counts {
    let mut total = Counts::default();
    // The lines of single classes go on with the time that they took.
    for line in output.lines().filter(|line| line.contains("Tests run: ") && !line.contains("Time elapsed")) {
        let after = |name: &str| {
            let rest = line.split(name).nth(1).unwrap_or("");
            rest.split(|c: char| !c.is_ascii_digit())
                .next()
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0)
        };
        let failed: u64 = after("Failures: ") + after("Errors: ");
        let (run, skipped): (u64, u64) = (after("Tests run: "), after("Skipped: "));
        total.add(Counts { passed: run.saturating_sub(failed + skipped), failed, skipped });
    }
    total
}

/// Reads the last line that XCTest sums in: `Executed 19 tests, with 1 failure (0 unexpected) in 37.2 seconds`.
pub(super) fn of_xctest(output: &str) -> Counts {
    let line = output
        .lines()
        .rev()
        .find(|line| line.contains("Executed ") && line.contains(" failure"))
        .unwrap_or("");
    let failed = before(line, " failure");
    let run = before(line, " tests,").max(before(line, " test,"));
    Counts { passed: run.saturating_sub(failed), failed, skipped: 0 }
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
    fn maven_s_modules_are_summed_and_its_classes_left_out() {
        let output = "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1 s\n\
                      [ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n[INFO] Tests run: 1, Failures: 0, Errors: 0, Skipped: 0\n";
        assert_eq!(of_maven(output), Counts { passed: 3, failed: 2, skipped: 1 });
    }

    #[test]
    fn xctest_s_last_sum_is_read() {
        let output = "Executed 2 tests, with 0 failures (0 unexpected)\nExecuted 19 tests, with 1 failure (0 unexpected) in 37 s\n";
        assert_eq!(of_xctest(output), Counts { passed: 18, failed: 1, skipped: 0 });
    }

    #[test]
    fn our_own_test_programs_count_in_the_last_line() {
        assert_eq!(
            of_counts("ok a\n2 passed, 1 failed, 0 skipped\n"),
            Counts { passed: 2, failed: 1, skipped: 0 }
        );
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
