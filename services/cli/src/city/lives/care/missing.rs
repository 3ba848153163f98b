//! Missing from care: what the police and the council each tell of it.

use super::super::chance::{count, weighted, whether};
use super::super::diary::{Diary, Note, POLICE, date};
use super::super::home::council;
use super::super::published as figures;
use super::Care;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::police::v1::{MissingEpisode as Reported, event::Body as Police};
use walbrook_proto::social_care::v1::{MissingEpisode, event::Body as SocialCare};

/// Of the days that children of the generator are in care, those at 16 and over and those at 10 to 15: what the published incidents are divided by.
const AGED_16_PLUS: f64 = 0.144;
const AGED_10_TO_15: f64 = 0.304;

/// Tells the incidents of one child: most have none, a few have many.
pub(super) fn told(diary: &mut Diary<'_>, care: &Care) {
    let first = care.entered.max(diary.span.from);
    let last = care.left.min(diary.span.beyond());
    if first.plus(4) >= last {
        return;
    }
    let years = f64::from(last.0 - first.0) / 365.25;
    let middle = first.plus((last.0 - first.0) / 2);
    let all = figures::MISSING_INCIDENTS.probability();
    let older = figures::MISSING_AGED_16_PLUS.probability();
    let young = figures::MISSING_UNDER_TEN.probability();
    // Incidents a year of a child of the age, and the share of them who go missing at all.
    let (rate, share) = match diary.soul.age_on(middle) {
        16.. => (all * older / AGED_16_PLUS, 0.24),
        10..16 => (all * (1.0 - older - young) / AGED_10_TO_15, 0.13),
        _ => (all * young / (1.0 - AGED_16_PLUS - AGED_10_TO_15), 0.004),
    };
    if !whether(&mut diary.rng, share) {
        return;
    }
    diary.course("missing-from-care");
    // A tenth of those who go missing have half of the incidents.
    let often = weighted(&mut diary.rng, &[(0.3, 60), (1.05, 30), (5.05, 10)], 1.0);
    let mean = rate / share * often * years;
    let times = count(&mut diary.rng, mean, 150).max(1);
    let mut days: Vec<Day> = (0..times)
        .map(|_| first.plus(diary.rng.random_range(1..last.0 - first.0 - 2)))
        .collect();
    days.sort_unstable();
    days.dedup();
    let mut free = first;
    for (day, number) in days.into_iter().zip(0..) {
        if day > free {
            free = incident(diary, day, last, number);
        }
    }
}

/// One incident; returns the day of return.
fn incident(diary: &mut Diary<'_>, day: Day, last: Day, number: u32) -> Day {
    let away = weighted(
        &mut diary.rng,
        &[(0, 45), (1, 35), (2, 12), (5, 6), (15, 2)],
        1,
    );
    let back = day.plus(away).min(last.plus(-1)).max(day);
    let known = whether(&mut diary.rng, 0.2);
    reported(diary, day, back, known, number);
    let offered = whether(&mut diary.rng, 0.9);
    let hours = if whether(&mut diary.rng, 0.75) {
        diary.rng.random_range(20..70)
    } else {
        diary.rng.random_range(75..200)
    };
    let accepted = weighted(&mut diary.rng, &[("Y", 60), ("N", 40)], "N");
    let offered_at = prost_types::Timestamp {
        seconds: i64::from(back.0) * 86_400 + 12 * 3_600 + hours * 3_600,
        nanos: 0,
    };
    let episode_ref = diary.reference('N', number);
    let council = council(diary.soul);
    let body = |told: Told| {
        let interview = told == Told::Interviewed;
        Body::SocialCare(SocialCare::MissingEpisode(MissingEpisode {
            episode_ref: episode_ref.clone(),
            missing: if known { "A" } else { "M" }.into(),
            mis_start: Some(date(day)),
            mis_end: (told != Told::Gone).then(|| date(back)),
            whereabouts_known: Some(known),
            rhi_offered: interview.then(|| if offered { "Y" } else { "N" }.into()),
            rhi_offered_at: (interview && offered).then_some(offered_at),
            rhi_accepted: (interview && offered).then(|| accepted.into()),
        }))
    };
    let gone = diary.tell(Note::on(council, day), body(Told::Gone));
    let note = Note::on(council, day).told_on(back).superseding(&gone);
    let returned = diary.tell(note, body(Told::Back));
    let asked = Day(i32::try_from(offered_at.seconds.div_euclid(86_400)).unwrap_or(back.0) + 1);
    let note = Note::on(council, day).told_on(asked).superseding(&returned);
    diary.tell(note, body(Told::Interviewed));
    back
}

/// How far the council's story has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Gone,
    Back,
    Interviewed,
}

/// The police's phases.
fn reported(diary: &mut Diary<'_>, day: Day, back: Day, known: bool, number: u32) {
    let risk = weighted(
        &mut diary.rng,
        &[("MEDIUM", 65), ("HIGH", 22), ("LOW", 13)],
        "MEDIUM",
    );
    let episode_ref = diary.reference('V', number);
    let phase = |phase: &str, whereabouts: bool, interviewed: Option<bool>| {
        Body::Police(Police::MissingEpisode(Reported {
            episode_ref: episode_ref.clone(),
            phase: phase.into(),
            risk: risk.into(),
            placement_ref: None,
            whereabouts_known: Some(whereabouts),
            prevention_interview_done: interviewed,
        }))
    };
    // Back on the same day: seen again late at night.
    let at = diary.time(day, if back == day { 16 } else { 21 });
    diary.tell(Note::at(POLICE, at), phase("REPORTED", known, None));
    let at = diary.time(back, if back == day { 22 } else { 10 });
    diary.tell(Note::at(POLICE, at), phase("LOCATED", true, None));
    let at = diary.time(back.plus(1), 11);
    let interviewed = whether(&mut diary.rng, 0.7);
    diary.tell(
        Note::at(POLICE, at),
        phase("CLOSED", true, Some(interviewed)),
    );
}
