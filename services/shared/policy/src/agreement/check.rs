//! What a proposal must be beside readable: lawful in shape, scoped, and naming only what there is.

use super::document::Reading;
use super::law::{Body, gateway_of};
use super::{AgeBand, Agreement, ConsentRule, Flow, Kind, Mode, Reader, RestrictedRule, Scope};
use crate::catalogue::{Catalogue, SubjectKind};
use crate::class::Who;

/// Article 6 bases a public body may name here. Consent (6(1)(a)) is left out: between public bodies the power imbalance
/// voids it (domain reference §7.5); the consent of s213B is a condition, not a basis.
const ARTICLE_6: [&str; 3] = ["6(1)(c)", "6(1)(d)", "6(1)(e)"];
const ARTICLE_9: [&str; 5] = ["9(2)(c)", "9(2)(f)", "9(2)(g)", "9(2)(h)", "9(2)(j)"];
/// Schedule 1 paragraphs with the Article 9 condition each belongs to.
const SCHEDULE_1: [(&str, &str); 4] = [
    ("2", "9(2)(h)"),
    ("4", "9(2)(j)"),
    ("6", "9(2)(g)"),
    ("18", "9(2)(g)"),
];
const STRATEGIES: [&str; 4] = ["nhs-number", "upn", "la-child-id", "exact-demographics"];
const FLOW_LIMIT: usize = 200;

pub(super) fn check(agreement: &Agreement, catalogue: &Catalogue, reading: &mut Reading<'_>) {
    period(agreement, reading);
    law(agreement, reading);
    shape(agreement, catalogue, reading);
    for (number, flow) in agreement.flows.iter().enumerate() {
        let path = format!("flow[{}]", number + 1);
        flow_names(agreement, flow, &path, catalogue, reading);
        flow_law(agreement, flow, &path, reading);
        let earlier = agreement.flows.iter().take(number);
        if earlier
            .into_iter()
            .any(|other| other.event_type == flow.event_type && other.source.overlaps(&flow.source))
        {
            reading.fault_of(
                &path,
                "another flow covers the same source and event type: one flow says it all",
            );
        }
    }
    for (number, reader) in agreement.readers.iter().enumerate() {
        let path = format!("reader[{}]", number + 1);
        reader_names(agreement, reader, &path, catalogue, reading);
        let earlier = agreement.readers.iter().take(number);
        if earlier.into_iter().any(|other| {
            other.who.overlaps(&reader.who)
                && (&other.role, &other.view, other.mode)
                    == (&reader.role, &reader.view, reader.mode)
        }) {
            reading.fault_of(&path, "another reader says the same role, view and mode");
        }
    }
}

fn period(agreement: &Agreement, reading: &mut Reading<'_>) {
    let period = &agreement.period;
    if period.review <= period.effective {
        reading.fault_of("period.review", "not after the effective date");
    }
    if period.expiry < period.review {
        reading.fault_of("period.expiry", "before the review date");
    }
    if let Some(dpia) = &agreement.dpia
        && dpia.completed > period.effective
    {
        reading.fault_of(
            "dpia.completed",
            "after the effective date: the assessment comes first",
        );
    }
}

fn law(agreement: &Agreement, reading: &mut Reading<'_>) {
    let law = &agreement.law;
    if law.gateways.is_empty() {
        reading.fault_of("law.gateways", "no legal gateway is named");
    }
    for id in &law.gateways {
        if gateway_of(id).is_none() {
            reading.fault_of("law.gateways", format!("{id} is no gateway on the list"));
        }
    }
    let about_persons = !matches!(agreement.kind, Kind::Open { .. });
    if about_persons && law.article_6.is_empty() {
        reading.fault_of("law.article_6", "no Article 6 basis is named");
    }
    known(&law.article_6, &ARTICLE_6, "law.article_6", reading);
    known(&law.article_9, &ARTICLE_9, "law.article_9", reading);
    let paragraphs = SCHEDULE_1.map(|(paragraph, _)| paragraph);
    known(&law.schedule_1, &paragraphs, "law.schedule_1", reading);
    for condition in &law.article_9 {
        let wanted: Vec<_> = SCHEDULE_1
            .iter()
            .filter(|(_, of)| of == condition)
            .map(|(paragraph, _)| *paragraph)
            .collect();
        let named = law
            .schedule_1
            .iter()
            .any(|one| wanted.contains(&one.as_str()));
        if !wanted.is_empty() && !named {
            let reason = format!(
                "{condition} needs a paragraph of DPA 2018 Schedule 1: {}",
                wanted.join(" or ")
            );
            reading.fault_of("law.schedule_1", reason);
        }
    }
    if about_persons && agreement.dpia.is_none() {
        reading.fault_of(
            "dpia",
            "missing: data about persons needs an assessment first",
        );
    }
}

