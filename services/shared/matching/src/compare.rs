//! The level of two records in each field. Symmetric, no allocation.

use crate::features::{Features, NameForm, day_month_swapped, digits_apart, parts, share_word};
use crate::letters::Letters;
use crate::level::{Field, Level, Levels, MISSING, birth, email, name, place, town};

/// Jaro–Winkler similarity, in ten-thousandths, from which two names are close.
const CLOSE: u32 = 9_200;

/// From which they are near.
const NEAR: u32 = 8_000;

/// From which two mailboxes, and two towns, are close.
const CLOSE_TEXT: u32 = 8_800;

/// How many days two dates lie apart at most within a month, a year, twelve years, as [`day_count`] counts.
pub(crate) const MONTH: u32 = 31;
pub(crate) const YEAR: u32 = 372;
pub(crate) const TWELVE_YEARS: u32 = 4_464;

/// The days up to a date in years of twelve months of 31 days: near enough for how far apart two dates are.
pub(crate) fn day_count(year: u32, month: u32, day: u32) -> u32 {
    year * YEAR + month * MONTH + day
}

/// All levels.
pub(crate) fn levels(a: &Features, b: &Features) -> Levels {
    let (family, given) = names(a, b, family(a, b));
    let place = place(a, b);
    let mut out = Levels([MISSING; crate::level::FIELDS]);
    for (field, level) in [
        (Field::Birth, births(a, b)),
        (Field::Place, place),
        (Field::Email, emails(a, b)),
        (Field::Town, towns(a, b, place)),
        (Field::Family, family),
        (Field::Given, given),
    ] {
        out.set(field, level);
    }
    out
}

/// Dates of birth; a 1 January says nothing.
pub(crate) fn births(a: &Features, b: &Features) -> Level {
    births_said(a.birth_said(), b.birth_said())
}

/// The same of two dates that say something; 0 for none.
pub(crate) fn births_said(a: u32, b: u32) -> Level {
    if a == 0 || b == 0 {
        return MISSING;
    }
    if a == b {
        return birth::EXACT;
    }
    if digits_apart(a, b) == 1 {
        return birth::DIGIT;
    }
    if day_month_swapped(a, b) {
        return birth::SWAPPED;
    }
    let ((year_a, month_a, day_a), (year_b, month_b, day_b)) = (parts(a), parts(b));
    if (month_a, day_a) == (month_b, day_b) && year_a.abs_diff(year_b) == 1 {
        return birth::YEAR;
    }
    let apart = day_count(year_a, month_a, day_a).abs_diff(day_count(year_b, month_b, day_b));
    if apart <= MONTH {
        birth::WITHIN_MONTH
    } else if apart <= YEAR {
        birth::WITHIN_YEAR
    } else if apart <= TWELVE_YEARS {
        birth::WITHIN_TWELVE_YEARS
    } else {
        birth::DIFFERENT
    }
}

/// Addresses: by UPRN where both have one and they agree, otherwise by postcode. Two flats of a house have two UPRNs and one postcode.
pub(crate) fn place(a: &Features, b: &Features) -> Level {
    places((a.uprn, a.postcode), (b.uprn, b.postcode))
}

/// The same of UPRN and postcode; 0 for none.
pub(crate) fn places((uprn_a, a): (u64, u64), (uprn_b, b): (u64, u64)) -> Level {
    if uprn_a != 0 && uprn_a == uprn_b {
        return place::UPRN;
    }
    if a == 0 || b == 0 {
        return if uprn_a != 0 && uprn_b != 0 {
            place::DIFFERENT
        } else {
            MISSING
        };
    }
    // The inward part is a digit and two letters; without the letters it is the sector, without the digit the district.
    let differ = a ^ b;
    if differ == 0 {
        place::POSTCODE
    } else if differ >> 16 == 0 {
        place::SECTOR
    } else if differ >> 24 == 0 {
        place::DISTRICT
    } else {
        place::DIFFERENT
    }
}

