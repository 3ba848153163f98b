//! What is told about one person: events with ids, heads and the demographics that an organisation sends the first time.

use super::chance;
use super::truth::Known;
use super::{Soul, Span};
use crate::city::residents::records::{self, Held};
use crate::city::residents::{Resident, mixed};
use crate::publish::{Body, Outgoing};
use prost_types::Timestamp;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use walbrook_domain::Day;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};

/// The outreach team of the city, and its hostels.
pub(super) const OUTREACH: &str = "CHARITY:street-outreach";
/// The police of the city.
pub(super) const POLICE: &str = "POLICE_FORCE:metropolitan";

/// An event at its place in the order of the city.
#[derive(Debug, Clone)]
pub struct Told {
    /// When it is told, µs UTC; with the person and the number it orders all events of a city.
    pub at_micros: i64,
    /// The person's number; the largest there is for what is about nobody.
    pub index: u64,
    /// Number among what is told of the person.
    pub sequence: u32,
    /// The event.
    pub event: Outgoing,
}

/// Which of an organisation's records of the person an event is about: a hospital has a second one of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Record {
    #[default]
    First,
    Second,
}

/// What is told about one person.
pub(super) struct Diary<'a> {
    pub soul: &'a Soul,
    pub span: Span,
    pub rng: ChaCha8Rng,
    /// What the person's life went through, for the truth.
    pub courses: Vec<&'static str>,
    seed: u64,
    sequence: u32,
    told: Vec<(Told, Record)>,
}

/// Whom an event is sent by, and when.
#[derive(Debug, Clone)]
pub(super) struct Note {
    organisation: &'static str,
    record: Record,
    told_micros: i64,
    when: When,
    supersedes: Option<String>,
}

impl Note {
    /// Something that happened on a day, told on it.
    pub fn on(organisation: &'static str, day: Day) -> Self {
        Self {
            organisation,
            record: Record::First,
            told_micros: day.start().micros(),
            when: When::OccurredOn(date(day)),
            supersedes: None,
        }
    }

    /// Something that happened at an instant, told then.
    pub fn at(organisation: &'static str, at: Timestamp) -> Self {
        Self {
            organisation,
            record: Record::First,
            told_micros: at.seconds * 1_000_000,
            when: When::OccurredAt(at),
            supersedes: None,
        }
    }

    /// Told on another day than it happened.
    pub fn told_on(mut self, day: Day) -> Self {
        self.told_micros = day.start().micros();
        self
    }

    /// Told at another time than it happened.
    pub fn told_at(mut self, at: Timestamp) -> Self {
        self.told_micros = at.seconds * 1_000_000;
        self
    }

    /// Corrects an earlier event.
    pub fn superseding(mut self, event_id: &str) -> Self {
        self.supersedes = Some(event_id.to_owned());
        self
    }

    /// About the organisation's other record of the person.
    pub fn about(mut self, record: Record) -> Self {
        self.record = record;
        self
    }
}

impl<'a> Diary<'a> {
    pub fn new(soul: &'a Soul, span: Span, seed: u64, rng: ChaCha8Rng) -> Self {
        Self {
            soul,
            span,
            rng,
            courses: Vec::new(),
            seed,
            sequence: 0,
            told: Vec::new(),
        }
    }

    /// Notes that a course of life was taken.
    pub fn course(&mut self, word: &'static str) {
        if !self.courses.contains(&word) {
            self.courses.push(word);
        }
    }

