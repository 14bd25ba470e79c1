//! Hours by their names.

use std::path::PathBuf;

/// Where the rows of an hour lie, counted from 1970: `date=2026-11-22/hour=05`.
pub(super) fn partition(hour: i64) -> PathBuf {
    let (year, month, day) = date(hour.div_euclid(24));
    PathBuf::from(format!("date={year:04}-{month:02}-{day:02}/hour={:02}", hour.rem_euclid(24)))
}

/// The date of a day counted from 1970 (Hinnant, "chrono-compatible low-level date algorithms", 2013).
pub(crate) fn date(day: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last one.
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_named_by_their_date_over_leap_days_and_centuries() {
        for (hour, name) in [
            (0, "date=1970-01-01/hour=00"),
            (-1, "date=1969-12-31/hour=23"),
            (19_782 * 24 + 5, "date=2024-02-29/hour=05"),
            (11_016 * 24, "date=2000-02-29/hour=00"),
            (20_779 * 24 + 9, "date=2026-11-22/hour=09"),
        ] {
            assert_eq!(partition(hour), PathBuf::from(name), "{hour}");
        }
    }
}
