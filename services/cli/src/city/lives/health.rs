//! Hospitals, practices, teams: attendances, stays and discharges, referrals, treatment.

use super::chance::{days_until, weighted, whether};
use super::diary::{Diary, Note, Record, date};
use super::home::council_code;
use super::published as figures;
use super::street::Rough;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::health::v1::{
    AccommodationStatusRecorded, DutyToReferSent, EdAttendance, GpRegistrationChanged,
    InpatientDischarge, MentalHealthReferral, SubstanceTreatmentStarted, event::Body as Health,
};

/// How far vulnerability drives who falls ill, in mind and body.
const ILL: f64 = 0.5;
const MIND: f64 = 0.8;
const SUBSTANCE: f64 = 1.3;
/// Of patients, those whom a hospital has under two numbers, in thousandths: ours.
const TWO_RECORDS_THOUSANDTHS: u32 = 35;

/// Trusts of the city that take part, by the areas of the residents.
const TRUSTS: [&str; 8] = [
    "ODS:RRV", "ODS:RJ1", "ODS:RYJ", "ODS:RRV", "ODS:RJ1", "ODS:R1H", "ODS:R1H", "ODS:RYJ",
];

/// The trust most people of an area go to.
pub(super) fn trust(area: usize) -> &'static str {
    TRUSTS.get(area).copied().unwrap_or("ODS:RRV")
}

/// What hospitals, practices and teams see of somebody.
pub(super) fn course(
    diary: &mut Diary<'_>,
    rough: Option<&Rough>,
    care: Option<&super::care::Care>,
) {
    let soul = diary.soul;
    let twice = diary.rng.random_range(0..1_000) < TWO_RECORDS_THOUSANDTHS;
    // People on the street attend six times as often, children in care somewhat more: ours, after published multiples.
    let more = match (rough, care) {
        (Some(_), _) => 6.0,
        (_, Some(_)) => 1.5,
        _ => 1.0,
    };
    let rate = soul.risk(figures::ED_ATTENDANCES, ILL) * more;
    for day in diary.days(rate, 60) {
        attendance(diary, day, rough, twice);
    }
    let rate = soul.risk(figures::INPATIENT_SPELLS, ILL);
    for day in diary.days(rate, 12) {
        discharge(diary, day, rough.is_some_and(|rough| day >= rough.first));
    }
    for day in diary.days(figures::GP_CHANGES.probability(), 6) {
        practice(diary, day, rough.is_some());
    }
    let rate = soul.risk(figures::MENTAL_HEALTH_REFERRALS, MIND);
    for (day, number) in diary.days(rate, 6).into_iter().zip(0..) {
        mental_health(diary, day, number);
    }
    if soul.age_on(diary.span.from) >= 18 {
        let rate = soul.risk(figures::SUBSTANCE_TREATMENTS, SUBSTANCE);
        for day in diary.days(rate, 3) {
            treatment(diary, day);
        }
    }
}

