//! A record of the tool in the shape of the Algorithmic Transparency Recording Standard 3.0: what a body would publish before using it. What only the
//! body can say stands as a question to it, never as an invention of ours.

use super::report::{Report, Tool};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;
use walbrook_view::View;

/// The parts in the standard's order, then London's.
pub const PARTS: [&str; 8] = [
    "metadata",
    "tier_1",
    "owner_and_responsibility",
    "description_and_rationale",
    "decision_making_process",
    "tool_specification",
    "risks_mitigations_impact_assessments",
    "london_gates",
];

const TO_SAY: &str = "to be said by the organisation that uses the tool";

/// The record: tier, then part, then field.
#[must_use]
pub fn json(report: &Report, view: &View) -> Json {
    json!({
        "metadata": {
            "standard_version": "3.0",
            "name": format!("{} ({})", view.title, view.name),
            "date_completion": TO_SAY,
            "organisation": TO_SAY,
            "contact_email": TO_SAY,
        },
        "tier_1": tier_1(report, view),
        "owner_and_responsibility": {
            "organisation": TO_SAY, "team": TO_SAY, "senior_responsible_owner": TO_SAY,
            "external_supplier": "none: the rules are a file of the project, run by the parties' shared service",
        },
        "description_and_rationale": description(report),
        "decision_making_process": decisions(),
        "tool_specification": specification(report, view),
        "risks_mitigations_impact_assessments": risks(),
        "london_gates": {
            "emerging_technology_charter": "be open: this record and the view file; respect diversity: errors by group below; be trustworthy with \
                people's data: an agreement, a purpose and a record for each read; be sustainable: no model to train, rules added up",
            "dpia_reference": "in the agreement that names the view, as dpia.reference", "eqia_reference": TO_SAY,
            "kill_switch": "suspending the agreement (`walbrook agreement suspend`): no row from then on",
            "review_date": "in the agreement, as period.review",
        },
    })
}

fn tier_1(report: &Report, view: &View) -> Json {
    json!({
        "description": format!(
            "Says in sentences what housing, outreach, health and police have recorded of an adult, with points for each, so that a named officer may \
             look at some people first. View `{}`, {} rules, {} of them with points.", view.name, view.rules.len(), pointed(view)
        ),
        "why": "People reach the street although several services saw it coming.",
        "what_was_found": report.sentence(),
        "website": TO_SAY,
    })
}

fn pointed(view: &View) -> usize {
    let with = |rule: &&walbrook_view::model::Rule| rule.points_hundredths != 0;
    view.rules.iter().filter(with).count()
}

fn description(report: &Report) -> Json {
    json!({
        "scope": "Adults within the reader's scope under a signed agreement. No probability, no decision, no automatic step.",
        "benefit": format!("Measured on invented people only: {}", report.sentence()),
        "previous_process": TO_SAY,
        "alternatives_considered": format!("The simple rules, a point each, measured beside it: {}. A trained model was not considered: nobody could explain a \
            row of it", report.pointed.join(", ")),
    })
}

fn decisions() -> Json {
    json!({
        "process_integration": "A list, ranked, read by a housing-options officer or outreach worker in case mode; each read is on record before it is \
            answered.",
        "provided_information": "Points, band, each rule that applies as a sentence, how each source was last heard",
        "human_decisions": "The officer decides whom to contact and how, and puts decision and reason on record (UK GDPR Articles 22A to 22D).",
        "required_training": TO_SAY,
        "appeals_and_review": "A person may object or dispute what is held (`walbrook ground`); an objection takes the row away. Who answers: the party \
            that is the source.",
        "frequency_scale_of_usage": TO_SAY,
    })
}

