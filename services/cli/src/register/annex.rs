//! The data-flow annex of an impact assessment: each flow of each agreement, from whom, what, under which conditions, and who reads it.

use super::facts::{Entry, Facts};
use super::sheet::{Layout, Sheet};
use super::words;

/// The annexes.
pub(super) fn sheet(facts: &Facts) -> Sheet {
    Sheet {
        title: "Data-flow annexes of the impact assessments",
        preface: format!(
            "Each flow of each agreement in force on {}. Fields marked * are special category data, those marked † criminal-offence data.{}",
            words::day(facts.today),
            facts.left_out()
        ),
        columns: vec![
            "agreement",
            "flow",
            "from",
            "event",
            "fields",
            "times",
            "conditions",
            "legal-power",
            "to",
            "readers",
            "shown-for-days",
        ],
        layout: Layout::Tables,
        rows: facts
            .current()
            .flat_map(|entry| rows(facts, entry))
            .collect(),
    }
}

fn rows(facts: &Facts, entry: &Entry) -> Vec<Vec<String>> {
    use walbrook_policy::agreement::Kind;
    let agreement = entry.agreement();
    let dpia = agreement
        .dpia
        .as_ref()
        .map_or_else(String::new, |dpia| format!(" ({})", dpia.reference));
    let named = format!("{} version {}{dpia}", agreement.id, agreement.version);
    let to = match &agreement.kind {
        Kind::Sharing => format!("purpose {}", agreement.purpose),
        Kind::Matching { .. } => "the identity service".to_owned(),
        Kind::Open { dataset } => format!("open data: {dataset}"),
    };
    let row = |(number, flow): (usize, &walbrook_policy::agreement::Flow)| {
        let readers: Vec<String> = agreement
            .readers
            .iter()
            .filter(|reader| reader.events.is_empty() || reader.events.contains(&flow.event_type))
            .map(|reader| words::reader(facts, reader))
            .collect();
        let powers: Vec<String> = flow.gateways.iter().map(|id| facts.gateway(id)).collect();
        vec![
            named.clone(),
            (number + 1).to_string(),
            words::who(facts, &flow.source),
            flow.event_type.to_string(),
            words::marked(facts, flow),
            words::precision(flow.precision).to_owned(),
            words::conditions(flow).join("\n"),
            powers.join("\n"),
            to.clone(),
            readers.join("\n"),
            agreement.retention_days.to_string(),
        ]
    };
    agreement.flows.iter().enumerate().map(row).collect()
}
