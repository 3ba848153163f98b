//! The police: notices about vulnerable people, releases from custody, domestic abuse, places of safety.

use super::chance::{of, weighted, whether};
use super::diary::{Diary, Note, POLICE};
use super::home::council_code;
use super::published as figures;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::police::v1::{
    CustodyReleased, DomesticAbuseRiskAssessed, ProtectionNotification, S136Detention,
    event::Body as Police,
};

/// How far vulnerability drives whom the police meet.
const CUSTODY: f64 = 1.1;
const NOTICE: f64 = 0.9;

/// What the police see of somebody.
pub(super) fn course(diary: &mut Diary<'_>) {
    let soul = diary.soul;
    let rate = soul.risk(figures::CHILD_NOTICES, NOTICE);
    if soul.age_on(diary.span.beyond()) < 18 {
        for day in diary.days(rate, 6) {
            if day > soul.resident.birth {
                child_notice(diary, day, false);
            }
        }
        return;
    }
    if soul.age_on(diary.span.from) < 18 {
        return;
    }
    let rate = soul.risk(figures::CUSTODY_RELEASES, CUSTODY);
    for day in diary.days(rate, 12) {
        let without = of(&mut diary.rng, figures::RELEASED_WITHOUT_ADDRESS);
        release(diary, day, without);
    }
    let rate = soul.risk(figures::ADULT_NOTICES, NOTICE);
    for day in diary.days(rate, 8) {
        adult_notice(diary, day, false);
    }
    // Places of safety are rare, and nearly all of people whose mind is ill: ours, one in twelve thousand Londoners a year.
    if whether(
        &mut diary.rng,
        soul.risk(super::published::SUBSTANCE_TREATMENTS, 1.2) / 30.0,
    ) {
        let day = diary.any_day();
        detention(diary, day);
    }
}

/// A release from custody, with or without an address to go to.
pub(super) fn release(diary: &mut Diary<'_>, day: Day, without_address: bool) {
    diary.course("custody");
    let number = diary.rng.random_range(0..10_000);
    let at = diary.time(day, 9);
    let kinds = [
        ("NFA", 40),
        ("RUI", 25),
        ("CHARGED_BAILED", 25),
        ("CAUTION", 10),
    ];
    let kind = weighted(&mut diary.rng, &kinds, "NFA");
    let offered = without_address && whether(&mut diary.rng, 0.5);
    let agreed = offered && whether(&mut diary.rng, 0.5);
    let consent = prost_types::Timestamp {
        seconds: at.seconds - diary.rng.random_range(600..7_200),
        nanos: 0,
    };
    let released = CustodyReleased {
        custody_ref: diary.reference('C', number),
        release_type: kind.into(),
        no_fixed_abode: without_address,
        accommodation_status: without_address.then(|| "HM07".into()),
        referral_offered: offered,
        consent_recorded_at: agreed.then_some(consent),
        chosen_authority_gss: agreed.then(|| council_code(diary.soul).into()),
    };
    diary.tell(
        Note::at(POLICE, at),
        Body::Police(Police::CustodyReleased(released)),
    );
}

/// A notice about an adult; `homeless` where the officer saw that a home is lost.
pub(super) fn adult_notice(diary: &mut Diary<'_>, day: Day, homeless: bool) {
    let kinds = [
        ("MENTAL_HEALTH", 45),
        ("DOMESTIC_ABUSE", 20),
        ("VULNERABLE_OTHER", 20),
        ("SUBSTANCE_USE", 15),
    ];
    let category = if homeless {
        "ROUGH_SLEEPING"
    } else {
        weighted(&mut diary.rng, &kinds, "VULNERABLE_OTHER")
    };
    notice(diary, day, "ADULT", category, homeless);
    if category == "DOMESTIC_ABUSE" {
        abuse(diary, day);
    }
}

/// A notice about a child; `grave` where care follows.
pub(super) fn child_notice(diary: &mut Diary<'_>, day: Day, grave: bool) {
    let kinds = [
        ("CHILD_CONCERN", 60),
        ("DOMESTIC_ABUSE", 20),
        ("NEGLECT", 12),
        ("EXPLOITATION", 8),
    ];
    let category = if grave {
        "NEGLECT"
    } else {
        weighted(&mut diary.rng, &kinds, "CHILD_CONCERN")
    };
    notice(diary, day, "CHILD", category, false);
}

fn notice(diary: &mut Diary<'_>, day: Day, kind: &str, category: &str, homeless: bool) {
    let number = diary.rng.random_range(0..10_000);
    let colours = [("BLUE", 20), ("GREEN", 45), ("AMBER", 28), ("RED", 7)];
    let notification = ProtectionNotification {
        report_ref: diary.reference('R', number),
        legacy_report_type: Some(if kind == "CHILD" { "PAC" } else { "ACN" }.into()),
        subject_kind: kind.into(),
        vaf_appearance: Some(whether(&mut diary.rng, 0.4)),
        vaf_behaviour: Some(whether(&mut diary.rng, 0.5)),
        vaf_communication: Some(whether(&mut diary.rng, 0.2)),
        vaf_danger: Some(whether(&mut diary.rng, 0.3)),
        vaf_environment: Some(true),
        brag: weighted(&mut diary.rng, &colours, "GREEN").into(),
        categories: vec![category.into()],
        housing_concern: homeless || whether(&mut diary.rng, 0.05),
        location_gss: Some(council_code(diary.soul).into()),
    };
    let body = Body::Police(Police::ProtectionNotification(notification));
    diary.tell(Note::on(POLICE, day), body);
}

fn abuse(diary: &mut Diary<'_>, day: Day) {
    let number = diary.rng.random_range(0..10_000);
    let grade = weighted(
        &mut diary.rng,
        &[("STANDARD", 60), ("MEDIUM", 30), ("HIGH", 10)],
        "STANDARD",
    );
    let score = match grade {
        "STANDARD" => diary.rng.random_range(0..9),
        "MEDIUM" => diary.rng.random_range(6..14),
        _ => diary.rng.random_range(14..25),
    };
    let assessed = DomesticAbuseRiskAssessed {
        assessment_ref: diary.reference('B', number),
        tool: "DASH".into(),
        grade: grade.into(),
        score: Some(score),
        marac_referred: grade == "HIGH",
        children_present: diary.soul.children > 0,
    };
    let body = Body::Police(Police::DomesticAbuseRiskAssessed(assessed));
    diary.tell(Note::on(POLICE, day), body);
}

fn detention(diary: &mut Diary<'_>, day: Day) {
    let number = diary.rng.random_range(0..10_000);
    let at = diary.time(day, 20);
    let arrived = prost_types::Timestamp {
        seconds: at.seconds + 5_400,
        nanos: 0,
    };
    let trust = super::health::trust(diary.soul.resident.address.area);
    let code = trust.rsplit(':').next().unwrap_or("RRV");
    let detained = S136Detention {
        detention_ref: diary.reference('Q', number),
        detained_at: Some(at),
        arrived_at: Some(arrived),
        place_of_safety_ods: Some(format!("{code}01")),
        accommodation_status: None,
    };
    diary.tell(
        Note::at(POLICE, at),
        Body::Police(Police::S136Detention(detained)),
    );
}
