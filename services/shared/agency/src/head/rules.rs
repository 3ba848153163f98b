//! The rules that hold for the head of every event.

use crate::Rule;

const OURS: &str = "walbrook: the event's head";

/// There is no head.
pub(super) static HEAD_MISSING: Rule = Rule::refuse("HEAD_MISSING", "An event needs a head.", OURS);

/// There is no body.
pub(crate) static BODY_MISSING: Rule = Rule::refuse(
    "BODY_MISSING",
    "An event needs one body of a type that this service accepts.",
    "walbrook: the service's contract",
);

/// The area or thing that an event about no person is keyed by is missing or misshapen.
pub(crate) static KEY_FORM: Rule = Rule::refuse(
    "KEY_FORM",
    "An event about no person is keyed by its area or thing: 1 to 64 letters, digits and . _ / : -.",
    OURS,
);

/// The body cannot be written although it passed its rules.
pub(crate) static BODY_NOT_WRITABLE: Rule = Rule::refuse(
    "BODY_NOT_WRITABLE",
    "A value of the body is outside what its schema can hold.",
    "walbrook: the event's contract",
);

/// Identity does not know the subject and was not told who it is.
pub(crate) static DEMOGRAPHICS_NEEDED: Rule = Rule::refuse(
    "DEMOGRAPHICS_NEEDED",
    "The first event about a subject must say who it is: send demographics.",
    "walbrook: link before accept",
);

pub(super) static EVENT_ID_NOT_A_UUID: Rule = Rule::refuse(
    "EVENT_ID_NOT_A_UUID",
    "The event id must be a UUID in its form with hyphens, the same on every retry.",
    "RFC 9562",
);

pub(super) static SUPERSEDES_NOT_A_UUID: Rule = Rule::refuse(
    "SUPERSEDES_NOT_A_UUID",
    "The event that is corrected must be named by its UUID in its form with hyphens.",
    "RFC 9562",
);

pub(super) static SUPERSEDES_ITSELF: Rule = Rule::refuse(
    "SUPERSEDES_ITSELF",
    "An event cannot correct itself: give the correction an id of its own.",
    OURS,
);

pub(super) static OCCURRED_MISSING: Rule = Rule::refuse(
    "OCCURRED_MISSING",
    "Say when it happened: occurred_at, or occurred_on where no time is known.",
    OURS,
);

pub(super) static OCCURRED_IMPOSSIBLE: Rule = Rule::refuse(
    "OCCURRED_IMPOSSIBLE",
    "The date or time must exist.",
    "SSDA903 rules 141 and 147",
);

pub(super) static OCCURRED_IN_FUTURE: Rule = Rule::refuse(
    "OCCURRED_IN_FUTURE",
    "What has happened cannot lie in the future: check the sender's clock.",
    OURS,
);

pub(super) static OCCURRED_TOO_LONG_AGO: Rule = Rule::refuse(
    "OCCURRED_TOO_LONG_AGO",
    "The date must be 1 January 1900 or later.",
    OURS,
);

pub(super) static SUBJECT_MISSING: Rule = Rule::refuse(
    "SUBJECT_MISSING",
    "An event of this type is about one person: name the subject.",
    OURS,
);

pub(super) static SUBJECT_NOT_EXPECTED: Rule = Rule::refuse(
    "SUBJECT_NOT_EXPECTED",
    "An event of this type is about no person: leave the subject out.",
    OURS,
);

pub(super) static SUBJECT_SCHEME_UNKNOWN: Rule = Rule::refuse(
    "SUBJECT_SCHEME_UNKNOWN",
    "The kind of local id is LOCAL, LA_CHILD_ID, CHAIN_ID, NHS_NUMBER or UPN.",
    OURS,
);

pub(super) static LOCAL_ID_FORM: Rule = Rule::refuse(
    "LOCAL_ID_FORM",
    "A local id has 1 to 64 letters, digits and . _ / : - and begins with a letter or digit.",
    OURS,
);

pub(super) static NHS_NUMBER_CHECK_DIGIT: Rule = Rule::query(
    "NHS_NUMBER_CHECK_DIGIT",
    "An NHS number has ten digits, the last a check digit: this one fails it and is not used to link.",
    "NHS Data Dictionary: NHS number, modulus 11",
);

pub(super) static UPN_CHECK_LETTER: Rule = Rule::query(
    "UPN_CHECK_LETTER",
    "A UPN begins with a check letter over its twelve other places: this one fails it and is not used to link.",
    "DfE: UPN guide, check letter",
);

pub(super) static UPRN_FORM: Rule = Rule::query(
    "UPRN_FORM",
    "A UPRN has up to twelve digits and is written out, not in powers of ten: this one is not used to link.",
    "GeoPlace: UPRN; a spreadsheet shows long numbers cut off",
);

pub(super) static BIRTH_DATE_IMPOSSIBLE: Rule = Rule::refuse(
    "BIRTH_DATE_IMPOSSIBLE",
    "The date of birth must exist and lie between 1 January 1900 and today.",
    "SSDA903 rules 141 and 147",
);

pub(super) static DEMOGRAPHICS_TOO_LONG: Rule = Rule::refuse(
    "DEMOGRAPHICS_TOO_LONG",
    "Names have at most 200 bytes, postcodes 16, numbers 32, and no control characters.",
    OURS,
);

/// A restricted record and what says where the person is.
pub(crate) static RESTRICTED_LEFT_OUT: Rule = Rule::query(
    "RESTRICTED_LEFT_OUT",
    "Of a restricted record neither address, GP practice nor contact goes further: they were left out of this event.",
    "PDS FHIR API: a patient with meta.security R; domain reference §4",
);

/// A heartbeat of something that the agency has no events of.
pub(crate) static NOT_AN_EVENT_TYPE: Rule = Rule::refuse(
    "NOT_AN_EVENT_TYPE",
    "There is nothing to report only of an event type of this agency, for example housing.RentArrearsChanged.",
    OURS,
);

/// The rules that the gateway checks for every event, before an agency's own.
pub static RULES: &[&Rule] = &[
    &HEAD_MISSING,
    &BODY_MISSING,
    &KEY_FORM,
    &BODY_NOT_WRITABLE,
    &DEMOGRAPHICS_NEEDED,
    &EVENT_ID_NOT_A_UUID,
    &SUPERSEDES_NOT_A_UUID,
    &SUPERSEDES_ITSELF,
    &OCCURRED_MISSING,
    &OCCURRED_IMPOSSIBLE,
    &OCCURRED_IN_FUTURE,
    &OCCURRED_TOO_LONG_AGO,
    &SUBJECT_MISSING,
    &SUBJECT_NOT_EXPECTED,
    &SUBJECT_SCHEME_UNKNOWN,
    &LOCAL_ID_FORM,
    &NHS_NUMBER_CHECK_DIGIT,
    &UPN_CHECK_LETTER,
    &UPRN_FORM,
    &BIRTH_DATE_IMPOSSIBLE,
    &DEMOGRAPHICS_TOO_LONG,
    &RESTRICTED_LEFT_OUT,
    &NOT_AN_EVENT_TYPE,
];
