//! Rules particular to the events of NHS bodies.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_domain::Day;
use walbrook_proto::health::v1::{AccommodationStatusRecorded, CicHealthAssessment, EdAttendance};

mod records;
mod referral;

pub use records::{
    DESTINATION_UNFINISHED, DISCHARGE_ON_ANOTHER_DAY, DISCHARGE_WITHOUT_TIME, GP_PRACTICE_CODE,
    PRIORITY_EXPECTED, REGISTRATION_SAYS_NOTHING, REGISTRATION_UNCHANGED, gp_registration_changed,
    inpatient_discharge, mental_health_referral, substance_treatment_started,
};
pub use referral::{
    CONSENT_AFTER_REFERRAL, HOMELESS_IN_SETTLED_HOME, REFERRER_NOT_LISTED, duty_to_refer_sent,
};

/// A site that cannot be an ODS code.
pub static ODS_CODE: Rule = Rule::refuse(
    "ODS_CODE",
    "An ODS code has 3 to 10 capital letters and digits.",
    "NHS Organisation Data Service",
);

/// A concept that cannot be a SNOMED CT identifier.
pub static SNOMED_SHAPE: Rule = Rule::refuse(
    "SNOMED_SHAPE",
    "A SNOMED CT identifier has 6 to 18 digits.",
    "SNOMED CT release file specification, SCTID",
);

/// A mistyped SNOMED CT identifier.
pub static SNOMED_CHECK_DIGIT: Rule = Rule::query(
    "SNOMED_CHECK_DIGIT",
    "The check digit of the SNOMED CT identifier is wrong: it may be mistyped.",
    "SNOMED CT release file specification, SCTID (Verhoeff)",
);

/// An attendance on another day than the event.
pub static ARRIVAL_ON_ANOTHER_DAY: Rule = Rule::query(
    "ARRIVAL_ON_ANOTHER_DAY",
    "The arrival should be on the day on which the event occurred, or the day before.",
    "walbrook: one event, one time",
);

/// An outcome and a date that contradict each other.
pub static COMPLETED_AND_OUTCOME: Rule = Rule::query(
    "COMPLETED_AND_OUTCOME",
    "An assessment with the outcome COMPLETED has its day of completion, and one with a day has that outcome.",
    "walbrook: the health assessment clock stops at the completion",
);

/// An initial assessment by somebody who may not make it.
pub static INITIAL_BY_PRACTITIONER: Rule = Rule::query(
    "INITIAL_BY_PRACTITIONER",
    "An initial health assessment is made by a registered medical practitioner.",
    "Care Planning, Placement and Case Review (England) Regulations 2010, reg 7",
);

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &ODS_CODE,
    &SNOMED_SHAPE,
    &SNOMED_CHECK_DIGIT,
    &ARRIVAL_ON_ANOTHER_DAY,
    &COMPLETED_AND_OUTCOME,
    &INITIAL_BY_PRACTITIONER,
    &DISCHARGE_WITHOUT_TIME,
    &DISCHARGE_ON_ANOTHER_DAY,
    &DESTINATION_UNFINISHED,
    &GP_PRACTICE_CODE,
    &REGISTRATION_SAYS_NOTHING,
    &REGISTRATION_UNCHANGED,
    &PRIORITY_EXPECTED,
    &REFERRER_NOT_LISTED,
    &CONSENT_AFTER_REFERRAL,
    &HOMELESS_IN_SETTLED_HOME,
];

/// Checks an attendance.
pub fn ed_attendance(m: &EdAttendance, context: &Context<'_>, findings: &mut Findings) {
    if !m.ods_site.is_empty() {
        ods(&m.ods_site, "ods_site", findings);
    }
    let concepts = [
        ("attendance_source_snomed", &m.attendance_source_snomed),
        ("chief_complaint_snomed", &m.chief_complaint_snomed),
        ("acuity_snomed", &m.acuity_snomed),
        (
            "discharge_destination_snomed",
            &m.discharge_destination_snomed,
        ),
    ];
    for (field, concept) in concepts {
        snomed(concept.as_deref(), field, findings);
    }
    let arrived = m.arrival_at.as_ref().and_then(facts::london_day);
    facts::happened(arrived, context.today, "arrival_at", findings);
    let near = same_day_or_day_before(arrived, context.occurred_day);
    findings.check(near, &ARRIVAL_ON_ANOTHER_DAY, "arrival_at");
}

/// Checks a recorded accommodation status.
pub fn accommodation_status_recorded(
    m: &AccommodationStatusRecorded,
    _: &Context<'_>,
    findings: &mut Findings,
) {
    snomed(m.snomed.as_deref(), "snomed", findings);
}

/// Checks a health assessment.
pub fn cic_health_assessment(
    m: &CicHealthAssessment,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let requested = m.requested_on.as_ref().and_then(facts::day);
    let completed = m.completed_on.as_ref().and_then(facts::day);
    facts::happened(requested, context.today, "requested_on", findings);
    facts::happened(completed, context.today, "completed_on", findings);
    facts::in_order(requested, completed, "completed_on", findings);
    let done = m.outcome.as_deref() == Some("COMPLETED");
    findings.check(
        done == m.completed_on.is_some(),
        &COMPLETED_AND_OUTCOME,
        "outcome",
    );
    let doctor = matches!(
        m.clinician_role.as_deref(),
        None | Some("PAEDIATRICIAN" | "GP" | "DOCTOR")
    );
    findings.check(
        m.assessment_type != "IHA" || doctor,
        &INITIAL_BY_PRACTITIONER,
        "clinician_role",
    );
}

fn snomed(concept: Option<&str>, field: &str, findings: &mut Findings) {
    let Some(concept) = concept else { return };
    let shaped =
        (6..=18).contains(&concept.len()) && concept.bytes().all(|byte| byte.is_ascii_digit());
    if findings.check(shaped, &SNOMED_SHAPE, field) {
        findings.check(verhoeff(concept), &SNOMED_CHECK_DIGIT, field);
    }
}

/// A night's attendance may be recorded after midnight. What is not known passes.
fn same_day_or_day_before(happened: Option<Day>, occurred: Option<Day>) -> bool {
    happened
        .zip(occurred)
        .is_none_or(|(happened, occurred)| happened == occurred || happened.plus(1) == occurred)
}

/// Checks an ODS code, and says whether it can be one.
fn ods(code: &str, field: &str, findings: &mut Findings) -> bool {
    findings.check(is_ods(code), &ODS_CODE, field)
}

/// Whether an ODS code is a general practice's: a letter and five digits.
fn is_practice(code: &str) -> bool {
    let mut letters = code.bytes();
    let first = letters.next().is_some_and(|byte| byte.is_ascii_uppercase());
    first && code.len() == 6 && letters.all(|byte| byte.is_ascii_digit())
}

fn is_ods(code: &str) -> bool {
    (3..=10).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Verhoeff's check over digits, the check digit last: a walk through the dihedral group of the pentagon.
fn verhoeff(digits: &str) -> bool {
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut check = 0_u8;
    for (place, byte) in digits.bytes().rev().enumerate() {
        let mut digit = byte.wrapping_sub(b'0');
        for _ in 0..place % 8 {
            digit = PERMUTATION
                .get(usize::from(digit))
                .copied()
                .unwrap_or_default();
        }
        check = turn(check, digit);
    }
    check == 0
}

/// The product of two symmetries of the pentagon: 0 to 4 turn it, 5 to 9 also mirror it.
const fn turn(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    }
}
