//! The small-number rule: no published number of people is below ten; and what a third party's record must be.

use walbrook_agency::{Context, DatasetFault, Findings, RecordFault, Rule, facts};
use walbrook_proto::city::v1::{DatasetPublished, OpenIndicatorPublished, OpenRecordPublished};

/// The smallest number of people that may be published.
pub const FEWEST_PEOPLE: i64 = 10;

/// A number of people that could tell on somebody.
pub static SMALL_NUMBER: Rule = Rule::refuse(
    "SMALL_NUMBER",
    "No published number of people is below ten, nor what is left when it is taken from its whole: suppress it.",
    "ONS and DfE disclosure control; walbrook: open data derived from people has k of at least 10",
);

/// A figure that is suppressed and said, or neither.
pub static SUPPRESSED_AND_SAID: Rule = Rule::refuse(
    "SUPPRESSED_AND_SAID",
    "A figure has a count, or is suppressed: one of the two. What is suppressed has no rounding.",
    "ONS and DfE disclosure control",
);

/// A count that cannot be.
pub static COUNT_IMPOSSIBLE: Rule = Rule::refuse(
    "COUNT_IMPOSSIBLE",
    "A count is not negative, not more than its whole, and a multiple of what it is rounded to.",
    "walbrook: numbers that cannot be meant",
);

/// Something that is no area code.
pub static GSS_FORM: Rule = Rule::refuse(
    "GSS_FORM",
    "An area is a GSS code: a capital letter and eight digits.",
    "ONS: register of geographic codes",
);

/// A record that is not one of its dataset.
pub static NOT_A_REGISTERED_RECORD: Rule = Rule::refuse(
    "NOT_A_REGISTERED_RECORD",
    "The record must be exactly one of the schema named, as registered for the dataset (`walbrook dataset list`), and of at most 65,536 bytes.",
    "walbrook: open datasets of others",
);

/// Checks the announcement of a dataset.
pub fn dataset_published(m: &DatasetPublished, context: &Context<'_>, findings: &mut Findings) {
    let smallest = m.smallest_cell_people;
    let kept = !m.derived_from_people || smallest.is_some_and(|people| people >= FEWEST_PEOPLE);
    findings.check(kept, &SMALL_NUMBER, "smallest_cell_people");
    let possible = m.row_count.is_none_or(|rows| rows >= 0) && smallest.is_none_or(|few| few >= 0);
    findings.check(possible, &COUNT_IMPOSSIBLE, "row_count");
    let day = m.published_on.as_ref().and_then(facts::day);
    facts::happened(day, context.today, "published_on", findings);
}

/// Checks a figure.
pub fn open_indicator_published(
    m: &OpenIndicatorPublished,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    findings.check(is_gss(&m.area_gss), &GSS_FORM, "area_gss");
    let either = m.count.is_some() != m.suppressed && !(m.suppressed && m.rounded_to.is_some());
    findings.check(either, &SUPPRESSED_AND_SAID, "suppressed");
    let multiple = m.rounded_to.is_none_or(|to| {
        to > 0
            && m.count
                .is_none_or(|count| count.rem_euclid(i64::from(to)) == 0)
    });
    let whole = m.count.zip(m.out_of).is_none_or(|(count, of)| count <= of);
    let negative = m.count.is_some_and(|count| count < 0) || m.out_of.is_some_and(|of| of < 0);
    let possible = multiple && whole && !negative;
    findings.check(possible, &COUNT_IMPOSSIBLE, "count");
    if m.derived_from_people && possible {
        findings.check(said_safely(m), &SMALL_NUMBER, "count");
    }
    let (start, end) = (
        m.period_start.as_ref().and_then(facts::day),
        m.period_end.as_ref().and_then(facts::day),
    );
    facts::in_order(start, end, "period_end", findings);
    facts::happened(end, context.today, "period_end", findings);
}

/// Neither the count, nor its whole, nor what is left of the whole says less than ten people.
fn said_safely(m: &OpenIndicatorPublished) -> bool {
    let enough = |people: Option<i64>| people.is_none_or(|people| people >= FEWEST_PEOPLE);
    let left = m.out_of.zip(m.count).map(|(of, count)| of - count);
    enough(m.count) && enough(m.out_of) && enough(left)
}

/// Checks a record of a dataset that others made.
pub fn open_record_published(
    m: &OpenRecordPublished,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let checked = context
        .datasets
        .map_or(Err(DatasetFault::NotRegistered), |datasets| {
            datasets.check(&m.dataset, &m.schema_sha256, &m.record)
        });
    match checked {
        Ok(()) => {}
        Err(DatasetFault::Record(RecordFault::SmallNumber)) => {
            findings.add(&SMALL_NUMBER, "record");
        }
        Err(DatasetFault::NotRegistered) => {
            findings.add(&NOT_A_REGISTERED_RECORD, "schema_sha256");
        }
        Err(DatasetFault::Record(_)) => findings.add(&NOT_A_REGISTERED_RECORD, "record"),
    }
}

fn is_gss(text: &str) -> bool {
    let mut letters = text.bytes();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase())
        && text.len() == 9
        && letters.all(|byte| byte.is_ascii_digit())
}
