//! A record in the form in which records are compared by the million: fixed size, plain, no heap.

use crate::compare;
use crate::demographics::{Contradiction, Key, Stated, hash16};
use crate::letters::Letters;
use crate::level::birth;
use crate::name::Name;
use crate::strategy::Strategy;
use std::fmt;
use walbrook_domain::{Day, number};

/// A name as compared. All zero when there is none.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NameForm {
    pub(crate) letters: Letters,
    /// Of the whole name, however long; 0 when there is none.
    pub(crate) hash: u64,
    /// Of its first three words of at least three letters, 0 behind.
    pub(crate) words: [u32; 3],
}

impl NameForm {
    const NONE: NameForm = NameForm {
        letters: Letters::NONE,
        hash: 0,
        words: [0; 3],
    };

    fn of(name: Option<&Name>) -> Self {
        let Some(name) = name else {
            return Self::default();
        };
        let mut words = [0; 3];
        let long = name.words().iter().filter(|word| word.chars().count() >= 3);
        for (to, word) in words.iter_mut().zip(long) {
            *to = (hash64(word.as_bytes()) as u32).max(1);
        }
        Self {
            letters: Letters::of(name.joined()),
            hash: hash64(name.joined().as_bytes()),
            words,
        }
    }

    /// Whether there is one.
    pub(crate) fn known(&self) -> bool {
        self.hash != 0
    }

    /// Whether a word of at least three letters stands in both.
    pub(crate) fn shares_word(&self, other: &Self) -> bool {
        share_word(&self.words, &other.words)
    }

    /// Whether two names may be the same name written twice: equal, one a beginning of the other (`Liz` is not, `Sam` of `Samuel` is), a shared part
    /// of a double name, or a typing error or two.
    fn near(&self, other: &Self) -> bool {
        let short = self.letters.len().min(other.letters.len());
        self.hash == other.hash
            || self.letters.begins(other.letters)
            || self.shares_word(other)
            || self
                .letters
                .within(other.letters, if short <= 5 { 1 } else { 2 })
    }
}

/// Whether a word of one name stands in the other.
pub(crate) fn share_word(a: &[u32; 3], b: &[u32; 3]) -> bool {
    a.iter().any(|word| *word != 0 && b.contains(word))
}

/// A record as compared. What is absent is unknown or a placeholder; it neither helps nor harms.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    pub(crate) given: NameForm,
    pub(crate) family: NameForm,
    /// The given name where it is one letter; 0 otherwise.
    pub(crate) initial: u8,
    /// Year, month and day as eight decimal digits of four bits; 0 when unknown.
    pub(crate) birth: u32,
    /// Seven characters at most; 0 when unknown.
    pub(crate) postcode: u64,
    /// 0 when unknown.
    pub(crate) uprn: u64,
    /// Before the `@`.
    pub(crate) mailbox: Letters,
    /// Behind the `@`.
    pub(crate) domain: Letters,
    /// Of the part before the `@` and of the whole address; 0 when unknown.
    pub(crate) mailbox_hash: u64,
    pub(crate) email: u64,
    pub(crate) town: Letters,
    pub(crate) town_hash: u64,
    nhs: u64,
    upn: u64,
    la_child_id: u64,
}

/// Never shows what it holds.
impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Features(…)")
    }
}

impl Stated {
    /// The form in which the record is compared.
    pub fn features(&self) -> Features {
        let known = self.known();
        let (mailbox, domain) = email(&self.email).unwrap_or_default();
        let town = Name::read(&self.town);
        Features {
            given: NameForm::of(known.given.as_ref()),
            family: NameForm::of(known.family.as_ref()),
            initial: if known.given.is_some() {
                0
            } else {
                initial(&self.given_name)
            },
            birth: self.birth_date.map_or(0, digits),
            postcode: known.postcode.as_deref().map_or(0, packed),
            uprn: uprn(&self.uprn),
            mailbox: Letters::of(&mailbox),
            domain: Letters::of(&domain),
            mailbox_hash: if mailbox.is_empty() {
                0
            } else {
                hash64(mailbox.as_bytes())
            },
            email: if mailbox.is_empty() {
                0
            } else {
                hash64(format!("{mailbox}@{domain}").as_bytes())
            },
            town: town
                .as_ref()
                .map_or_else(Letters::default, |town| Letters::of(town.joined())),
            town_hash: town
                .as_ref()
                .map_or(0, |town| hash64(town.joined().as_bytes())),
            nhs: number::nhs_number(&self.nhs_number)
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0),
            upn: known.upn.as_deref().map_or(0, |upn| hash64(upn.as_bytes())),
            la_child_id: known
                .la_child_id
                .as_deref()
                .map_or(0, |id| hash64(id.as_bytes())),
        }
    }
}

