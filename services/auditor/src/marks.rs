//! The other records of shared and open topics: retractions, subject records, heartbeats, open data.

use sha2::{Digest, Sha256};
use walbrook_domain::{EventId, HandlePseudonym, Pseudonym};
use walbrook_event::headers;
use walbrook_eventlog::Record;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{Heartbeat, Retraction, SubjectRecord};

use crate::demanded::{Demand, Key, What};
use crate::log::{Place, header_text};
use crate::pseudonyms::Subject;
use crate::report::Checked;
use crate::shared::SharedTopics;

impl SharedTopics<'_> {
    pub(crate) fn retraction(
        &mut self,
        topic: &str,
        purpose: &str,
        key: &[u8],
        record: &Record,
    ) -> Option<(Demand, Vec<u8>)> {
        let (found, _) = self.opened::<Retraction>(record, "retraction")?;
        let demand = self.demands.take(
            topic,
            &Key::Retraction(key.to_vec(), found.handle_pseudonym.clone()),
        )?;
        let place = Place::of(record);
        if let What::Retraction(page) = &demand.what {
            let same = page.agreement_ids == found.agreement_ids
                && page.event_id == found.event_id
                && page.reason == found.reason
                && page.subject_too == found.subject_too;
            if !same {
                self.report.differ(
                    "retraction",
                    &place,
                    "what its page states",
                    "another scope or reason",
                );
            }
            let handle = HandlePseudonym::try_from(found.handle_pseudonym.as_slice()).ok();
            self.internal(Retraction::FULL_NAME, record, handle.as_ref());
            self.handle_pseudonym(purpose, &page.handle, &found.handle_pseudonym, &place);
            self.report.count(Checked::Retractions, 1);
        }
        Some((demand, found.handle_pseudonym))
    }

    pub(crate) fn subject(
        &mut self,
        topic: &str,
        purpose: &str,
        key: &[u8],
        record: &Record,
    ) -> Option<(Demand, Vec<u8>)> {
        let (found, body) = self.opened::<SubjectRecord>(record, "subject record")?;
        let demand = self.demands.take(
            topic,
            &Key::Subject(key.to_vec(), found.handle_pseudonym.clone()),
        )?;
        let place = Place::of(record);
        if let What::Subject { subject, person } = &demand.what {
            if *Sha256::digest(&body) != *subject.body_sha256 {
                self.report.differ(
                    "subject record",
                    &place,
                    "the body whose hash its page states",
                    "other bytes",
                );
            }
            let handle = HandlePseudonym::try_from(found.handle_pseudonym.as_slice()).ok();
            self.internal(SubjectRecord::FULL_NAME, record, handle.as_ref());
            self.handle_pseudonym(purpose, &subject.handle, &found.handle_pseudonym, &place);
            if let (Some(person), Ok(key)) = (person, Pseudonym::try_from(key)) {
                self.pseudonyms.whole(
                    purpose,
                    Subject::Person(*person),
                    key.to_bytes(),
                    &place,
                    self.report,
                );
            }
            self.report.count(Checked::SubjectRecords, 1);
        }
        Some((demand, found.handle_pseudonym))
    }

    fn handle_pseudonym(&mut self, purpose: &str, handle: &[u8], pseudonym: &[u8], place: &Place) {
        if let (Ok(handle), Ok(pseudonym)) =
            (handle.try_into(), HandlePseudonym::try_from(pseudonym))
        {
            self.pseudonyms.whole(
                purpose,
                Subject::Handle(handle),
                pseudonym.to_bytes(),
                place,
                self.report,
            );
        }
    }

    pub(crate) fn heartbeat(&mut self, topic: &str, record: &Record) -> Option<(Demand, Vec<u8>)> {
        let (found, _) = self.opened::<Heartbeat>(record, "heartbeat")?;
        let look_up = Key::Heartbeat(
            found.organisation.clone(),
            found.event_type.clone(),
            record.at.partition,
        );
        let demand = self.demands.take(topic, &look_up)?;
        if let What::Heartbeat(page) = &demand.what {
            if page.last_accepted_on != found.last_accepted_on {
                self.report.differ(
                    "heartbeat",
                    Place::of(record),
                    "the day its page states",
                    "another day",
                );
            }
            self.internal(Heartbeat::FULL_NAME, record, None);
            self.report.equal(
                "timestamp",
                Place::of(record),
                demand.day_ms,
                record.timestamp_ms,
            );
            self.report.count(Checked::Heartbeats, 1);
        }
        Some((demand, Vec::new()))
    }

    pub(crate) fn open(
        &mut self,
        topic: &str,
        key: &[u8],
        record: &Record,
    ) -> Option<(Demand, Vec<u8>)> {
        let id: EventId = header_text(record, headers::ID).parse().ok()?;
        let agreement = header_text(record, headers::AGREEMENT)
            .split('@')
            .next()
            .unwrap_or_default()
            .to_owned();
        let digest = Sha256::digest(key);
        let prefix = digest
            .first_chunk()
            .map_or(0, |chunk| u64::from_be_bytes(*chunk));
        let demand = self
            .demands
            .take(topic, &Key::Release(prefix, id.prefix(), agreement))?;
        if let What::Release(release) = &demand.what {
            if release.open_key.as_deref() != Some(key) || release.event != id {
                self.report.differ(
                    "open record",
                    Place::of(record),
                    "the sender's own key and id",
                    "others",
                );
            }
            let expected: headers::Pairs = vec![
                (headers::SPEC_VERSION, "1.0".to_owned()),
                (headers::ID, release.event.to_string()),
                (
                    headers::SOURCE,
                    format!("/walbrook/{}", release.organisation),
                ),
                (headers::TYPE, release.event_type.to_string()),
                (headers::TIME, release.occurred_at.rfc3339()),
                (
                    headers::DATA_SCHEMA,
                    header_text(record, headers::DATA_SCHEMA).to_owned(),
                ),
                (headers::CONTENT_TYPE, "application/avro".to_owned()),
                (headers::ORGANISATION, release.organisation.to_string()),
                (headers::PRECISION, release.precision.to_string()),
                (
                    headers::AGREEMENT,
                    format!("{}@{}", release.agreement, release.version),
                ),
                (
                    headers::TRACE_PARENT,
                    header_text(record, headers::TRACE_PARENT).to_owned(),
                ),
            ];
            self.headers(&expected, record);
            self.body(release, record);
            self.report.count(Checked::OpenRecords, 1);
        }
        Some((demand, key.to_vec()))
    }
}