fn known(words: &[String], list: &[&str], field: &str, reading: &mut Reading<'_>) {
    for word in words.iter().filter(|word| !list.contains(&word.as_str())) {
        reading.fault_of(field, format!("{word} is not one of {}", list.join(", ")));
    }
}

fn shape(agreement: &Agreement, catalogue: &Catalogue, reading: &mut Reading<'_>) {
    if agreement.parties.is_empty() {
        reading.fault_of("party", "no controller is named");
    }
    if agreement.flows.len() > FLOW_LIMIT {
        reading.fault_of("flow", "more than 200 flows: split the agreement");
    }
    match &agreement.kind {
        Kind::Sharing => {
            if agreement.flows.is_empty() {
                reading.fault_of("flow", "a sharing agreement names at least one flow");
            }
            if agreement.readers.is_empty() {
                reading.fault_of(
                    "reader",
                    "a sharing agreement names at least one reader with a scope",
                );
            }
            let reserved = ["matching", "open-data"];
            if reserved.contains(&agreement.purpose.as_str()) {
                reading.fault_of("purpose", "reserved for another kind of agreement");
            }
        }
        Kind::Matching { strategies } => {
            only(agreement, "matching", reading);
            if !agreement.flows.is_empty() {
                reading.fault_of("flow", "a matching agreement releases nothing");
            }
            if strategies.is_empty() {
                reading.fault_of("matching.strategies", "name at least one");
            }
            known(strategies, &STRATEGIES, "matching.strategies", reading);
        }
        Kind::Open { dataset } => {
            only(agreement, "open-data", reading);
            if !catalogue.has_dataset(dataset) {
                reading.fault_of("open.dataset", format!("there is no dataset {dataset}"));
            }
            if agreement.flows.len() != 1 {
                reading.fault_of("flow", "an open-data agreement names one flow");
            }
        }
    }
}

fn only(agreement: &Agreement, purpose: &str, reading: &mut Reading<'_>) {
    if agreement.purpose.as_str() != purpose {
        reading.fault_of(
            "purpose",
            format!("this kind of agreement has the purpose {purpose}"),
        );
    }
    if !agreement.readers.is_empty() {
        reading.fault_of("reader", "this kind of agreement has no readers");
    }
}

fn flow_names(
    agreement: &Agreement,
    flow: &Flow,
    path: &str,
    catalogue: &Catalogue,
    reading: &mut Reading<'_>,
) {
    party(agreement, &flow.source, path, reading);
    let Some(shape) = catalogue.event(&flow.event_type) else {
        let reason = format!("there is no event type {}", flow.event_type);
        reading.fault_of(&format!("{path}.event"), reason);
        return;
    };
    if flow.fields.is_empty() {
        reading.fault_of(&format!("{path}.fields"), "no field is granted");
    }
    for name in flow
        .fields
        .iter()
        .filter(|name| shape.field(name).is_none())
    {
        let reason = format!("{} has no field {name}", flow.event_type);
        reading.fault_of(&format!("{path}.fields"), reason);
    }
    if let Some(predicate) = &flow.conditions.predicate {
        for fault in predicate.check(shape) {
            reading.fault_of(&format!("{path}.where"), fault.to_string());
        }
    }
    match (shape.subject, &flow.conditions.person) {
        (SubjectKind::Person, None) => {
            reading.fault_of(
                &format!("{path}.person"),
                "missing: the event is about a person",
            );
        }
        (SubjectKind::Area | SubjectKind::Open, Some(_)) => {
            reading.fault_of(&format!("{path}.person"), "the event is about nobody");
        }
        _ => {}
    }
    if shape.subject == SubjectKind::Area {
        reading.fault_of(
            &format!("{path}.event"),
            "the event is about a place, and views show persons: there is nowhere to release it to",
        );
    }
    let open_event = shape.subject == SubjectKind::Open;
    let open_kind = matches!(agreement.kind, Kind::Open { .. });
    if open_kind && !open_event {
        reading.fault_of(&format!("{path}.event"), "only open data may be published");
    }
    if !open_kind && open_event {
        reading.fault_of(
            &format!("{path}.event"),
            "open data needs an open-data agreement",
        );
    }
}

