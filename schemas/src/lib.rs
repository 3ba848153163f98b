//! Frozen Avro schemas, versioned code lists and the bank-holiday calendar:
//! data that was published and is never edited, only added to.
//!
//! Schemas are generated from the messages (`make schemas`), held by
//! `versions.lock`, and given here in the one text that is registered. Code
//! lists say for each code from and until which day it is in force; nothing
//! here knows what a code means for anybody.

mod authority;
mod calendar;
pub mod codelist;
pub mod law;

pub use authority::{Authority, authorities, authority};
pub use calendar::{BankHoliday, PlainDate, bank_holidays, bank_holidays_text};

/// One frozen schema file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Avro full name of the record.
    pub full_name: &'static str,
    /// Number of the version, from 1.
    pub version: u32,
    /// File, relative to the folder of this crate.
    pub file: &'static str,
    /// The schema on one line: the text that is registered and pinned.
    pub text: &'static str,
}

/// Every version of every schema, by full name and version.
#[must_use]
pub fn all() -> &'static [Schema] {
    tables::SCHEMAS
}

/// The text of the newest version of a record's schema.
#[must_use]
pub fn find(full_name: &str) -> Option<&'static str> {
    let newest = all()
        .iter()
        .rev()
        .find(|schema| schema.full_name == full_name);
    newest.map(|schema| schema.text)
}

mod tables {
    use crate::codelist::{Code, CodeList};
    use crate::{Authority, BankHoliday, PlainDate, Schema};

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}