fn specification(report: &Report, view: &View) -> Json {
    let rules: Vec<Json> = view
        .rules
        .iter()
        .map(|rule| json!({ "rule": rule.id, "points_hundredths": rule.points_hundredths }))
        .collect();
    let bands: Vec<Json> = view
        .bands
        .iter()
        .map(|band| json!({ "band": band.name, "from_hundredths": band.from_hundredths }))
        .collect();
    let sources: Vec<String> = view.needs().keys().map(ToString::to_string).collect();
    json!({
        "model_name": view.name, "model_version": hex::encode(view.sha256), "model_task": "ranking of adults for a first contact",
        "model_input": sources, "model_output": "points, a band and the reasons",
        "model_architecture": { "kind": "rules with a sentence and points, chosen by hand; nothing is learned from data", "rules": rules, "bands": bands },
        "model_performance": report.json(),
        "how_measured": "`walbrook evaluate rough-sleeping` on a synthetic city: the view's own code over the events told up to the end of each index day; \
            what came next is in a file that the rows are never made from. Everybody's records linked rightly and everything granted: in use, agreements \
            and linking leave less to see. The people are invented, so these are figures of the code and not of London.",
        "datasets": [{
            "dataset_name": "walbrook city events", "modality": "events with dates and codes, no free text",
            "description": "lives of invented people, calibrated to published figures; which services saw whom before the street is ours",
            "sensitive_attributes": "ethnicity, nationality, religion, sexual orientation and counts that only policing makes are in no rule; sex, age band \
                and origin of name are used here alone, to see errors by group",
        }],
    })
}

fn risks() -> Json {
    json!({
        "impact_assessments": "DPIA of the agreement that names the view; equality impact assessment: to be made by the organisation that uses the tool",
        "risks": [
            { "risk": "People whom no service sees are not ranked at all", "mitigation": "they stand as `no row` under calibration, and as missed" },
            { "risk": "A group is missed more often, or seen to in vain more often", "mitigation": "errors by group, above; small groups are not shown" },
            { "risk": "Who is on the street already stands first, and who is not yet is found late", "mitigation": "those not yet on the street are measured \
                by themselves, above; bands and reasons tell them apart on the list" },
            { "risk": "The list is taken for a decision", "mitigation": "no automatic step; each decision is a person's and is on record" },
            { "risk": "Figures of a synthetic city are taken for London's", "mitigation": "to be measured again on the parties' own records, in cohort mode, before use" },
            { "risk": "A source falls silent and looks like good news", "mitigation": "a silent source is `not known since`, and no rule applies for want of news" },
        ],
        "use": "the tool named by the verdict",
    })
}

/// The record as a page of Markdown.
#[must_use]
pub fn markdown(report: &Report, view: &View) -> String {
    let mut out = format!("# Algorithmic transparency record: {}\n", view.title);
    if let Json::Object(parts) = json(report, view) {
        for (part, fields) in PARTS
            .iter()
            .filter_map(|part| Some((part, parts.get(*part)?)))
        {
            let _ = writeln!(out, "\n## {}\n", words(part));
            match fields {
                Json::Object(fields) => list(&mut out, fields, 0),
                other => {
                    let _ = writeln!(out, "{}", plain(other));
                }
            }
        }
    }
    let verdict = match report.verdict.ships {
        Tool::Score => "the points in the view",
        Tool::Simple => "the simple rules",
    };
    let _ = writeln!(out, "\nUse: {verdict}.");
    out
}

fn list(out: &mut String, fields: &Map<String, Json>, depth: usize) {
    let indent = "  ".repeat(depth);
    for (name, value) in fields {
        match value {
            Json::Object(inner) => {
                let _ = writeln!(out, "{indent}- **{}**", words(name));
                list(out, inner, depth + 1);
            }
            Json::Array(items) => {
                let _ = writeln!(out, "{indent}- **{}**", words(name));
                for item in items {
                    let _ = writeln!(out, "{indent}  - {}", plain(item));
                }
            }
            other => {
                let _ = writeln!(out, "{indent}- **{}**: {}", words(name), plain(other));
            }
        }
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A value in one line.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "not shown".to_owned(),
        Json::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", words(name), plain(value)))
                .collect();
            fields.join("; ")
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}
