//! Control records on the wire: between the Avro records of `control.policy` (and their copies) and what they say
//! ([`walbrook_domain::control`]). Broker, materialiser, identity and auditor read them through here and nowhere else.

use crate::dataset::is_foreign;
use prost_types::Timestamp;
use std::str::FromStr;
use walbrook_domain::control::{
    AgreementCommenced, AgreementFact, AgreementProposed, AgreementSigned, ControlFact,
    ControlRecord, GroundFact, PartyKey, PinFact, PinKind, PublicationSchedule, ReaderRevocation,
    ScheduleEntry, StandingChange,
};
use walbrook_domain::{AgreementVersion, Day, Handle, Instant, WordError};
use walbrook_proto::avro::{AvroError, AvroRecord};
use walbrook_proto::control::v1 as proto;

/// A control record that cannot be read. Never repeats a value.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// `ce_type` names no control record.
    #[error("{0} is no record of the control plane")]
    UnknownType(String),
    /// The body is not the record that `ce_type` names.
    #[error("the record is not whole")]
    Avro(#[from] AvroError),
    /// A field does not hold a word of its kind.
    #[error("the record names something that does not exist")]
    Word(#[from] WordError),
    /// A field of fixed length has another.
    #[error("{field} is not of its length")]
    Length {
        /// The field.
        field: &'static str,
    },
    /// A needed field is empty.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
}

/// A control record ready for the log: the writer frames and seals nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Full name of the record: `ce_type`.
    pub full_name: &'static str,
    /// Avro body.
    pub body: Vec<u8>,
    /// Natural key of the thing: the record key.
    pub key: String,
    /// Whether it is copied to `control.agreements`.
    pub copied: bool,
}

/// Reads the opened body of the record that `ce_type` names, as it stands at an offset.
///
/// # Errors
/// When it is no whole control record.
pub fn read(
    full_name: &str,
    body: &[u8],
    offset: i64,
    appended_at: Instant,
) -> Result<ControlRecord, ControlError> {
    let (fact, idempotency_key) = match full_name {
        proto::AgreementProposed::FULL_NAME => proposed(decode(body)?)?,
        proto::AgreementSigned::FULL_NAME => signed(decode(body)?)?,
        proto::AgreementStanding::FULL_NAME => standing(decode(body)?)?,
        proto::AgreementCommenced::FULL_NAME => commenced(decode(body)?)?,
        proto::PartyKey::FULL_NAME => party_key(decode(body)?)?,
        proto::ReaderRevoked::FULL_NAME => reader(decode(body)?)?,
        proto::PublicationSchedule::FULL_NAME => schedule(decode(body)?)?,
        proto::GroundRecorded::FULL_NAME => ground(decode(body)?)?,
        proto::PinSet::FULL_NAME => pin(decode(body)?)?,
        other => return Err(ControlError::UnknownType(other.to_owned())),
    };
    Ok(ControlRecord {
        offset,
        appended_at,
        idempotency_key,
        fact,
    })
}

/// The record for what is to be said.
///
/// # Errors
/// When an instant is outside what Avro can say.
pub fn write(
    fact: &ControlFact,
    recorded_at: Instant,
    idempotency_key: &str,
) -> Result<Encoded, ControlError> {
    let at = Some(timestamp(recorded_at));
    let idempotency_key = idempotency_key.to_owned();
    match fact {
        ControlFact::Agreement(fact) => agreement(fact, at, idempotency_key),
        ControlFact::Ground(fact) => encode(
            &proto::GroundRecorded {
                ground_id: fact.ground_id.clone(),
                version: fact.version,
                handle: fact.handle.as_bytes().to_vec(),
                kind: fact.kind.to_string(),
                state: fact.state.to_string(),
                purpose: fact.purpose.as_ref().map(ToString::to_string),
                agreement_id: fact.agreement.as_ref().map(ToString::to_string),
                event_id: fact.event.map(|event| event.to_string()),
                not_after_day: fact.not_after.map(|day| day.0),
                stated_at: Some(timestamp(fact.stated_at)),
                recorded_by_organisation: fact.by_organisation.to_string(),
                recorded_by: fact.by.clone(),
                recorded_at: at,
                idempotency_key,
                chosen_authority: fact.chosen_authority.as_ref().map(ToString::to_string),
            },
            fact.ground_id.clone(),
            false,
        ),
        ControlFact::Pin(fact) => encode(
            &proto::PinSet {
                kind: fact.kind.to_string(),
                name: fact.name.clone(),
                schema_id: fact.schema_id,
                sha256: fact.sha256.to_vec(),
                content: fact.content.clone(),
                recorded_at: at,
            },
            format!("{}/{}", fact.kind, fact.name),
            // Views read their files here, gateways the schemas of open datasets.
            fact.kind == PinKind::ViewFile
                || (fact.kind == PinKind::Schema && is_foreign(&fact.name)),
        ),
    }
}

