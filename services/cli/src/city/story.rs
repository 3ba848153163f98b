//! Turns what happens into events: ids, subjects, heads, demographics where an organisation sees somebody for the first time.

use super::figures;
use super::people::{Person, happens, one_of};
use prost_types::Timestamp;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, HashSet};
use walbrook_domain::Day;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Demographics, EventHead, Subject};
use walbrook_proto::tfl::v1::{LineStatusChanged, OutreachNotified, event::Body as Tfl};

use super::life::date;
use crate::publish::{Body, Outgoing};

/// An event with the instant by which the city's calendar orders it, µs UTC.
#[derive(Debug, Clone)]
pub struct Told {
    /// When it happened, µs UTC.
    pub at_micros: i64,
    /// The event.
    pub event: Outgoing,
}

/// Whom, for whom and when: what a story needs beside its body.
#[derive(Debug, Clone)]
pub struct Story<'a> {
    person: &'a Person,
    organisation: String,
    id_scheme: &'static str,
    day: Day,
    at: Option<Timestamp>,
    supersedes: Option<String>,
    dated: Option<Day>,
}

impl<'a> Story<'a> {
    /// Something about a person, told by an organisation under its own number, on a day.
    pub fn of(person: &'a Person, organisation: &str, id_scheme: &'static str, day: Day) -> Self {
        Self {
            person,
            organisation: organisation.to_owned(),
            id_scheme,
            day,
            at: None,
            supersedes: None,
            dated: None,
        }
    }

    /// Told on its day, about another day: an episode that closes is still dated by its beginning.
    #[must_use]
    pub fn dated(mut self, day: Day) -> Self {
        self.dated = Some(day);
        self
    }

    /// At an instant that is known.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Correcting an earlier event of the same subject.
    #[must_use]
    pub fn superseding(mut self, event_id: String) -> Self {
        self.supersedes = Some(event_id);
        self
    }
}

/// Tells the city's events, in any order; sorting comes last.
pub struct Teller<'a> {
    /// The one source of chance.
    pub rng: &'a mut ChaCha8Rng,
    /// First day of the calendar.
    pub start: Day,
    /// The day after its last.
    pub end: Day,
    told: Vec<Told>,
    known: HashSet<(&'static str, String, usize)>,
}

impl<'a> Teller<'a> {
    /// A teller for a calendar.
    pub fn new(rng: &'a mut ChaCha8Rng, start: Day, end: Day) -> Self {
        Self {
            rng,
            start,
            end,
            told: Vec::new(),
            known: HashSet::new(),
        }
    }

    /// A day of the calendar, at least `before_end` days before its end.
    pub fn any_day(&mut self, before_end: i32) -> Day {
        let days = (self.end.0 - self.start.0 - before_end).max(1);
        self.start.plus(self.rng.random_range(0..days))
    }

    /// A time on a day, around an hour, UTC.
    pub fn time_on(&mut self, day: Day, hour: i64) -> Timestamp {
        Timestamp {
            seconds: i64::from(day.0) * 86_400 + hour * 3_600 + self.rng.random_range(0..3_600),
            nanos: 0,
        }
    }

    /// A number with many small and few large values, from `least` to `most` (each step more is kept with 7 in 10).
    pub fn heavy_tail(&mut self, least: u32, most: u32) -> u32 {
        let mut number = least;
        while number < most && self.rng.random_bool(0.7) {
            number += 1;
        }
        number
    }

