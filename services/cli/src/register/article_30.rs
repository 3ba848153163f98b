//! The record of processing activities: UK GDPR Article 30(1), points (a) to (g), and the bases that the ICO's template asks for beside them.

use walbrook_policy::law::FieldClass;

use super::facts::{Entry, Facts};
use super::sheet::{Layout, Sheet};
use super::words;

const COLUMNS: [&str; 17] = [
    "agreement",
    "processing-activity",
    "controllers-and-contacts",
    "joint-controllers",
    "processor",
    "purposes",
    "categories-of-data-subjects",
    "categories-of-personal-data",
    "special-category-data",
    "criminal-offence-data",
    "categories-of-recipients",
    "transfers-to-third-countries",
    "time-limits-for-erasure",
    "security-measures",
    "article-6-basis",
    "article-9-and-10-conditions",
    "dpia",
];

/// What holds for every agreement on this backbone, and each clause has tests (the README names them).
const MEASURES: &str = "Fields not granted are left out before release; people stand under a pseudonym of the purpose; times are cut to the precision granted; access by organisation, role and scope, checked at each reading; each reading is on record before it is answered; each decision can be derived again by an auditor";

/// The record.
pub(super) fn sheet(facts: &Facts) -> Sheet {
    Sheet {
        title: "Record of processing activities",
        preface: format!(
            "UK GDPR Article 30(1): processing under agreements in force on {}. A controller copies the entries of the agreements it signed.{}",
            words::day(facts.today),
            facts.left_out()
        ),
        columns: COLUMNS.to_vec(),
        layout: Layout::Entries,
        rows: facts.current().map(|entry| row(facts, entry)).collect(),
    }
}

fn row(facts: &Facts, entry: &Entry) -> Vec<String> {
    let agreement = entry.agreement();
    let controllers: Vec<String> = agreement
        .parties
        .iter()
        .map(|party| format!("{} ({})", words::who(facts, &party.who), party.contact))
        .collect();
    let joint = agreement
        .parties
        .iter()
        .filter(|party| party.role == "joint-controller");
    let joint = words::each(facts, joint.map(|party| &party.who));
    let of_class = |class| fields_of(facts, entry, class);
    let special = of_class(FieldClass::SpecialCategory);
    let criminal = of_class(FieldClass::CriminalOffence);
    let recipients: Vec<String> = agreement
        .readers
        .iter()
        .map(|reader| words::reader(facts, reader))
        .collect();
    vec![
        agreement.id.to_string(),
        agreement.title.clone(),
        controllers.join("\n"),
        none_if_empty(words::and(&joint)),
        agreement.processor.clone(),
        agreement.summary.clone(),
        words::subjects(agreement),
        none_if_empty(of_class(FieldClass::Ordinary).join("\n")),
        none_if_empty(special.join("\n")),
        none_if_empty(criminal.join("\n")),
        none_if_empty(recipients.join("\n")),
        "None under this agreement".to_owned(),
        format!(
            "Not shown later than {} days after the event; taken back when consent ends, an objection stands, or the agreement ends",
            agreement.retention_days
        ),
        MEASURES.to_owned(),
        listed(&agreement.law.article_6, |id| facts.basis(id)),
        conditions(facts, entry),
        agreement.dpia.as_ref().map_or_else(
            || "None: the data is about nobody".to_owned(),
            |dpia| {
                format!(
                    "{}, completed {}, {}",
                    dpia.reference,
                    words::day(dpia.completed),
                    dpia.outcome.replace('-', " ")
                )
            },
        ),
    ]
}

fn conditions(facts: &Facts, entry: &Entry) -> String {
    let law = &entry.agreement().law;
    let mut lines: Vec<String> = law.article_9.iter().map(|id| facts.condition(id)).collect();
    lines.extend(law.schedule_1.iter().map(|id| facts.paragraph(id)));
    lines.extend(
        law.article_10
            .iter()
            .map(|text| format!("Article 10: {text}")),
    );
    lines.extend(
        law.part_3
            .iter()
            .map(|text| format!("DPA 2018 Part 3 {text}")),
    );
    none_if_empty(lines.join("\n"))
}

/// Fields of a class, a line for each event type.
fn fields_of(facts: &Facts, entry: &Entry, class: FieldClass) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for flow in &entry.agreement().flows {
        let of_class = |name: &&String| {
            let found = facts.law.field(&flow.event_type, name);
            found.map_or(class == FieldClass::Ordinary, |found| found.class == class)
        };
        let fields: Vec<String> = flow
            .fields
            .iter()
            .filter(of_class)
            .map(|name| words::field(name))
            .collect();
        if fields.is_empty() {
            continue;
        }
        let line = format!(
            "{}: {}",
            words::event(facts, &flow.event_type),
            fields.join(", ")
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn listed(ids: &[String], words: impl Fn(&str) -> String) -> String {
    let lines: Vec<String> = ids.iter().map(|id| words(id)).collect();
    none_if_empty(lines.join("\n"))
}

fn none_if_empty(text: String) -> String {
    if text.is_empty() {
        "None".to_owned()
    } else {
        text
    }
}
