//! The calendar: what day a date is.

/// [`days`] of 1 January 1970.
#[cfg(feature = "tls")]
pub(crate) const DAYS_TO_1970: u32 = 719_468;

/// Days from 1 March of the year 0 to this date of the Gregorian calendar. `None` if there is no such day.
pub(crate) const fn days(year: u32, month: u32, day: u32) -> Option<u32> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > length || year == 0 || year > 9999 {
        return None;
    }
    // From March on, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1)
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn every_day_follows_the_day_before() {
        let mut next = days(1, 1, 1).expect("a day");
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let Some(found) = days(year, month, day) else { continue };
                    assert_eq!(found, next, "{year}-{month}-{day}");
                    next += 1;
                }
            }
        }
        assert_eq!(days(1970, 1, 1), Some(719_468));
        assert_eq!(days(2000, 2, 29), Some(719_468 + 11_016));
        for (year, month, day) in [(1900, 2, 29), (2023, 2, 29), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1), (0, 1, 1)]
        {
            assert_eq!(days(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!((days(2024, 1, 0), days(10_000, 1, 1), days(u32::MAX, 1, 1)), (None, None, None));
    }
}
