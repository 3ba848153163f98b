//! Children whom an authority looks after, and those who left its care.

mod clocks;
mod leaver;
mod missing;
mod placements;
mod referral;

pub(super) use leaver::without_home as leaver_without_home;

use super::chance::{days_until, normal, whether};
use super::diary::Diary;
use super::published as figures;
use walbrook_domain::Day;

/// How far vulnerability drives who is looked after.
const SLOPE: f64 = 1.2;
/// Days in care, on average: those looked after at a time over those who start in a year.
const STAY_DAYS: f64 = 890.0;

/// One period of care.
pub(super) struct Care {
    /// The first day.
    pub entered: Day,
    /// The day it ends, at the latest the 18th birthday.
    pub left: Day,
    /// Entered within what is told.
    pub new: bool,
}

/// Whether a child is looked after, and what is told of it; and of young adults who were.
pub(super) fn course(diary: &mut Diary<'_>, more: f64) -> Option<Care> {
    let soul = diary.soul;
    if soul.age_on(diary.span.beyond()) >= 18 {
        leaver::course(diary);
    }
    if soul.birthday(18) <= diary.span.from {
        return None;
    }
    referral::course(diary);
    let care = period(diary, more)?;
    diary.course("looked-after");
    placements::told(diary, &care);
    clocks::told(diary, &care);
    missing::told(diary, &care);
    if care.new {
        referral::before_care(diary, &care);
    }
    if care.left == soul.birthday(18) {
        leaver::contacts(diary);
    }
    Some(care)
}

/// How much more often children of an age are looked after: DfE's age groups (from memory: 5, 12, 18, 38 and 27 in a hundred) over the shares of
/// the generator's children, who are younger than London's.
fn of_age(age: i32) -> f64 {
    match age {
        ..1 => 0.52,
        1..5 => 0.38,
        5..10 => 0.62,
        10..16 => 1.63,
        _ => 4.20,
    }
}

fn period(diary: &mut Diary<'_>, more: f64) -> Option<Care> {
    let soul = diary.soul;
    let boys = figures::CARE_BOYS.probability();
    let sex = if soul.resident.male { boys } else { 1.0 - boys } / 0.5;
    let rate = soul.risk(figures::LOOKED_AFTER, SLOPE) * sex * more;
    let (from, adult) = (diary.span.from, soul.birthday(18));
    let stood =
        soul.resident.birth < from && whether(&mut diary.rng, rate * of_age(soul.age_on(from)));
    let (entered, new) = if stood {
        let ago = days_until(&mut diary.rng, STAY_DAYS);
        (from.plus(-ago).max(soul.resident.birth.plus(3)), false)
    } else {
        let entries = rate * figures::CARE_ENTRIES.probability() * diary.span.years();
        let day = diary.any_day().max(soul.resident.birth.plus(3));
        if !whether(&mut diary.rng, entries * of_age(soul.age_on(day))) {
            return None;
        }
        (day, true)
    };
    let after = if new { entered } else { from };
    let left = after.plus(days_until(&mut diary.rng, STAY_DAYS)).min(adult);
    // A stay of less than a fortnight at the end of childhood is left out.
    (entered.plus(14) < left).then_some(Care { entered, left, new })
}

/// Whether a period of care is a troubled one: it leans on the hidden vulnerability.
fn troubled(diary: &mut Diary<'_>) -> bool {
    let own = normal(&mut diary.rng);
    diary.soul.vulnerability + own > 1.0 || whether(&mut diary.rng, 0.1)
}
