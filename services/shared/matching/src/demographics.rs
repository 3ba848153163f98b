//! What an organisation says of a person, as sent and as compared.

use crate::name::Name;
pub use crate::strategy::Strategy;
use sha2::{Digest, Sha256};
use std::fmt;
use walbrook_domain::{Day, number};

/// Demographics as an organisation sent them. Kept for identity's own record only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Date of birth.
    pub birth_date: Option<Day>,
    /// Home postcode.
    pub postcode: String,
    /// NHS number; empty when unknown.
    pub nhs_number: String,
    /// Unique pupil number; empty when unknown.
    pub upn: String,
    /// The child's number in the organisation's own system; empty when unknown.
    pub la_child_id: String,
    /// E-mail address; empty when unknown.
    pub email: String,
    /// Town or city of the home address; empty when unknown.
    pub town: String,
    /// Unique property reference number of the home address; empty when unknown.
    pub uprn: String,
    /// Restricted record.
    pub restricted: bool,
}

/// Never shows what it holds: values of this type pass through logs and panics.
impl fmt::Debug for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stated(…)")
    }
}

impl Stated {
    /// Sixteen bytes that change when anything stated changes. Kept in memory only, to recognise a repetition.
    pub fn fingerprint(&self) -> [u8; 16] {
        let birth_date = self.birth_date.map_or(i32::MIN, |day| day.0).to_be_bytes();
        hash16(
            b"stated",
            &[
                self.given_name.as_bytes(),
                self.family_name.as_bytes(),
                &birth_date,
                self.postcode.as_bytes(),
                self.nhs_number.as_bytes(),
                self.upn.as_bytes(),
                self.la_child_id.as_bytes(),
                self.email.as_bytes(),
                self.town.as_bytes(),
                self.uprn.as_bytes(),
                &[u8::from(self.restricted)],
            ],
        )
    }

    /// Length of the longest text, bytes.
    pub fn longest(&self) -> usize {
        let texts = [
            &self.given_name,
            &self.family_name,
            &self.postcode,
            &self.nhs_number,
            &self.upn,
            &self.la_child_id,
            &self.email,
            &self.town,
            &self.uprn,
        ];
        texts.into_iter().map(String::len).max().unwrap_or(0)
    }

    /// The parts that say something, in the form in which they are compared.
    pub fn known(&self) -> Known {
        Known {
            given: Name::read(&self.given_name),
            family: Name::read(&self.family_name),
            birth_date: self.birth_date,
            postcode: postcode(&self.postcode),
            nhs: number::nhs_number(&self.nhs_number),
            upn: number::permanent_upn(&self.upn),
            la_child_id: la_child_id(&self.la_child_id),
        }
    }
}

/// The parts of demographics that say something. An absent part is unknown or a placeholder.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Given name.
    pub given: Option<Name>,
    /// Family name.
    pub family: Option<Name>,
    /// Date of birth; may be a 1 January, see [`is_placeholder_birth`].
    pub birth_date: Option<Day>,
    /// Full postcode, upper case without spaces; never ZZ99.
    pub postcode: Option<String>,
    /// Ten digits with a valid check digit.
    pub nhs: Option<String>,
    /// A permanent UPN with a valid check letter.
    pub upn: Option<String>,
    /// Upper case without spaces.
    pub la_child_id: Option<String>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known(…)")
    }
}

/// Why two statements cannot be about the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Contradiction {
    /// Two different verified NHS numbers.
    TwoNhsNumbers,
    /// Dates of birth that differ by more than a swap of day and month, one digit or one year (a 1 January says only a year, give or take two).
    BirthsFar,
    /// Given *and* family names both far apart, also when read crosswise (one of them alone may change: marriage, a known-as name).
    NamesFar,
}

/// A hash under which records that agree are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub(crate) [u8; 16]);

impl Known {
    /// The strong tokens, surest first. A child number counts within one authority, so its organisation is part of the key.
    pub fn strong_keys(&self, organisation: &str) -> Vec<(Strategy, Key)> {
        let mut keys = Vec::new();
        if let Some(nhs) = &self.nhs {
            keys.push((Strategy::NhsNumber, Key(hash16(b"nhs", &[nhs.as_bytes()]))));
        }
        if let Some(upn) = &self.upn {
            keys.push((Strategy::Upn, Key(hash16(b"upn", &[upn.as_bytes()]))));
        }
        if let Some(id) = &self.la_child_id {
            let parts = [organisation.as_bytes(), id.as_bytes()];
            keys.push((Strategy::LaChildId, Key(hash16(b"la-child-id", &parts))));
        }
        keys
    }

