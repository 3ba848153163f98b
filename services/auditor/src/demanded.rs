//! What decision pages demand of other topics: each record that must stand there, once, in its order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, Handle, Instant, Organisation,
    PersonId, Precision,
};

use crate::log::Place;

/// A record that a page demands.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The page.
    pub page: Place,
    /// Order among everything demanded by pages of the same partition.
    pub ordinal: u64,
    /// Midnight UTC of the decision day, ms.
    pub day_ms: i64,
    /// The generation of the purpose's topic on which it must stand.
    pub generation: u32,
    /// What it must be.
    pub what: What,
}

/// Kinds of demanded records.
#[derive(Debug, Clone)]
pub enum What {
    /// A release.
    Release(Box<Release>),
    /// A retraction.
    Retraction(walbrook_proto::audit::v1::PageRetraction),
    /// A subject record.
    Subject {
        /// As the page names it.
        subject: walbrook_proto::audit::v1::PageSubject,
        /// The person of the handle at the page's stamp.
        person: Option<PersonId>,
    },
    /// A heartbeat, in one partition.
    Heartbeat(walbrook_proto::audit::v1::PageHeartbeat),
}

/// A release as it follows from the raw record, the decision and the pins.
#[derive(Debug, Clone)]
pub struct Release {
    /// Where the raw record stands.
    pub raw: Place,
    /// Whom it is about; `None` for area and open events.
    pub handle: Option<Handle>,
    /// The person of the handle at the decision.
    pub person: Option<PersonId>,
    /// The producer's event id, and the one it supersedes.
    pub event: EventId,
    /// The event it replaces.
    pub supersedes: Option<EventId>,
    /// Source organisation.
    pub organisation: Organisation,
    /// Event type.
    pub event_type: EventType,
    /// Agreement.
    pub agreement: AgreementId,
    /// Its version.
    pub version: AgreementVersion,
    /// Time, truncated.
    pub occurred_at: Instant,
    /// The coarser of granted and known.
    pub precision: Precision,
    /// Last day it holds.
    pub not_after: Option<Day>,
    /// Full name of the shared schema's record.
    pub shared_name: String,
    /// SHA-256 of the shared Avro body.
    pub body_sha256: [u8; 32],
    /// For open data: the record key.
    pub open_key: Option<Vec<u8>>,
}

/// What a found record is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Prefixes of key and `ce_id`, and the agreement.
    Release(u64, u64, String),
    /// Record key and handle pseudonym.
    Retraction(Vec<u8>, Vec<u8>),
    /// Record key and handle pseudonym.
    Subject(Vec<u8>, Vec<u8>),
    /// Organisation, event type and partition.
    Heartbeat(String, String, i32),
}

/// Everything demanded of each topic.
#[derive(Debug, Default)]
pub struct Demands {
    topics: BTreeMap<String, HashMap<Key, VecDeque<Demand>>>,
    ordinal: u64,
}

impl Demands {
    /// The next place in the order of demands.
    pub const fn next_ordinal(&mut self) -> u64 {
        self.ordinal += 1;
        self.ordinal
    }

    /// Adds a demand on a topic.
    pub fn add(&mut self, topic: &str, key: Key, demand: Demand) {
        self.topics
            .entry(topic.to_owned())
            .or_default()
            .entry(key)
            .or_default()
            .push_back(demand);
    }

    /// Takes the oldest demand with this key.
    pub fn take(&mut self, topic: &str, key: &Key) -> Option<Demand> {
        self.topics.get_mut(topic)?.get_mut(key)?.pop_front()
    }

    /// What is left, by topic, in the order of pages.
    pub fn left(&self) -> Vec<(&str, &Demand)> {
        let mut left: Vec<(&str, &Demand)> = self
            .topics
            .iter()
            .flat_map(|(topic, demands)| {
                demands
                    .values()
                    .flatten()
                    .map(move |demand| (topic.as_str(), demand))
            })
            .collect();
        left.sort_by_key(|(topic, demand)| (*topic, demand.ordinal));
        left
    }
}

impl What {
    /// The record in words.
    pub fn describe(&self) -> String {
        match self {
            What::Release(release) => {
                format!(
                    "a release of {} under {}@{}",
                    release.raw, release.agreement, release.version
                )
            }
            What::Retraction(retraction) => format!("a retraction for {}", retraction.reason),
            What::Subject { .. } => "a subject record".to_owned(),
            What::Heartbeat(beat) => format!(
                "a heartbeat of {} from {}",
                beat.event_type, beat.organisation
            ),
        }
    }
}
