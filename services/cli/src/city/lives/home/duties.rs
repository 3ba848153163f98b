//! Applications as homeless, the duties that follow, and temporary accommodation.

use super::super::chance::{days_until, of, weighted, whether};
use super::super::diary::{Diary, Note, date};
use super::super::published as figures;
use super::{council, council_code};
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::housing::v1::{
    DutyDecision, HomelessnessApplication, TemporaryAccommodation, event::Body as Housing,
};

/// Days that households stay in temporary accommodation, on average: ours.
pub(super) const STAY_DAYS: f64 = 700.0;

/// How an application turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    /// As applications do.
    Open,
    /// Contact is lost: the person is met on the street.
    Lost,
}

/// Why a home is lost, and where the household lives meanwhile.
pub(super) fn why(diary: &mut Diary<'_>) -> (&'static str, &'static str) {
    weighted(
        &mut diary.rng,
        &[
            (
                ("FAMILY_OR_FRIENDS_NO_LONGER_WILLING", "LIVING_WITH_FAMILY"),
                30,
            ),
            (("END_PRS_AST", "PRS_SELF_CONTAINED"), 25),
            (("DOMESTIC_ABUSE", "LIVING_WITH_FRIENDS"), 12),
            (("REQUIRED_TO_LEAVE_ASYLUM_SUPPORT", "NASS"), 8),
            (
                ("NON_VIOLENT_RELATIONSHIP_BREAKDOWN", "LIVING_WITH_FRIENDS"),
                7,
            ),
            (("END_SOCIAL_RENTED", "SRS_COUNCIL"), 5),
            (("DEPART_CUSTODY", "DEPART_CUSTODY"), 3),
            (("DEPART_HOSPITAL_GENERAL", "DEPART_HOSPITAL_GENERAL"), 1),
            (("DEPART_LAC_PLACEMENT", "LAC_PLACEMENT"), 1),
            (("OTHER", "OTHER"), 8),
        ],
        ("NOT_KNOWN", "NOT_KNOWN"),
    )
}

/// An application on a day, and what the council owes and does.
pub(in super::super) fn application(
    diary: &mut Diary<'_>,
    day: Day,
    reason: &'static str,
    living: &'static str,
    outcome: Outcome,
) {
    let rough = living == "ROUGH_SLEEPING";
    let number = diary.rng.random_range(0..1_000);
    let case = diary.reference('H', number);
    let applied = HomelessnessApplication {
        case_ref: case.clone(),
        household_type: household_type(diary, rough).into(),
        a4_accommodation: living.into(),
        a2_reason: reason.into(),
        support_needs: needs(diary, rough),
        last_settled_core_prevten: Some(prevten(living, day).into()),
        reason_core: None,
        referral_body: referral_body(reason).map(Into::into),
        rough_sleeping_at_application: rough,
    };
    let body = Body::Housing(Housing::HomelessnessApplication(applied));
    diary.tell(Note::on(council(diary.soul), day), body);
    duties(diary, &case, day, rough, outcome);
}

/// Prevention where there is time, then relief, then temporary accommodation.
fn duties(diary: &mut Diary<'_>, case: &str, applied: Day, rough: bool, outcome: Outcome) {
    let accepted = applied.plus(diary.rng.random_range(1..10));
    let prevention = !rough && of(&mut diary.rng, figures::PREVENTION_FIRST);
    let lost = outcome == Outcome::Lost;
    let (days, end) = match (prevention, lost) {
        (_, true) => (diary.rng.random_range(5..56), "LOST_CONTACT"),
        (true, _) if whether(&mut diary.rng, 0.6) => {
            let end = if whether(&mut diary.rng, 0.5) {
                "SECURED_6M_STAYED"
            } else {
                "SECURED_6M_MOVED"
            };
            (diary.rng.random_range(10..56), end)
        }
        (true, _) => (diary.rng.random_range(20..56), "HOMELESS"),
        (false, _) if whether(&mut diary.rng, 0.35) => {
            (diary.rng.random_range(10..56), "SECURED_6M_MOVED")
        }
        (false, _) => (56, "56_DAYS_ELAPSED"),
    };
    let duty = if prevention { "PREVENTION" } else { "RELIEF" };
    owed(diary, case, duty, accepted, accepted.plus(days), end);
    let homeless = matches!(end, "HOMELESS" | "56_DAYS_ELAPSED");
    if homeless && end == "HOMELESS" {
        let on = accepted.plus(days);
        owed(diary, case, "RELIEF", on, on.plus(56), "56_DAYS_ELAPSED");
    }
    if homeless && whether(&mut diary.rng, 0.8) {
        diary.course("temporary-accommodation");
        let began = accepted.plus(days.min(20));
        let left = began.plus(days_until(&mut diary.rng, STAY_DAYS));
        placement(diary, 1, began, left);
    }
}

