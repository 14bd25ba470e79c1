//! Weeks as ISO 8601 counts them: they begin on Monday, and the first of a year is the one with its first Thursday.

use std::fmt;

use crate::catalog::import::calendar::midnight_ms;
use crate::training_log::calendar::date;

const DAY_MS: i64 = 86_400_000;

/// A week; ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Week {
    year: i64,
    /// 1 to 53.
    week: i64,
}

impl Week {
    /// The week that a time lies in, given in milliseconds since 1970, UTC.
    #[must_use]
    pub fn of(time_ms: i64) -> Self {
        let day = time_ms.div_euclid(DAY_MS);
        // 1970 began on a Thursday; a week belongs to the year of its Thursday.
        let thursday = day - (day + 3).rem_euclid(7) + 3;
        let (year, _, _) = date(thursday);
        let first = midnight_ms(year, 1, 1) / DAY_MS;
        Self { year, week: (thursday - first) / 7 + 1 }
    }

    /// The week of a name such as `2026-W47`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (year, week) = name.split_once("-W")?;
        let (year, week) = (year.parse().ok()?, week.parse().ok()?);
        Some(Self { year, week }).filter(|named| (1..=53).contains(&week) && named.to_string() == name)
    }

    /// What people read.
    #[must_use]
    pub fn title(self) -> String {
        format!("Week {} of {}", self.week, self.year)
    }
}

impl fmt::Display for Week {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-W{:02}", self.year, self.week)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_belong_to_the_year_of_their_thursday() {
        for (year, month, day, name) in [
            (1970, 1, 1, "1970-W01"),
            (2026, 11, 22, "2026-W47"),
            (2026, 11, 23, "2026-W48"),
            (2026, 12, 31, "2026-W53"),
            (2027, 1, 3, "2026-W53"),
            (2027, 1, 4, "2027-W01"),
            (2024, 12, 30, "2025-W01"),
            (2023, 1, 1, "2022-W52"),
        ] {
            let midnight = midnight_ms(year, month, day);
            for time_ms in [midnight, midnight + DAY_MS - 1] {
                assert_eq!(Week::of(time_ms).to_string(), name);
            }
            assert_eq!(Week::named(name), Some(Week::of(midnight)));
        }
        for wrong in ["2026-47", "2026-W00", "2026-W54", "2026-W7", "W47", "2026-W47.jsonl"] {
            assert_eq!(Week::named(wrong), None, "{wrong}");
        }
        assert!(Week::of(midnight_ms(2026, 12, 31)) < Week::of(midnight_ms(2027, 1, 4)));
    }
}
