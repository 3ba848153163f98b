//! Pseudonyms without their key: under one purpose each stands for one thing, and each thing has one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use walbrook_domain::{EventId, Handle, Organisation, PersonId};

use crate::report::{Checked, Report};

/// What a pseudonym stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A person: the key of the topic.
    Person(PersonId),
    /// A handle.
    Handle(Handle),
    /// An event of an organisation about a handle: the `ce_id`.
    Event(Organisation, Handle, EventId),
}

impl Subject {
    /// The kind as `Matches` names it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Subject::Person(_) => "PERSON",
            Subject::Handle(_) => "HANDLE",
            Subject::Event(..) => "EVENT",
        }
    }
}

/// Every pair seen. Prefixes (from pages) and whole pseudonyms (from shared topics) are held against each other.
#[derive(Debug, Default)]
pub struct Pseudonyms {
    forth: HashMap<(String, Subject), [u8; 16]>,
    back: HashMap<(String, &'static str, [u8; 16]), Subject>,
    prefixes: HashMap<(String, Subject), u64>,
}

impl Pseudonyms {
    /// Says that a page abbreviates the subject's pseudonym so.
    pub fn prefix(
        &mut self,
        purpose: &str,
        subject: Subject,
        prefix: u64,
        place: &dyn fmt::Display,
        report: &mut Report,
    ) {
        match self.prefixes.entry((purpose.to_owned(), subject)) {
            Entry::Vacant(empty) => {
                empty.insert(prefix);
            }
            Entry::Occupied(known) if *known.get() == prefix => {}
            Entry::Occupied(known) => {
                report.differ(
                    "pseudonym",
                    place,
                    format!("the {} prefix used before", known.key().1.kind()),
                    "another",
                );
            }
        }
    }

    /// Says that the pseudonym stands for the subject on a record.
    pub fn whole(
        &mut self,
        purpose: &str,
        subject: Subject,
        pseudonym: [u8; 16],
        place: &dyn fmt::Display,
        report: &mut Report,
    ) {
        let [a, b, c, d, e, f, g, h, ..] = pseudonym;
        self.prefix(
            purpose,
            subject.clone(),
            u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            place,
            report,
        );
        match self
            .back
            .entry((purpose.to_owned(), subject.kind(), pseudonym))
        {
            Entry::Vacant(empty) => {
                empty.insert(subject.clone());
            }
            Entry::Occupied(known) if *known.get() == subject => {}
            Entry::Occupied(_) => {
                report.differ(
                    "pseudonym",
                    place,
                    format!("one {} behind a pseudonym", subject.kind()),
                    "two",
                );
            }
        }
        match self.forth.entry((purpose.to_owned(), subject)) {
            Entry::Vacant(empty) => {
                empty.insert(pseudonym);
                report.count(Checked::Pseudonyms, 1);
            }
            Entry::Occupied(known) if *known.get() == pseudonym => {}
            Entry::Occupied(known) => {
                report.differ(
                    "pseudonym",
                    place,
                    format!("the {} pseudonym used before", known.key().1.kind()),
                    "another",
                );
            }
        }
    }

    /// The whole pseudonym of a subject, where it was seen.
    pub fn known(&self, purpose: &str, subject: &Subject) -> Option<[u8; 16]> {
        self.forth
            .get(&(purpose.to_owned(), subject.clone()))
            .copied()
    }

    /// The same thing must not look the same under two purposes.
    pub fn check_across_purposes(&self, report: &mut Report) {
        let mut seen: HashMap<[u8; 16], &str> = HashMap::new();
        for (purpose, _, pseudonym) in self.back.keys() {
            if let Some(other) = seen.insert(*pseudonym, purpose)
                && other != purpose
            {
                report.differ(
                    "pseudonym",
                    format!("shared.{purpose}"),
                    "pseudonyms of its own",
                    format!("one that shared.{other} has too"),
                );
            }
        }
    }

    /// Every pair, for identity to confirm, in a fixed order.
    pub fn pairs(&self) -> Vec<(&str, &Subject, [u8; 16])> {
        let mut pairs: Vec<_> = self
            .forth
            .iter()
            .map(|((purpose, subject), pseudonym)| (purpose.as_str(), subject, *pseudonym))
            .collect();
        pairs.sort_by_key(|(purpose, subject, pseudonym)| (*purpose, subject.kind(), *pseudonym));
        pairs
    }
}
