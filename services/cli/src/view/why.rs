//! `walbrook view why`: the events behind each cell of one person's row, and what they were shared under.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value as Json, json};
use walbrook_proto::view::v1::event_evidence::Occurred;
use walbrook_proto::view::v1::explain_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    AnswerFacts, Basis, EventEvidence, ExplainRowRequest, ExplainRowResponse, PastDecision, Row,
    ViewShape,
};

use super::rows::{Person, PersonArgs, ReadArgs};
use super::{sheet, words};
use crate::caller::refused;
use crate::table::{print, ruled, table};
use crate::{Exit, Failure};
use walbrook_view::glass::REASONS;

/// Whose row, and which columns of it.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Who reads what, when
    #[command(flatten)]
    pub read: ReadArgs,
    /// About whom
    #[command(flatten)]
    pub person: PersonArgs,
    /// Only these columns, by name, and the rules that rest on them
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub cell: Vec<String>,
    /// See somebody beyond scope, for this reason, with --case; it holds for some hours, and a second person reviews it
    #[arg(long, value_name = "REASON", value_parser = clap::builder::PossibleValuesParser::new(REASONS))]
    pub break_glass: Option<String>,
}

/// Prints it.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn run(args: WhyArgs) -> Result<Exit, Failure> {
    let subject = match args.person.person()? {
        Person::Pseudonym(bytes) => Subject::Pseudonym(bytes),
        Person::Local(local) => Subject::Local(local),
    };
    let context = args.read.context()?;
    let caller = &args.read.caller;
    let connection = caller.connect("materialiser", &context.role).await?;
    let request = ExplainRowRequest {
        view: args.read.view.clone(),
        context: Some(context),
        evaluate_at: args.read.evaluate_at()?,
        break_glass: args.break_glass.clone().unwrap_or_default(),
        columns: args.cell.clone(),
        subject: Some(subject),
    };
    let response = ViewsClient::new(connection).explain_row(request).await;
    let answer = response.map_err(refused("why"))?.into_inner();
    let facts = answer.facts.clone().unwrap_or_default();
    if args.read.json {
        print(&format!("{:#}\n", json(&answer, &facts)));
        return Ok(Exit::Done);
    }
    match &answer.row {
        None => println!("Nothing to show."),
        Some(row) => print(&format!("{}\n", explained(&answer, row, &facts))),
    }
    if let Some(glass) = &facts.break_glass {
        println!("{}", super::glass::held(glass));
    }
    args.read.rest(&facts);
    Ok(Exit::Done)
}

/// Places of events as people count them.
fn places(events: &[u32]) -> String {
    let places: Vec<String> = events.iter().map(|place| (place + 1).to_string()).collect();
    if places.is_empty() {
        words::NOTHING.to_owned()
    } else {
        places.join(", ")
    }
}

fn explained(answer: &ExplainRowResponse, row: &Row, facts: &AnswerFacts) -> String {
    let shape = facts.view.clone().unwrap_or_default();
    let mut parts = vec![
        shape.title.clone(),
        format!("Person {}", hex::encode(&row.pseudonym)),
    ];
    let mut cells = sheet::sheet(table(["What", "Value", "Rests on events"]));
    for evidence in &answer.cells {
        let column = shape.columns.iter().find(|one| one.name == evidence.column);
        let cell = row.cells.iter().find(|one| one.column == evidence.column);
        cells.add_row([
            column.map_or_else(|| evidence.column.clone(), |column| column.label.clone()),
            cell.map_or_else(String::new, |cell| words::cell(cell, column)),
            places(&evidence.events),
        ]);
    }
    parts.push(sheet::lines(&cells));
    for rule in &answer.rules {
        let reason = row.reasons.iter().find(|one| one.rule_id == rule.rule_id);
        let sentence = reason.map_or(rule.rule_id.as_str(), |reason| reason.sentence.as_str());
        parts.push(format!("  - {sentence} [{}]", places(&rule.events)));
    }
    if !answer.events.is_empty() {
        parts.push("Events:".to_owned());
        parts.push(events(&answer.events, &shape));
        parts.push("Shared under:".to_owned());
        parts.extend(
            answer
                .bases
                .iter()
                .zip(1..)
                .map(|(basis, number)| under(basis, number)),
        );
    }
    parts.push("Decided before:".to_owned());
    if answer.decisions.is_empty() {
        parts.push("  nothing".to_owned());
    }
    parts.extend(answer.decisions.iter().map(decision));
    parts.join("\n")
}

fn events(events: &[EventEvidence], shape: &ViewShape) -> String {
    let labels: BTreeMap<&str, &str> = shape
        .sources
        .iter()
        .map(|source| (source.event_type.as_str(), source.label.as_str()))
        .collect();
    let heads = ["#", "Event", "From", "When", "Link", "Source", "Under"];
    let mut table = sheet::sheet(ruled(heads));
    for (event, number) in events.iter().zip(1..) {
        let label = labels.get(event.event_type.as_str()).copied();
        let heard = event.last_heard_on.as_ref().map(words::date);
        table.add_row([
            format!("{number}"),
            format!("{}\n{}", label.unwrap_or(&event.event_type), event.event_id),
            words::organisation(&event.organisation),
            when(event),
            link(event),
            match (event.standing.as_str(), heard) {
                ("heard", Some(day)) => format!("last heard {day}"),
                (standing, _) => standing.to_owned(),
            },
            places(&event.bases),
        ]);
    }
    sheet::lines(&table)
}

fn when(event: &EventEvidence) -> String {
    match &event.occurred {
        Some(Occurred::On(date)) => words::date(date),
        Some(Occurred::At(at)) => words::instant(Some(at)),
        None => words::NOTHING.to_owned(),
    }
}

