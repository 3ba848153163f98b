//! The workload of enforcement's figures: wide events about many people, under twelve agreements of which each event matches three.
//!
//! The events are care episodes, the event type with the most fields, as the city generator tells them when they have closed: all twelve fields are
//! set, and with the envelope (id, organisation, type, time, precision, schema, trace) an event has nineteen. Every event is another one: reference,
//! dates, distance and id differ. Each handle is a person of its own whose id is the handle, so that a peer that knows no links derives the same
//! pseudonym.

use crate::{NoFigure, demand, town};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use walbrook_cli::publish::Body;
use walbrook_domain::{Day, EventId, EventType, Handle, Organisation, PersonId, Precision};
use walbrook_event::framing::frame;
use walbrook_event::{Key, PurposeKey, RawEnvelope, headers};
use walbrook_eventlog::{NewRecord, topics};
use walbrook_eventlog_kafka::Registry;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1::{LinkMember, LinkRecord};
use walbrook_proto::social_care::v1::{CareEpisode, event::Body as SocialCare};
use walbrook_runtime::keystore::{FileKeyStore, KeyStore};
use walbrook_tests::backbone::Backbone;

mod agreements;

pub use agreements::agreements;

/// The purpose under which it is shared.
pub const PURPOSE: &str = "children-in-care";
/// Where the events are.
pub const AGENCY: &str = "social-care";
/// The fields that the permitting agreements grant: eight of twelve are projected away.
pub const GRANTED: [&str; 4] = ["episode_ref", "decom", "place", "dec"];
/// The schema of an event with the granted fields alone, as a peer writes it.
pub const GRANTED_SCHEMA: &str = r#"{"name":"CareEpisode","namespace":"walbrook.social_care.v1","type":"record","fields":[{"name":"episode_ref","type":"string"},{"name":"decom","type":{"type":"int","logicalType":"date"}},{"name":"place","type":"string"},{"name":"dec","type":["null",{"type":"int","logicalType":"date"}],"default":null}]}"#;
/// Who sends; each has three agreements about its events.
const COUNCILS: [&str; 4] = [
    "GSS:E09000007",
    "GSS:E09000019",
    "GSS:E09000022",
    "GSS:E09000033",
];
/// People of the city whose care episodes are the patterns.
const PATTERN_PEOPLE: usize = 40_000;
/// Events that came in one frame, and so have one trace.
const FRAME: u64 = 200;
/// The type of the events.
pub const EVENT_TYPE: &str = "social_care.CareEpisode";

/// The people and the patterns of their events.
#[derive(Debug)]
pub struct Wide {
    seed: u64,
    handles: Vec<Handle>,
    patterns: Vec<CareEpisode>,
    councils: Vec<Organisation>,
    event_type: EventType,
    today: Day,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Whom it is about: the number of a handle.
    pub person: usize,
    id: EventId,
    episode: CareEpisode,
    occurred: Day,
    trace_parent: Arc<str>,
}

/// How the records are named on one backbone.
#[derive(Debug)]
pub struct Names {
    raw_topic: Arc<str>,
    raw_id: i32,
    raw_schema: String,
    links_topic: Arc<str>,
    links_id: i32,
    links_schema: String,
}

impl Names {
    /// Asks the registry; the broker has registered the schemas.
    ///
    /// # Errors
    /// When one is not there.
    pub async fn of(backbone: &Backbone) -> Result<Self, NoFigure> {
        let raw_topic = backbone.namespace.name(&topics::raw(AGENCY));
        let links_topic = backbone.namespace.name(topics::LINKS);
        let (raw_id, raw_schema) = named::<CareEpisode>(backbone, &raw_topic).await?;
        let (links_id, links_schema) = named::<LinkRecord>(backbone, &links_topic).await?;
        Ok(Self {
            raw_topic: raw_topic.into(),
            raw_id,
            raw_schema,
            links_topic: links_topic.into(),
            links_id,
            links_schema,
        })
    }

    /// The id of the events' schema.
    #[must_use]
    pub fn schema_id(&self) -> i32 {
        self.raw_id
    }
}

/// The id of a record's schema under a topic, and how `ce_dataschema` names it.
///
/// # Errors
/// When the registry does not know it.
pub async fn named<R: AvroRecord>(
    backbone: &Backbone,
    topic: &str,
) -> Result<(i32, String), NoFigure> {
    let subject = format!("{topic}-{}", R::FULL_NAME);
    let found = Registry::new(backbone.registry())
        .lookup(&subject, R::SCHEMA)
        .await?;
    let id = found.ok_or_else(|| NoFigure(format!("{subject} is not registered")))?;
    Ok((id, format!("{subject}/{id}")))
}

