//! Agreements in plain words.

use std::collections::BTreeSet;

use walbrook_domain::{Day, EventType, Precision};
use walbrook_policy::agreement::{
    AgeBand, Agreement, BeyondScope, ConsentRule, Delivery, Flow, Mode, Reader, RestrictedRule,
    Scope,
};
use walbrook_policy::class::Who;
use walbrook_policy::law::FieldClass;

use super::facts::Facts;

/// An event type as people say it: by the views that read it, or else by its name (`housing.RentArrearsChanged` is `rent arrears changed`).
pub(super) fn event(facts: &Facts, event_type: &EventType) -> String {
    if let Some(label) = facts.labels.get(event_type) {
        return label.clone();
    }
    let name = event_type.as_str();
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// A field as people say it.
pub(super) fn field(name: &str) -> String {
    name.replace('_', " ")
}

/// Fields with what the law takes them for: `*` special category, `†` criminal offence.
pub(super) fn marked(facts: &Facts, flow: &Flow) -> String {
    let marked: Vec<String> = flow
        .fields
        .iter()
        .map(|name| {
            let class = facts
                .law
                .field(&flow.event_type, name)
                .map(|field| field.class);
            let mark = match class {
                Some(FieldClass::SpecialCategory) => " *",
                Some(FieldClass::CriminalOffence) => " †",
                Some(FieldClass::Ordinary) | None => "",
            };
            format!("{}{mark}", field(name))
        })
        .collect();
    marked.join(", ")
}

/// Whether any field of the agreement is of this class.
pub(super) fn has_class(facts: &Facts, agreement: &Agreement, class: FieldClass) -> bool {
    agreement.flows.iter().any(|flow| {
        flow.fields.iter().any(|name| {
            let found = facts.law.field(&flow.event_type, name);
            found.is_some_and(|found| found.class == class)
        })
    })
}

/// Someone, or every one of a class.
pub(super) fn who(facts: &Facts, who: &Who) -> String {
    match who {
        Who::Organisation(one) => facts.name(one),
        Who::Class(class) => match class.as_str() {
            "london-authority" => "London authorities".to_owned(),
            "nhs-body" => "NHS bodies".to_owned(),
            "police-force" => "police forces".to_owned(),
            "transport-operator" => "Transport for London".to_owned(),
            "charity" => "charities".to_owned(),
            "registered-provider" => "registered providers of social housing".to_owned(),
            other => other.replace('-', " "),
        },
    }
}

/// One of someone: `a London authority`.
pub(super) fn one_of(facts: &Facts, who: &Who) -> String {
    match who {
        Who::Organisation(one) => facts.name(one),
        Who::Class(class) => match class.as_str() {
            "london-authority" => "a London authority".to_owned(),
            "nhs-body" => "an NHS body".to_owned(),
            "police-force" => "a police force".to_owned(),
            "transport-operator" => "Transport for London".to_owned(),
            "registered-provider" => "a registered provider of social housing".to_owned(),
            other => format!("a {}", other.replace('-', " ")),
        },
    }
}

/// Everyone of a list, once each, in the order of the document.
pub(super) fn each<'a>(facts: &Facts, list: impl Iterator<Item = &'a Who>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    list.map(|one| who(facts, one))
        .filter(|words| seen.insert(words.clone()))
        .collect()
}

/// A list in a sentence: `a, b and c`.
pub(super) fn and(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// A day as people write it.
pub(super) fn day(day: Day) -> String {
    walbrook_view::value::day_words(day)
}

/// How finely times are shared.
pub(super) const fn precision(precision: Precision) -> &'static str {
    match precision {
        Precision::Day => "day only",
        Precision::Hour => "to the hour",
        Precision::Minute => "to the minute",
        Precision::Instant => "exact time",
    }
}

/// The conditions of a flow, one a line.
pub(super) fn conditions(flow: &Flow) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(person) = &flow.conditions.person {
        match person.consent {
            ConsentRule::Required => lines.push("only with the person's consent".to_owned()),
            ConsentRule::NotObjected => {
                lines.push("not if the person objected or refused".to_owned())
            }
            ConsentRule::NotNeeded => {
                lines.push("whatever the person says: the law demands it".to_owned());
            }
            #[allow(
                unreachable_patterns,
                reason = "rules that are added are said by their word"
            )]
            other => lines.push(format!("consent: {}", other.as_str())),
        }
        if person.opt_out_applies {
            lines.push("not if the national data opt-out is set".to_owned());
        }
        match person.age {
            AgeBand::Adult => lines.push("known adults only".to_owned()),
            AgeBand::Child => lines.push("nobody known to be an adult".to_owned()),
            AgeBand::Any => {}
        }
        lines.push(
            match person.restricted {
                RestrictedRule::Withhold => "not if the person's records are restricted",
                RestrictedRule::ResponsibleAuthority => {
                    "restricted records to the responsible authority alone"
                }
            }
            .to_owned(),
        );
        lines.push(format!(
            "records linked as {} or surer",
            person.minimum_match.as_str()
        ));
    }
    if let Some(days) = flow.conditions.max_age_days {
        lines.push(format!("not older than {days} days"));
    }
    if let Some(predicate) = &flow.conditions.predicate {
        lines.push(format!("only where {predicate}"));
    }
    lines
}

/// A reader with its reach, in words.
pub(super) fn reader(facts: &Facts, reader: &Reader) -> String {
    let role = facts
        .law
        .role(&reader.role)
        .map_or_else(|| reader.role.replace('-', " "), |role| role.title.clone());
    let scopes: Vec<String> = reader
        .scopes
        .iter()
        .map(|scope| {
            match scope {
                Scope::OwnSubjects => "people they hold a record of",
                Scope::ResponsibleAuthority => "children they are responsible for",
                Scope::ChosenAuthority => "people who chose them",
                Scope::Area => "people of their area",
            }
            .to_owned()
        })
        .collect();
    let mode = match reader.mode {
        Mode::Case => "one person at a time, each reading on record",
        Mode::Cohort => "counts of at least ten people, no rows",
    };
    let beyond = match reader.beyond_scope {
        BeyondScope::Never => "",
        BeyondScope::BreakGlass => {
            "; beyond that one named person for a few hours, with a reason, reviewed by a second person"
        }
        BeyondScope::CaseReference => "; beyond that one named person with a case reference",
    };
    let delivered = match reader.delivery {
        Delivery::Calls => "",
        Delivery::Topic => "; delivered to a topic of its own, each row on record",
    };
    format!(
        "{role} of {}: {} ({mode}{beyond}{delivered})",
        who(facts, &reader.who),
        and(&scopes)
    )
}

/// Categories of people an agreement is about.
pub(super) fn subjects(agreement: &Agreement) -> String {
    let mut kinds = BTreeSet::new();
    for flow in &agreement.flows {
        kinds.insert(match flow.conditions.person.map(|person| person.age) {
            Some(AgeBand::Adult) => "adults known to the parties",
            Some(AgeBand::Child) => "children known to the parties",
            Some(AgeBand::Any) => "people of any age known to the parties",
            None => "nobody: the data is about places and services",
        });
    }
    let kinds: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
    and(&kinds)
}