/// A link's status with its score as a percentage.
fn link(event: &EventEvidence) -> String {
    let status = event.link_status.to_lowercase().replace('_', " ");
    let score = event.link_score_ten_thousandths;
    format!("{status}, {}.{:02} %", score / 100, score % 100)
}

fn under(basis: &Basis, number: usize) -> String {
    let mut law = vec![basis.gateways.join(", ")];
    for (name, articles) in [
        ("Article", &basis.article_6),
        ("Article", &basis.article_9),
        ("Schedule 1 paragraph", &basis.schedule_1),
    ] {
        law.extend(articles.iter().map(|article| format!("{name} {article}")));
    }
    for (name, text) in [("Article 10", &basis.article_10), ("Part 3", &basis.part_3)] {
        if !text.is_empty() {
            law.push(format!("{name}: {text}"));
        }
    }
    law.retain(|part| !part.is_empty());
    format!(
        "  {number}. {} version {} ({}), {} from {}: {}",
        basis.agreement_id,
        basis.version,
        basis.title,
        basis.event_type,
        words::organisation(&basis.organisation),
        law.join("; ")
    )
}

fn decision(one: &PastDecision) -> String {
    let departs = if one.departs {
        ", departing from the row"
    } else {
        ""
    };
    let weighed = match one.weighed.as_slice() {
        [] => String::new(),
        names => format!(", weighed {}", names.join(", ")),
    };
    let case = match one.case_reference.as_str() {
        "" => String::new(),
        case => format!(", case {case}"),
    };
    format!(
        "  - {}: {} because of {}{departs}{weighed}{case}, by {} ({}), read {}",
        words::instant(one.decided_at.as_ref()),
        one.decision,
        one.reason,
        one.officer,
        one.role,
        one.read_id
    )
}

fn json(answer: &ExplainRowResponse, facts: &AnswerFacts) -> Json {
    let cells = answer.cells.iter();
    let cells = cells.map(|cell| json!({ "column": cell.column, "events": cell.events }));
    let rules = answer.rules.iter();
    let rules = rules.map(|rule| json!({ "rule": rule.rule_id, "events": rule.events }));
    let mut all = sheet::json(
        answer.row.as_slice(),
        u32::from(answer.row.is_some()),
        facts,
    );
    let why = [
        ("cells", cells.collect::<Vec<_>>()),
        ("rules", rules.collect()),
        ("events", answer.events.iter().map(event_json).collect()),
        ("bases", answer.bases.iter().map(basis_json).collect()),
        (
            "decisions",
            answer.decisions.iter().map(decision_json).collect(),
        ),
    ];
    if let Some(all) = all.as_object_mut() {
        for (name, list) in why {
            all.insert(name.to_owned(), Json::Array(list));
        }
    }
    all
}

fn event_json(event: &EventEvidence) -> Json {
    let occurred = match &event.occurred {
        Some(Occurred::On(date)) => json!(sheet::iso(date)),
        Some(Occurred::At(at)) => sheet::instant_json(Some(at)),
        None => Json::Null,
    };
    json!({
        "event_id": event.event_id,
        "event_type": event.event_type,
        "organisation": event.organisation,
        "occurred": occurred,
        "bases": event.bases,
        "link_status": event.link_status,
        "link_score_ten_thousandths": event.link_score_ten_thousandths,
        "last_heard_on": event.last_heard_on.as_ref().map(sheet::iso),
        "standing": event.standing,
    })
}

fn basis_json(basis: &Basis) -> Json {
    json!({
        "agreement_id": basis.agreement_id,
        "version": basis.version,
        "title": basis.title,
        "event_type": basis.event_type,
        "organisation": basis.organisation,
        "gateways": basis.gateways,
        "article_6": basis.article_6,
        "article_9": basis.article_9,
        "schedule_1": basis.schedule_1,
        "article_10": basis.article_10,
        "part_3": basis.part_3,
    })
}

fn decision_json(one: &PastDecision) -> Json {
    json!({
        "decision_id": one.decision_id,
        "read_id": one.read_id,
        "officer": one.officer,
        "role": one.role,
        "decision": one.decision,
        "reason": one.reason,
        "weighed": one.weighed,
        "departs": one.departs,
        "case_reference": one.case_reference,
        "decided_at": sheet::instant_json(one.decided_at.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_links_are_in_words() {
        assert_eq!(places(&[0, 2]), "1, 3");
        assert_eq!(places(&[]), words::NOTHING);
        let event = EventEvidence {
            link_status: "POTENTIAL_MATCH".into(),
            link_score_ten_thousandths: 9_405,
            ..EventEvidence::default()
        };
        assert_eq!(link(&event), "potential match, 94.05 %");
        assert_eq!(when(&event), words::NOTHING);
    }

    #[test]
    fn a_basis_names_its_law_and_leaves_out_what_is_not_stated() {
        let basis = Basis {
            agreement_id: "one".into(),
            version: 2,
            title: "A title".into(),
            event_type: "housing.RentArrearsChanged".into(),
            organisation: "GSS:E09000007".into(),
            gateways: vec!["homelessness-reduction-act-2017-s213b".into()],
            article_6: vec!["6(1)(e)".into()],
            schedule_1: vec!["18".into()],
            ..Basis::default()
        };
        assert_eq!(
            under(&basis, 1),
            "  1. one version 2 (A title), housing.RentArrearsChanged from Camden council: \
             homelessness-reduction-act-2017-s213b; Article 6(1)(e); Schedule 1 paragraph 18"
        );
    }
}
