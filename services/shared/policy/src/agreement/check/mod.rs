//! What a proposal must be beside readable: lawful in shape, scoped, and naming only what there is.
//!
//! One thing wrong is one fault, on the line where it is mended; what follows from it is not said again.

mod basis;
mod flow;
mod reader;

use super::document::Reading;
use super::read::Typed;
use super::{Agreement, Delivery, Flow, Kind};
use crate::catalogue::Catalogue;
use crate::class::Who;
use crate::law::Law;
use crate::predicate::{Literal, Operator, Predicate};
use std::collections::BTreeSet;
use walbrook_domain::Day;

const STRATEGIES: [&str; 5] = [
    "nhs-number",
    "upn",
    "la-child-id",
    "exact-demographics",
    "fellegi-sunter",
];
const FLOW_LIMIT: usize = 200;

/// The document with what it is checked against.
#[derive(Clone, Copy)]
struct Checked<'a> {
    agreement: &'a Agreement,
    typed: &'a Typed,
    catalogue: &'a Catalogue,
    law: &'a Law,
}

pub(super) fn check(
    agreement: &Agreement,
    typed: &Typed,
    catalogue: &Catalogue,
    today: Option<Day>,
    reading: &mut Reading<'_>,
) {
    let checked = Checked {
        agreement,
        typed,
        catalogue,
        law: catalogue.law(),
    };
    if typed.period {
        checked.period(today, reading);
        checked.organisations(reading);
    }
    if typed.law {
        checked.basis(reading);
    }
    if typed.purpose {
        checked.shape(reading);
    }
    checked.assessed(reading);
    for (number, (flow, place)) in agreement.flows.iter().zip(&typed.flows).enumerate() {
        let path = format!("flow[{place}]");
        checked.flow(flow, &path, reading);
        let mut earlier = agreement.flows.iter().take(number);
        if earlier
            .any(|other| other.event_type == flow.event_type && other.source.overlaps(&flow.source))
        {
            reading.advise(
                &path,
                "another flow covers the same source and event type",
                "let one flow say all that is granted",
            );
        }
    }
    for (number, (reader, place)) in agreement.readers.iter().zip(&typed.readers).enumerate() {
        let path = format!("reader[{place}]");
        checked.reader(reader, &path, reading);
        let mut earlier = agreement.readers.iter().take(number);
        if earlier.any(|other| {
            other.who.overlaps(&reader.who)
                && (&other.role, &other.view, other.mode)
                    == (&reader.role, &reader.view, reader.mode)
        }) {
            reading.advise(
                &path,
                "another reader says the same role, view and mode",
                "let one entry say its scope and events",
            );
        }
        let mut earlier = agreement.readers.iter().take(number);
        if reader.delivery == Delivery::Topic
            && earlier.any(|other| {
                other.delivery == Delivery::Topic
                    && other.who.overlaps(&reader.who)
                    && other.view == reader.view
                    && other.role != reader.role
            })
        {
            reading.advise(
                &format!("{path}.delivery"),
                "another reader has the view delivered in another role, and an organisation has one topic of a view",
                "let one role have it delivered",
            );
        }
    }
}