fn agreement(
    fact: &AgreementFact,
    recorded_at: Option<Timestamp>,
    idempotency_key: String,
) -> Result<Encoded, ControlError> {
    match fact {
        AgreementFact::Proposed(fact) => encode(
            &proto::AgreementProposed {
                agreement_id: fact.agreement.to_string(),
                version: fact.version.0,
                text: fact.text.clone(),
                text_sha256: fact.text_sha256.to_vec(),
                proposed_by_organisation: fact.by_organisation.to_string(),
                proposed_by: fact.by.clone(),
                recorded_at,
                idempotency_key,
            },
            fact.agreement.to_string(),
            true,
        ),
        AgreementFact::Signed(fact) => encode(
            &proto::AgreementSigned {
                agreement_id: fact.agreement.to_string(),
                version: fact.version.0,
                party: fact.party.to_string(),
                key_id: fact.key_id.clone(),
                signature: fact.signature.to_vec(),
                text_sha256: fact.text_sha256.to_vec(),
                recorded_at,
                idempotency_key,
            },
            fact.agreement.to_string(),
            true,
        ),
        AgreementFact::Standing(fact) => encode(
            &proto::AgreementStanding {
                agreement_id: fact.agreement.to_string(),
                version: fact.version.0,
                party: fact.party.as_ref().map(ToString::to_string),
                standing: fact.standing.to_string(),
                reason: fact.reason.clone(),
                recorded_by_organisation: fact.by_organisation.to_string(),
                recorded_by: fact.by.clone(),
                recorded_at,
                idempotency_key,
            },
            fact.agreement.to_string(),
            true,
        ),
        AgreementFact::Commenced(fact) => encode(
            &proto::AgreementCommenced {
                agreement_id: fact.agreement.to_string(),
                version: fact.version.0,
                recorded_at,
            },
            fact.agreement.to_string(),
            true,
        ),
        AgreementFact::PartyKey(fact) => encode(
            &proto::PartyKey {
                organisation: fact.organisation.to_string(),
                key_id: fact.key_id.clone(),
                public_key: fact.public_key.to_vec(),
                active: fact.active,
                recorded_at,
                idempotency_key,
            },
            format!("{}/{}", fact.organisation, fact.key_id),
            true,
        ),
        AgreementFact::Reader(fact) => encode(
            &proto::ReaderRevoked {
                organisation: fact.organisation.to_string(),
                reader: fact.reader.clone(),
                revoked: fact.revoked,
                recorded_by: fact.by.clone(),
                recorded_at,
                idempotency_key,
            },
            format!("{}/{}", fact.organisation, fact.reader),
            true,
        ),
        AgreementFact::Schedule(fact) => encode(
            &proto::PublicationSchedule {
                organisation: fact.organisation.to_string(),
                version: fact.version,
                entries: fact.entries.iter().map(schedule_entry).collect(),
                published_by_organisation: fact.by_organisation.to_string(),
                published_by: fact.by.clone(),
                recorded_at,
                idempotency_key,
            },
            format!("schedule/{}", fact.organisation),
            true,
        ),
    }
}

/// An entry of a publication schedule, as records and calls carry it.
pub fn schedule_entry(entry: &ScheduleEntry) -> proto::ScheduleEntry {
    proto::ScheduleEntry {
        event_type: entry.event_type.to_string(),
        controller: entry.controller.to_string(),
        reason: entry.reason.clone(),
        retention_days: entry.retention_days,
    }
}

/// The entry that a record or a call carries.
///
/// # Errors
/// When a field holds no word of its kind.
pub fn read_schedule_entry(entry: proto::ScheduleEntry) -> Result<ScheduleEntry, WordError> {
    Ok(ScheduleEntry {
        event_type: entry.event_type.parse()?,
        controller: entry.controller.parse()?,
        reason: entry.reason,
        retention_days: entry.retention_days,
    })
}

type Read = Result<(ControlFact, String), ControlError>;

fn proposed(record: proto::AgreementProposed) -> Read {
    let fact = AgreementProposed {
        agreement: record.agreement_id.parse()?,
        version: AgreementVersion(record.version),
        text: record.text,
        text_sha256: fixed(&record.text_sha256, "text_sha256")?,
        by_organisation: record.proposed_by_organisation.parse()?,
        by: record.proposed_by,
    };
    let fact = AgreementFact::Proposed(fact);
    Ok((ControlFact::Agreement(fact), record.idempotency_key))
}

fn signed(record: proto::AgreementSigned) -> Read {
    let fact = AgreementSigned {
        agreement: record.agreement_id.parse()?,
        version: AgreementVersion(record.version),
        party: record.party.parse()?,
        key_id: record.key_id,
        signature: fixed(&record.signature, "signature")?,
        text_sha256: fixed(&record.text_sha256, "text_sha256")?,
    };
    let fact = AgreementFact::Signed(fact);
    Ok((ControlFact::Agreement(fact), record.idempotency_key))
}

