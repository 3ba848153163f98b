//! One flow: what it names is there, its gateways cover it, and its conditions are those that its law asks for.

use super::Checked;
use crate::agreement::document::Reading;
use crate::agreement::{AgeBand, ConsentRule, Flow, Kind, PersonConditions, RestrictedRule};
use crate::catalogue::{EventShape, SubjectKind};
use crate::law::{Body, Gateway};
use crate::predicate::{Literal, Predicate};

/// The basis of a legal obligation.
const LEGAL_OBLIGATION: &str = "6(1)(c)";

impl<'a> Checked<'a> {
    pub(super) fn flow(&self, flow: &Flow, path: &str, reading: &mut Reading<'_>) {
        self.party(&flow.source, path, reading);
        let gateways = self.flow_gateways(flow, path, reading);
        self.flow_basis(flow, &gateways, path, reading);
        if let Some(person) = flow.conditions.person {
            self.consent(flow, &person, &gateways, path, reading);
            opt_out(&person, &gateways, path, reading);
            if person.age != AgeBand::Child && person.restricted != RestrictedRule::Withhold {
                reading.advise(
                    &format!("{path}.person.restricted"),
                    "only a child has a responsible authority",
                    "write restricted = \"withhold\"",
                );
            }
        }
        let Some(shape) = self.catalogue.event(&flow.event_type) else {
            let reason = format!("there is no event type {}", flow.event_type);
            let to_do = "name an event type of proto/, for example housing.RentArrearsChanged";
            reading.advise(&format!("{path}.event"), reason, to_do);
            return;
        };
        self.subject(flow, shape, path, reading);
        self.fields(flow, shape, path, reading);
        self.predicate(flow, shape, path, reading);
    }