    /// Tells an event and returns its id. What lies outside the days that are told has an id and is not told.
    pub fn tell(&mut self, note: Note, body: Body) -> String {
        let event_id = event_id(self.seed, self.soul.index, self.sequence);
        let sequence = self.sequence;
        self.sequence += 1;
        // Nothing is told of somebody who is not born yet.
        let (first, past) = (
            self.span
                .from
                .max(self.soul.resident.birth)
                .start()
                .micros(),
            self.span.to.plus(1).start().micros(),
        );
        if (first..past).contains(&note.told_micros) {
            let subject = Subject {
                scheme: scheme(note.organisation, body.agency()).to_owned(),
                local_id: local_id(
                    note.organisation,
                    body.agency(),
                    self.soul.index,
                    note.record,
                ),
                demographics: None,
            };
            let told = Told {
                at_micros: note.told_micros,
                index: self.soul.index,
                sequence,
                event: Outgoing {
                    organisation: note.organisation.to_owned(),
                    head: EventHead {
                        event_id: event_id.clone(),
                        organisation: None,
                        subject: Some(subject),
                        when: Some(note.when),
                        // What was not told is not corrected: it came before the first day.
                        supersedes_event_id: note.supersedes.filter(|id| self.has_told(id)),
                    },
                    body,
                },
            };
            self.told.push((told, note.record));
        }
        event_id
    }

    fn has_told(&self, event_id: &str) -> bool {
        self.told
            .iter()
            .any(|(told, _)| told.event.head.event_id == event_id)
    }

    /// Tells something that began on a day and may have ended on another: told when it began (or on the first day, if it stood open then), and
    /// again, superseding, when it ended. Both occur on the day it began. Nothing is told of what ended before the first day.
    pub fn period(
        &mut self,
        organisation: &'static str,
        began: Day,
        ended: Option<Day>,
        body: impl Fn(Option<Day>) -> Body,
    ) {
        let over = ended.is_some_and(|ended| ended < self.span.from);
        if over || began < self.soul.resident.birth {
            return;
        }
        let note = Note::on(organisation, began).told_on(began.max(self.span.from));
        let opened = self.tell(note, body(None));
        if let Some(ended) = ended.filter(|ended| *ended <= self.span.to) {
            let note = Note::on(organisation, began)
                .told_on(ended)
                .superseding(&opened);
            self.tell(note, body(Some(ended)));
        }
    }

    /// A day of the span and what lies beyond it.
    pub fn any_day(&mut self) -> Day {
        let days = self.span.beyond().0 - self.span.from.0 + 1;
        self.span.from.plus(self.rng.random_range(0..days.max(1)))
    }

    /// So many days of the span and what lies beyond it, by a rate of the person's own a year.
    pub fn days(&mut self, rate: f64, most: u32) -> Vec<Day> {
        let times = chance::count(&mut self.rng, rate * self.span.years(), most);
        let mut days: Vec<Day> = (0..times).map(|_| self.any_day()).collect();
        days.sort_unstable();
        days
    }

    /// A time on a day, in the hour given.
    pub fn time(&mut self, day: Day, hour: i64) -> Timestamp {
        Timestamp {
            seconds: i64::from(day.0) * 86_400 + hour * 3_600 + self.rng.random_range(0..3_600),
            nanos: 0,
        }
    }

    /// A reference of an organisation, for something of this person.
    pub fn reference(&self, letter: char, number: u32) -> String {
        let bits = mixed(self.seed ^ (self.soul.index << 16) ^ (u64::from(letter) << 48));
        format!("{letter}{:08}-{number}", bits % 100_000_000)
    }