    /// The key of exact agreement; `None` unless all four parts are known and none is a placeholder.
    pub fn exact_key(&self) -> Option<Key> {
        let (given, family) = (self.given.as_ref()?, self.family.as_ref()?);
        let birth_date = self
            .birth_date
            .filter(|day| !is_placeholder_birth(*day))?
            .0
            .to_be_bytes();
        let parts = [
            given.joined().as_bytes(),
            family.joined().as_bytes(),
            &birth_date,
            self.postcode.as_deref()?.as_bytes(),
        ];
        Some(Key(hash16(b"exact", &parts)))
    }

    /// What shows that two statements cannot be about the same person, whatever number they share; the gravest first. What is unknown or a
    /// placeholder contradicts nothing.
    pub fn contradiction(&self, other: &Self) -> Option<Contradiction> {
        if matches!((&self.nhs, &other.nhs), (Some(a), Some(b)) if a != b) {
            return Some(Contradiction::TwoNhsNumbers);
        }
        if matches!((self.birth_date, other.birth_date), (Some(a), Some(b)) if births_far(a, b)) {
            return Some(Contradiction::BirthsFar);
        }
        names_far(self, other).then_some(Contradiction::NamesFar)
    }

    /// Whether there is a [`Contradiction`].
    pub fn contradicts(&self, other: &Self) -> bool {
        self.contradiction(other).is_some()
    }
}

fn names_far(a: &Known, b: &Known) -> bool {
    let (Some(given_a), Some(family_a)) = (&a.given, &a.family) else {
        return false;
    };
    let (Some(given_b), Some(family_b)) = (&b.given, &b.family) else {
        return false;
    };
    let straight = given_a.near(given_b) || family_a.near(family_b);
    let crosswise = given_a.near(family_b) || family_a.near(given_b);
    !straight && !crosswise
}

/// 1 January is what systems write when only the year is known.
pub fn is_placeholder_birth(day: Day) -> bool {
    let (_, month, day) = day.ymd();
    (month, day) == (1, 1)
}

fn births_far(a: Day, b: Day) -> bool {
    let ((year_a, month_a, day_a), (year_b, month_b, day_b)) = (a.ymd(), b.ymd());
    let swapped = year_a == year_b && month_a == day_b && day_a == month_b;
    let text = |year, month, day| format!("{year:04}{month:02}{day:02}");
    let (text_a, text_b) = (text(year_a, month_a, day_a), text(year_b, month_b, day_b));
    let digits = text_a
        .bytes()
        .zip(text_b.bytes())
        .filter(|(x, y)| x != y)
        .count();
    let only_years = is_placeholder_birth(a) || is_placeholder_birth(b);
    let same_year = only_years && (year_a - year_b).abs() <= 2;
    let year_off = (year_a - year_b).abs() == 1 && (month_a, day_a) == (month_b, day_b);
    digits > 1 && !swapped && !same_year && !year_off
}

/// A full postcode (outward and inward part). ZZ99 (no fixed abode, not known) says nothing.
fn postcode(text: &str) -> Option<String> {
    let code: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_uppercase();
    let full = (5..=7).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    let inward = code.len().checked_sub(3).and_then(|at| code.get(at..));
    let shaped = inward.is_some_and(|inward| {
        let mut letters = inward.bytes();
        letters.next().is_some_and(|b| b.is_ascii_digit())
            && letters.all(|b| b.is_ascii_uppercase())
    });
    let starts = code.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    (full && shaped && starts && !code.starts_with("ZZ99")).then_some(code)
}

fn la_child_id(text: &str) -> Option<String> {
    let id: String = text.split_whitespace().collect::<String>().to_uppercase();
    let says_something = id.chars().any(|c| c.is_alphanumeric() && c != '0');
    says_something.then_some(id)
}

pub(crate) fn hash16(tag: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&tag).chain(parts) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    out
}