impl Checked<'_> {
    fn about_persons(&self) -> bool {
        self.typed.purpose && !matches!(self.agreement.kind, Kind::Open { .. })
    }

    fn period(&self, today: Option<Day>, reading: &mut Reading<'_>) {
        let period = &self.agreement.period;
        let ordered = "put the dates in the order effective, review, expiry";
        if period.review <= period.effective {
            reading.advise("period.review", "not after the effective date", ordered);
        }
        if period.expiry < period.review {
            reading.advise("period.expiry", "before the review date", ordered);
        }
        if let Some(today) = today.filter(|_| !reading.faulty("period")) {
            if period.expiry < today {
                let reason = format!("has passed: today is {today}");
                reading.advise("period.expiry", reason, "agree on a new period");
            } else if period.review < today {
                let reason = format!("has passed: today is {today}");
                let to_do = "review the agreement, and name the next review";
                reading.advise("period.review", reason, to_do);
            }
        }
        if period.backfill_from.is_some_and(|day| day > period.expiry) {
            reading.advise(
                "period.backfill_from",
                "after the last day: nothing could be filled back",
                "name the first day whose earlier events may be released, or take it out",
            );
        }
    }

    fn assessed(&self, reading: &mut Reading<'_>) {
        let effective = self.agreement.period.effective;
        match &self.agreement.dpia {
            Some(dpia) if self.typed.period && dpia.completed > effective => reading.advise(
                "dpia.completed",
                "after the effective date: the assessment comes first",
                "complete the assessment, then let the agreement take effect",
            ),
            None if self.about_persons() && !reading.faulty("dpia") => reading.advise(
                "dpia",
                "missing: data about persons needs an assessment first",
                "add `[dpia]` with its reference, outcome and day",
            ),
            _ => {}
        }
    }

    fn shape(&self, reading: &mut Reading<'_>) {
        let agreement = self.agreement;
        if agreement.parties.is_empty() && !reading.faulty("party") {
            let to_do = "add a `[[party]]` for each controller";
            reading.advise("party", "no controller is named", to_do);
        }
        if agreement.flows.len() > FLOW_LIMIT {
            reading.advise("flow", "more than 200 flows", "split the agreement");
        }
        match &agreement.kind {
            Kind::Sharing => self.sharing(reading),
            Kind::Matching { strategies } => {
                self.only("matching", reading);
                if !agreement.flows.is_empty() {
                    let to_do = "put the flows into a sharing agreement";
                    reading.advise("flow", "a matching agreement releases nothing", to_do);
                }
                if strategies.is_empty() {
                    let to_do = format!("choose from {}", STRATEGIES.join(", "));
                    reading.advise("matching.strategies", "no strategy is named", to_do);
                }
                for word in strategies {
                    if !STRATEGIES.contains(&word.as_str()) {
                        let to_do = format!("choose from {}", STRATEGIES.join(", "));
                        let reason = format!("{word} is no strategy of the identity service");
                        reading.advise("matching.strategies", reason, to_do);
                    }
                }
            }
            Kind::Open { dataset } => {
                self.only("open-data", reading);
                if agreement.flows.iter().any(is_record_of_others) {
                    self.dataset_of_others(dataset, reading);
                } else if !self.catalogue.has_dataset(dataset) {
                    let reason = format!("there is no dataset {dataset}");
                    reading.advise("open.dataset", reason, "name one that is published");
                }
                if agreement.flows.len() != 1 && !reading.faulty("flow") {
                    let to_do = "name one flow for each agreement";
                    reading.advise("flow", "an open-data agreement names one flow", to_do);
                }
            }
        }
    }

    /// A dataset whose schema others made is known to the control plane, which is asked when the agreement is proposed. Here: that only its own
    /// records reach it.
    fn dataset_of_others(&self, dataset: &str, reading: &mut Reading<'_>) {
        if self.catalogue.has_dataset(dataset) {
            let reason = format!("{dataset} is a dataset of this release");
            reading.advise(
                "open.dataset",
                reason,
                "name the dataset that was registered",
            );
        }
        let own = Predicate::Compare {
            field: "dataset".to_owned(),
            operator: Operator::Equal,
            literal: Literal::Text(dataset.to_owned()),
        };
        let flows = &self.agreement.flows;
        if flows
            .iter()
            .any(|flow| flow.conditions.predicate.as_ref() != Some(&own))
        {
            let to_do = format!("write where = 'dataset = \"{dataset}\"'");
            reading.advise(
                "flow",
                "records of other datasets would be published too",
                to_do,
            );
        }
    }

    fn sharing(&self, reading: &mut Reading<'_>) {
        if self.agreement.flows.is_empty() && !reading.faulty("flow") {
            let to_do = "add a `[[flow]]` for each source and event type";
            reading.advise("flow", "a sharing agreement names at least one flow", to_do);
        }
        if self.agreement.readers.is_empty() && !reading.faulty("reader") {
            reading.advise(
                "reader",
                "a sharing agreement names at least one reader with a scope",
                "add a `[[reader]]`: what nobody may read is not shared",
            );
        }
        if ["matching", "open-data"].contains(&self.agreement.purpose.as_str()) {
            reading.advise(
                "purpose",
                "reserved for another kind of agreement",
                "name the purpose of the sharing, for example rough-sleeping",
            );
        }
    }

    fn only(&self, purpose: &str, reading: &mut Reading<'_>) {
        if self.agreement.purpose.as_str() != purpose {
            let reason = format!("this kind of agreement has the purpose {purpose}");
            reading.advise("purpose", reason, format!("write purpose = \"{purpose}\""));
        }
        if !self.agreement.readers.is_empty() {
            let to_do = "take the readers out";
            reading.advise("reader", "this kind of agreement has no readers", to_do);
        }
    }

    /// Every organisation named by itself is on the registers on the effective date. Each is said once.
    fn organisations(&self, reading: &mut Reading<'_>) {
        let agreement = self.agreement;
        let named = |what: &str, place: &usize| format!("{what}[{place}].organisation");
        let parties = agreement.parties.iter().zip(&self.typed.parties);
        let flows = agreement.flows.iter().zip(&self.typed.flows);
        let readers = agreement.readers.iter().zip(&self.typed.readers);
        let everyone = parties
            .map(|(party, place)| (named("party", place), &party.who))
            .chain(flows.map(|(flow, place)| (named("flow", place), &flow.source)))
            .chain(readers.map(|(reader, place)| (named("reader", place), &reader.who)));
        let mut seen = BTreeSet::new();
        for (field, who) in everyone {
            let Who::Organisation(organisation) = who else {
                continue;
            };
            if !seen.insert(organisation) {
                continue;
            }
            let Some(known) = self.law.organisation(organisation) else {
                reading.advise(
                    &field,
                    format!("{organisation} is on no register that is known here"),
                    "correct the code, or enter the organisation in schemas/law/organisations.toml",
                );
                continue;
            };
            let on = agreement.period.effective;
            if known.first_day.is_some_and(|first| on < first) {
                let reason = format!("{} has its code from a later day", known.name);
                reading.advise(&field, reason, "let the agreement take effect then");
            }
            if let Some(last) = known.last_day.filter(|last| *last < on) {
                let successor = known.successor.as_ref();
                let to_do = successor.map_or_else(
                    || "name the organisation that came after it".to_owned(),
                    |one| format!("name its successor, {}", self.law.name(one)),
                );
                reading.advise(&field, format!("{} ended on {last}", known.name), to_do);
            }
        }
    }

    /// Whoever is named is a party, by itself or by its class.
    fn party(&self, who: &Who, path: &str, reading: &mut Reading<'_>) {
        let mut parties = self.agreement.parties.iter();
        if !parties.any(|party| party.who.covers(who)) && !reading.faulty("party") {
            let to_do = "add a `[[party]]` for it, so that it signs for itself";
            reading.advise(path, format!("{who} is not among the parties"), to_do);
        }
    }
}

/// The event type whose events are records that others made.
const RECORD_OF_OTHERS: &str = "city.OpenRecordPublished";

fn is_record_of_others(flow: &Flow) -> bool {
    flow.event_type.as_str() == RECORD_OF_OTHERS
}