/// E-mail addresses.
pub(crate) fn emails(a: &Features, b: &Features) -> Level {
    if a.email == 0 || b.email == 0 {
        return MISSING;
    }
    if a.email == b.email {
        return email::EXACT;
    }
    let mailbox = a.mailbox.jaro_winkler(b.mailbox) >= CLOSE_TEXT;
    if mailbox && a.domain.jaro_winkler(b.domain) >= CLOSE_TEXT {
        email::CLOSE
    } else if a.mailbox_hash == b.mailbox_hash {
        email::MAILBOX
    } else if mailbox {
        email::NEAR
    } else {
        email::DIFFERENT
    }
}

/// Towns, where the places said nothing: a postcode lies in its town, and is not counted twice.
pub(crate) fn towns(a: &Features, b: &Features, place: Level) -> Level {
    if place != MISSING || a.town_hash == 0 || b.town_hash == 0 {
        MISSING
    } else if a.town_hash == b.town_hash {
        town::EXACT
    } else if a.town.jaro_winkler(b.town) >= CLOSE_TEXT {
        town::CLOSE
    } else {
        town::DIFFERENT
    }
}

/// Family names, as if nobody ever swapped them with given names.
pub(crate) fn family(a: &Features, b: &Features) -> Level {
    match alike(&a.family, &b.family) {
        name::INITIAL.. if a.family.known() && b.family.known() => name::FAMILY_DIFFERENT,
        other => other,
    }
}

/// Family and given name, of two whose family names by themselves are so alike.
pub(crate) fn names(a: &Features, b: &Features, family: Level) -> (Level, Level) {
    let given = givens(a, b);
    let straight = |level: Level, different: Level| level != MISSING && level < different;
    if straight(family, name::FAMILY_DIFFERENT)
        || straight(given, name::INITIAL)
        || !crosswise(a, b)
    {
        return (family, given);
    }
    // Counted once: the family name adds nothing.
    (MISSING, name::SWAPPED)
}

/// Whether given and family name may be swapped: one of them has to be the other to the letter.
pub(crate) fn may_be_swapped(a: &Features, b: &Features) -> bool {
    let same = |given: &NameForm, family: &NameForm| given.known() && given.hash == family.hash;
    same(&a.given, &b.family) || same(&b.given, &a.family)
}

fn givens(a: &Features, b: &Features) -> Level {
    match (a.initial, b.initial) {
        (0, 0) => alike(&a.given, &b.given),
        (0, _) if !a.given.known() => MISSING,
        (_, 0) if !b.given.known() => MISSING,
        _ => {
            let first = |of: &Features| {
                if of.initial != 0 {
                    of.initial
                } else {
                    of.given.letters.first()
                }
            };
            if first(a) == first(b) {
                name::INITIAL
            } else {
                name::DIFFERENT
            }
        }
    }
}

fn alike(a: &NameForm, b: &NameForm) -> Level {
    if !a.known() || !b.known() {
        return MISSING;
    }
    if a.hash == b.hash {
        return name::EXACT;
    }
    spelt((a.letters, &a.words), (b.letters, &b.words))
}

/// The level of two names that are not the same, by their letters and words.
pub(crate) fn spelt(
    (a, words_a): (Letters, &[u32; 3]),
    (b, words_b): (Letters, &[u32; 3]),
) -> Level {
    let alike = a.jaro_winkler(b);
    if alike >= CLOSE {
        name::CLOSE
    } else if a.begins(b) || share_word(words_a, words_b) {
        name::PART
    } else if alike >= NEAR {
        name::NEAR
    } else if a.first() == b.first() {
        name::SAME_INITIAL
    } else {
        name::DIFFERENT
    }
}

/// Whether the given name of one is the family name of the other: both ways where all four are known, and one of them to the letter.
fn crosswise(a: &Features, b: &Features) -> bool {
    if !may_be_swapped(a, b) {
        return false;
    }
    let one_way = |given: &NameForm, family: &NameForm| {
        if !given.known() || !family.known() {
            return None;
        }
        Some(if given.hash == family.hash {
            2
        } else {
            u32::from(given.letters.jaro_winkler(family.letters) >= NEAR)
        })
    };
    match (one_way(&a.given, &b.family), one_way(&b.given, &a.family)) {
        (Some(x), Some(y)) => x > 0 && y > 0 && x + y > 2,
        (Some(x), None) | (None, Some(x)) => x == 2,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests;