impl Wide {
    /// The workload of so many handles.
    ///
    /// # Errors
    /// When the city tells of no closed care episode.
    pub fn new(handles: usize, seed: u64) -> Result<Self, NoFigure> {
        let patterns: Vec<CareEpisode> = town::city(PATTERN_PEOPLE, seed)
            .events
            .into_iter()
            .filter_map(|told| match told.event.body {
                Body::SocialCare(SocialCare::CareEpisode(episode)) => Some(episode),
                _ => None,
            })
            .filter(|episode| episode.dec.is_some())
            .collect();
        demand(!patterns.is_empty(), || {
            "the city has no closed care episode".to_owned()
        })?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let councils = COUNCILS
            .iter()
            .map(|council| council.parse())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            seed,
            handles: (0..handles).map(|_| Handle::new(rng.random())).collect(),
            patterns,
            councils,
            event_type: EventType::new(EVENT_TYPE)?,
            today: town::today(),
        })
    }

    /// How many handles there are.
    #[must_use]
    pub fn handles(&self) -> usize {
        self.handles.len()
    }

    /// The key of an event's record.
    #[must_use]
    pub fn handle(&self, event: &Event) -> Option<Handle> {
        self.handles.get(event.person).copied()
    }

    /// Whom an event is about, and the organisation that holds the record.
    #[must_use]
    pub fn subject(&self, event: &Event) -> Option<(Handle, &Organisation)> {
        Some((self.handle(event)?, self.council(event.person)?))
    }

    /// The key of an event's release.
    #[must_use]
    pub fn pseudonym(&self, event: &Event, key: &PurposeKey) -> Vec<u8> {
        let handle = self.handle(event).unwrap_or(Handle::new([0; 16]));
        let person = PersonId::new(*handle.as_bytes());
        key.person(person).as_bytes().to_vec()
    }

    /// SHA-256 over its handles, its patterns and its first events.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for handle in &self.handles {
            hash.update(handle.as_bytes());
        }
        for event in self.events(1, 1_000) {
            hash.update(event.id.as_bytes());
            hash.update(event.episode.episode_ref.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    fn council(&self, person: usize) -> Option<&Organisation> {
        self.councils.get(person % self.councils.len())
    }

    /// The link record of every handle: a person of its own.
    pub fn links<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = NewRecord> + 'a {
        let recorded = self.today.plus(-30).start();
        let persons = self.handles.iter().enumerate();
        persons.filter_map(move |(person, handle)| {
            let organisation = self.council(person)?.to_string();
            let link = LinkRecord {
                handle: handle.as_bytes().to_vec(),
                organisation: organisation.clone(),
                person: handle.as_bytes().to_vec(),
                status: "MATCH".into(),
                score_ten_thousandths: 10_000,
                strategy: "own".into(),
                members: vec![LinkMember {
                    handle: handle.as_bytes().to_vec(),
                    organisation,
                }],
                revision: 1,
                recorded_at: Some(prost_types::Timestamp {
                    seconds: recorded.micros() / 1_000_000,
                    nanos: 0,
                }),
                ..LinkRecord::default()
            };
            let mut pairs =
                headers::internal(LinkRecord::FULL_NAME, "identity", Some(recorded), None);
            pairs.push((headers::DATA_SCHEMA, names.links_schema.clone()));
            let value = frame(names.links_id, &link.to_vec().ok()?);
            Some(record(&names.links_topic, *handle, value, pairs))
        })
    }

    /// Every handle, with the organisation that holds the record.
    pub fn everyone(&self) -> impl Iterator<Item = (Handle, &Organisation)> {
        let persons = self.handles.iter().enumerate();
        persons.filter_map(|(person, handle)| Some((*handle, self.council(person)?)))
    }

    /// One event about each of the first handles.
    pub fn events_about(&self, run: u64, count: usize) -> impl Iterator<Item = Event> + '_ {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(7_919) ^ run);
        (0u64..)
            .zip(0..count.min(self.handles.len()))
            .filter_map(move |(number, person)| self.event(run, number, person, &mut rng))
    }

    /// Events about handles in random order; the same for the same run.
    pub fn events(&self, run: u64, count: usize) -> impl Iterator<Item = Event> + '_ {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_mul(1_000_003) ^ run);
        (0u64..).take(count).filter_map(move |number| {
            let person = rng.random_range(0..self.handles.len());
            self.event(run, number, person, &mut rng)
        })
    }

    fn event(&self, run: u64, number: u64, person: usize, rng: &mut ChaCha8Rng) -> Option<Event> {
        let mut episode = self
            .patterns
            .get(rng.random_range(0..self.patterns.len()))?
            .clone();
        let ended = self.today.plus(-rng.random_range(1..300));
        let began = ended.plus(-rng.random_range(20..900));
        episode.episode_ref = format!("E{person:07}-{run}-{number}");
        episode.decom = Some(date(began));
        episode.dec = Some(date(ended));
        episode.pl_distance_tenths_mile = Some(rng.random_range(5..300));
        episode.in_borough = Some(rng.random_bool(0.5));
        let frame = number / FRAME;
        Some(Event {
            person,
            id: EventId::new(uuid::Builder::from_random_bytes(rng.random()).into_uuid()),
            episode,
            occurred: ended,
            trace_parent: format!("00-{:016x}{:016x}-{:016x}-01", run + 1, frame, frame + 1).into(),
        })
    }

    /// The raw record of an event, as a gateway writes it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn record(&self, event: &Event, names: &Names) -> Result<NewRecord, NoFigure> {
        let (Some(handle), Some(organisation)) = (self.handle(event), self.council(event.person))
        else {
            return Err(NoFigure("an event is about nobody".to_owned()));
        };
        let envelope = RawEnvelope {
            id: event.id,
            event_type: self.event_type.clone(),
            organisation: organisation.clone(),
            occurred_at: event.occurred.start(),
            precision: Precision::Day,
            supersedes: None,
            key_id: "plain".to_owned(),
            data_schema: names.raw_schema.clone(),
            queries: Vec::new(),
            trace_parent: Some(event.trace_parent.to_string()),
        };
        let value = frame(names.raw_id, &event.episode.to_vec()?);
        Ok(record(&names.raw_topic, handle, value, envelope.pairs()))
    }
}

