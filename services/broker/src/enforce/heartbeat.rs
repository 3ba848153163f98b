//! The last day on which each source was heard, told to every partition of the purposes that it feeds.

use super::decide::{Work, date};
use super::error::Stop;
use super::incoming::Readable;
use super::partition::Partition;
use std::collections::BTreeMap;
use walbrook_domain::{Day, EventType, Instant, Organisation};
use walbrook_proto::audit::v1::PageHeartbeat;

impl Partition {
    /// Writes the heartbeats that are due after a batch in which these sources were heard.
    pub(super) fn heartbeats(
        &mut self,
        work: &mut Work<'_>,
        heard: BTreeMap<(Organisation, EventType), Day>,
    ) -> Result<Vec<PageHeartbeat>, Stop> {
        let mut listed = Vec::new();
        for ((organisation, event_type), day) in heard {
            for purpose in work
                .writer
                .control
                .heartbeat_purposes(&organisation, &event_type)
            {
                let key = (purpose.clone(), organisation.clone(), event_type.clone());
                if self.heard.get(&key).is_some_and(|told| *told >= day) {
                    continue;
                }
                let heartbeat = walbrook_proto::shared::v1::Heartbeat {
                    organisation: organisation.to_string(),
                    event_type: event_type.to_string(),
                    last_accepted_on: Some(date(day)),
                };
                for partition in 0..work.writer.setting.partitions {
                    let record = work.writer.heartbeat(&purpose, partition, &heartbeat)?;
                    work.transaction.records.push(record);
                }
                listed.push(PageHeartbeat {
                    purpose: purpose.to_string(),
                    organisation: heartbeat.organisation,
                    event_type: heartbeat.event_type,
                    last_accepted_on: heartbeat.last_accepted_on,
                });
                self.heard.insert(key, day);
            }
        }
        Ok(listed)
    }
}

/// Sources heard in a batch, with the last day of each. Neighbours are nearly always of one source.
#[derive(Default)]
pub(super) struct Heard(pub(super) BTreeMap<(Organisation, EventType), Day>);

impl Heard {
    pub(super) fn note(&mut self, agency: &str, event: &Readable, accepted_at: Instant) {
        let Some(event_type) = event.raw.heard(agency) else {
            return;
        };
        let day = accepted_at.london_day();
        let source = (event.raw.envelope.organisation.clone(), event_type);
        let known = self.0.entry(source).or_insert(day);
        *known = (*known).max(day);
    }
}
