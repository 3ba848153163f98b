//! The workload of the views' figures: releases on `shared.rough-sleeping`, as the broker writes them, about many people of some boroughs.
//!
//! Outreach contacts and rent arrears are the city generator's with days and references of their own; hostel stays and hospital discharges are plain.
//! Bodies are cut to what the shipped agreements grant. Each person has a record at a council and one at a trust; the council's officers may read the row.
//! Events come in random order about people in random order; no event comes twice. What four columns of a row must say is kept beside, by a fold
//! that knows nothing of agreements, stores or events put in order ([`Naive`]).
//!
//! No raw event stands behind these releases, so there is nothing that an audit could derive; the other figures' runs are audited.

use crate::{NoFigure, demand, town};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;
use walbrook_cli::publish::Body;
use walbrook_domain::{AgreementVersion, Day, EventId, HandlePseudonym, Organisation, Precision};
use walbrook_event::framing::frame;
use walbrook_event::{ReleaseEnvelope, headers};
use walbrook_eventlog::NewRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::health::v1::InpatientDischarge;
use walbrook_proto::housing::v1::{
    HostelStay, RentArrearsChanged, RoughSleepingContact, event::Body as Housing,
};
use walbrook_proto::shared::v1::{Heartbeat, SubjectRecord};

mod naive;
mod names;

pub use naive::Naive;
pub use names::Names;

/// The purpose under which it is released.
pub const PURPOSE: &str = "rough-sleeping";
/// Who holds another one.
pub const TRUST: &str = "ODS:RRV";
/// The agreements that the releases rest on.
const AGREEMENTS: [&str; 2] = ["pan-london-rough-sleeping", "nhs-to-housing"];
/// People of the city whose events are the patterns.
const PATTERN_PEOPLE: usize = 20_000;
/// Of each hundred events so many are contacts, arrears and stays; the others are discharges.
const SHARES: [u32; 3] = [40, 75, 90];
/// Hostel stays of a person.
pub const STAYS: usize = 4;

/// Pence that no other arrears reach: marks are above.
pub const MARKED: i64 = 1_000_000;

/// The four kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `housing.RoughSleepingContact`.
    Contact,
    /// `housing.RentArrearsChanged`.
    Arrears,
    /// `housing.HostelStay`.
    Stay,
    /// `health.InpatientDischarge`.
    Discharge,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Contact, Self::Arrears, Self::Stay, Self::Discharge];

    /// The type of the event.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Contact => "housing.RoughSleepingContact",
            Self::Arrears => "housing.RentArrearsChanged",
            Self::Stay => "housing.HostelStay",
            Self::Discharge => "health.InpatientDischarge",
        }
    }

    const fn agreement(self) -> usize {
        match self {
            Self::Discharge => 1,
            _ => 0,
        }
    }
}

/// What an event says, as far as the naive fold looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Somebody was met.
    Contact,
    /// Pence owed.
    Arrears(i64),
    /// The number of the stay, and whether the person left.
    Stay(usize, bool),
    /// Somebody left hospital.
    Discharge,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The number of the person.
    pub person: usize,
    /// The purpose-local id.
    pub id: Uuid,
    /// The day.
    pub day: Day,
    /// What it says.
    pub says: Says,
    pattern: usize,
}

impl Event {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.says {
            Says::Contact => Kind::Contact,
            Says::Arrears(_) => Kind::Arrears,
            Says::Stay(..) => Kind::Stay,
            Says::Discharge => Kind::Discharge,
        }
    }
}

/// The people and the patterns of their events.
pub struct Released {
    seed: u64,
    people: Vec<[u8; 16]>,
    contacts: Vec<RoughSleepingContact>,
    arrears: Vec<RentArrearsChanged>,
    councils: Vec<Organisation>,
    trust: Organisation,
    /// The last day that is told of: today in London when the workload was made.
    pub today: Day,
}

