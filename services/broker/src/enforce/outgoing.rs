//! Records as p's transactions write them.

use super::control_view::{ControlView, Grant, Setting};
use super::error::Stop;
use super::incoming::Readable;
use super::planted::{PlantedFault, planted};
use super::standing::Removal;
use super::template::{KindOf, Own, Templates};
use sha2::{Digest, Sha256};
use walbrook_domain::{
    AgreementId, AgreementVersion, EventId, Handle, HandlePseudonym, Instant, Pseudonym, Purpose,
};
use walbrook_event::PurposeKey;
use walbrook_event::dataset::{self, RECORD_FIELD};
use walbrook_event::framing::frame;
use walbrook_event::headers::{self, Pairs};
use walbrook_eventlog::{NewRecord, chain, topics};
use walbrook_proto::avro::AvroRecord;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The name of this process in `ce_source`.
const PROCESS: &str = "broker";

/// Makes the records of one batch: one control epoch, one decision time.
pub struct Writer<'a> {
    /// What stays the same.
    pub setting: &'a Setting,
    /// The control plane at the batch's epoch.
    pub control: &'a dyn ControlView,
    /// Decision time.
    pub now: Instant,
}

/// One release to be written.
pub struct Release<'a> {
    /// The event, with its pinned schema.
    pub event: &'a Readable,
    /// The agreement.
    pub agreement: &'a AgreementId,
    /// Its version.
    pub version: AgreementVersion,
    /// What it grants.
    pub grant: Grant,
}

/// A release as it was written, for the page and the standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its key.
    pub key: Pseudonym,
    /// Its purpose-local id.
    pub local_event: EventId,
}

