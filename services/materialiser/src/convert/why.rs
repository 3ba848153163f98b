//! Explanations as messages: events, and what they were shared under.

use super::{date, row};
use crate::answer::Answer;
use crate::clock::timestamp;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{AgreementId, EventType, Instant, Organisation, Precision};
use walbrook_policy::state::AgreementBook;
use walbrook_proto::audit::v1::OfficerDecision;
use walbrook_proto::view::v1 as proto;
use walbrook_view::explain::{Evidence, Explanation, Rests};

/// What events of one type from one organisation are shared under.
type Under = (AgreementId, EventType, Organisation);

fn unders(explanation: &Explanation) -> BTreeSet<Under> {
    let of = |event: &Evidence| {
        let (event_type, source) = (event.event_type.clone(), event.source.clone());
        let agreements = event.agreements.clone().into_iter();
        agreements.map(move |agreement| (agreement, event_type.clone(), source.clone()))
    };
    explanation.events.iter().flat_map(of).collect()
}

/// The legal basis of each event of an explanation, under the versions in force for their sources at an instant.
pub fn bases(book: &AgreementBook, explanation: &Explanation, now: Instant) -> Vec<proto::Basis> {
    let unders = unders(explanation).into_iter();
    unders.map(|under| basis(book, under, now)).collect()
}

fn basis(
    book: &AgreementBook,
    (agreement, event_type, source): Under,
    now: Instant,
) -> proto::Basis {
    let mut basis = proto::Basis {
        agreement_id: agreement.to_string(),
        event_type: event_type.to_string(),
        organisation: source.to_string(),
        ..proto::Basis::default()
    };
    let edition = book
        .agreement(&agreement)
        .and_then(|history| history.in_force(&source, now.london_day()).ok());
    let Some((edition, _)) = edition else {
        return basis;
    };
    let (text, law) = (&edition.agreement, &edition.agreement.law);
    basis.version = edition.version().0;
    basis.title.clone_from(&text.title);
    basis.article_9.clone_from(&law.article_9);
    basis.schedule_1.clone_from(&law.schedule_1);
    basis.article_10 = law.article_10.clone().unwrap_or_default();
    basis.part_3 = law.part_3.clone().unwrap_or_default();
    basis.article_6.clone_from(&law.article_6);
    if let Some((flow, _)) = edition.flow(&source, &event_type) {
        basis.gateways.clone_from(&flow.gateways);
        if let Some(own) = &flow.article_6 {
            basis.article_6 = vec![own.clone()];
        }
    }
    basis
}

/// The whole answer; nothing but facts where there is no row.
pub fn explained(answer: &Answer, facts: proto::AnswerFacts) -> proto::ExplainRowResponse {
    let facts = Some(facts);
    let (Some(shown), Some(why)) = (answer.rows.first(), &answer.explained) else {
        return proto::ExplainRowResponse {
            facts,
            ..proto::ExplainRowResponse::default()
        };
    };
    let explanation = &why.explanation;
    let places: BTreeMap<Under, u32> = unders(explanation).into_iter().zip(0..).collect();
    proto::ExplainRowResponse {
        row: Some(row(shown.clone())),
        cells: explanation.cells.iter().map(cell).collect(),
        rules: explanation.rules.iter().map(rule).collect(),
        events: explanation
            .events
            .iter()
            .map(|event| evidence(event, &places))
            .collect(),
        bases: answer.bases.clone(),
        decisions: why.decisions.iter().map(|one| decision(one)).collect(),
        facts,
    }
}

fn cell(rests: &Rests) -> proto::CellEvidence {
    proto::CellEvidence {
        column: rests.name.clone(),
        events: rests.events.clone(),
    }
}

fn rule(rests: &Rests) -> proto::RuleEvidence {
    proto::RuleEvidence {
        rule_id: rests.name.clone(),
        events: rests.events.clone(),
    }
}

fn evidence(event: &Evidence, places: &BTreeMap<Under, u32>) -> proto::EventEvidence {
    use proto::event_evidence::Occurred;
    let occurred = match event.precision {
        Precision::Day => date(event.occurred_at.london_day()).map(Occurred::On),
        _ => Some(Occurred::At(timestamp(event.occurred_at))),
    };
    let under = |agreement: &AgreementId| {
        let under = (
            agreement.clone(),
            event.event_type.clone(),
            event.source.clone(),
        );
        places.get(&under).copied()
    };
    let (link_status, link_score_ten_thousandths) =
        event.link.map_or_else(Default::default, |(status, score)| {
            (status.as_str().to_owned(), score)
        });
    proto::EventEvidence {
        event_id: event.event.to_string(),
        event_type: event.event_type.to_string(),
        organisation: event.source.to_string(),
        occurred,
        bases: event.agreements.iter().filter_map(under).collect(),
        link_status,
        link_score_ten_thousandths,
        last_heard_on: event.last_heard_on.and_then(date),
        standing: event.standing.clone(),
    }
}

fn decision(one: &OfficerDecision) -> proto::PastDecision {
    proto::PastDecision {
        decision_id: one.decision_id.clone(),
        read_id: one.read_id.clone(),
        officer: one.officer.clone(),
        role: one.role.clone(),
        decision: one.decision.clone(),
        reason: one.reason.clone(),
        weighed: one.weighed.clone(),
        departs: one.departs,
        case_reference: one.case_reference.clone().unwrap_or_default(),
        decided_at: one.decided_at,
    }
}
