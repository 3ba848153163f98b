//! The records of `quarantine.*`, by the organisation they belong to.

use crate::error::JournalError;
use crate::quarantine::place::Place;
use parking_lot::RwLock;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::{EventId, Instant, Organisation};
use walbrook_event::raw::Rule;
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Namespace, Reader, Record, TopicPartition, topics};
use walbrook_proto::audit::v1::{Quarantined, Resubmission};
use walbrook_proto::avro::AvroRecord;

/// How many of one organisation are kept; older ones stand on the log and are only counted here.
const KEPT: usize = 100_000;
const POLL: Duration = Duration::from_millis(200);
const POLL_RECORDS: usize = 1_000;

/// One quarantined record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The rule it breaks.
    pub rule: Rule,
    /// Length of the value, bytes.
    pub value_length: i64,
    /// SHA-256 of the value.
    pub value_sha256: Vec<u8>,
    /// The producer's id, where the header says one.
    pub event: Option<EventId>,
    /// The event type, where the header says one of ours.
    pub event_type: Option<String>,
    /// When it was decided.
    pub quarantined_at: Instant,
    /// Where the corrected event stands, once it does.
    pub corrected: Option<Corrected>,
}

/// A corrected event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// Where it stands.
    pub place: Place,
    /// Its id.
    pub event: EventId,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// One organisation's, by the order in which they came.
#[derive(Debug, Default)]
struct Own {
    entries: BTreeMap<Place, (u64, Entry)>,
    order: VecDeque<(u64, Place)>,
    left_off: u64,
}

/// A stretch of one organisation's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The records, newest first.
    pub entries: Vec<Entry>,
    /// Whether older ones follow.
    pub more: bool,
    /// How many are still to be sent again.
    pub open: u64,
    /// How many there are here.
    pub total: u64,
    /// How many older ones are not kept here.
    pub left_off: u64,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Only this agency's.
    pub agency: Option<&'a str>,
    /// Only those not sent again.
    pub open_only: bool,
    /// After this one.
    pub after: Option<Place>,
    /// At most so many.
    pub most: usize,
}

/// Whose a record is: an organisation's, or nobody's that it says.
pub type Owner = Option<Organisation>;

/// The fold. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    owners: Arc<RwLock<BTreeMap<Owner, Own>>>,
    came: Arc<RwLock<u64>>,
}

impl Fold {
    /// An owner's records, newest first.
    pub fn list(&self, owner: &Owner, wanted: &Wanted<'_>) -> Listed {
        let owners = self.owners.read();
        let Some(own) = owners.get(owner) else {
            return Listed::default();
        };
        let of_agency = |entry: &Entry| {
            wanted
                .agency
                .is_none_or(|agency| agency == entry.place.agency())
        };
        let counted = own.entries.values().filter(|(_, entry)| of_agency(entry));
        let open = counted
            .clone()
            .filter(|(_, entry)| entry.corrected.is_none())
            .count();
        let total = counted.count();
        let before = wanted
            .after
            .as_ref()
            .map(|place| own.entries.get(place).map_or(0, |(sequence, _)| *sequence));
        let mut found = own
            .order
            .iter()
            .rev()
            .filter(|(sequence, _)| before.is_none_or(|before| *sequence < before))
            .filter_map(|(_, place)| own.entries.get(place).map(|(_, entry)| entry))
            .filter(|entry| of_agency(entry))
            .filter(|entry| !wanted.open_only || entry.corrected.is_none());
        let entries: Vec<Entry> = found.by_ref().take(wanted.most).cloned().collect();
        let more = found.next().is_some();
        Listed {
            entries,
            more,
            open: u64::try_from(open).unwrap_or(u64::MAX),
            total: u64::try_from(total).unwrap_or(u64::MAX),
            left_off: own.left_off,
        }
    }

    /// One of an owner's records.
    pub fn get(&self, owner: &Owner, place: &Place) -> Option<Entry> {
        let owners = self.owners.read();
        let (_, entry) = owners.get(owner)?.entries.get(place)?;
        Some(entry.clone())
    }

