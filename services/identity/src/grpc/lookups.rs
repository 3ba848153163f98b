//! Look-ups of people: each is on `audit.lookups` before it is answered.

use super::Service;
use crate::error::CallError;
use crate::linkage::{Answer, Command};
use crate::lookup::violation;
use std::time::Instant as Monotonic;
use walbrook_domain::Handle;
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1 as proto;
use walbrook_runtime::callers::Principal;

/// Items of one call at most.
const MOST_ITEMS: usize = 2_000;
/// London days after today on which an approval holds.
const APPROVAL_DAYS: i32 = 7;
/// Why a look-up may not wait for its hold.
const APPROVAL_REASONS: [&str; 3] = ["safeguarding", "imminent-discharge", "homeless-tonight"];

impl Service {
    /// Purpose pseudonyms of an organisation's own record, or ones that nobody has. The order is: form and keys, the allowance, the record on the
    /// log, and only then the state.
    pub(super) async fn resolve(
        &self,
        caller: &Principal,
        request: proto::ResolveForReadRequest,
    ) -> Result<proto::ResolveForReadResponse, CallError> {
        self.ready()?;
        let record = request.record.unwrap_or_default();
        let question = self
            .lookup
            .question(&record, &request.purpose, &request.reader)?;
        let allowed = self
            .lookup
            .allows(&record.organisation, &request.reader, Monotonic::now());
        let (outcome, reason) = if allowed {
            ("ASKED", "")
        } else {
            ("REFUSED", "TOO_MANY")
        };
        let lookup = LookupRecord {
            operation: "RESOLVE".to_owned(),
            caller: super::by(caller),
            reader: request.reader,
            organisation: record.organisation,
            role: request.role,
            read_id: request.read_id,
            purpose: request.purpose,
            subject: question.subject(),
            items: 1,
            outcome: outcome.to_owned(),
            reason: reason.to_owned(),
            ..LookupRecord::default()
        };
        // A replica lags, and so does a writer that was cut off and does not know it: person and hold may be others by now.
        let (recorded, fresh) = tokio::join!(
            self.lookups.record(lookup, self.clock.now()),
            self.desk.fresh()
        );
        recorded?;
        if !allowed {
            return Err(CallError::TooMany);
        }
        fresh?;
        let (person, handle) = self.lookup.answer(&question, self.clock.now());
        Ok(proto::ResolveForReadResponse {
            person_pseudonym: Some(person.as_bytes().to_vec()),
            handle_pseudonym: Some(handle.as_bytes().to_vec()),
        })
    }

    /// Whether pseudonyms belong to subjects.
    pub(super) async fn check_matches(
        &self,
        caller: &Principal,
        items: Vec<proto::MatchItem>,
    ) -> Result<Vec<bool>, CallError> {
        at_most("items", items.len())?;
        let lookup = LookupRecord {
            operation: "MATCHES".to_owned(),
            caller: super::by(caller),
            items: i64::try_from(items.len()).unwrap_or(i64::MAX),
            outcome: "ASKED".to_owned(),
            ..LookupRecord::default()
        };
        self.lookups.record(lookup, self.clock.now()).await?;
        items.iter().map(|item| self.lookup.matches(item)).collect()
    }

    /// Events about these records were accepted.
    pub(super) async fn told_accepted(
        &self,
        caller: &Principal,
        request: proto::AcceptedRequest,
    ) -> Result<(), CallError> {
        if request.agency != caller.subject {
            return Err(CallError::WrongAgency {
                caller: caller.subject.clone(),
            });
        }
        at_most("handles", request.handles.len())?;
        let read = |(at, bytes): (usize, &Vec<u8>)| {
            Handle::try_from(bytes.as_slice()).map_err(|_| {
                let field = format!("handles[{at}]");
                CallError::Invalid(vec![violation(&field, "a handle has 16 bytes")])
            })
        };
        let handles = request.handles.iter().enumerate().map(read);
        let handles: Vec<Handle> = handles.collect::<Result<_, _>>()?;
        if handles.is_empty() {
            return Ok(());
        }
        let done = self
            .desk
            .submit(vec![Command::Accepted { handles }])
            .await?;
        match done.results.into_iter().next() {
            Some(Ok(Answer::Accepted(_))) => Ok(()),
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Err(CallError::NotWritten),
        }
    }

    /// A second person of the organisation allows a reader to look a record up now.
    pub(super) async fn approve(
        &self,
        caller: &Principal,
        request: proto::ApproveLookupRequest,
    ) -> Result<proto::ApproveLookupResponse, CallError> {
        let record = request.record.unwrap_or_default();
        let mut violations = Vec::new();
        if record.organisation != caller.organisation {
            violations.push(violation(
                "record.organisation",
                "approve look-ups of your own organisation's records only",
            ));
        }
        if request.reader.is_empty() || request.reader.len() > 200 {
            violations.push(violation("reader", "expected 1 to 200 bytes"));
        }
        if request.reader == caller.subject {
            violations.push(violation(
                "reader",
                "nobody approves a look-up of their own; ask a second person",
            ));
        }
        if !APPROVAL_REASONS.contains(&request.reason.as_str()) {
            let expected = format!("expected {}", APPROVAL_REASONS.join(", "));
            violations.push(violation("reason", &expected));
        }
        if !violations.is_empty() {
            return Err(CallError::Invalid(violations));
        }
        let tokens = self.lookup.tokens(&record)?.all();
        let lookup = LookupRecord {
            operation: "APPROVE".to_owned(),
            caller: super::by(caller),
            reader: request.reader.clone(),
            organisation: record.organisation,
            subject: tokens
                .first()
                .map(|token| token.0.to_vec())
                .unwrap_or_default(),
            items: 1,
            outcome: "ASKED".to_owned(),
            reason: request.reason.clone(),
            ..LookupRecord::default()
        };
        self.lookups.record(lookup, self.clock.now()).await?;
        let command = Command::Approve {
            tokens,
            reader: request.reader,
            by: caller.subject.clone(),
            reason: request.reason,
            days: APPROVAL_DAYS,
        };
        let done = self.desk.submit(vec![command]).await?;
        match done.results.into_iter().next() {
            Some(Ok(Answer::Approved(day))) => {
                let (year, month, day) = day.ymd();
                Ok(proto::ApproveLookupResponse {
                    expires_on: Some(Date { year, month, day }),
                })
            }
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Err(CallError::NotWritten),
        }
    }
}

fn at_most(field: &str, count: usize) -> Result<(), CallError> {
    if count > MOST_ITEMS {
        let expected = format!("at most {MOST_ITEMS} in one call");
        return Err(CallError::Invalid(vec![violation(field, &expected)]));
    }
    Ok(())
}
