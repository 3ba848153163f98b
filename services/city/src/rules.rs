//! Rules particular to the city's open data.

mod ai;
mod air;
mod people;
mod planning;

use walbrook_agency::Rule;

pub use ai::{ai_model_registered, ai_model_reviewed, ai_model_suspended};
pub use air::{air_quality_measured, daqi_published};
pub use people::{dataset_published, open_indicator_published, open_record_published};
pub use planning::planning_application_status_changed;

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &air::UNIT_OF_SPECIES,
    &air::VALUE_FAR,
    &air::DAQI_RANGE,
    &air::DAQI_BAND,
    &planning::DECISION_INCOMPLETE,
    &ai::BIOMETRIC_CONDITIONS,
    &ai::PRODUCTION_ASSESSMENTS,
    &ai::COMPANY_NUMBER,
    &ai::NEXT_REVIEW_MISSING,
    &ai::REVIEW_FAR,
    &people::SMALL_NUMBER,
    &people::SUPPRESSED_AND_SAID,
    &people::COUNT_IMPOSSIBLE,
    &people::GSS_FORM,
    &people::NOT_A_REGISTERED_RECORD,
];
