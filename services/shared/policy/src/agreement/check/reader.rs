//! One reader: a known role of its body, a view of the purpose, a scope, and a lawful way to see each flow it sees.

use super::Checked;
use crate::agreement::document::Reading;
use crate::agreement::{BeyondScope, Delivery, Flow, Mode, Reader, Scope};
use crate::law::{Body, Gateway};

impl<'a> Checked<'a> {
    pub(super) fn reader(&self, reader: &Reader, path: &str, reading: &mut Reading<'_>) {
        self.party(&reader.who, path, reading);
        self.role(reader, path, reading);
        self.view(reader, path, reading);
        scope(reader, path, reading);
        delivery(reader, path, reading);
        let mut choice = false;
        self.case_on_statistics(reader, path, reading);
        for (flow, place) in self.agreement.flows.iter().zip(&self.typed.flows) {
            if reader.events.is_empty() || reader.events.contains(&flow.event_type) {
                self.sees(reader, path, flow, *place, reading);
                choice |= flow.rests_on_choice();
            }
        }
        if choice {
            chosen_alone(reader, path, reading);
        }
    }

    fn role(&self, reader: &Reader, path: &str, reading: &mut Reading<'_>) {
        let field = format!("{path}.role");
        let body = Body::of(&reader.who);
        match self.law.role(&reader.role) {
            None => {
                let known: Vec<_> = self.law.roles().map(|one| one.id.as_str()).collect();
                let reason = format!("there is no role {}", reader.role);
                reading.advise(&field, reason, format!("choose from {}", known.join(", ")));
            }
            Some(role) if !body.is_some_and(|body| role.bodies.contains(&body)) => {
                let reason = format!("{} is no role of {}", role.id, reader.who);
                let to_do = "name a role of that body (schemas/law/roles.toml)";
                reading.advise(&field, reason, to_do);
            }
            Some(_) => {}
        }
    }

    fn view(&self, reader: &Reader, path: &str, reading: &mut Reading<'_>) {
        let field = format!("{path}.view");
        match self.catalogue.view_purpose(&reader.view) {
            None => {
                let known: Vec<_> = self.catalogue.views().map(|(name, _)| name).collect();
                let reason = format!("there is no view {}", reader.view);
                reading.advise(&field, reason, format!("choose from {}", known.join(", ")));
            }
            Some(purpose) if self.typed.purpose && *purpose != self.agreement.purpose => {
                let reason = format!("the view is for the purpose {purpose}");
                reading.advise(&field, reason, "name a view of the agreement's purpose");
            }
            Some(_) => {}
        }
        for event in &reader.events {
            let mut flows = self.agreement.flows.iter();
            if !flows.any(|flow| flow.event_type == *event) && !reading.faulty("flow") {
                let field = format!("{path}.events");
                let to_do = "add the flow, or take the event out";
                reading.advise(&field, format!("no flow brings {event}"), to_do);
            }
        }
    }

    /// What a reader sees of a flow must be lawful for that reader.
    fn sees(
        &self,
        reader: &Reader,
        path: &str,
        flow: &Flow,
        number: usize,
        reading: &mut Reading<'_>,
    ) {
        let gateways = self.known(flow);
        let body = Body::of(&reader.who);
        let receives = |gateway: &&Gateway| body.is_some_and(|one| gateway.receives.contains(&one));
        if !gateways.is_empty() && !gateways.iter().any(receives) {
            reading.advise(
                path,
                format!(
                    "{} may not receive flow[{number}] ({}) under any of its gateways",
                    reader.who, flow.event_type
                ),
                "rest the flow on a gateway that covers both, or leave its event out of this reader's events",
            );
        }
        let restricted = flow.fields.iter().find(|name| {
            let law = self.law.field(&flow.event_type, name);
            law.is_some_and(|law| law.restricted)
        });
        if let Some(name) = restricted.filter(|_| reader.mode == Mode::Cohort) {
            reading.advise(
                &format!("flow[{number}].fields"),
                format!("{name} is restricted, and {path} sees it in a cohort view"),
                "take the field out, or the event out of that reader's events",
            );
        }
    }