    /// The gateways of a flow that are known.
    fn flow_gateways(
        &self,
        flow: &Flow,
        path: &str,
        reading: &mut Reading<'_>,
    ) -> Vec<&'a Gateway> {
        let field = format!("{path}.gateways");
        let body = Body::of(&flow.source);
        if flow.gateways.is_empty() && !reading.faulty(&field) {
            let to_do = "name what this flow rests on";
            reading.advise(&field, "no gateway is named", to_do);
        }
        let mut known = Vec::new();
        for id in &flow.gateways {
            if self.typed.law && !self.agreement.law.gateways.contains(id) {
                let reason = format!("{id} is not among the agreement's gateways");
                reading.advise(&field, reason, "name it in [law] too, or take it out");
                continue;
            }
            // An unknown one was said at the agreement's list.
            let Some(gateway) = self.law.gateway(id) else {
                continue;
            };
            if !body.is_some_and(|body| gateway.discloses.contains(&body)) {
                reading.advise(
                    &field,
                    format!("{} may not disclose under {gateway}", flow.source),
                    "rest on a gateway that covers the source",
                );
            }
            known.push(gateway);
        }
        known
    }

    fn flow_basis(
        &self,
        flow: &Flow,
        gateways: &[&Gateway],
        path: &str,
        reading: &mut Reading<'_>,
    ) {
        let field = format!("{path}.article_6");
        let named = &self.agreement.law.article_6;
        match self.agreement.basis_of(flow) {
            None if named.len() > 1 => {
                let to_do = format!("write article_6 = one of {}", named.join(", "));
                let reason = "the agreement names several bases, and this flow says none";
                reading.advise(&field, reason, to_do);
            }
            Some(basis) if self.typed.law && !named.iter().any(|one| one == basis) => {
                let reason = format!("{basis} is not among the agreement's bases");
                reading.advise(&field, reason, "name it in [law] too, or correct it");
            }
            Some(LEGAL_OBLIGATION)
                if !gateways.is_empty() && !gateways.iter().any(|gateway| gateway.duty) =>
            {
                reading.advise(
                    &field,
                    "none of its gateways is a legal duty, so it does not rest on 6(1)(c)",
                    "rest on 6(1)(e), or cite the duty",
                );
            }
            _ => {}
        }
    }

    fn consent(
        &self,
        flow: &Flow,
        person: &PersonConditions,
        gateways: &[&Gateway],
        path: &str,
        reading: &mut Reading<'_>,
    ) {
        let field = format!("{path}.person.consent");
        let obligation = self.agreement.basis_of(flow) == Some(LEGAL_OBLIGATION);
        let referral = gateways.iter().find(|gateway| gateway.referral);
        let safeguarding = gateways.iter().find(|gateway| gateway.safeguarding);
        match (person.consent, referral, safeguarding) {
            (ConsentRule::Referral, Some(_), None) => {}
            (ConsentRule::Referral | ConsentRule::Required, _, Some(gateway)) => reading.advise(
                &field,
                format!("a duty to safeguard does not wait for consent: {gateway}"),
                "write consent = \"not-needed\"",
            ),
            (_, Some(gateway), _) => reading.advise(
                &field,
                format!("{gateway} demands consent with the authority that the person chose"),
                "write consent = \"referral\"",
            ),
            (ConsentRule::Referral, None, None) => reading.advise(
                &field,
                "a referral rests on Housing Act 1996 s213B alone",
                "cite ha1996-s213b, or write consent = \"required\"",
            ),
            (ConsentRule::Required, None, None) if obligation => reading.advise(
                &field,
                "what a legal obligation, 6(1)(c), demands is not made to depend on consent",
                "write \"not-needed\" or \"not-objected\", or rest on 6(1)(e)",
            ),
            (ConsentRule::NotNeeded, None, None)
                if !obligation && self.agreement.basis_of(flow).is_some() =>
            {
                reading.advise(
                    &field,
                    "takes away the right to object, which only a legal obligation, 6(1)(c), or safeguarding does",
                    "write consent = \"not-objected\"",
                );
            }
            _ => {}
        }
    }

    fn subject(&self, flow: &Flow, shape: &EventShape, path: &str, reading: &mut Reading<'_>) {
        let event = format!("{path}.event");
        match (shape.subject, &flow.conditions.person) {
            (SubjectKind::Person, None) => reading.advise(
                &format!("{path}.person"),
                "missing: the event is about a person",
                "add `[flow.person]` with its five conditions",
            ),
            (SubjectKind::Area | SubjectKind::Open, Some(_)) => reading.advise(
                &format!("{path}.person"),
                "the event is about nobody",
                "take `[flow.person]` out",
            ),
            _ => {}
        }
        let open = matches!(self.agreement.kind, Kind::Open { .. });
        match shape.subject {
            _ if !self.typed.purpose => {}
            SubjectKind::Area => reading.advise(
                &event,
                "the event is about a place, and views show persons: there is nowhere to release it to",
                "take the flow out",
            ),
            SubjectKind::Person if open => {
                reading.advise(&event, "only open data may be published", "take the flow out");
            }
            SubjectKind::Open if !open => reading.advise(
                &event,
                "open data needs an open-data agreement",
                "put the flow into an agreement of kind = \"open\"",
            ),
            _ => {}
        }
    }

    fn fields(&self, flow: &Flow, shape: &EventShape, path: &str, reading: &mut Reading<'_>) {
        let field = format!("{path}.fields");
        if flow.fields.is_empty() && !reading.faulty(&field) {
            let to_do = "name each field that the purpose needs";
            reading.advise(&field, "no field is granted", to_do);
        }
        for name in &flow.fields {
            if shape.field(name).is_none() {
                let reason = format!("{} has no field {name}", flow.event_type);
                reading.advise(&field, reason, "correct its name, or take it out");
                continue;
            }
            let Some(law) = self.law.field(&flow.event_type, name) else {
                let reason =
                    format!("{name} has no class: nobody has said what the law takes it for");
                reading.advise(&field, reason, "class it in schemas/law/fields.toml");
                continue;
            };
            if flow.rests_on_choice() && !law.referral {
                reading.advise(
                    &field,
                    format!("{name} is no referral content: contact, reason and accommodation status are all that s213B lets pass"),
                    "take the field out",
                );
            }
        }
    }

    fn predicate(&self, flow: &Flow, shape: &EventShape, path: &str, reading: &mut Reading<'_>) {
        let Some(predicate) = &flow.conditions.predicate else {
            return;
        };
        let field = format!("{path}.where");
        for fault in predicate.check(shape) {
            let to_do = "compare a field of the event with a value of its type";
            reading.advise(&field, fault.to_string(), to_do);
        }
        let mut compared = Vec::new();
        texts(predicate, &mut compared);
        for (name, text) in compared {
            let codes = self.catalogue.codes(&flow.event_type, name);
            if codes.is_some_and(|codes| !codes.contains(text)) {
                let to_do = "use a code of the field's list in schemas/codelists";
                reading.advise(&field, format!("{text} is no code of {name}"), to_do);
            }
        }
    }
}

fn opt_out(
    person: &PersonConditions,
    gateways: &[&Gateway],
    path: &str,
    reading: &mut Reading<'_>,
) {
    let field = format!("{path}.person.national_opt_out");
    if person.opt_out_applies {
        let beyond = |gateway: &&&Gateway| gateway.direct_care || gateway.duty;
        if let Some(gateway) = gateways.iter().find(beyond) {
            reading.advise(
                &field,
                format!("the national data opt-out reaches neither a person's own care nor a legal duty: {gateway}"),
                "write national_opt_out = \"does-not-apply\"",
            );
        }
    } else if let Some(gateway) = gateways.iter().find(|gateway| gateway.opt_out) {
        reading.advise(
            &field,
            format!("must apply to what rests on {gateway}"),
            "write national_opt_out = \"applies\"",
        );
    }
}

/// Every text that a field is compared with.
fn texts<'p>(predicate: &'p Predicate, found: &mut Vec<(&'p str, &'p str)>) {
    match predicate {
        Predicate::All(parts) | Predicate::Any(parts) => {
            for part in parts {
                texts(part, found);
            }
        }
        Predicate::Not(inner) => texts(inner, found),
        Predicate::Compare {
            field,
            literal: Literal::Text(text),
            ..
        }
        | Predicate::Has { field, text } => found.push((field, text)),
        Predicate::In { field, literals } => {
            for literal in literals {
                if let Literal::Text(text) = literal {
                    found.push((field, text));
                }
            }
        }
        Predicate::Compare { .. } | Predicate::Present { .. } => {}
    }
}