impl<'a> Writer<'a> {
    /// The key of a purpose.
    pub fn key(&self, purpose: &Purpose) -> Result<&'a PurposeKey, Stop> {
        self.setting.keys.get(purpose).ok_or_else(|| Stop::NoKey {
            purpose: purpose.clone(),
        })
    }

    fn schema_id(&self, full_name: &'static str) -> Result<i32, Stop> {
        self.control
            .record_schema(full_name)
            .ok_or_else(|| Stop::NotPinned {
                what: full_name.to_owned(),
                policy_next: self.control.applied_through(),
            })
    }

    /// Midnight UTC of the decision day, ms: the only time on shared records beside what was granted.
    fn day_ms(&self) -> i64 {
        let now_ms = self.now.micros().div_euclid(1_000);
        now_ms.div_euclid(DAY_MS) * DAY_MS
    }

    /// The topic of a purpose at the batch's epoch, and the name before its subjects: all generations have those of the first.
    fn shared_topic(&self, purpose: &Purpose) -> (String, String) {
        let namespace = &self.setting.namespace;
        let generation = if planted(PlantedFault::WrittenToTheOldGeneration) {
            chain::FIRST
        } else {
            self.control.generation(purpose)
        };
        (
            namespace.name(&chain::topic(purpose.as_str(), generation)),
            namespace.name(&topics::shared(purpose.as_str())),
        )
    }

    /// A release on `shared.<purpose>`.
    pub(super) fn release(
        &self,
        templates: &mut Templates,
        purpose: &Purpose,
        (key, handle): (Pseudonym, Handle),
        release: &Release<'_>,
        (trace, span): ([u8; 16], [u8; 16]),
    ) -> Result<(NewRecord, Written), Stop> {
        let purpose_key = self.key(purpose)?;
        let (envelope, schema) = (&release.event.raw.envelope, &release.event.schema);
        let organisation = &envelope.organisation;
        let handle_pseudonym = purpose_key.handle(handle);
        let local_event = purpose_key.event(organisation, handle, envelope.id);
        let sealed = self
            .setting
            .seal
            .seal(handle_pseudonym.as_bytes(), self.projected(release)?)?;
        let precision = release.grant.precision.min(envelope.precision);
        let kind = KindOf {
            schema_id: schema.shared_id,
            version: release.version,
            precision,
            agreement: release.agreement,
            organisation,
            event_type: &envelope.event_type,
        };
        let make = || {
            let (topic, subject) = self.shared_topic(purpose);
            let data_schema = format!("{subject}-{}/{}", schema.shared_name, schema.shared_id);
            (topic, data_schema)
        };
        let own = Own {
            key,
            id: local_event,
            occurred_at: envelope.occurred_at.truncated(precision),
            handle: handle_pseudonym,
            supersedes: envelope
                .supersedes
                .map(|event| purpose_key.event(organisation, handle, event)),
            not_after: release.grant.not_after,
            trace,
            span,
            key_id: &sealed.key_id,
            body: &sealed.body,
        };
        let record = templates.release(&kind, make, &own, self.day_ms());
        Ok((record, Written { key, local_event }))
    }

    /// A release on `open.<dataset>`: about nobody, so the id and the key are the sender's own.
    pub fn open_release(
        &self,
        dataset: &str,
        subject_key: &str,
        release: &Release<'_>,
        trace: String,
    ) -> Result<(NewRecord, Written), Stop> {
        let (envelope, schema) = (&release.event.raw.envelope, &release.event.schema);
        let topic = self.setting.namespace.name(&topics::open(dataset));
        let natural = subject_key
            .split_once(':')
            .map_or(subject_key, |(_, natural)| natural);
        let precision = release.grant.precision.min(envelope.precision);
        let (schema_id, name, body) = match self.carried(dataset, release) {
            Some(carried) => carried,
            None => {
                let name = schema.shared_name.clone();
                (schema.shared_id, name, self.projected(release)?)
            }
        };
        let pairs: Pairs = vec![
            (headers::SPEC_VERSION, "1.0".into()),
            (headers::ID, envelope.id.to_string()),
            (
                headers::SOURCE,
                format!("/walbrook/{}", envelope.organisation),
            ),
            (headers::TYPE, envelope.event_type.to_string()),
            (
                headers::TIME,
                envelope.occurred_at.truncated(precision).rfc3339(),
            ),
            (headers::DATA_SCHEMA, format!("{topic}-{name}/{schema_id}")),
            (headers::CONTENT_TYPE, "application/avro".into()),
            (headers::ORGANISATION, envelope.organisation.to_string()),
            (headers::PRECISION, precision.to_string()),
            (
                headers::AGREEMENT,
                format!("{}@{}", release.agreement, release.version),
            ),
            (headers::TRACE_PARENT, trace),
        ];
        let value = frame(schema_id, &body);
        let record = self.record(topic, natural.as_bytes(), value, pairs, Some(self.day_ms()));
        let key = Pseudonym::new(open_key(natural));
        let local_event = envelope.id;
        Ok((record, Written { key, local_event }))
    }

    /// The record of others that an event carries, where all of it is granted: under its own schema, so that whoever reads the dataset needs nothing
    /// of ours.
    fn carried(&self, dataset: &str, release: &Release<'_>) -> Option<(i32, String, Vec<u8>)> {
        let (event, schema) = (release.event, &release.event.schema);
        let field = schema
            .fields
            .iter()
            .position(|field| field == RECORD_FIELD)?;
        if release.grant.mask >> field & 1 == 0 {
            return None;
        }
        let carried = dataset::carried(&schema.event_type, &event.raw.body)?;
        if carried.dataset != dataset {
            return None;
        }
        let (id, name) = self
            .control
            .dataset_schema(dataset, &carried.schema_sha256)?;
        Some((id, name, carried.record))
    }

    fn projected(&self, release: &Release<'_>) -> Result<Vec<u8>, Stop> {
        let (event, grant) = (release.event, release.grant);
        let mut body = Vec::with_capacity(event.raw.body.len() + event.schema.fields.len());
        event
            .schema
            .projection
            .project_into(
                &event.raw.body,
                &event.layout,
                grant.mask,
                grant.precision,
                &mut body,
            )
            .map_err(|error| Stop::Encode {
                record: "shared body",
                problem: error.to_string(),
            })?;
        Ok(body)
    }

    /// An internal record on `shared.<purpose>`; personal bodies go through the seam under the handle pseudonym.
    fn shared<R: AvroRecord>(
        &self,
        purpose: &Purpose,
        key: Pseudonym,
        handle: Option<HandlePseudonym>,
        partition: Option<i32>,
        record: &R,
    ) -> Result<(NewRecord, [u8; 32]), Stop> {
        let body = encode(record)?;
        let digest = Sha256::digest(&body).into();
        let subject: &[u8] = handle.as_ref().map_or(&[], |handle| handle.as_bytes());
        let sealed = self.setting.seal.seal(subject, body)?;
        let schema_id = self.schema_id(R::FULL_NAME)?;
        let (topic, subject) = self.shared_topic(purpose);
        let mut pairs = headers::internal(R::FULL_NAME, PROCESS, None, None);
        pairs.push((
            headers::DATA_SCHEMA,
            format!("{subject}-{}/{schema_id}", R::FULL_NAME),
        ));
        pairs.push((headers::KEY, sealed.key_id));
        if let Some(handle) = handle {
            pairs.push((headers::HANDLE, handle.to_string()));
        }
        let value = frame(schema_id, &sealed.body);
        let mut new = self.record(topic, key.as_bytes(), value, pairs, Some(self.day_ms()));
        new.partition = partition;
        Ok((new, digest))
    }

    /// A retraction.
    pub fn retraction(
        &self,
        handle: Handle,
        removal: &Removal,
        reason: &str,
    ) -> Result<NewRecord, Stop> {
        let handle_pseudonym = self.key(&removal.purpose)?.handle(handle);
        let retraction = walbrook_proto::shared::v1::Retraction {
            handle_pseudonym: handle_pseudonym.as_bytes().to_vec(),
            agreement_ids: removal.agreements.iter().map(ToString::to_string).collect(),
            event_id: removal.local_event.map(|event| event.to_string()),
            reason: reason.to_owned(),
            subject_too: removal.subject_too,
        };
        let (record, _) = self.shared(
            &removal.purpose,
            removal.key,
            Some(handle_pseudonym),
            None,
            &retraction,
        )?;
        Ok(record)
    }

    /// A subject record, with the SHA-256 of its body.
    pub fn subject(
        &self,
        purpose: &Purpose,
        key: Pseudonym,
        handle: HandlePseudonym,
        subject: &walbrook_proto::shared::v1::SubjectRecord,
    ) -> Result<(NewRecord, [u8; 32]), Stop> {
        self.shared(purpose, key, Some(handle), None, subject)
    }

    /// A heartbeat to one partition of a purpose's topic.
    pub fn heartbeat(
        &self,
        purpose: &Purpose,
        partition: i32,
        heartbeat: &walbrook_proto::shared::v1::Heartbeat,
    ) -> Result<NewRecord, Stop> {
        // No person: the key only has to be there, and the partition is named.
        let (record, _) = self.shared(
            purpose,
            Pseudonym::new([0; 16]),
            None,
            Some(partition),
            heartbeat,
        )?;
        Ok(record)
    }

    /// A record on one of the control or audit topics (`plain` without the namespace).
    pub fn internal<R: AvroRecord>(
        &self,
        plain: &str,
        partition: Option<i32>,
        key: &[u8],
        id: uuid::Uuid,
        record: &R,
    ) -> Result<NewRecord, Stop> {
        let schema_id = self.schema_id(R::FULL_NAME)?;
        let value = frame(schema_id, &encode(record)?);
        let pairs = headers::internal(R::FULL_NAME, PROCESS, Some(self.now), Some(id));
        let topic = self.setting.namespace.name(plain);
        let mut new = self.record(topic, key, value, pairs, None);
        new.partition = partition;
        Ok(new)
    }

    fn record(
        &self,
        topic: String,
        key: &[u8],
        value: Vec<u8>,
        pairs: Pairs,
        timestamp_ms: Option<i64>,
    ) -> NewRecord {
        NewRecord {
            topic: topic.into(),
            partition: None,
            key: Some(key.to_vec().into()),
            value: Some(value.into()),
            headers: pairs.into_iter().collect(),
            timestamp_ms,
        }
    }
}

/// What stands for the key of an open release on a page: the start of the SHA-256 of its natural key.
fn open_key(natural: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.iter_mut()
        .zip(Sha256::digest(natural.as_bytes()))
        .for_each(|(to, from)| *to = from);
    key
}

fn encode<R: AvroRecord>(record: &R) -> Result<Vec<u8>, Stop> {
    record.to_vec().map_err(|error| Stop::Encode {
        record: R::FULL_NAME,
        problem: error.to_string(),
    })
}