impl Features {
    /// A record of which nothing is known.
    pub const NOTHING: Features = Features {
        given: NameForm::NONE,
        family: NameForm::NONE,
        initial: 0,
        birth: 0,
        postcode: 0,
        uprn: 0,
        mailbox: Letters::NONE,
        domain: Letters::NONE,
        mailbox_hash: 0,
        email: 0,
        town: Letters::NONE,
        town_hash: 0,
        nhs: 0,
        upn: 0,
        la_child_id: 0,
    };

    /// The strong tokens, surest first. A child number counts within one authority, so its organisation is part of the key.
    pub fn strong_keys(&self, organisation: &str) -> impl Iterator<Item = (Strategy, Key)> + use<> {
        let key = |strategy, number: u64, within: &str| {
            let parts = [number.to_be_bytes().as_slice(), within.as_bytes()].concat();
            (number != 0).then(|| {
                (
                    strategy,
                    Key(hash16(b"strong", &[&[strategy as u8], &parts])),
                )
            })
        };
        [
            key(Strategy::NhsNumber, self.nhs, ""),
            key(Strategy::Upn, self.upn, ""),
            key(Strategy::LaChildId, self.la_child_id, organisation),
        ]
        .into_iter()
        .flatten()
    }

    /// The key of exact agreement; `None` unless given name, family name, date of birth and postcode are known and none is a placeholder.
    pub fn exact_key(&self) -> Option<Key> {
        let parts = [
            self.given.hash,
            self.family.hash,
            u64::from(self.birth_said()),
            self.postcode,
        ];
        parts.iter().all(|part| *part != 0).then(|| {
            let bytes = parts.map(u64::to_be_bytes);
            Key(hash16(b"exact", &[bytes.as_flattened()]))
        })
    }

    /// What shows that two records cannot be about the same person, whatever number they share; the gravest first. What is unknown or a placeholder
    /// contradicts nothing.
    pub fn contradiction(&self, other: &Self) -> Option<Contradiction> {
        if self.nhs != 0 && other.nhs != 0 && self.nhs != other.nhs {
            return Some(Contradiction::TwoNhsNumbers);
        }
        if births_far(self.birth, other.birth) {
            return Some(Contradiction::BirthsFar);
        }
        let names = [&self.given, &self.family, &other.given, &other.family];
        let straight = self.given.near(&other.given) || self.family.near(&other.family);
        let crosswise = || self.given.near(&other.family) || self.family.near(&other.given);
        let far = names.iter().all(|name| name.known()) && !straight && !crosswise();
        far.then_some(Contradiction::NamesFar)
    }

    /// What keeps two records from ever standing under one person, however they came to it: two NHS numbers, or births more than twelve years apart that no
    /// slip of one digit and no swap explains. Wider than [`Self::contradiction`], which asks whether a shared number is to be believed.
    pub fn far_apart(&self, other: &Self) -> Option<Contradiction> {
        if self.nhs != 0 && other.nhs != 0 && self.nhs != other.nhs {
            return Some(Contradiction::TwoNhsNumbers);
        }
        let births = compare::births(self, other);
        (births == birth::DIFFERENT).then_some(Contradiction::BirthsFar)
    }

    /// Whether there is a [`Contradiction`].
    pub fn contradicts(&self, other: &Self) -> bool {
        self.contradiction(other).is_some()
    }

    /// Date of birth; may be a 1 January, see [`crate::demographics::is_placeholder_birth`].
    pub fn birth_date(&self) -> Option<Day> {
        let (year, month, day) = parts(self.birth);
        Day::from_ymd(year as i32, month as i32, day as i32)
    }

    /// The full postcode as a number; 0 when unknown.
    pub fn postcode_key(&self) -> u64 {
        self.postcode
    }

    /// Whether both show the same strong token of this kind. Child numbers are compared as if within one authority.
    pub fn shares(&self, other: &Self, strategy: Strategy) -> bool {
        let same = |a: u64, b: u64| a != 0 && a == b;
        match strategy {
            Strategy::NhsNumber => same(self.nhs, other.nhs),
            Strategy::Upn => same(self.upn, other.upn),
            Strategy::LaChildId => same(self.la_child_id, other.la_child_id),
            _ => false,
        }
    }

