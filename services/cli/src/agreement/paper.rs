//! An agreement as a paper: what a data-protection officer reads before signing, from the document alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use walbrook_domain::{Day, Precision};
use walbrook_policy::agreement::{
    AgeBand, BeyondScope, ConsentRule, Delivery, Flow, Kind, Mode, PersonConditions, Reader,
    RestrictedRule, Scope,
};
use walbrook_policy::law::FieldClass;
use walbrook_policy::{Agreement, Class, Law, Who};
use walbrook_view::value::day_words;

/// How wide a line is.
const WIDTH: usize = 100;

/// The whole paper, without signatures.
pub(super) fn paper(agreement: &Agreement, law: &Law) -> String {
    let mut paper = Paper {
        out: String::new(),
        law,
    };
    paper.head(agreement);
    paper.parties(agreement);
    paper.basis(agreement);
    paper.period(agreement);
    paper.flows(agreement);
    paper.readers(agreement);
    paper.out
}

struct Paper<'a> {
    out: String,
    law: &'a Law,
}

impl Paper<'_> {
    fn title(&mut self, words: &str) {
        let _ = writeln!(self.out, "\n{words}\n{}", "─".repeat(words.chars().count()));
    }

    /// An empty line before each part of a chapter but the first.
    fn part(&mut self, number: usize) {
        if number > 0 {
            self.out.push('\n');
        }
    }

    /// A paragraph, `indent` columns in.
    fn say(&mut self, indent: usize, words: &str) {
        let margin = " ".repeat(indent);
        let mut line = String::new();
        for word in words.split_whitespace() {
            let wide = indent + line.chars().count() + 1 + word.chars().count() > WIDTH;
            if wide && !line.is_empty() {
                let _ = writeln!(self.out, "{margin}{line}");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            let _ = writeln!(self.out, "{margin}{line}");
        }
    }

    /// A name in a column of its own, and what it is beside it.
    fn entry(&mut self, name: &str, words: &str) {
        let start = self.out.len();
        self.say(18, words);
        let name: String = format!("{name:<17} ");
        if self.out.len() >= start + 18 {
            self.out.replace_range(start..start + 18, &name);
        }
    }

    fn head(&mut self, agreement: &Agreement) {
        let _ = writeln!(self.out, "DATA-SHARING AGREEMENT\n{}", agreement.title);
        let _ = writeln!(self.out, "{}, version {}", agreement.id, agreement.version);
        self.title("1. What it is for");
        self.say(0, &agreement.summary);
        let kind = match &agreement.kind {
            Kind::Sharing => "sharing, through views that each read is on record of".to_owned(),
            Kind::Matching { strategies } => format!(
                "matching: the identity service compares records by {}; nothing is released",
                strategies.join(", ")
            ),
            Kind::Open { dataset } => format!("open data, published as {dataset} for anyone"),
        };
        self.entry("Purpose", agreement.purpose.as_str());
        self.entry("Kind", &kind);
    }

    fn parties(&mut self, agreement: &Agreement) {
        self.title("2. Who is party to it");
        for party in &agreement.parties {
            let words = format!("{}. Ask {}.", self.who(&party.who), party.contact);
            self.entry(&capital(&party.role.replace('-', " ")), &words);
        }
        self.entry("Processor", &agreement.processor);
        self.say(
            0,
            "Each party signs for itself, and the agreement is in force for it from its own signature. A class stands for each of its \
             members that signs.",
        );
    }

    fn basis(&mut self, agreement: &Agreement) {
        self.title("3. What it rests on");
        let basis = &agreement.law;
        for id in &basis.gateways {
            let words = self.law.gateway(id).map_or_else(
                || format!("{id} (not on the list of gateways)"),
                |gateway| {
                    let since = gateway.commencement.map_or_else(
                        || "no commencement day on record".to_owned(),
                        |day| format!("in force since {}", day_words(day)),
                    );
                    format!("{}: {}; {since}", gateway.provision, gateway.about)
                },
            );
            self.entry("Legal gateway", &words);
        }
        for id in &basis.article_6 {
            let title = self.law.basis(id).map_or("", |one| one.title.as_str());
            self.entry("UK GDPR Article", &format!("{id} {title}"));
        }
        for id in &basis.article_9 {
            let title = self.law.condition(id).map_or("", |one| one.title.as_str());
            self.entry("UK GDPR Article", &format!("{id} {title}"));
        }
        for id in &basis.schedule_1 {
            let title = self.law.paragraph(id).map_or("", |one| one.title.as_str());
            let words = format!("DPA 2018 Schedule 1 paragraph {id}, {title}");
            self.entry("Condition", &words);
        }
        for (name, text) in [
            ("Article 10", &basis.article_10),
            ("DPA 2018 Part 3", &basis.part_3),
            ("Policy document", &basis.policy_document),
        ] {
            if let Some(text) = text {
                self.entry(name, text);
            }
        }
        if let Some(dpia) = &agreement.dpia {
            let words = format!(
                "{}, completed on {}: {}",
                dpia.reference,
                day_words(dpia.completed),
                dpia.outcome.replace('-', " ")
            );
            self.entry("Assessment", &words);
        }
    }

    fn period(&mut self, agreement: &Agreement) {
        let period = &agreement.period;
        self.title("4. When it holds");
        self.entry("In force", &between(period.effective, period.expiry));
        let review = format!("by {}", day_words(period.review));
        self.entry("Review", &review);
        let retention = format!(
            "an event is shown for {} days, counted from the day it happened on",
            agreement.retention_days
        );
        self.entry("Retention", &retention);
        let back = period.backfill_from.map_or_else(
            || {
                "an event accepted before this version was in force gets no more than was granted then"
                    .to_owned()
            },
            |day| {
                format!(
                    "events accepted since {} are released as if this version had been in force",
                    day_words(day)
                )
            },
        );
        self.entry("Earlier events", &back);
    }

    fn flows(&mut self, agreement: &Agreement) {
        if agreement.flows.is_empty() {
            return;
        }
        self.title("5. What is shared");
        for (number, flow) in agreement.flows.iter().enumerate() {
            self.part(number);
            let heading = format!(
                "5.{} {} ({}), from {}",
                number + 1,
                spaced(flow.event_type.name()),
                flow.event_type,
                self.who(&flow.source)
            );
            self.say(0, &heading);
            self.flow(agreement, flow);
        }
    }

    fn flow(&mut self, agreement: &Agreement, flow: &Flow) {
        let fields: Vec<_> = flow
            .fields
            .iter()
            .map(|name| self.field(flow, name))
            .collect();
        self.entry("  Fields", &fields.join(", "));
        let times = match flow.precision {
            Precision::Day => "to the day",
            Precision::Hour => "to the hour",
            Precision::Minute => "to the minute",
            Precision::Instant => "exact",
        };
        self.entry("  Times", times);
        let gateways: Vec<_> = flow
            .gateways
            .iter()
            .map(|id| {
                let known = self.law.gateway(id);
                known.map_or(id.as_str(), |gateway| gateway.provision.as_str())
            })
            .collect();
        let basis = agreement
            .basis_of(flow)
            .map_or_else(String::new, |basis| format!("; {basis}"));
        self.entry("  Rests on", &format!("{}{basis}", gateways.join("; ")));
        if let Some(person) = &flow.conditions.person {
            self.entry("  Only if", &person_words(person));
        }
        if let Some(days) = flow.conditions.max_age_days {
            self.entry("  Only for", &format!("{days} days after it happened"));
        }
        if let Some(predicate) = &flow.conditions.predicate {
            self.entry("  Only where", &predicate.to_string());
        }
    }

    /// A field, with the class that the law gives it.
    fn field(&self, flow: &Flow, name: &str) -> String {
        let class = match self.law.field(&flow.event_type, name) {
            None => " (not classed)",
            Some(law) => match law.class {
                FieldClass::Ordinary => "",
                FieldClass::SpecialCategory => " (special category)",
                FieldClass::CriminalOffence => " (criminal offence)",
            },
        };
        format!("{name}{class}")
    }

    fn readers(&mut self, agreement: &Agreement) {
        if agreement.readers.is_empty() {
            return;
        }
        self.title("6. Who may read it");
        for (number, reader) in agreement.readers.iter().enumerate() {
            self.part(number);
            let role = self.law.role(&reader.role);
            let heading = format!(
                "6.{} {} of {}",
                number + 1,
                role.map_or(reader.role.as_str(), |role| role.title.as_str()),
                self.who(&reader.who)
            );
            self.say(0, &heading);
            self.reader(agreement, reader);
        }
    }

    fn reader(&mut self, agreement: &Agreement, reader: &Reader) {
        let mode = match reader.mode {
            Mode::Case => "single persons, each read on record",
            Mode::Cohort => "groups of ten or more, never a person",
        };
        self.entry("  View", &format!("{}: {mode}", reader.view));
        let scopes: Vec<_> = reader
            .scopes
            .iter()
            .map(|scope| scope_words(*scope))
            .collect();
        self.entry("  About", &scopes.join(", or "));
        let beyond = match reader.beyond_scope {
            BeyondScope::Never => "nobody",
            BeyondScope::BreakGlass => {
                "one person at a time for a few hours, with a reason and a case reference, reviewed by a second person"
            }
            BeyondScope::CaseReference => "one person at a time, with a case reference on record",
        };
        self.entry("  Beyond that", beyond);
        if reader.delivery == Delivery::Topic {
            let topic = "those within it, on a topic of the organisation's own, as they change; each row on record";
            self.entry("  Delivered", topic);
        }
        let all: BTreeSet<_> = agreement
            .flows
            .iter()
            .map(|flow| flow.event_type.name())
            .collect();
        let events: Vec<_> = if reader.events.is_empty() {
            all.into_iter().map(spaced).collect()
        } else {
            reader
                .events
                .iter()
                .map(|event| spaced(event.name()))
                .collect()
        };
        self.entry("  Sees", &events.join(", "));
    }

    fn who(&self, who: &Who) -> String {
        match who {
            Who::Organisation(one) => self.law.name(one),
            Who::Class(class) => match class {
                Class::LondonAuthority => "each of the 33 London local authorities",
                Class::NhsBody => "each NHS body",
                Class::PoliceForce => "each police force",
                Class::TransportOperator => "Transport for London and its parts",
                Class::Charity => "each commissioned charity",
                Class::RegisteredProvider => "each registered provider of social housing",
            }
            .to_owned(),
        }
    }
}