fn flow_law(agreement: &Agreement, flow: &Flow, path: &str, reading: &mut Reading<'_>) {
    let law = &agreement.law;
    let field = format!("{path}.gateways");
    let body = Body::of(&flow.source);
    if flow.gateways.is_empty() {
        reading.fault_of(&field, "no gateway is named");
    }
    for id in &flow.gateways {
        if !law.gateways.contains(id) {
            reading.fault_of(
                &field,
                format!("{id} is not among the agreement's gateways"),
            );
        }
        let Some(gateway) = gateway_of(id) else {
            continue;
        };
        if !body.is_some_and(|body| gateway.bodies.contains(&body)) {
            let reason = format!(
                "{} may not disclose under {}",
                flow.source, gateway.citation
            );
            reading.fault_of(&field, reason);
        }
        let consent = flow.conditions.person.map(|person| person.consent);
        if gateway.consent && consent != Some(ConsentRule::Required) {
            reading.fault_of(
                &format!("{path}.person.consent"),
                format!("{} demands consent = \"required\"", gateway.citation),
            );
        }
    }
    let Some(person) = flow.conditions.person else {
        return;
    };
    if person.consent == ConsentRule::NotNeeded && !law.article_6.iter().any(|one| one == "6(1)(c)")
    {
        reading.fault_of(
            &format!("{path}.person.consent"),
            "\"not-needed\" takes away the right to object: it needs the Article 6(1)(c) basis",
        );
    }
    match body {
        Some(Body::Police) if law.article_10.is_none() || law.part_3.is_none() => {
            reading.fault_of(
                "law.article_10",
                "police data needs Article 10 (DPA 2018 s10(5)) and Part 3 named",
            );
        }
        Some(Body::Nhs) if law.article_9.is_empty() => {
            reading.fault_of("law.article_9", "health data needs an Article 9 condition");
        }
        _ => {}
    }
    if person.age == AgeBand::Any && person.restricted != RestrictedRule::Withhold {
        reading.fault_of(
            &format!("{path}.person.restricted"),
            "restricted records of persons of any age are withheld: only a child has a responsible authority",
        );
    }
}

fn party(agreement: &Agreement, who: &Who, path: &str, reading: &mut Reading<'_>) {
    if !agreement.parties.iter().any(|party| party.who.covers(who)) {
        reading.fault_of(path, format!("{who} is not among the parties"));
    }
}

fn reader_names(
    agreement: &Agreement,
    reader: &Reader,
    path: &str,
    catalogue: &Catalogue,
    reading: &mut Reading<'_>,
) {
    party(agreement, &reader.who, path, reading);
    if reader.scopes.is_empty() {
        reading.fault_of(
            &format!("{path}.scope"),
            "no scope: about whom may this reader read?",
        );
    }
    let field = format!("{path}.view");
    match catalogue.view_purpose(&reader.view) {
        None => reading.fault_of(&field, format!("there is no view {}", reader.view)),
        Some(purpose) if *purpose != agreement.purpose => {
            reading.fault_of(&field, format!("the view is for the purpose {purpose}"));
        }
        Some(_) => {}
    }
    for event in &reader.events {
        if !agreement.flows.iter().any(|flow| flow.event_type == *event) {
            reading.fault_of(&format!("{path}.events"), format!("no flow brings {event}"));
        }
    }
    let authority = Body::of(&reader.who) == Some(Body::Authority);
    let of_authorities = [Scope::ResponsibleAuthority, Scope::ChosenAuthority];
    if !authority
        && reader
            .scopes
            .iter()
            .any(|scope| of_authorities.contains(scope))
    {
        reading.fault_of(
            &format!("{path}.scope"),
            "only a local authority can be the responsible or the chosen one",
        );
    }
    if reader.mode == Mode::Cohort && reader.beyond_scope != super::BeyondScope::Never {
        reading.fault_of(
            &format!("{path}.beyond_scope"),
            "a cohort has no single persons",
        );
    }
}