    /// Applies a record of `quarantine.*`. One that cannot be read changes nothing; the auditor names it.
    pub fn apply(&self, record: &Record) {
        let Ok((_, body)) = framing::unframe(record.value.as_deref()) else {
            return;
        };
        let at = Instant(record.timestamp_ms.saturating_mul(1_000));
        match record.headers.text(headers::TYPE) {
            Some(Quarantined::FULL_NAME) => {
                if let Some((owner, entry)) = Quarantined::decode_exact(body)
                    .ok()
                    .and_then(|quarantined| read(quarantined, at))
                {
                    self.add(owner, entry);
                }
            }
            Some(Resubmission::FULL_NAME) => {
                if let Ok(resubmission) = Resubmission::decode_exact(body) {
                    self.correct(&resubmission, at);
                }
            }
            _ => {}
        }
    }

    fn add(&self, owner: Owner, entry: Entry) {
        let mut owners = self.owners.write();
        let own = owners.entry(owner).or_default();
        if own.entries.contains_key(&entry.place) {
            return;
        }
        let sequence = {
            let mut came = self.came.write();
            *came += 1;
            *came
        };
        own.order.push_back((sequence, entry.place.clone()));
        own.entries.insert(entry.place.clone(), (sequence, entry));
        while own.order.len() > KEPT {
            if let Some((_, oldest)) = own.order.pop_front() {
                own.entries.remove(&oldest);
                own.left_off += 1;
            }
        }
    }

    /// Notes a resubmission. The first one stands.
    pub fn correct(&self, said: &Resubmission, at: Instant) {
        let place = |partition, offset| Place::new(&said.raw_topic, partition, offset);
        let (Some(of), Some(corrected), Ok(event)) = (
            place(said.partition, said.offset),
            place(said.corrected_partition, said.corrected_offset),
            said.event_id.parse(),
        ) else {
            return;
        };
        let owner = said.organisation.parse::<Organisation>().ok();
        let mut owners = self.owners.write();
        let entry = owners
            .get_mut(&owner)
            .and_then(|own| own.entries.get_mut(&of));
        if let Some((_, entry)) = entry
            && entry.corrected.is_none()
        {
            entry.corrected = Some(Corrected {
                place: corrected,
                event,
                by: said.by.clone(),
                at,
            });
        }
    }
}

fn read(record: Quarantined, at: Instant) -> Option<(Owner, Entry)> {
    let owner = record.organisation.parse::<Organisation>().ok();
    let quarantined_at = record
        .decided_at
        .as_ref()
        .and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .unwrap_or(at);
    let entry = Entry {
        place: Place::new(&record.raw_topic, record.partition, record.offset)?,
        rule: Rule::of_word(&record.rule_id)?,
        value_length: record.value_length,
        value_sha256: record.value_sha256,
        event: record.event_id.and_then(|id| id.parse().ok()),
        event_type: record.event_type,
        quarantined_at,
        corrected: None,
    };
    Some((owner, entry))
}

/// Follows every `quarantine.*` until stopped.
///
/// # Errors
/// When the log fails for good.
pub fn follow(
    reader: &mut dyn Reader,
    namespace: &Namespace,
    fold: &Fold,
    stopped: &dyn Fn() -> bool,
) -> Result<(), JournalError> {
    let starts: Vec<_> = topics::RAW
        .into_iter()
        .map(|raw| topics::quarantine(raw.strip_prefix("raw.").unwrap_or(raw)))
        .map(|topic| (TopicPartition::new(namespace.name(&topic), 0), 0))
        .collect();
    reader.assign(&starts)?;
    let mut records = Vec::new();
    while !stopped() {
        reader.poll(POLL_RECORDS, POLL, &mut records)?;
        for record in records.drain(..) {
            fold.apply(&record);
        }
    }
    Ok(())
}
