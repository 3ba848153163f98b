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

    /// The codes that are in force on at least one day of a span, in order.
    pub fn during(&self, span: Span) -> impl Iterator<Item = &'static Code> + use<> {
        self.codes.iter().filter(move |code| span.meets(code))
    }

    /// Collection and list as people write them: `ssda903/LS` for the file `ssda903_ls`.
    #[must_use]
    pub fn address(&self) -> String {
        let at = COLLECTIONS_OF_TWO_WORDS
            .iter()
            .find(|collection| self.name.starts_with(**collection))
            .map(|collection| collection.len())
            .or_else(|| self.name.find('_'));
        let parts = at.and_then(|at| self.name.split_at_checked(at));
        match parts.and_then(|(collection, rest)| Some((collection, rest.strip_prefix('_')?))) {
            Some((collection, list)) => {
                format!("{}/{}", collection.replace('_', "-"), list.to_uppercase())
            }
            None => self.name.to_owned(),
        }
    }
}

/// Collections whose own name has an underscore.
const COLLECTIONS_OF_TWO_WORDS: [&str; 2] = ["duty_to_refer", "social_care"];

/// Days from and to, both of them in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First day.
    pub first: PlainDate,
    /// Last day.
    pub last: PlainDate,
}

impl Span {
    /// A collection year from 1 April to 31 March: `2025` or `2025/26`; or one day, `2025-06-01`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str, digits: usize| -> Option<i32> {
            let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| text.parse().ok()).flatten()
        };
        if let Some((year, rest)) = text.split_once('-') {
            let (month, day) = rest.split_once('-')?;
            let month = u8::try_from(number(month, 2)?).ok()?;
            let day = u8::try_from(number(day, 2)?).ok()?;
            let sane = (1..=12).contains(&month) && (1..=31).contains(&day);
            let day = PlainDate::of(number(year, 4)?, month, day);
            return sane.then_some(Self {
                first: day,
                last: day,
            });
        }
        let (year, second) = text.split_once('/').unwrap_or((text, ""));
        let year = number(year, 4)?;
        let follows = second.is_empty() || number(second, 2)? == (year + 1) % 100;
        let ends = !text.ends_with('/');
        (follows && ends).then_some(Self {
            first: PlainDate::of(year, 4, 1),
            last: PlainDate::of(year + 1, 3, 31),
        })
    }

    fn meets(self, code: &Code) -> bool {
        code.first_day.is_none_or(|first| first <= self.last)
            && code.last_day.is_none_or(|last| self.first <= last)
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

/// The list that people write as `ssda903/LS`, in whatever letters.
#[must_use]
pub fn list_at(address: &str) -> Option<&'static CodeList> {
    list(&address.to_lowercase().replace(['/', '-'], "_"))
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