fn owed(
    diary: &mut Diary<'_>,
    case: &str,
    duty: &'static str,
    accepted: Day,
    ended: Day,
    why: &'static str,
) {
    let case = case.to_owned();
    diary.period(council(diary.soul), accepted, Some(ended), |ended| {
        Body::Housing(Housing::DutyDecision(DutyDecision {
            case_ref: case.clone(),
            duty: duty.into(),
            decided_on: Some(date(accepted)),
            accepted_on: Some(date(accepted)),
            due_on: Some(date(accepted.plus(56))),
            ended_on: ended.map(date),
            end_reason: ended.map(|_| why.into()),
            main_decision: None,
        }))
    });
}

/// Temporary accommodation from a day to another.
pub(super) fn placement(diary: &mut Diary<'_>, number: u32, began: Day, left: Day) {
    let children = diary.soul.children > 0;
    let kind = weighted(
        &mut diary.rng,
        &[
            ("NIGHTLY_PAID_SELF_CONTAINED", 35),
            ("PRIVATE_SECTOR_LEASED", 25),
            ("LA_OR_HA_STOCK", 20),
            ("HOSTEL", 8),
            // Families stay in a hotel for six weeks at most; here they do not go to one.
            ("BED_AND_BREAKFAST", if children { 0 } else { 10 }),
        ],
        "OTHER",
    );
    let away = whether(&mut diary.rng, 0.4);
    let here = council_code(diary.soul);
    let there = if here == "E09000008" {
        "E09000025"
    } else {
        "E09000008"
    };
    let exit = weighted(
        &mut diary.rng,
        &[
            ("ACCEPTED_SOCIAL_OFFER", 40),
            ("ACCEPTED_PRIVATE_OFFER", 20),
            ("MOVED_TEMPORARY_ACCOMMODATION", 20),
            ("DUTY_ENDED", 8),
            ("ABANDONED", 6),
            ("INTENTIONALLY_HOMELESS", 3),
            ("LEFT_VOLUNTARILY", 3),
        ],
        "NOT_KNOWN",
    );
    let (case, placement) = (diary.reference('H', 0), diary.reference('A', number));
    diary.period(council(diary.soul), began, Some(left), |left| {
        Body::Housing(Housing::TemporaryAccommodation(TemporaryAccommodation {
            case_ref: case.clone(),
            placement_ref: placement.clone(),
            ta_type: kind.into(),
            started_on: Some(date(began)),
            ended_on: left.map(date),
            out_of_borough: away,
            placed_in_gss: Some(if away { there } else { here }.into()),
            with_children: Some(children),
            exit_reason: left.map(|_| exit.into()),
        }))
    });
}

fn household_type(diary: &Diary<'_>, rough: bool) -> &'static str {
    match (rough, diary.soul.adults, diary.soul.children) {
        (true, ..) | (_, 0 | 1, 0) => "SINGLE_PERSON",
        (_, 0 | 1, _) => "SINGLE_PARENT",
        (_, 2, 0) => "COUPLE",
        (_, 2, _) => "COUPLE_WITH_CHILDREN",
        (_, _, 0) => "OTHER_ADULTS",
        _ => "OTHER_ADULTS_WITH_CHILDREN",
    }
}

fn needs(diary: &mut Diary<'_>, rough: bool) -> Vec<String> {
    let more = if rough { 2.0 } else { 1.0 };
    let mut needs: Vec<String> = Vec::new();
    for (need, share) in [
        ("MENTAL_HEALTH", 0.25),
        ("PHYSICAL_HEALTH_DISABILITY", 0.17),
        ("DOMESTIC_ABUSE", 0.11),
        ("OFFENDING_HISTORY", 0.08),
        ("DRUG_DEPENDENCY", 0.07),
        ("ALCOHOL_DEPENDENCY", 0.05),
    ] {
        if whether(&mut diary.rng, share * more) {
            needs.push(need.into());
        }
    }
    if rough {
        needs.push("ROUGH_SLEEPING_HISTORY".into());
    }
    needs
}

/// The last settled situation, by CORE's code of the day: staying with friends for a while has one of its own from April 2025 on.
fn prevten(living: &str, day: Day) -> &'static str {
    match living {
        "LIVING_WITH_FRIENDS" if day.ymd() < (2025, 4, 1) => "28",
        "PRS_SELF_CONTAINED" => "3",
        "SRS_COUNCIL" => "31",
        "NASS" => "24",
        "LIVING_WITH_FAMILY" => "28",
        "LIVING_WITH_FRIENDS" => "39",
        "DEPART_CUSTODY" => "29",
        "DEPART_HOSPITAL_GENERAL" => "10",
        "LAC_PLACEMENT" => "13",
        "ROUGH_SLEEPING" => "19",
        _ => "25",
    }
}

fn referral_body(reason: &str) -> Option<&'static str> {
    match reason {
        "DEPART_CUSTODY" => Some("ADULT_SECURE_ESTATE"),
        "DEPART_HOSPITAL_GENERAL" => Some("HOSPITAL_ED_UTC_INPATIENT"),
        "DEPART_LAC_PLACEMENT" => Some("CHILDRENS_SOCIAL_SERVICES"),
        _ => None,
    }
}
