//! Homes: social tenancies and what is owed on them, notices, applications as homeless, duties, temporary accommodation.

mod duties;
mod rent;

pub(super) use duties::{Outcome, application};
pub(super) use rent::{evicted, private_notice};

use super::chance::{count, days_until, whether};
use super::diary::Diary;
use super::published as figures;
use super::street::Rough;
use super::{Soul, Tenure};
use crate::city::residents::places::AREAS;
use rand::Rng;

/// How far vulnerability drives who loses a home, and who owes rent.
const LOSS: f64 = 0.9;
const ARREARS: f64 = 0.6;

/// The council of the area where somebody lives.
pub(super) fn council(soul: &Soul) -> &'static str {
    AREAS
        .get(soul.resident.address.area)
        .map_or("GSS:E09000007", |area| area.authority)
}

/// Its code alone.
pub(super) fn council_code(soul: &Soul) -> &'static str {
    council(soul).rsplit(':').next().unwrap_or("E09000007")
}

/// What happens to the home of somebody who holds one, and to those who have none.
pub(super) fn course(diary: &mut Diary<'_>, rough: Option<&Rough>) {
    if let Some(rough) = rough {
        // Half of those met on the street are known to a council as homeless afterwards.
        if whether(&mut diary.rng, 0.5) {
            let day = rough.first.plus(diary.rng.random_range(1..60));
            application(diary, day, "NOT_KNOWN", "ROUGH_SLEEPING", Outcome::Lost);
        }
        return;
    }
    if !diary.soul.holds_home || diary.soul.age_on(diary.span.to) < 18 {
        return;
    }
    let placed = diary.soul.risk(figures::TEMPORARY, LOSS);
    if whether(&mut diary.rng, placed) {
        diary.course("temporary-accommodation");
        let ago = days_until(&mut diary.rng, duties::STAY_DAYS);
        let began = diary.span.from.plus(-ago);
        let left = diary
            .span
            .from
            .plus(days_until(&mut diary.rng, duties::STAY_DAYS));
        duties::placement(diary, 0, began, left);
        return;
    }
    match diary.soul.tenure {
        Tenure::Social => social(diary),
        Tenure::Private => {
            let rate = diary.soul.risk(figures::OWED_A_DUTY, LOSS) / 2.0;
            let first = diary.days(rate, 2).first().copied();
            if let Some(day) = first {
                private_notice(diary, day, false);
            }
        }
        Tenure::Owned => {}
    }
    let rate = diary.soul.risk(figures::OWED_A_DUTY, LOSS);
    for day in diary.days(rate, 2) {
        diary.course("applied-homeless");
        let (reason, living) = duties::why(diary);
        application(diary, day, reason, living, Outcome::Open);
    }
}

fn social(diary: &mut Diary<'_>) {
    let home = rent::Home::of(diary);
    home.begins(diary);
    let share = diary.soul.risk(figures::IN_ARREARS, ARREARS);
    let spells = count(&mut diary.rng, share * diary.span.years(), 3);
    for _ in 0..spells {
        let day = diary.any_day();
        home.falls_behind(diary, day);
    }
}