/// Where the person lives, by the NHS list.
fn living(diary: &mut Diary<'_>, day: Day, rough: Option<&Rough>) -> &'static str {
    if rough.is_some_and(|rough| day >= rough.first.plus(-30)) {
        return weighted(
            &mut diary.rng,
            &[("HM01", 70), ("HM03", 12), ("HM04", 10), ("HM07", 8)],
            "HM01",
        );
    }
    if diary.courses.contains(&"temporary-accommodation") {
        return "HM05";
    }
    match diary.soul.tenure {
        super::Tenure::Social => "MA04",
        super::Tenure::Private => "MA06",
        super::Tenure::Owned => "MA01",
    }
}

fn attendance(diary: &mut Diary<'_>, day: Day, rough: Option<&Rough>, twice: bool) {
    let home = trust(diary.soul.resident.address.area);
    let other = trust(diary.rng.random_range(0..8));
    let trust = if whether(&mut diary.rng, 0.85) {
        home
    } else {
        other
    };
    let record = if twice && whether(&mut diary.rng, 0.5) {
        Record::Second
    } else {
        Record::First
    };
    let hour = diary.rng.random_range(0..24);
    let at = diary.time(day, hour);
    let code = trust.rsplit(':').next().unwrap_or("RRV");
    let living = living(diary, day, rough);
    let asked = rough.is_some() || whether(&mut diary.rng, 0.5);
    let attended = EdAttendance {
        arrival_at: Some(at),
        ods_site: format!("{code}01"),
        attendance_source_snomed: None,
        chief_complaint_snomed: Some("22253000".into()),
        acuity_snomed: None,
        accommodation_status: asked.then(|| living.into()),
        discharge_destination_snomed: None,
        self_discharged: whether(&mut diary.rng, if rough.is_some() { 0.2 } else { 0.03 }),
        safeguarding_concern: whether(&mut diary.rng, 0.02),
    };
    let note = Note::at(trust, at).about(record);
    diary.tell(note, Body::Health(Health::EdAttendance(attended)));
    if living.starts_with("HM") {
        let recorded = AccommodationStatusRecorded {
            code: living.into(),
            recorded_in: "ED".into(),
            snomed: (living == "HM01").then(|| "32911000".into()),
        };
        let note = Note::at(trust, at).about(record);
        diary.tell(
            note,
            Body::Health(Health::AccommodationStatusRecorded(recorded)),
        );
        if whether(&mut diary.rng, 0.1) {
            refer(diary, trust, day, "ED", "HOMELESS");
        }
    }
}

/// A stay in hospital that ends on a day: planned the day before, then done. Somebody without a home may be referred.
pub(super) fn discharge(diary: &mut Diary<'_>, day: Day, at_risk: bool) {
    let trust = trust(diary.soul.resident.address.area);
    let at_risk = at_risk || whether(&mut diary.rng, 0.01);
    let destination = if at_risk { "29" } else { "19" };
    let number = diary.rng.random_range(0..10_000);
    let spell_ref = diary.reference('I', number);
    let at = diary.time(day, 14);
    let planned = InpatientDischarge {
        spell_ref,
        planned_on: Some(date(day)),
        discharged_at: None,
        destination: None,
        homelessness_risk: at_risk,
    };
    let body = Body::Health(Health::InpatientDischarge(planned.clone()));
    let told = diary.tell(Note::on(trust, day.plus(-1)), body);
    if at_risk && diary.soul.age_on(day) >= 18 && whether(&mut diary.rng, 0.4) {
        refer(
            diary,
            trust,
            day.plus(-1),
            "INPATIENT",
            "NO_HOME_ON_DISCHARGE",
        );
    }
    let done = InpatientDischarge {
        discharged_at: Some(at),
        destination: Some(destination.into()),
        ..planned
    };
    let note = Note::at(trust, at).superseding(&told);
    diary.tell(note, Body::Health(Health::InpatientDischarge(done)));
}

/// A referral to the council that the person chose, with consent.
fn refer(diary: &mut Diary<'_>, trust: &'static str, day: Day, from: &str, reason: &str) {
    let (number, before) = (
        diary.rng.random_range(0..10_000),
        diary.rng.random_range(600..4_000),
    );
    let at = diary.time(day, 16);
    let consent = prost_types::Timestamp {
        seconds: at.seconds - before,
        nanos: 0,
    };
    let sent = DutyToReferSent {
        referral_ref: diary.reference('D', number),
        body_type: from.into(),
        reason: reason.into(),
        consent_recorded_at: Some(consent),
        chosen_authority_gss: council_code(diary.soul).into(),
        accommodation_status: None,
    };
    diary.tell(
        Note::at(trust, at),
        Body::Health(Health::DutyToReferSent(sent)),
    );
}

fn practice(diary: &mut Diary<'_>, day: Day, rough: bool) {
    let trust = trust(diary.soul.resident.address.area);
    let (from, step) = (
        diary.rng.random_range(0..900),
        diary.rng.random_range(1..900),
    );
    let code = |number: u32| format!("F8{:04}", 1_000 + number % 900);
    let changed = GpRegistrationChanged {
        from_ods: Some(code(from)),
        to_ods: Some(code(from + step)).filter(|_| !rough || step % 7 != 0),
        registered_on: Some(date(day)),
        no_fixed_abode: Some(rough),
    };
    diary.tell(
        Note::on(trust, day),
        Body::Health(Health::GpRegistrationChanged(changed)),
    );
}

fn mental_health(diary: &mut Diary<'_>, opened: Day, number: u32) {
    diary.course("mental-health");
    let trust = trust(diary.soul.resident.address.area);
    let child = diary.soul.age_on(opened) < 18;
    let (team, priority) = match child {
        true => ("C02", None),
        false => weighted(
            &mut diary.rng,
            &[
                (("A06", None), 6),
                (("A02", Some("1")), 2),
                (("A05", None), 4),
            ],
            ("A06", None),
        ),
    };
    let referral_ref = diary.reference('M', number);
    let closed = opened.plus(days_until(&mut diary.rng, 150.0));
    diary.period(trust, opened, Some(closed), |closed| {
        Body::Health(Health::MentalHealthReferral(MentalHealthReferral {
            referral_ref: referral_ref.clone(),
            team_type: team.into(),
            priority: priority.map(str::to_owned),
            opened_on: Some(date(opened)),
            closed_on: closed.map(date),
            reason_code: None,
        }))
    });
}

fn treatment(diary: &mut Diary<'_>, day: Day) {
    diary.course("substance-treatment");
    let trust = trust(diary.soul.resident.address.area);
    let groups = [
        ("OPIATE", 45),
        ("ALCOHOL", 30),
        ("NON_OPIATE", 13),
        ("NON_OPIATE_AND_ALCOHOL", 12),
    ];
    let group = weighted(&mut diary.rng, &groups, "ALCOHOL");
    let modality = if group == "OPIATE" {
        "PHARMACOLOGICAL"
    } else {
        "PSYCHOSOCIAL"
    };
    let started = SubstanceTreatmentStarted {
        substance_group: group.into(),
        modality: modality.into(),
        started_on: Some(date(day)),
    };
    diary.tell(
        Note::on(trust, day),
        Body::Health(Health::SubstanceTreatmentStarted(started)),
    );
}
