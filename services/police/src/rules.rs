//! Rules particular to the police's events.

use prost_types::Timestamp;
use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::police::v1::{MissingEpisode, ProtectionNotification};

mod biometric;
mod people;
mod places;

pub use biometric::{
    DEPLOYMENT_OVER_A_DAY, LFR_1_BENEFIT, LFR_2_BIAS, LFR_3_NECESSITY, LFR_4_TRAINING,
    LFR_5_GUIDELINES, LFR_ASSESSMENTS, biometric_deployment,
};
pub use people::{
    DASH_SCORE, LONG_WAY_TO_SAFETY, MARAC_NOT_REFERRED, NO_ABODE_BUT_SETTLED, PLACE_OF_SAFETY_ODS,
    PROTECTION_END_AND_REASON, PROTECTION_OVER_72_HOURS, REFERRAL_CONSENT_AND_CHOICE,
    REFERRAL_NOT_OFFERED, SCORE_WITHOUT_DASH, custody_released, domestic_abuse_risk_assessed,
    police_protection_used, s136_detention,
};
pub use places::{
    GRID_SQUARE, MONTH_ONLY, POINT_IMPOSSIBLE, POINT_OUTSIDE_BRITAIN, RECORDING_OVER_A_DAY,
    RETENTION_MISSING, VEHICLE_SEARCH_WITH_PERSON, asb_incident, bwv_record_registered,
    stop_search,
};

/// A notice that says nothing about what it is about.
pub static CATEGORY_MISSING: Rule = Rule::query(
    "CATEGORY_MISSING",
    "A protection notice should name at least one category.",
    "walbrook: readers select notices by category",
);

/// A child's report about an adult, or the other way round.
pub static REPORT_TYPE_AND_SUBJECT: Rule = Rule::query(
    "REPORT_TYPE_AND_SUBJECT",
    "A PAC report is about a child and an ACN report about an adult.",
    "report types of the Met's older system",
);

/// The highest colours with nothing of concern.
pub static BRAG_WITHOUT_CONCERN: Rule = Rule::query(
    "BRAG_WITHOUT_CONCERN",
    "AMBER or RED should go with at least one concern in a vulnerability assessment that was made in full.",
    "London MASH threshold; vulnerability assessment framework",
);

/// Found, but not known where.
pub static LOCATED_WHEREABOUTS_UNKNOWN: Rule = Rule::query(
    "LOCATED_WHEREABOUTS_UNKNOWN",
    "Somebody who was located is somewhere known.",
    "College of Policing, missing persons; SSDA903 missing M and A",
);

/// An interview about a return that has not happened.
pub static INTERVIEW_BEFORE_RETURN: Rule = Rule::query(
    "INTERVIEW_BEFORE_RETURN",
    "A prevention interview is done after the return: in the phase LOCATED or CLOSED.",
    "College of Policing, missing persons: prevention interview",
);

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &CATEGORY_MISSING,
    &REPORT_TYPE_AND_SUBJECT,
    &BRAG_WITHOUT_CONCERN,
    &LOCATED_WHEREABOUTS_UNKNOWN,
    &INTERVIEW_BEFORE_RETURN,
    &PROTECTION_OVER_72_HOURS,
    &PROTECTION_END_AND_REASON,
    &REFERRAL_CONSENT_AND_CHOICE,
    &REFERRAL_NOT_OFFERED,
    &NO_ABODE_BUT_SETTLED,
    &DASH_SCORE,
    &SCORE_WITHOUT_DASH,
    &MARAC_NOT_REFERRED,
    &PLACE_OF_SAFETY_ODS,
    &LONG_WAY_TO_SAFETY,
    &GRID_SQUARE,
    &RECORDING_OVER_A_DAY,
    &RETENTION_MISSING,
    &VEHICLE_SEARCH_WITH_PERSON,
    &MONTH_ONLY,
    &POINT_IMPOSSIBLE,
    &POINT_OUTSIDE_BRITAIN,
    &LFR_1_BENEFIT,
    &LFR_2_BIAS,
    &LFR_3_NECESSITY,
    &LFR_4_TRAINING,
    &LFR_5_GUIDELINES,
    &LFR_ASSESSMENTS,
    &DEPLOYMENT_OVER_A_DAY,
];

/// Checks a protection notice.
pub fn protection_notification(
    m: &ProtectionNotification,
    _: &Context<'_>,
    findings: &mut Findings,
) {
    findings.check(!m.categories.is_empty(), &CATEGORY_MISSING, "categories");
    let other = match m.legacy_report_type.as_deref() {
        Some("PAC") => "ADULT",
        Some("ACN") => "CHILD",
        _ => "",
    };
    findings.check(
        other.is_empty() || m.subject_kind != other,
        &REPORT_TYPE_AND_SUBJECT,
        "legacy_report_type",
    );
    let assessed = [
        m.vaf_appearance,
        m.vaf_behaviour,
        m.vaf_communication,
        m.vaf_danger,
        m.vaf_environment,
    ];
    let nothing = assessed.iter().all(|answer| *answer == Some(false)) && !m.housing_concern;
    let high = matches!(m.brag.as_str(), "AMBER" | "RED");
    findings.check(!(high && nothing), &BRAG_WITHOUT_CONCERN, "brag");
}

/// Checks a phase of a missing episode.
pub fn missing_episode(m: &MissingEpisode, _: &Context<'_>, findings: &mut Findings) {
    let away = matches!(m.phase.as_str(), "REPORTED" | "REGRADED");
    let located_nowhere = m.phase == "LOCATED" && m.whereabouts_known == Some(false);
    findings.check(
        !located_nowhere,
        &LOCATED_WHEREABOUTS_UNKNOWN,
        "whereabouts_known",
    );
    let early = away && m.prevention_interview_done == Some(true);
    findings.check(
        !early,
        &INTERVIEW_BEFORE_RETURN,
        "prevention_interview_done",
    );
}

/// Checks that an instant does not come before another; `field` is the later one's.
fn in_order(
    start: &Option<Timestamp>,
    end: &Option<Timestamp>,
    field: &str,
    findings: &mut Findings,
) {
    let at = |at: &Timestamp| (at.seconds, at.nanos);
    let ordered = start
        .as_ref()
        .zip(end.as_ref())
        .is_none_or(|(start, end)| at(start) <= at(end));
    findings.check(ordered, &facts::ENDS_BEFORE_START, field);
}

/// Seconds of an instant that exists: of others nothing is computed, they have a rule of their own.
fn seconds(at: &Option<Timestamp>) -> Option<i64> {
    let at = at.as_ref()?;
    facts::london_day(at).map(|_| at.seconds)
}