impl Released {
    /// The workload about so many people of so many boroughs.
    ///
    /// # Errors
    /// When the city tells of no event of some kind.
    pub fn new(people: usize, boroughs: usize, seed: u64) -> Result<Self, NoFigure> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut own = Self {
            seed,
            people: (0..people).map(|_| rng.random()).collect(),
            contacts: Vec::new(),
            arrears: Vec::new(),
            councils: (0..boroughs).map(council).collect::<Result<_, _>>()?,
            trust: TRUST.parse()?,
            today: town::today(),
        };
        for told in town::city(PATTERN_PEOPLE, seed).events {
            match told.event.body {
                Body::Housing(Housing::RoughSleepingContact(one)) => own.contacts.push(one),
                Body::Housing(Housing::RentArrearsChanged(one)) => own.arrears.push(one),
                _ => {}
            }
        }
        let least = [own.contacts.len(), own.arrears.len()];
        demand(least.iter().all(|count| *count > 0), || {
            format!("the city lacks a kind of event: {least:?}")
        })?;
        Ok(own)
    }

    /// How many people there are.
    #[must_use]
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// The pseudonym of a person.
    #[must_use]
    pub fn pseudonym(&self, person: usize) -> [u8; 16] {
        self.people.get(person).copied().unwrap_or_default()
    }

    /// The number of each person by the pseudonym.
    #[must_use]
    pub fn numbers(&self) -> HashMap<&[u8], usize> {
        let numbered = self.people.iter().zip(0..);
        numbered
            .map(|(one, number)| (one.as_slice(), number))
            .collect()
    }

    /// The councils that hold the people's records.
    #[must_use]
    pub fn councils(&self) -> &[Organisation] {
        &self.councils
    }

    /// The council that holds a record of a person: the number of it.
    #[must_use]
    pub fn council(&self, person: usize) -> usize {
        person % self.councils.len().max(1)
    }

    /// SHA-256 over its people and first events.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for person in &self.people {
            hash.update(person);
        }
        for event in self.events(1, 1_000) {
            hash.update(event.id.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// Events about people in random order; the same for the same run.
    pub fn events(&self, run: u64, count: usize) -> impl Iterator<Item = Event> + '_ {
        let mut rng = self.rng(run);
        (0..count).map(move |_| {
            let person = rng.random_range(0..self.people.len());
            self.event(person, &mut rng)
        })
    }

    /// The random numbers of a run.
    #[must_use]
    pub fn rng(&self, run: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(1_000_003) ^ run)
    }

    /// An event about one person.
    pub fn event(&self, person: usize, rng: &mut ChaCha8Rng) -> Event {
        let [contact, arrears, stay] = SHARES;
        let dice = rng.random_range(0..100);
        let (says, day) = if dice < contact {
            (Says::Contact, self.today.plus(-rng.random_range(1..60)))
        } else if dice < arrears {
            let pence = rng.random_range(0..500_000);
            (
                Says::Arrears(pence),
                self.today.plus(-rng.random_range(1..200)),
            )
        } else if dice < stay {
            let (number, left) = (rng.random_range(0..STAYS), rng.random_bool(0.5));
            let (from, to) = self.stay_days(number);
            (Says::Stay(number, left), if left { to } else { from })
        } else {
            (Says::Discharge, self.today.plus(-rng.random_range(1..300)))
        };
        Event {
            person,
            id: uuid::Builder::from_random_bytes(rng.random()).into_uuid(),
            day,
            says,
            pattern: rng.random_range(0..usize::MAX),
        }
    }

    /// The arrears of a person as of today, later than whatever was said before: a change that a reader waits for. Numbers count up from one.
    pub fn mark(&self, person: usize, number: u32) -> Event {
        Event {
            person,
            // Of one day the event with the highest id is the last.
            id: Uuid::from_u128(0xffff << 112 | u128::from(number)),
            says: Says::Arrears(MARKED + i64::from(number)),
            day: self.today,
            pattern: 0,
        }
    }

    /// The first and the last day of a stay, the same for everybody.
    fn stay_days(&self, number: usize) -> (Day, Day) {
        let number = i32::try_from(number).unwrap_or(0);
        let from = self.today.plus(-40 * (number + 1));
        (from, from.plus(20))
    }

    fn handle(&self, person: usize, at: u8) -> HandlePseudonym {
        let mut bytes = self.pseudonym(person);
        if let Some(last) = bytes.last_mut() {
            *last ^= 0x80 | at;
        }
        HandlePseudonym::new(bytes)
    }

    fn raw_body(&self, event: &Event) -> Result<Vec<u8>, NoFigure> {
        fn pick<T: Clone>(all: &[T], at: usize) -> Result<T, NoFigure> {
            all.get(at % all.len().max(1))
                .cloned()
                .ok_or_else(|| NoFigure("no pattern".to_owned()))
        }
        let noon = |day: Day| prost_types::Timestamp {
            seconds: day.start().micros() / 1_000_000 + 43_200,
            nanos: 0,
        };
        Ok(match event.says {
            Says::Contact => {
                let mut body = pick(&self.contacts, event.pattern)?;
                body.contact_at = Some(noon(event.day));
                body.to_vec()?
            }
            Says::Arrears(pence) => {
                let mut body = pick(&self.arrears, event.pattern)?;
                body.tenancy_ref = format!("T{:08}", event.person);
                body.arrears_pence = pence;
                body.to_vec()?
            }
            Says::Stay(number, left) => {
                let (from, to) = self.stay_days(number);
                let body = HostelStay {
                    stay_ref: format!("S{:08}-{number}", event.person),
                    project_ref: None,
                    arrived_on: Some(date(from)),
                    departed_on: left.then(|| date(to)),
                    departure_reason: left.then(|| "PLANNED_MOVE".to_owned()),
                };
                body.to_vec()?
            }
            Says::Discharge => {
                let body = InpatientDischarge {
                    spell_ref: format!("D{:08}", event.pattern % 100_000_000),
                    planned_on: Some(date(event.day)),
                    discharged_at: Some(noon(event.day)),
                    destination: None,
                    homelessness_risk: true,
                };
                body.to_vec()?
            }
        })
    }

    /// The release of an event, as the broker writes it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn record(&self, event: &Event, names: &Names) -> Result<NewRecord, NoFigure> {
        let kind = event.kind();
        let form = names.form(kind);
        let (organisation, at) = match kind {
            Kind::Discharge => (Some(&self.trust), 1),
            _ => (self.councils.get(self.council(event.person)), 0),
        };
        let envelope = ReleaseEnvelope {
            id: EventId::new(event.id),
            event_type: form.event_type.clone(),
            organisation: organisation
                .cloned()
                .ok_or_else(|| NoFigure("an event is from nobody".to_owned()))?,
            occurred_at: event.day.start(),
            precision: Precision::Day,
            supersedes: None,
            key_id: "plain".to_owned(),
            data_schema: form.data_schema.clone(),
            agreement: form.agreement.clone(),
            version: AgreementVersion(1),
            handle: self.handle(event.person, at),
            not_after: None,
            trace_parent: None,
        };
        let raw = self.raw_body(event)?;
        let body = form.projection.project(&raw, form.mask, Precision::Day)?;
        let value = frame(form.schema_id, &body);
        Ok(self.new_record(
            names,
            &self.pseudonym(event.person),
            value,
            envelope.pairs(),
        ))
    }

    fn new_record(
        &self,
        names: &Names,
        key: &[u8],
        value: Vec<u8>,
        pairs: headers::Pairs,
    ) -> NewRecord {
        NewRecord {
            topic: Arc::clone(&names.topic),
            partition: None,
            key: Some(key.to_vec().into()),
            value: Some(value.into()),
            headers: pairs.into_iter().collect(),
            timestamp_ms: Some(i64::from(self.today.0) * 86_400_000),
        }
    }

    /// Both subject records of everybody.
    pub fn subjects<'a>(
        &'a self,
        names: &'a Names,
    ) -> impl Iterator<Item = Result<NewRecord, NoFigure>> + 'a {
        let both = (0..self.people.len()).flat_map(|person| [(person, 0), (person, 1)]);
        both.map(move |(person, at)| {
            let organisation = match at {
                0 => self.councils.get(self.council(person)),
                _ => Some(&self.trust),
            };
            let record = SubjectRecord {
                handle_pseudonym: self.handle(person, at).as_bytes().to_vec(),
                organisation: organisation.map(ToString::to_string).unwrap_or_default(),
                adult_from: Some(date(self.today.plus(-3_000))),
                link_status: "MATCH".into(),
                link_score_ten_thousandths: 9_900,
                ..SubjectRecord::default()
            };
            let pairs = headers::internal(SubjectRecord::FULL_NAME, "broker", None, None);
            let value = frame(names.subject, &record.to_vec()?);
            Ok(self.new_record(names, &self.pseudonym(person), value, pairs))
        })
    }

    /// That every source was heard yesterday, to each partition.
    pub fn heartbeats<'a>(
        &'a self,
        names: &'a Names,
        partitions: i32,
    ) -> impl Iterator<Item = Result<NewRecord, NoFigure>> + 'a {
        let sources = self.councils.iter().flat_map(|council| {
            let kinds = [Kind::Contact, Kind::Arrears, Kind::Stay];
            kinds.map(|kind| (council, kind))
        });
        let sources = sources.chain([(&self.trust, Kind::Discharge)]);
        sources.flat_map(move |(organisation, kind)| {
            (0..partitions).map(move |partition| {
                let record = Heartbeat {
                    organisation: organisation.to_string(),
                    event_type: kind.event_type().into(),
                    last_accepted_on: Some(date(self.today.plus(-1))),
                };
                let pairs = headers::internal(Heartbeat::FULL_NAME, "broker", None, None);
                let value = frame(names.heartbeat, &record.to_vec()?);
                let key = organisation.to_string();
                let mut record = self.new_record(names, key.as_bytes(), value, pairs);
                record.partition = Some(partition);
                Ok(record)
            })
        })
    }
}

fn council(number: usize) -> Result<Organisation, NoFigure> {
    Ok(format!("GSS:E090000{:02}", number + 1).parse()?)
}

fn date(day: Day) -> Date {
    let (year, month, day) = day.ymd();
    Date { year, month, day }
}