    /// Single persons are never shown from what rests on statistics.
    fn case_on_statistics(&self, reader: &Reader, path: &str, reading: &mut Reading<'_>) {
        if reader.mode != Mode::Case {
            return;
        }
        let seen =
            |flow: &&Flow| reader.events.is_empty() || reader.events.contains(&flow.event_type);
        let mut flows = self.agreement.flows.iter().filter(seen);
        let statistical = flows.find_map(|flow| {
            let mut gateways = self.known(flow).into_iter();
            gateways.find(|gateway| gateway.statistical)
        });
        let research = self.agreement.law.article_9.as_slice() == ["9(2)(j)"];
        let rests = match statistical {
            Some(gateway) => gateway.to_string(),
            None if research => "9(2)(j)".to_owned(),
            None => return,
        };
        reading.advise(
            &format!("{path}.mode"),
            format!("shows single persons, and what it shows rests on statistics: {rests}"),
            "write mode = \"cohort\"",
        );
    }

    fn known(&self, flow: &Flow) -> Vec<&'a Gateway> {
        flow.gateways
            .iter()
            .filter_map(|id| self.law.gateway(id))
            .collect()
    }
}

fn scope(reader: &Reader, path: &str, reading: &mut Reading<'_>) {
    let field = format!("{path}.scope");
    if reader.scopes.is_empty() && !reading.faulty(&field) {
        reading.advise(
            &field,
            "no scope: about whom may this reader read?",
            "choose from own-subjects, responsible-authority, chosen-authority, area",
        );
    }
    let authority = Body::of(&reader.who) == Some(Body::Authority);
    let of_authorities = [Scope::ResponsibleAuthority, Scope::ChosenAuthority];
    let mut scopes = reader.scopes.iter();
    if !authority && scopes.any(|scope| of_authorities.contains(scope)) {
        reading.advise(
            &field,
            "only a local authority can be the responsible or the chosen one",
            "write scope = [\"own-subjects\"]",
        );
    }
    let has_area = matches!(
        Body::of(&reader.who),
        Some(Body::Authority | Body::CityHall)
    );
    if !has_area && reader.scopes.contains(&Scope::Area) {
        reading.advise(
            &field,
            "only a local authority and City Hall have an area of their own",
            "write scope = [\"own-subjects\"]",
        );
    }
    if reader.mode == Mode::Cohort && reader.beyond_scope != BeyondScope::Never {
        reading.advise(
            &format!("{path}.beyond_scope"),
            "a cohort has no single persons",
            "write beyond_scope = \"never\"",
        );
    }
}

/// A topic holds rows about single persons; who is beyond scope never stands on it, whatever the reader may ask for by a call.
fn delivery(reader: &Reader, path: &str, reading: &mut Reading<'_>) {
    if reader.delivery == Delivery::Topic && reader.mode == Mode::Cohort {
        reading.advise(
            &format!("{path}.delivery"),
            "a topic holds rows about single persons, and a cohort has none",
            "leave delivery out, or write mode = \"case\"",
        );
    }
}

/// What rests on the person's choice is read by the chosen authority alone.
fn chosen_alone(reader: &Reader, path: &str, reading: &mut Reading<'_>) {
    if !reader.scopes.is_empty() && reader.scopes != [Scope::ChosenAuthority] {
        reading.advise(
            &format!("{path}.scope"),
            "a referral is readable by the authority that the person chose, and by nobody else",
            "write scope = [\"chosen-authority\"]",
        );
    }
    if reader.beyond_scope != BeyondScope::Never {
        reading.advise(
            &format!("{path}.beyond_scope"),
            "beyond the chosen authority nobody reads a referral",
            "write beyond_scope = \"never\"",
        );
    }
}
