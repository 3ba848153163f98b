//! Who holds a record of whom: the links as they stand, by person.

use std::collections::{BTreeSet, HashMap};

use walbrook_domain::{Handle, Organisation, PersonId};
use walbrook_event::framing::unframe;
use walbrook_eventlog::topics;
use walbrook_proto::avro::AvroRecord as _;
use walbrook_proto::identity::v1::LinkRecord;

use super::{Plan, Progress};
use crate::error::AuditError;
use crate::links::{Link, Links};
use crate::source::LogSource;

/// The links of every partition, and the handles of each person.
#[derive(Debug, Default)]
pub struct People {
    partitions: Vec<Links>,
    handles: HashMap<PersonId, Vec<Handle>>,
    facts: HashMap<Handle, Link>,
}

impl People {
    /// Reads `control.links`.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(
        source: &mut dyn LogSource,
        plan: &Plan,
        partitions: i32,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, AuditError> {
        let mut people = Self::default();
        for partition in 0..partitions {
            let mut links = Links::default();
            let stretches = plan.of(topics::LINKS, Some(partition));
            source.read_all(&stretches, &mut |record| {
                progress(Progress::Read);
                let link = unframe(record.value.as_deref())
                    .ok()
                    .and_then(|(_, body)| LinkRecord::decode_exact(body).ok())
                    .and_then(|record| Link::read(&record).ok());
                if let Some((handle, link)) = link {
                    people.facts.insert(handle, link.clone());
                    links.apply(handle, link);
                }
            })?;
            people.partitions.push(links);
        }
        for (handle, link) in &people.facts {
            people.handles.entry(link.person).or_default().push(*handle);
        }
        for handles in people.handles.values_mut() {
            handles.sort_unstable();
        }
        Ok(people)
    }

    /// The links of a partition.
    pub fn partition(&self, partition: i32) -> Option<&Links> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    /// The handles of a person with their links.
    pub fn handles(&self, person: PersonId) -> impl Iterator<Item = (Handle, &Link)> {
        let handles = self.handles.get(&person).map_or(&[][..], Vec::as_slice);
        handles
            .iter()
            .filter_map(|handle| Some((*handle, self.facts.get(handle)?)))
    }

    /// Every organisation that holds a record.
    pub fn organisations(&self) -> BTreeSet<Organisation> {
        self.facts
            .values()
            .map(|link| link.organisation.clone())
            .collect()
    }
}
