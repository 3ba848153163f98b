//! The calls. Whose records are shown is the token's organisation, whatever is asked.

use crate::control::journal::SchemaIds;
use crate::quarantine::corrected::{Claim, CorrectedError, look_up};
use crate::quarantine::fold::{Entry, Fold, Owner, Wanted};
use crate::quarantine::place::Place;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use walbrook_domain::{EventId, Instant, Organisation};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{
    Appender, Headers, LogError, Namespace, NewRecord, Record, Severity, topics,
};
use walbrook_eventlog_kafka::{Kafka, KafkaAppender};
use walbrook_proto::audit::v1::Resubmission;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::quarantine::v1 as proto;
use walbrook_proto::quarantine::v1::quarantine_server::Quarantine;
use walbrook_runtime::callers::{Principal, principal, role};
use walbrook_runtime::status::status;

/// Records on one page of a list.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// The service.
pub struct Service {
    /// What stands in quarantine.
    pub fold: Fold,
    /// Where corrected events are looked up.
    pub kafka: Kafka,
    /// Where resubmissions are written.
    pub appender: Arc<KafkaAppender>,
    /// What stands before every topic.
    pub namespace: Namespace,
    /// Registry ids of internal records.
    pub schemas: Arc<SchemaIds>,
    /// What time it is.
    pub clock: fn() -> Instant,
}

/// Whose records the caller sees: its organisation's; an operator sees those that name none.
fn owner<T>(request: &Request<T>) -> Result<(Arc<Principal>, Owner), Status> {
    let principal = principal(request)?;
    principal.require_any_role(&[role::CONTROL, role::PRODUCER, role::OPERATOR])?;
    let acts_for_one = principal.has_role(role::CONTROL) || principal.has_role(role::PRODUCER);
    let owner = if acts_for_one {
        let organisation = principal.organisation.parse::<Organisation>();
        Some(organisation.map_err(|_| {
            Status::permission_denied("the token's organisation is not of the form SCHEME:code")
        })?)
    } else {
        None
    };
    Ok((principal, owner))
}

fn place(field: &'static str, text: &str) -> Result<Place, CorrectedError> {
    text.parse().map_err(
        |error: crate::quarantine::place::NoPlace| CorrectedError::Field {
            field,
            problem: error.to_string(),
        },
    )
}

impl Service {
    fn one(&self, owner: &Owner, id: &str) -> Result<Entry, CorrectedError> {
        let place = place("id", id)?;
        self.fold
            .get(owner, &place)
            .ok_or_else(|| CorrectedError::Unknown(place.to_string()))
    }

    async fn resubmit(
        &self,
        owner: Owner,
        by: &str,
        request: &proto::ResubmittedRequest,
    ) -> Result<Entry, CorrectedError> {
        let entry = self.one(&owner, &request.id)?;
        if entry.corrected.is_some() {
            return Ok(entry);
        }
        let organisation = owner.clone().ok_or_else(|| CorrectedError::Field {
            field: "id",
            problem: "the record names no organisation, so it is nobody's to send again".to_owned(),
        })?;
        let event = request
            .event_id
            .parse::<EventId>()
            .map_err(|error| CorrectedError::Field {
                field: "event_id",
                problem: error.problem,
            })?;
        let corrected = place("receipt_id", &request.receipt_id)?;
        if self.fold.get(&owner, &corrected).is_some() {
            return Err(CorrectedError::AgainUnreadable(corrected));
        }
        let claim = Claim {
            entry,
            organisation,
            place: corrected,
            event,
        };
        claim.check()?;
        claim.hold(self.found(claim.place.clone()).await?.as_ref())?;
        let said = self.say(&claim, by).await?;
        self.fold.correct(&said, (self.clock)());
        self.one(&owner, &request.id)
    }

    /// The record at a place. Seldom asked, so each question has clients of its own.
    async fn found(&self, place: Place) -> Result<Option<Record>, LogError> {
        let (kafka, namespace) = (self.kafka.clone(), self.namespace.clone());
        let found = tokio::task::spawn_blocking(move || {
            let (mut reader, mut ends) = (kafka.reader()?, kafka.ends()?);
            look_up(&mut reader, &mut ends, &namespace, &place)
        });
        found.await.map_err(|error| stopped(&error.to_string()))?
    }

    /// Writes the resubmission and waits until it is durable.
    async fn say(&self, claim: &Claim, by: &str) -> Result<Resubmission, CorrectedError> {
        let now = (self.clock)();
        let of = &claim.entry.place;
        let said = Resubmission {
            raw_topic: of.topic.to_owned(),
            partition: of.partition,
            offset: of.offset,
            corrected_partition: claim.place.partition,
            corrected_offset: claim.place.offset,
            event_id: claim.event.to_string(),
            organisation: claim.organisation.to_string(),
            by: by.to_owned(),
            recorded_at: Some(timestamp(now)),
        };
        let record = self.record(of, &said, now)?;
        let (done, acknowledged) = tokio::sync::oneshot::channel();
        let tell = move |result| {
            let _ = done.send(result);
        };
        self.appender.append(vec![record], Box::new(tell));
        acknowledged
            .await
            .map_err(|error| stopped(&error.to_string()))??;
        Ok(said)
    }

