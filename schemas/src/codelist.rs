//! Code lists: which codes a list holds, and on which days.

use crate::{PlainDate, tables};

/// One list: a file of `codelists/`.
#[derive(Debug, Clone, Copy)]
pub struct CodeList {
    /// Name of the file without its ending, e.g. `ssda903_place`.
    pub name: &'static str,
    /// What the codes are.
    pub title: &'static str,
    /// Who publishes it.
    pub source: &'static str,
    /// The years or release it covers.
    pub edition: &'static str,
    /// The whole file, to be hashed and pinned.
    pub text: &'static str,
    /// Its codes, sorted.
    pub codes: &'static [Code],
}

/// One code of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code, compared letter by letter.
    pub code: &'static str,
    /// What it means.
    pub label: &'static str,
    /// First day in force; `None`: as long as the list is known.
    pub first_day: Option<PlainDate>,
    /// Last day in force; `None`: still.
    pub last_day: Option<PlainDate>,
}

impl Code {
    /// Whether it is in force on a day.
    #[must_use]
    pub fn in_force(&self, on: PlainDate) -> bool {
        self.first_day.is_none_or(|first| first <= on)
            && self.last_day.is_none_or(|last| on <= last)
    }
}

impl CodeList {
    /// The code, in force or not.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<&'static Code> {
        let at = self.codes.binary_search_by(|known| known.code.cmp(code));
        self.codes.get(at.ok()?)
    }
}

/// What is wrong with a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFault {
    /// There is no such list: a fault of the program.
    NoList,
    /// The list never held the code.
    NotInList,
    /// The code is in force on other days only.
    NotInForce {
        /// First day in force.
        first_day: Option<PlainDate>,
        /// Last day in force.
        last_day: Option<PlainDate>,
    },
}

/// Every list, by name.
#[must_use]
pub fn lists() -> &'static [CodeList] {
    tables::LISTS
}

/// The list with this name.
#[must_use]
pub fn list(name: &str) -> Option<&'static CodeList> {
    let at = lists().binary_search_by(|list| list.name.cmp(name));
    lists().get(at.ok()?)
}

/// Checks a code against the list as it is in force on a day.
///
/// # Errors
/// Says whether the list, the code or the day is the trouble.
pub fn check(list_name: &str, code: &str, on: PlainDate) -> Result<&'static Code, CodeFault> {
    let found = list(list_name)
        .ok_or(CodeFault::NoList)?
        .get(code)
        .ok_or(CodeFault::NotInList)?;
    if found.in_force(on) {
        return Ok(found);
    }
    Err(CodeFault::NotInForce {
        first_day: found.first_day,
        last_day: found.last_day,
    })
}

/// A London local authority by its public codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority {
    /// ONS code, e.g. E09000007.
    pub gss: &'static str,
    /// Name.
    pub name: &'static str,
    /// DfE number, e.g. 202.
    pub dfe: &'static str,
    /// Letters of the London pipeline, e.g. CAM.
    pub liia: &'static str,
}

/// The 33 local authorities of London, by ONS code.
#[must_use]
pub fn authorities() -> &'static [Authority] {
    tables::AUTHORITIES
}
