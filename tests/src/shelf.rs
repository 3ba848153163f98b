//! What stands on a shared topic after all retractions: the fold every view does, written down once more and as plainly as can be, so that tests
//! compare with something that shares no code with the broker or the materialiser.

use std::collections::BTreeMap;
use walbrook_event::framing::unframe;
use walbrook_event::{ReleaseEnvelope, headers};
use walbrook_eventlog::Record;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{Retraction, SubjectRecord};

/// A contribution's name in its partition: handle pseudonym, purpose-local event id, agreement.
pub type Name = (i32, String, String, String);

/// What stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// Contributions, with the hex key they stand under and the hex body.
    pub contributions: BTreeMap<Name, (String, String)>,
    /// Subject records by partition and handle pseudonym, with the key they stand under.
    pub subjects: BTreeMap<(i32, String), String>,
    /// Releases seen, retracted ones included.
    pub releases: usize,
    /// Retractions seen.
    pub retractions: usize,
}

impl Shelf {
    /// The fold of a topic's committed records, by partition and offset.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut shelf = Self::default();
        for record in records {
            shelf.put(record);
        }
        shelf
    }

    /// Takes in one more record. Those of one partition come in their order.
    pub fn put(&mut self, record: &Record) {
        let partition = record.at.partition;
        let key = hex::encode(record.key.as_deref().expect("a key"));
        let (_, body) = unframe(record.value.as_deref()).expect("the wire format");
        match record.headers.text(headers::TYPE).expect("a type") {
            Retraction::FULL_NAME => {
                let retraction = Retraction::decode_exact(body).expect("a retraction");
                self.retractions += 1;
                self.retract(partition, &retraction);
            }
            SubjectRecord::FULL_NAME => {
                let subject = SubjectRecord::decode_exact(body).expect("a subject record");
                self.subjects
                    .insert((partition, hex::encode(subject.handle_pseudonym)), key);
            }
            "walbrook.shared.v1.Heartbeat" => {}
            _ => {
                let release =
                    ReleaseEnvelope::read(|name| record.headers.get(name)).expect("a release");
                self.releases += 1;
                let name = (
                    partition,
                    release.handle.to_string(),
                    release.id.to_string(),
                    release.agreement.to_string(),
                );
                self.contributions.insert(name, (key, hex::encode(body)));
            }
        }
    }

    fn retract(&mut self, partition: i32, retraction: &Retraction) {
        let handle = hex::encode(&retraction.handle_pseudonym);
        self.contributions.retain(|(at, of, event, agreement), _| {
            let falls = *at == partition
                && *of == handle
                && (retraction.agreement_ids.is_empty()
                    || retraction.agreement_ids.contains(agreement))
                && retraction.event_id.as_ref().is_none_or(|one| one == event);
            !falls
        });
        if retraction.subject_too {
            self.subjects.remove(&(partition, handle));
        }
    }
}