    /// Tells one event about a person; returns its id.
    pub fn tell(&mut self, story: Story<'_>, body: Body) -> String {
        let event_id = uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .to_string();
        let first_time = self.known.insert((
            body.agency(),
            story.organisation.clone(),
            story.person.number,
        ));
        let with_nhs_number =
            story.organisation.starts_with("ODS:") || story.id_scheme == "LA_CHILD_ID";
        let demographics = first_time.then(|| {
            let mistyped = happens(self.rng, figures::MISTYPED);
            story.person.demographics(mistyped, with_nhs_number)
        });
        let when = match story.at {
            Some(at) => When::OccurredAt(at),
            None => When::OccurredOn(date(story.dated.unwrap_or(story.day))),
        };
        let at_micros = story
            .at
            .map_or_else(|| story.day.start().micros(), |at| at.seconds * 1_000_000);
        self.told.push(Told {
            at_micros,
            event: Outgoing {
                head: EventHead {
                    event_id: event_id.clone(),
                    organisation: None,
                    subject: Some(Subject {
                        scheme: story.id_scheme.to_owned(),
                        local_id: local_id(&story.organisation, story.person.number),
                        demographics,
                    }),
                    when: Some(when),
                    supersedes_event_id: story.supersedes,
                },
                organisation: story.organisation,
                body,
            },
        });
        event_id
    }

    /// What transport publishes: no person is in it.
    pub fn transport(&mut self) {
        const LINES: [&str; 5] = ["victoria", "northern", "central", "jubilee", "piccadilly"];
        let mut day = self.start;
        while day < self.end {
            let at = self.time_on(day, 7);
            let status = LineStatusChanged {
                line_id: one_of(self.rng, &LINES, "victoria").into(),
                mode: "tube".into(),
                status_severity: one_of(self.rng, &["9", "10", "6", "10"], "10").into(),
                disruption_category: Some("RealTime".into()),
                valid_from: Some(at),
                valid_to: None,
            };
            self.tell_open(at, Body::Tfl(Tfl::LineStatusChanged(status)));
            if self.rng.random_bool(0.3) {
                let at = self.time_on(day, 1);
                let (area, place) = one_of(
                    self.rng,
                    &[
                        ("BUS", "N29"),
                        ("BUS", "N8"),
                        ("UNDERGROUND", "940GZZLUASL"),
                    ],
                    ("BUS", "N29"),
                );
                let sighting = OutreachNotified {
                    area: area.into(),
                    route_or_station: place.into(),
                    seen_at: Some(at),
                    streetlink_ref: None,
                    immediate_danger: false,
                };
                self.tell_open(at, Body::Tfl(Tfl::OutreachNotified(sighting)));
            }
            day = day.plus(1);
        }
    }

    fn tell_open(&mut self, at: Timestamp, body: Body) {
        let event_id = uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .to_string();
        self.told.push(Told {
            at_micros: at.seconds * 1_000_000,
            event: Outgoing {
                organisation: "TFL:tfl".into(),
                head: EventHead {
                    event_id,
                    organisation: None,
                    subject: None,
                    when: Some(When::OccurredAt(at)),
                    supersedes_event_id: None,
                },
                body,
            },
        });
    }

    /// All events, in the order they happened. Demographics come with an organisation's first event about a person in that order.
    pub fn finish(mut self) -> Vec<Told> {
        self.told.sort_by_key(|told| told.at_micros);
        carry_demographics_first(&mut self.told);
        self.told
    }
}

/// Events were told person by person, course by course: the first told need not be the first that happened.
fn carry_demographics_first(told: &mut [Told]) {
    let mut kept: HashMap<(&'static str, String, String), Demographics> = HashMap::new();
    for event in told.iter_mut() {
        let (agency, organisation) = (event.event.body.agency(), event.event.organisation.clone());
        if let Some(subject) = &mut event.event.head.subject
            && let Some(demographics) = subject.demographics.take()
        {
            kept.insert(
                (agency, organisation, subject.local_id.clone()),
                demographics,
            );
        }
    }
    for event in told.iter_mut() {
        let (agency, organisation) = (event.event.body.agency(), event.event.organisation.clone());
        if let Some(subject) = &mut event.event.head.subject {
            subject.demographics = kept.remove(&(agency, organisation, subject.local_id.clone()));
        }
    }
}

/// An organisation's own number for a person: its own, so that no two organisations share one.
#[must_use]
pub fn local_id(organisation: &str, number: usize) -> String {
    let code = organisation.rsplit(':').next().unwrap_or(organisation);
    let short: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .rev()
        .take(3)
        .collect();
    format!("{}{number:06}", short.to_uppercase())
}