    fn record(&self, of: &Place, said: &Resubmission, now: Instant) -> Result<NewRecord, LogError> {
        let name = Resubmission::FULL_NAME;
        let topic = topics::quarantine(of.agency());
        let id = self.schemas.get(name).copied();
        let id = id.ok_or_else(|| fault(&topic, "its schema is not registered"))?;
        let body = said
            .to_vec()
            .map_err(|error| fault(&topic, &error.to_string()))?;
        let mut written = Headers::new();
        let pairs = headers::internal(name, "broker", Some(now), Some(uuid::Uuid::new_v4()));
        for (name, value) in pairs {
            written.push(name, value);
        }
        Ok(NewRecord {
            topic: self.namespace.name(&topic).into(),
            partition: Some(0),
            key: Some(of.to_string().into_bytes().into()),
            value: Some(framing::frame(id, &body).into()),
            headers: written,
            timestamp_ms: None,
        })
    }
}

fn stopped(problem: &str) -> LogError {
    LogError::new(Severity::Transient, "ask", "the log", problem)
}

fn fault(topic: &str, problem: &str) -> LogError {
    LogError::new(Severity::Fatal, "write", topic, problem)
}

#[tonic::async_trait]
impl Quarantine for Service {
    async fn list(
        &self,
        request: Request<proto::ListQuarantinedRequest>,
    ) -> Result<Response<proto::ListQuarantinedResponse>, Status> {
        let (_, owner) = owner(&request)?;
        let request = request.into_inner();
        let most = match usize::try_from(request.page_size) {
            Ok(0) => PAGE,
            Ok(size) if size <= LARGEST_PAGE => size,
            _ => {
                return Err(status(&CorrectedError::Field {
                    field: "page_size",
                    problem: format!("expected 0 to {LARGEST_PAGE}"),
                }));
            }
        };
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(place("page_token", token).map_err(|error| status(&error))?),
        };
        let listed = self.fold.list(
            &owner,
            &Wanted {
                agency: request.agency.as_deref(),
                open_only: request.open_only,
                after,
                most,
            },
        );
        let last = listed.entries.last();
        let next_page_token = last
            .filter(|_| listed.more)
            .map_or_else(String::new, |entry| entry.place.to_string());
        Ok(Response::new(proto::ListQuarantinedResponse {
            next_page_token,
            open: count(listed.open),
            total: count(listed.total),
            left_off: count(listed.left_off),
            events: listed
                .entries
                .into_iter()
                .map(|entry| answer(entry, &owner))
                .collect(),
        }))
    }

    async fn get(
        &self,
        request: Request<proto::GetQuarantinedRequest>,
    ) -> Result<Response<proto::QuarantinedEvent>, Status> {
        let (_, owner) = owner(&request)?;
        let entry = self
            .one(&owner, &request.into_inner().id)
            .map_err(|error| status(&error))?;
        Ok(Response::new(answer(entry, &owner)))
    }

    async fn resubmitted(
        &self,
        request: Request<proto::ResubmittedRequest>,
    ) -> Result<Response<proto::QuarantinedEvent>, Status> {
        let (principal, owner) = owner(&request)?;
        let request = request.into_inner();
        let entry = self
            .resubmit(owner.clone(), &principal.subject, &request)
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(answer(entry, &owner)))
    }
}

fn answer(entry: Entry, owner: &Owner) -> proto::QuarantinedEvent {
    proto::QuarantinedEvent {
        id: entry.place.to_string(),
        raw_topic: entry.place.topic.to_owned(),
        partition: entry.place.partition,
        offset: entry.place.offset,
        organisation: owner.as_ref().map(ToString::to_string).unwrap_or_default(),
        rule_id: entry.rule.as_str().to_owned(),
        sentence: entry.rule.sentence().to_owned(),
        fix: entry.rule.fix().to_owned(),
        ask: entry.rule.ask().to_owned(),
        value_length: entry.value_length,
        value_sha256_hex: hex::encode(entry.value_sha256),
        event_id: entry.event.map(|event| event.to_string()),
        event_type: entry.event_type,
        quarantined_at: Some(timestamp(entry.quarantined_at)),
        corrected: entry.corrected.map(|corrected| proto::CorrectedEvent {
            id: corrected.place.to_string(),
            event_id: corrected.event.to_string(),
            by: corrected.by,
            recorded_at: Some(timestamp(corrected.at)),
        }),
    }
}

fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