    /// What is told, in its order; each organisation's first event about a record says who it is. With it, who is known as what.
    pub fn finish(
        mut self,
        household: &[Resident],
        chance: &ChaCha8Rng,
    ) -> (Vec<Told>, Vec<Known>) {
        let rough = self.courses.contains(&"slept-rough");
        let mut known: BTreeMap<(&'static str, String, Record), Known> = BTreeMap::new();
        let mut told = std::mem::take(&mut self.told);
        told.sort_by_key(|(told, _)| (told.at_micros, told.sequence));
        let mut events = Vec::with_capacity(told.len());
        for (mut told, record) in told {
            let agency = told.event.body.agency();
            let key = (agency, told.event.organisation.clone(), record);
            if let Some(subject) = &mut told.event.head.subject
                && !known.contains_key(&key)
            {
                let mut rng = chance.clone();
                rng.set_stream(self.soul.index << 8 | known.len() as u64);
                let street = rough && rng.random_range(0..10) < 4;
                let kind = service(&key.1, agency, record);
                let (mut held, errors) =
                    records::written(&self.soul.resident, household, kind, rng);
                // No system takes a birth that is still to come, however it was mistyped.
                let today = walbrook_domain::Instant(told.at_micros).london_day();
                held.birth_date = held.birth_date.filter(|born| *born <= today);
                subject.demographics =
                    Some(self.demographics(held, agency, &subject.local_id, street));
                let entry = Known {
                    agency,
                    organisation: key.1.clone(),
                    scheme: subject.scheme.clone(),
                    local_id: subject.local_id.clone(),
                    errors,
                };
                known.insert(key, entry);
            }
            events.push(told);
        }
        (events, known.into_values().collect())
    }

    fn demographics(&self, held: Held, agency: &str, local_id: &str, street: bool) -> Demographics {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let has_number = !held.nhs_number.is_empty();
        Demographics {
            given_name: held.given_name,
            family_name: held.family_name,
            birth_date: held.birth_date.map(date),
            postcode: if street {
                "ZZ99 3VZ".to_owned()
            } else {
                held.postcode
            },
            nhs_number: some(held.nhs_number),
            nhs_number_verified: has_number,
            upn: some(held.upn),
            la_child_id: (agency == "social-care").then(|| local_id.to_owned()),
            restricted: self.soul.restricted,
            email: some(held.email),
            town: some(held.town).filter(|_| !street),
            uprn: some(held.uprn).filter(|_| !street),
        }
    }
}

/// The kind of service, by its place in the list of those that keep records: it says how carefully.
fn service(organisation: &str, agency: &str, record: Record) -> usize {
    match (agency, record) {
        ("health", Record::Second) => 6,
        ("health", _) => 0,
        ("social-care", _) => 2,
        ("police", _) => 4,
        _ if organisation == OUTREACH => 5,
        _ => 1,
    }
}

fn scheme(organisation: &str, agency: &str) -> &'static str {
    match agency {
        "social-care" => "LA_CHILD_ID",
        _ if organisation == OUTREACH => "CHAIN_ID",
        _ => "LOCAL",
    }
}

/// An organisation's own number for a person. Nothing in it says whose it is elsewhere: each organisation counts in an order of its own.
fn local_id(organisation: &str, agency: &str, index: u64, record: Record) -> String {
    let bytes = organisation.bytes().chain(agency.bytes());
    let own = bytes.fold(0_u64, |all, byte| mixed(all ^ u64::from(byte)));
    let code = organisation.rsplit(':').next().unwrap_or(organisation);
    let mut short: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .rev()
        .take(3)
        .collect();
    short.make_ascii_uppercase();
    // Bijections of ten million: a factor that shares no divisor with it, and what is added.
    let factor = match own % 4 {
        0 => 7_654_321,
        1 => 3_141_593,
        2 => 9_876_543,
        _ => 1_234_567,
    };
    let number = (index * factor + own % 10_000_000) % 10_000_000;
    match record {
        Record::First => format!("{short}{number:07}"),
        Record::Second => format!("{short}X{number:07}"),
    }
}

/// The id of an event: a function of the city, the person and the number among what is told of them.
pub(super) fn event_id(seed: u64, index: u64, sequence: u32) -> String {
    let place = mixed(seed ^ mixed((index << 20) ^ u64::from(sequence)));
    let other = mixed(place ^ (index << 20) ^ u64::from(sequence) ^ 0x00e7_e417);
    let bits = (u128::from(place) << 64) | u128::from(other);
    uuid::Builder::from_random_bytes(bits.to_be_bytes())
        .into_uuid()
        .to_string()
}

/// A calendar date as the contracts write it.
pub(super) fn date(day: Day) -> Date {
    let (year, month, day) = day.ymd();
    Date { year, month, day }
}