    /// Whether the two hold NHS numbers, UPNs or child numbers (by strategy) that differ.
    pub fn differs(&self, other: &Self, strategy: Strategy) -> bool {
        let differ = |a: u64, b: u64| a != 0 && b != 0 && a != b;
        match strategy {
            Strategy::NhsNumber => differ(self.nhs, other.nhs),
            Strategy::Upn => differ(self.upn, other.upn),
            Strategy::LaChildId => differ(self.la_child_id, other.la_child_id),
            _ => false,
        }
    }

    /// Whether a verified NHS number is known.
    pub fn has_nhs_number(&self) -> bool {
        self.nhs != 0
    }

    /// The date of birth where it says something: 0 for unknown and for a 1 January.
    pub(crate) fn birth_said(&self) -> u32 {
        if self.birth & 0xFFFF == 0x0101 {
            0
        } else {
            self.birth
        }
    }
}

/// Eight decimal digits of four bits.
fn digits(day: Day) -> u32 {
    let (year, month, day) = day.ymd();
    let mut left = (year.clamp(0, 9_999) * 10_000 + month * 100 + day).unsigned_abs();
    let mut out = 0;
    for place in 0..8 {
        out |= (left % 10) << (4 * place);
        left /= 10;
    }
    out
}

/// Year, month and day of [`digits`].
pub(crate) fn parts(birth: u32) -> (u32, u32, u32) {
    let number = |digits: u32, count: u32| {
        (0..count)
            .rev()
            .fold(0, |sum, place| sum * 10 + (digits >> (4 * place) & 0xF))
    };
    (
        number(birth >> 16, 4),
        number(birth >> 8 & 0xFF, 2),
        number(birth & 0xFF, 2),
    )
}

/// In how many digits two dates differ.
pub(crate) fn digits_apart(a: u32, b: u32) -> u32 {
    let differ = a ^ b;
    ((differ | differ >> 1 | differ >> 2 | differ >> 3) & 0x1111_1111).count_ones()
}

/// Whether day and month of one are month and day of the other.
pub(crate) fn day_month_swapped(a: u32, b: u32) -> bool {
    a >> 16 == b >> 16 && a & 0xFF == b >> 8 & 0xFF && a >> 8 & 0xFF == b & 0xFF
}

fn births_far(a: u32, b: u32) -> bool {
    if a == 0 || b == 0 || digits_apart(a, b) <= 1 || day_month_swapped(a, b) {
        return false;
    }
    let only_years = a & 0xFFFF == 0x0101 || b & 0xFFFF == 0x0101;
    let years = parts(a).0.abs_diff(parts(b).0);
    let year_off = years == 1 && a & 0xFFFF == b & 0xFFFF;
    !(year_off || only_years && years <= 2)
}

/// Up to eight characters in a number.
fn packed(code: &str) -> u64 {
    code.bytes()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(byte))
}

/// The two parts of an address, in lower case; `None` unless it has one `@` with something on both sides that is no placeholder.
fn email(text: &str) -> Option<(String, String)> {
    let text = text.trim().to_lowercase();
    let (mailbox, domain) = text.split_once('@')?;
    let placeholder = [
        "no", "none", "noemail", "no-email", "no.email", "notknown", "unknown", "na", "n/a", "nil",
        "refused", "test",
    ];
    let says_something = !mailbox.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && !placeholder.contains(&mailbox);
    says_something.then(|| (mailbox.to_owned(), domain.to_owned()))
}

/// As [`number::uprn`] reads it, and not all digits the same, which is a filler; 0 otherwise.
fn uprn(text: &str) -> u64 {
    let Some(digits) = number::uprn(text) else {
        return 0;
    };
    let same = digits.bytes().all(|b| Some(b) == digits.bytes().next());
    if same { 0 } else { digits.parse().unwrap_or(0) }
}

/// The letter of a name that is one letter, perhaps with a full stop.
fn initial(text: &str) -> u8 {
    let mut letters = text.trim().trim_end_matches('.').chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_alphabetic() => {
            Letters::of(&letter.to_uppercase().to_string()).first()
        }
        _ => 0,
    }
}

/// A hash for equality within one process: never stored, never 0.
pub(crate) fn hash64(bytes: &[u8]) -> u64 {
    let mut out = mix(0x9E37_79B9_7F4A_7C15 ^ bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        out = mix(out
            ^ chunk
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    out.max(1)
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

#[cfg(test)]
mod tests;
