//! Plain dates, and the days on which England and Wales do not work.

use crate::tables;

/// A calendar date as it stands in a file; ordered by time. Not checked to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlainDate {
    /// Year of the common era.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
}

impl PlainDate {
    /// From its parts.
    #[must_use]
    pub const fn of(year: i32, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }
}

/// One bank holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankHoliday {
    /// The day, already moved where it falls on a weekend.
    pub day: PlainDate,
    /// What it is.
    pub name: &'static str,
}

/// Bank holidays of England and Wales, 2015 to 2027, in order.
#[must_use]
pub fn bank_holidays() -> &'static [BankHoliday] {
    tables::BANK_HOLIDAYS
}

/// The calendar's file, to be hashed and pinned.
#[must_use]
pub fn bank_holidays_text() -> &'static str {
    tables::BANK_HOLIDAYS_TEXT
}
