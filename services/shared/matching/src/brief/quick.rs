//! Levels as places in lists of weights, found without turns, because a processor that has to guess where they lead waits for one record after another.

use super::Brief;
use crate::compare;
use crate::level::{birth, place};

/// The places of what is missing, behind those of the levels.
pub(super) const UNBORN: usize = 8;
pub(super) const NOWHERE: usize = 5;

/// A place in a list of missing, same and other.
pub(super) const GONE: usize = 0;
pub(super) const SAME: usize = 1;
pub(super) const OTHER: usize = 2;

/// The place of two hashes in a list of missing, same and other.
pub(super) fn alike(a: u32, b: u32) -> usize {
    if a == 0 || b == 0 {
        GONE
    } else if a == b {
        SAME
    } else {
        OTHER
    }
}

pub(super) fn of<const N: usize>(most: &[i32; N], at: usize) -> i32 {
    // A power of two, and never beyond.
    most.get(at & (N - 1)).copied().unwrap_or(0)
}

/// The level of two dates of birth, or [`UNBORN`]: [`compare::births_said`].
pub(super) fn births(a: &Brief, b: &Brief) -> usize {
    let differ = a.birth ^ b.birth;
    let digits = (differ | differ >> 1 | differ >> 2 | differ >> 3) & 0x1111_1111;
    let apart = a.day.abs_diff(b.day);
    let [within_month, exact, digit, swapped, year] = [
        birth::WITHIN_MONTH,
        birth::EXACT,
        birth::DIGIT,
        birth::SWAPPED,
        birth::YEAR,
    ]
    .map(usize::from);
    let mut level = within_month
        + usize::from(apart > compare::MONTH)
        + usize::from(apart > compare::YEAR)
        + usize::from(apart > compare::TWELVE_YEARS);
    level = if differ & 0xFFFF == 0 && apart == compare::YEAR {
        year
    } else {
        level
    };
    let turned = (b.birth & !0xFFFF) | (b.birth >> 8 & 0xFF) | (b.birth & 0xFF) << 8;
    level = if a.birth == turned { swapped } else { level };
    // One digit: one bit, and none without it.
    level = if digits & digits.wrapping_sub(1) == 0 {
        digit
    } else {
        level
    };
    level = if differ == 0 { exact } else { level };
    if a.birth == 0 || b.birth == 0 {
        UNBORN
    } else {
        level
    }
}

/// The level of two addresses, or [`NOWHERE`]: [`compare::places`] in the same way.
pub(super) fn places(a: &Brief, b: &Brief) -> usize {
    let differ = a.postcode ^ b.postcode;
    let [uprn, postcode, different] =
        [place::UPRN, place::POSTCODE, place::DIFFERENT].map(usize::from);
    let mut level = postcode
        + usize::from(differ != 0)
        + usize::from(differ >> 16 != 0)
        + usize::from(differ >> 24 != 0);
    let houses = a.uprn != 0 && b.uprn != 0;
    let elsewhere = if houses { different } else { NOWHERE };
    level = if a.postcode == 0 || b.postcode == 0 {
        elsewhere
    } else {
        level
    };
    if houses && a.uprn == b.uprn {
        uprn
    } else {
        level
    }
}
