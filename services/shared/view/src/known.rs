//! What is known of a feature, and how the sources of an event type stand for one person: absence is said, never taken for none.

use crate::model::{Select, View};
use crate::reading::{Reading, Source, Standing};
use crate::state::Person;
use crate::value::{Value, day_words};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Day, EventType, Organisation};
use walbrook_policy::class::Who;

/// What is known of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// A value.
    Value(Value),
    /// The sources were heard and there is nothing.
    Nothing,
    /// No source that could tell was heard of late; the last day one was, if ever.
    NotKnown(Option<Day>),
    /// No agreement in force grants it; the same for every person.
    Withheld(Box<str>),
}

impl Known {
    /// The value, where there is one.
    pub const fn value(&self) -> Option<&Value> {
        match self {
            Known::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The words of a cell without a value; `None` for a value or a known nothing.
    pub fn words(&self) -> Option<String> {
        match self {
            Known::Value(_) | Known::Nothing => None,
            Known::NotKnown(Some(day)) => Some(format!("not known since {}", day_words(*day))),
            Known::NotKnown(None) => Some("not known".to_owned()),
            Known::Withheld(words) => Some(words.to_string()),
        }
    }
}

/// How one source stands for a row or an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Freshness {
    /// The event type.
    pub event_type: EventType,
    /// The organisation, or the class of those that have not signed; `None` stands for every source named, none of which is linked.
    pub source: Option<String>,
    /// The last day it was heard.
    pub last_heard_on: Option<Day>,
    /// `heard`, `not known since <day>`, `not known`, `not signed`, `not in force`, `not linked`.
    pub statement: String,
}

/// The sources of the view's event types under the viewer's agreements, with the days they were last heard.
pub struct Sources<'a> {
    view: &'a View,
    named: &'a [Source],
    day: Day,
}

impl<'a> Sources<'a> {
    /// For a view, a viewer's agreements and the row's day.
    pub fn new(view: &'a View, reading: &'a dyn Reading, day: Day) -> Self {
        let named = reading.sources();
        debug_assert!(named.is_sorted_by_key(|source| &source.event_type));
        Self { view, named, day }
    }

    /// Those of one event type: they stand together.
    fn of(&self, event_type: &EventType) -> std::slice::Iter<'a, Source> {
        let before = |source: &Source| source.event_type < *event_type;
        let (_, rest) = self.named.split_at(self.named.partition_point(before));
        let (own, _) = rest.split_at(rest.partition_point(|one| one.event_type == *event_type));
        own.iter()
    }

    /// Why nobody can be shown what this select looks at, if so: computed from agreements alone.
    pub fn withheld(&self, select: &Select) -> Option<String> {
        let mask = select.mask();
        let granted = self
            .of(&select.event_type)
            .any(|source| source.standing == Standing::InForce && source.fields & mask == mask);
        if granted {
            return None;
        }
        let ask: BTreeSet<String> = self
            .of(&select.event_type)
            .map(|source| source.who.to_string())
            .collect();
        Some(if ask.is_empty() {
            "withheld: no agreement".to_owned()
        } else {
            let ask: Vec<String> = ask.into_iter().collect();
            format!("withheld: ask {}", ask.join(", "))
        })
    }

    fn fresh(&self, event_type: &EventType, heard: Day) -> bool {
        self.view
            .silent_after_days
            .get(event_type)
            .and_then(|days| i32::try_from(*days).ok())
            .is_none_or(|days| heard >= self.day.plus(days.saturating_neg()))
    }

    /// Whether *nothing* may be said of a person for an event type: some source in force holds a linked record of the person and was heard of
    /// late. `Err` has the last day any source that could tell was heard.
    pub fn heard(&self, event_type: &EventType, person: &Person<'_>) -> Result<(), Option<Day>> {
        let mut last = None;
        for (_, facts) in person.subjects() {
            let organisation = &facts.organisation;
            if !self
                .of(event_type)
                .any(|source| source.is_heard(organisation))
            {
                continue;
            }
            let heard = person.last_heard(organisation, event_type);
            if heard.is_some_and(|day| self.fresh(event_type, day)) {
                return Ok(());
            }
            last = last.max(heard);
        }
        Err(last)
    }

    /// How each source stands for a person: those linked by name, and one line for an event type none of whose sources is linked.
    pub fn for_person(&self, person: &Person<'_>) -> Vec<Freshness> {
        // Few: one for each record of the person.
        let linked: Vec<&Organisation> = person
            .subjects()
            .map(|(_, facts)| &facts.organisation)
            .collect();
        let mut lines = Vec::new();
        for event_type in &self.view.event_types {
            let mut any = false;
            for source in self.of(event_type) {
                let Who::Organisation(organisation) = &source.who else {
                    continue;
                };
                if linked.contains(&organisation) {
                    any = true;
                    let heard = person.last_heard(organisation, event_type);
                    lines.push(self.line(source, heard));
                }
            }
            if !any && self.of(event_type).next().is_some() {
                lines.push(Freshness {
                    event_type: event_type.clone(),
                    source: None,
                    last_heard_on: None,
                    statement: "not linked".to_owned(),
                });
            }
        }
        lines.sort();
        lines.dedup();
        lines
    }

    /// How each source stands whoever the person: from agreements and heartbeats alone.
    pub fn for_answer(&self, heard: &BTreeMap<(Organisation, EventType), Day>) -> Vec<Freshness> {
        let needs = self.view.needs();
        let mut lines: Vec<Freshness> = self
            .named
            .iter()
            .filter(|source| needs.contains_key(&source.event_type))
            .map(|source| {
                let heard = match &source.who {
                    Who::Organisation(organisation) => heard
                        .get(&(organisation.clone(), source.event_type.clone()))
                        .copied(),
                    Who::Class(_) => None,
                };
                self.line(source, heard)
            })
            .collect();
        lines.sort();
        lines.dedup();
        lines
    }

    /// How the source of one event of a person stands.
    pub(crate) fn of_source(
        &self,
        event_type: &EventType,
        organisation: &Organisation,
        person: &Person<'_>,
    ) -> Option<Freshness> {
        let named =
            |source: &&Source| matches!(&source.who, Who::Organisation(one) if one == organisation);
        let source = self.of(event_type).find(named)?;
        Some(self.line(source, person.last_heard(organisation, event_type)))
    }

    fn line(&self, source: &Source, heard: Option<Day>) -> Freshness {
        let statement = match (source.standing, heard) {
            (Standing::NotSigned, _) => "not signed".to_owned(),
            (Standing::Stopped, _) => "not in force".to_owned(),
            (Standing::InForce, None) => "not known".to_owned(),
            (Standing::InForce, Some(day)) if self.fresh(&source.event_type, day) => {
                "heard".to_owned()
            }
            (Standing::InForce, Some(day)) => format!("not known since {}", day_words(day)),
        };
        Freshness {
            event_type: source.event_type.clone(),
            source: Some(source.who.to_string()),
            last_heard_on: heard.filter(|_| source.standing == Standing::InForce),
            statement,
        }
    }

    /// What the viewer's agreements do not grant of this view, as sentences; the same for every person.
    pub fn withheld_lines(&self) -> Vec<String> {
        let mut lines = BTreeSet::new();
        for (event_type, mask) in self.view.needs() {
            let select = Select {
                event_type: event_type.clone(),
                only: None,
                unless: None,
                fields: (0..64).filter(|field| mask >> field & 1 == 1).collect(),
            };
            if let Some(words) = self.withheld(&select) {
                lines.insert(format!("{event_type}: {words}"));
            }
        }
        lines.into_iter().collect()
    }
}
