//! Dates of the proleptic Gregorian calendar, UTC.

/// Milliseconds since 1970-01-01 of a day's midnight.
#[must_use]
pub(crate) fn midnight_ms(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) * 86_400_000
}

/// Milliseconds of `2019-11-24 00:03:13.442536+00:00`; fraction and offset may be missing.
#[must_use]
pub(super) fn timestamp_ms(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once([' ', 'T'])?;
    let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let time = time.trim_end_matches('Z');
    let (time, offset) = match time.rfind(['+', '-']) {
        Some(place) => (&time[..place], offset_ms(&time[place..])?),
        None => (time, 0),
    };
    let mut parts = time.splitn(3, ':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let second: f64 =
        parts.next().unwrap_or("0").parse().ok().filter(|second| (0.0..61.0).contains(second))?;
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
        return None;
    }
    Some(midnight_ms(year, month, day) + (hour * 60 + minute) * 60_000 + (second * 1_000.0) as i64 - offset)
}

fn offset_ms(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(midnight_ms(1970, 1, 1), 0);
        assert_eq!(midnight_ms(2000, 3, 1), 951_868_800_000);
        assert_eq!(midnight_ms(1969, 12, 31), -86_400_000);
    }

    #[test]
    fn timestamps_may_have_fraction_and_offset() {
        assert_eq!(timestamp_ms("2019-11-24 00:03:13.442536+00:00"), Some(1_574_553_793_442));
        assert_eq!(timestamp_ms("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(timestamp_ms("1970-01-01 00:00"), Some(0));
        for bad in ["", "1970-01-01", "1970-13-01 00:00", "1970-01-01 25:00", "x-y-z 00:00"] {
            assert_eq!(timestamp_ms(bad), None, "{bad}");
        }
    }
}
