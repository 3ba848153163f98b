//! Calendar dates: only those that exist have a number of days.

use crate::common::v1::Date;

const DAYS_BEFORE_1970: i32 = 719_162;
const LAST_DAY_OF_9999: i32 = 2_932_896;

impl Date {
    /// A date that exists, from its parts.
    #[must_use]
    pub fn new(year: i32, month: i32, day: i32) -> Option<Self> {
        let date = Self { year, month, day };
        date.exists().then_some(date)
    }

    /// Whether there is such a day in the years 1 to 9999.
    #[must_use]
    pub fn exists(&self) -> bool {
        (1..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
    }

    /// Days since 1970-01-01; `None` when there is no such day.
    #[must_use]
    pub fn days(&self) -> Option<i32> {
        if !self.exists() {
            return None;
        }
        let months: i32 = (1..self.month)
            .map(|month| days_in_month(self.year, month))
            .sum();
        Some(days_before(self.year) + months + self.day - 1 - DAYS_BEFORE_1970)
    }

    /// The date so many days after 1970-01-01; `None` outside the years 1 to 9999.
    #[must_use]
    pub fn from_days(days: i32) -> Option<Self> {
        if !(-DAYS_BEFORE_1970..=LAST_DAY_OF_9999).contains(&days) {
            return None;
        }
        // As if every year were a leap year: never too late, a few years early at most.
        let since_year_1 = days + DAYS_BEFORE_1970;
        let mut year = since_year_1 / 366 + 1;
        while days_before(year + 1) <= since_year_1 {
            year += 1;
        }
        let mut rest = since_year_1 - days_before(year);
        let mut month = 1;
        while rest >= days_in_month(year, month) {
            rest -= days_in_month(year, month);
            month += 1;
        }
        Some(Self {
            year,
            month,
            day: rest + 1,
        })
    }
}

/// Days from 1 January of year 1 to 1 January of `year`.
fn days_before(year: i32) -> i32 {
    let years = year - 1;
    years * 365 + years / 4 - years / 100 + years / 400
}

fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}