impl Event {
    /// The sender's id.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// The day it happened.
    #[must_use]
    pub const fn occurred(&self) -> Day {
        self.occurred
    }

    /// The raw body.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn body(&self) -> Result<Vec<u8>, NoFigure> {
        Ok(self.episode.to_vec()?)
    }

    /// The body with the granted fields alone, under [`GRANTED_SCHEMA`].
    #[must_use]
    pub fn granted(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        text(&mut out, &self.episode.episode_ref);
        number(&mut out, days(self.episode.decom.as_ref()));
        text(&mut out, &self.episode.place);
        number(&mut out, 1);
        number(&mut out, days(self.episode.dec.as_ref()));
        out
    }

    /// The body as it must stand on the shared topic: every field may be null, and those not granted are.
    #[must_use]
    pub fn shared(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for field in CareEpisode::FIELDS {
            if !GRANTED.contains(field) {
                number(&mut out, 0);
                continue;
            }
            number(&mut out, 1);
            match *field {
                "episode_ref" => text(&mut out, &self.episode.episode_ref),
                "decom" => number(&mut out, days(self.episode.decom.as_ref())),
                "place" => text(&mut out, &self.episode.place),
                _ => number(&mut out, days(self.episode.dec.as_ref())),
            }
        }
        out
    }
}

fn record(topic: &Arc<str>, handle: Handle, value: Vec<u8>, pairs: headers::Pairs) -> NewRecord {
    NewRecord {
        topic: Arc::clone(topic),
        partition: None,
        key: Some(handle.as_bytes().to_vec().into()),
        value: Some(value.into()),
        headers: pairs.into_iter().collect(),
        timestamp_ms: None,
    }
}

fn date(day: Day) -> Date {
    let (year, month, day) = day.ymd();
    Date { year, month, day }
}

fn days(date: Option<&Date>) -> i64 {
    date.and_then(|date| Day::from_ymd(date.year, date.month, date.day))
        .map_or(0, |day| i64::from(day.0))
}

/// Avro's own form of a number.
pub(crate) fn number(out: &mut Vec<u8>, value: i64) {
    let mut left = (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap_or(0) | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap_or(0));
}

/// Avro's own form of a text.
pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    number(out, i64::try_from(value.len()).unwrap_or(0));
    out.extend_from_slice(value.as_bytes());
}

/// The bytes of a record: key, value, and names and values of its headers.
#[must_use]
pub fn bytes_of(record: &NewRecord) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.len())
        .sum();
    record.key.as_ref().map_or(0, bytes::Bytes::len)
        + record.value.as_ref().map_or(0, bytes::Bytes::len)
        + headers
}

/// The bytes of a record without the names of its headers.
#[must_use]
pub fn values_of(record: &NewRecord) -> usize {
    let names: usize = record.headers.iter().map(|header| header.name.len()).sum();
    bytes_of(record) - names
}

/// The key of the purpose.
///
/// # Errors
/// When it cannot be read.
pub fn purpose_key(place: &Backbone) -> Result<PurposeKey, NoFigure> {
    let key = FileKeyStore::open(place.keys_dir())?.purpose(PURPOSE, "k1")?;
    Ok(PurposeKey::new(Key::new(*key.as_bytes())))
}