fn person_words(person: &PersonConditions) -> String {
    let consent = match person.consent {
        ConsentRule::Referral => {
            "the person consented and chose one housing authority, which alone is shown it"
        }
        ConsentRule::Required => "the person consented and has not objected",
        ConsentRule::NotObjected => "the person has not objected, refused or withdrawn",
        ConsentRule::NotNeeded => "(neither consent nor objection matters)",
    };
    let opt_out = if person.opt_out_applies {
        "the national data opt-out is not set"
    } else {
        "(the national data opt-out does not apply)"
    };
    let age = match person.age {
        AgeBand::Adult => "the person was known to be an adult",
        AgeBand::Child => "the person was not known to be an adult",
        AgeBand::Any => "(of any age)",
    };
    let restricted = match person.restricted {
        RestrictedRule::Withhold => "the person's records are not restricted",
        RestrictedRule::ResponsibleAuthority => {
            "(restricted records are shown to the responsible authority alone)"
        }
    };
    let link = format!("the link is at least {}", person.minimum_match.as_str());
    [consent, opt_out, age, restricted, &link].join("; ")
}

fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::OwnSubjects => "people whose records its organisation holds",
        Scope::ResponsibleAuthority => "children its authority is responsible for",
        Scope::ChosenAuthority => "people who chose its authority",
        Scope::Area => "people of its area",
    }
}

fn between(first: Day, last: Day) -> String {
    format!(
        "from {} to {}, both included",
        day_words(first),
        day_words(last)
    )
}

/// `RentArrearsChanged` as people say it.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    // A first word this short is an abbreviation: ED, CIC.
    match words.split_once(' ') {
        Some((short, rest)) if short.len() <= 3 => format!("{} {rest}", short.to_uppercase()),
        _ => words,
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests;
