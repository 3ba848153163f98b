//! Young adults who left care: what the authority knows around their birthdays, and the concession they have.

use super::super::chance::{weighted, whether};
use super::super::diary::{Diary, Note, date};
use super::super::home::council;
use super::super::published as figures;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::social_care::v1::{CareLeaverContact, event::Body as SocialCare};
use walbrook_proto::tfl::v1::{ConcessionGranted, event::Body as Tfl};

/// Whether somebody of 18 to 24 left care, and what is told of it.
pub(super) fn course(diary: &mut Diary<'_>) {
    let soul = diary.soul;
    if !(18..25).contains(&soul.age_on(diary.span.from)) {
        return;
    }
    let share = soul.risk(figures::CARE_LEAVERS, super::SLOPE);
    if whether(&mut diary.rng, share) {
        contacts(diary);
    }
}

/// Around each birthday from the 18th to the 21st, and what TfL grants.
pub(super) fn contacts(diary: &mut Diary<'_>) {
    diary.course("care-leaver");
    for years in 18..22 {
        let day = diary
            .soul
            .birthday(years)
            .plus(diary.rng.random_range(1..60));
        if day >= diary.span.from && day <= diary.span.to {
            let at_risk = of_homelessness(diary);
            contact(diary, day, at_risk);
            if whether(&mut diary.rng, 0.6) {
                let from = day.plus(diary.rng.random_range(1..30));
                concession(diary, from);
            }
        }
    }
}

fn of_homelessness(diary: &mut Diary<'_>) -> bool {
    whether(&mut diary.rng, figures::LEAVERS_HOMELESS.probability())
}

/// A contact that found somebody without a home: what stood before the street.
pub(in super::super) fn without_home(diary: &mut Diary<'_>, day: Day) {
    diary.course("care-leaver");
    contact(diary, day, true);
}

fn contact(diary: &mut Diary<'_>, day: Day, without_home: bool) {
    let touch = weighted(
        &mut diary.rng,
        &[("YES", 92), ("NO", 5), ("REFU", 2), ("NREQ", 1)],
        "YES",
    );
    let in_touch = if without_home { "YES" } else { touch };
    let settled = [
        ("U1", 35),
        ("D1", 20),
        ("B1", 12),
        ("Z1", 9),
        ("E1", 6),
        ("K1", 5),
        ("T1", 3),
        ("C1", 3),
        ("X2", 3),
        ("D2", 2),
        ("U2", 2),
    ];
    let unsettled = [("S2", 40), ("V2", 35), ("W2", 25)];
    let living = if without_home {
        weighted(&mut diary.rng, &unsettled, "S2")
    } else {
        weighted(&mut diary.rng, &settled, "U1")
    };
    let doing = [
        ("F5", 22),
        ("F2", 18),
        ("F1", 6),
        ("P2", 5),
        ("G5", 27),
        ("G4", 12),
        ("G6", 5),
        ("F4", 5),
    ];
    let doing = weighted(&mut diary.rng, &doing, "G5");
    let told = in_touch == "YES";
    let contact = CareLeaverContact {
        contact_on: Some(date(day)),
        in_touch: in_touch.into(),
        activ: told.then(|| doing.into()),
        accom: told.then(|| living.into()),
        eligibility: Some("FORMER_RELEVANT".into()),
    };
    let body = Body::SocialCare(SocialCare::CareLeaverContact(contact));
    diary.tell(Note::on(council(diary.soul), day), body);
}

fn concession(diary: &mut Diary<'_>, from: Day) {
    let number = diary.rng.random_range(0..1_000);
    let granted = ConcessionGranted {
        grant_ref: diary.reference('G', number),
        concession_type: "CARE_LEAVER_18_25".into(),
        valid_from: Some(date(from)),
        valid_to: Some(date(from.plus(365))),
    };
    diary.tell(
        Note::on("TFL:tfl", from),
        Body::Tfl(Tfl::ConcessionGranted(granted)),
    );
}
