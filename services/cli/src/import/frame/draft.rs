//! Events as a mapping makes them, with ids that are the same whenever the same row is read again.

use sha2::{Digest as _, Sha256};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};

use super::account::{Finding, Severity};
use super::row::Row;
use crate::publish::{Body, Outgoing};

/// An event about to be sent.
#[derive(Debug, Clone)]
pub struct Draft {
    subject: Option<Subject>,
    when: When,
    body: Body,
    supersedes: Option<String>,
    carries: Option<(&'static str, u64)>,
}

impl Draft {
    /// An event about a person, by the organisation's own number.
    #[must_use]
    pub fn about(scheme: &str, local_id: &str, when: When, body: Body) -> Self {
        let subject = Subject {
            scheme: scheme.to_owned(),
            local_id: local_id.to_owned(),
            demographics: None,
        };
        Self {
            subject: Some(subject),
            ..Self::open(when, body)
        }
    }

    /// An event about a place or about nobody.
    #[must_use]
    pub fn open(when: When, body: Body) -> Self {
        Self {
            subject: None,
            when,
            body,
            supersedes: None,
            carries: None,
        }
    }

    /// Who the person is. With every event, not only the first: that one may be refused, and the gateway sees that nothing changed.
    #[must_use]
    pub fn who(mut self, demographics: Demographics) -> Self {
        if let Some(subject) = &mut self.subject {
            subject.demographics = Some(demographics);
        }
        self
    }

    /// The demographics come from this row: what is said of them is about it.
    #[must_use]
    pub fn carrying(mut self, table: &'static str, row: u64) -> Self {
        self.carries = Some((table, row));
        self
    }

    /// Corrects an earlier event of the same person.
    #[must_use]
    pub fn superseding(mut self, event_id: impl Into<String>) -> Self {
        self.supersedes = Some(event_id.into());
        self
    }
}

/// What becomes of one row.
#[derive(Debug)]
pub struct Drafts {
    table: &'static str,
    row: u64,
    pub(super) drafts: Vec<Draft>,
    pub(super) findings: Vec<Finding>,
    pub(super) not_mapped: Option<(String, String)>,
    pub(super) carried: bool,
}

impl Drafts {
    /// Of a row, with what was remarked while reading it.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        Self {
            table: row.table,
            row: row.number,
            drafts: Vec::new(),
            findings: row.remarks.clone(),
            not_mapped: None,
            carried: false,
        }
    }

    /// How many events are made of it so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.drafts.len()
    }

    /// Whether no event is made of it so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Sends an event.
    pub fn send(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// The row cannot be taken. Rule ids are SHOUTING_SNAKE; the sentence says what is wrong and what is expected, never the value.
    pub fn refuse(&mut self, column: &str, rule: &str, sentence: impl Into<String>) {
        self.find(Severity::Refuse, column, rule, sentence.into());
    }

    /// The row is taken, and looks wrong.
    pub fn query(&mut self, column: &str, rule: &str, sentence: impl Into<String>) {
        self.find(Severity::Query, column, rule, sentence.into());
    }

    /// Nothing is made of the row, for this reason.
    pub fn not_mapped(&mut self, rule: &str, sentence: impl Into<String>) {
        self.not_mapped = Some((rule.to_owned(), sentence.into()));
    }

    /// Nothing is made of the row itself; it goes along with the events of other rows ([`Draft::carrying`]) and has their fate.
    /// Call it before the first of those events.
    pub fn carried(&mut self) {
        self.carried = true;
    }

    fn find(&mut self, severity: Severity, column: &str, rule: &str, sentence: String) {
        self.findings.push(Finding {
            table: self.table,
            row: self.row,
            column: column.to_owned(),
            severity,
            rule: rule.to_owned(),
            sentence,
        });
    }
}

/// The id of an event: the same for the same source, organisation, table, subject, time and body, whichever file and run it comes from, so that
/// nothing is added by sending a row again, and a row that says something else is another event.
#[must_use]
pub fn event_id(source: &str, organisation: &str, table: &str, draft: &Draft) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for text in [source, organisation, table, draft.body.agency()] {
        part(text.as_bytes());
    }
    let (scheme, local_id) = draft
        .subject
        .as_ref()
        .map_or(("", ""), |who| (&who.scheme, &who.local_id));
    part(scheme.as_bytes());
    part(local_id.as_bytes());
    let mut bytes = Vec::new();
    draft.when.encode(&mut bytes);
    part(&bytes);
    bytes.clear();
    draft.body.encode(&mut bytes);
    part(&bytes);
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Draft and table as an event on its way, and the row whose demographics it carries.
pub(super) fn outgoing(
    draft: Draft,
    source: &str,
    organisation: &str,
    table: &str,
) -> (Outgoing, Option<(&'static str, u64)>) {
    let event_id = event_id(source, organisation, table, &draft);
    let head = EventHead {
        event_id,
        organisation: None,
        subject: draft.subject,
        when: Some(draft.when),
        supersedes_event_id: draft.supersedes,
    };
    let outgoing = Outgoing {
        organisation: organisation.to_owned(),
        head,
        body: draft.body,
    };
    (outgoing, draft.carries)
}

/// A date as British forms write it, dd/mm/yyyy.
///
/// # Errors
/// A sentence, when it is no such date or does not exist.
pub fn british_date(text: &str) -> Result<Date, &'static str> {
    let expected = "expected a date that exists, as dd/mm/yyyy";
    let mut parts = text.split('/');
    let (Some(day), Some(month), Some(year), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(expected);
    };
    date(year, month, day).ok_or(expected)
}

/// A date as the rest of the world's files write it, yyyy-mm-dd; a time after it is not read.
///
/// # Errors
/// A sentence, when it is no such date or does not exist.
pub fn iso_date(text: &str) -> Result<Date, &'static str> {
    let expected = "expected a date that exists, as yyyy-mm-dd";
    let day = text.split('T').next().unwrap_or(text);
    let mut parts = day.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(expected);
    };
    date(year, month, day).ok_or(expected)
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<i32>().ok()).flatten()
    };
    (year.len() == 4)
        .then(|| Date::new(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?))
        .flatten()
}
