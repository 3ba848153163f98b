//! The register of information sharing agreements.
//!
//! The columns are those of the register that government published under Part 5 of the Digital Economy Act 2017 (GOV.UK Registers,
//! *information-sharing-agreement*: eighteen fields), which its successor keeps. What an agreement here does not say is said to be not stated.

use walbrook_policy::class::{Class, Who};

use super::facts::{Entry, Facts};
use super::sheet::{Layout, NOT_STATED, Sheet};
use super::words;

/// The fields of the published register, in its order.
const COLUMNS: [&str; 18] = [
    "information-sharing-agreement",
    "name",
    "purpose",
    "information-sharing-benefits",
    "legal-power-disclosure",
    "disclosed-information",
    "controllers",
    "controller-names",
    "information-sharing-method",
    "processors",
    "processor-names",
    "retention-period",
    "start-date",
    "end-date",
    "review-date",
    "contact",
    "areas",
    "area-names",
];

/// The register.
pub(super) fn sheet(facts: &Facts) -> Sheet {
    Sheet {
        title: "Register of information sharing agreements",
        preface: format!(
            "Agreements in force on {}, with the fields of the register under Part 5 of the Digital Economy Act 2017. Drawn from the signed agreements on record.{}",
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
    let powers: Vec<String> = agreement
        .law
        .gateways
        .iter()
        .map(|id| facts.gateway(id))
        .collect();
    let codes: Vec<String> = entry.in_force.iter().map(ToString::to_string).collect();
    let names: Vec<String> = entry.in_force.iter().map(|one| facts.name(one)).collect();
    let authorities = entry
        .in_force
        .iter()
        .filter(|one| Who::Organisation((*one).clone()).class() == Some(Class::LondonAuthority));
    let (areas, area_names): (Vec<String>, Vec<String>) = authorities
        .map(|one| {
            let name = facts.law.organisation(one).map(|known| known.name.clone());
            (
                one.code().to_owned(),
                name.unwrap_or_else(|| one.code().to_owned()),
            )
        })
        .unzip();
    let mut contacts: Vec<String> = Vec::new();
    for party in &agreement.parties {
        let contact = format!("{}: {}", words::who(facts, &party.who), party.contact);
        if !contacts.contains(&contact) {
            contacts.push(contact);
        }
    }
    vec![
        agreement.id.to_string(),
        agreement.title.clone(),
        agreement.summary.clone(),
        NOT_STATED.to_owned(),
        powers.join("\n"),
        disclosed(facts, entry),
        codes.join(";"),
        names.join("; "),
        method(entry),
        String::new(),
        agreement.processor.clone(),
        format!(
            "Shown for {} days from the day of the event; the controllers keep their own records by their own schedules",
            agreement.retention_days
        ),
        agreement.period.effective.to_string(),
        agreement.period.expiry.to_string(),
        agreement.period.review.to_string(),
        contacts.join("\n"),
        areas.join(";"),
        area_names.join("; "),
    ]
}

fn disclosed(facts: &Facts, entry: &Entry) -> String {
    let mut lines: Vec<String> = Vec::new();
    for flow in &entry.agreement().flows {
        let fields: Vec<String> = flow.fields.iter().map(|name| words::field(name)).collect();
        let line = format!(
            "{} from {}: {}",
            words::event(facts, &flow.event_type),
            words::who(facts, &flow.source),
            fields.join(", ")
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn method(entry: &Entry) -> String {
    use walbrook_policy::agreement::Kind;
    match &entry.agreement().kind {
        Kind::Sharing => "Events released field by field under a pseudonym of this purpose alone, and read through joined views by named readers; every release and every reading is on record",
        Kind::Matching { .. } => "The identity service compares the parties' records; no party learns another's",
        Kind::Open { .. } => "Published as open data",
    }
    .to_owned()
}