fn standing(record: proto::AgreementStanding) -> Read {
    let fact = StandingChange {
        agreement: record.agreement_id.parse()?,
        version: AgreementVersion(record.version),
        party: optional(record.party.as_deref())?,
        standing: record.standing.parse()?,
        reason: record.reason,
        by_organisation: record.recorded_by_organisation.parse()?,
        by: record.recorded_by,
    };
    let fact = AgreementFact::Standing(fact);
    Ok((ControlFact::Agreement(fact), record.idempotency_key))
}

fn commenced(record: proto::AgreementCommenced) -> Read {
    let fact = AgreementFact::Commenced(AgreementCommenced {
        agreement: record.agreement_id.parse()?,
        version: AgreementVersion(record.version),
    });
    Ok((ControlFact::Agreement(fact), String::new()))
}

fn party_key(record: proto::PartyKey) -> Read {
    let fact = PartyKey {
        organisation: record.organisation.parse()?,
        key_id: record.key_id,
        public_key: fixed(&record.public_key, "public_key")?,
        active: record.active,
    };
    let fact = AgreementFact::PartyKey(fact);
    Ok((ControlFact::Agreement(fact), record.idempotency_key))
}

fn reader(record: proto::ReaderRevoked) -> Read {
    let fact = ReaderRevocation {
        organisation: record.organisation.parse()?,
        reader: record.reader,
        revoked: record.revoked,
        by: record.recorded_by,
    };
    let fact = AgreementFact::Reader(fact);
    Ok((ControlFact::Agreement(fact), record.idempotency_key))
}

fn schedule(record: proto::PublicationSchedule) -> Read {
    let idempotency_key = record.idempotency_key.clone();
    let fact = AgreementFact::Schedule(published(record)?);
    Ok((ControlFact::Agreement(fact), idempotency_key))
}

fn published(record: proto::PublicationSchedule) -> Result<PublicationSchedule, ControlError> {
    let entries: Result<_, WordError> = record
        .entries
        .into_iter()
        .map(read_schedule_entry)
        .collect();
    Ok(PublicationSchedule {
        organisation: record.organisation.parse()?,
        version: record.version,
        entries: entries?,
        by_organisation: record.published_by_organisation.parse()?,
        by: record.published_by,
    })
}

/// The opened body of a publication schedule, for those whom nothing else of the control plane concerns.
///
/// # Errors
/// When it is no whole record.
pub fn read_schedule(body: &[u8]) -> Result<PublicationSchedule, ControlError> {
    published(decode(body)?)
}

fn ground(record: proto::GroundRecorded) -> Read {
    let fact = GroundFact {
        ground_id: record.ground_id,
        version: record.version,
        handle: Handle::try_from(record.handle.as_slice())?,
        kind: record.kind.parse()?,
        state: record.state.parse()?,
        purpose: optional(record.purpose.as_deref())?,
        agreement: optional(record.agreement_id.as_deref())?,
        event: optional(record.event_id.as_deref())?,
        not_after: record.not_after_day.map(Day),
        stated_at: instant(record.stated_at, "stated_at")?,
        chosen_authority: optional(record.chosen_authority.as_deref())?,
        by_organisation: record.recorded_by_organisation.parse()?,
        by: record.recorded_by,
    };
    Ok((ControlFact::Ground(fact), record.idempotency_key))
}

fn pin(record: proto::PinSet) -> Read {
    let fact = PinFact {
        kind: record.kind.parse()?,
        name: record.name,
        schema_id: record.schema_id,
        sha256: fixed(&record.sha256, "sha256")?,
        content: record.content,
    };
    Ok((ControlFact::Pin(fact), String::new()))
}

fn decode<R: AvroRecord>(body: &[u8]) -> Result<R, ControlError> {
    Ok(R::decode_exact(body)?)
}

fn encode<R: AvroRecord>(record: &R, key: String, copied: bool) -> Result<Encoded, ControlError> {
    Ok(Encoded {
        full_name: R::FULL_NAME,
        body: record.to_vec()?,
        key,
        copied,
    })
}

fn fixed<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], ControlError> {
    bytes.try_into().map_err(|_| ControlError::Length { field })
}

fn optional<T: FromStr<Err = WordError>>(text: Option<&str>) -> Result<Option<T>, ControlError> {
    Ok(text.map(str::parse).transpose()?)
}

fn instant(at: Option<Timestamp>, field: &'static str) -> Result<Instant, ControlError> {
    at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .ok_or(ControlError::Missing { field })
}

fn timestamp(at: Instant) -> Timestamp {
    Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        // Below 10⁹ by construction, so the conversion holds.
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests;
