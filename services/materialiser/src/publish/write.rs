//! One transaction: rows and tombstones on an organisation's topic, and the record of their disclosure.

use super::lane::{Change, Step};
use super::{LEFT, PublishError, READ, ROW};
use crate::answer::{Ask, Served, Subject};
use crate::book::Known as Agreements;
use crate::clock::timestamp;
use crate::compute::{answered, basis};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use walbrook_domain::{AgreementId, AgreementVersion, Instant, Pseudonym};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Headers, NewRecord, TopicPartition};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_view::Viewer;
use walbrook_view::delivered::{Shape, Stated};
use walbrook_view::query::Query;

/// The operation on record.
pub const DELIVER: &str = "DELIVER";

/// What a transaction is made from.
pub struct Disclosure<'a> {
    /// The view with its state.
    pub served: &'a Served,
    /// The organisation and its role.
    pub viewer: &'a Viewer,
    /// Where the rows go: the topic's full name and the partition, and its name without the namespace.
    pub at: (&'a TopicPartition, &'a str),
    /// The rows' form and its id; `None`: nothing is delivered any more.
    pub shape: Option<(&'a Shape, i32)>,
    /// The agreements, and those that deliver.
    pub agreements: (&'a Arc<Agreements>, &'a [(AgreementId, AgreementVersion)]),
    /// The instant the rows are stated for.
    pub now: Instant,
    /// Through which grounds are applied; `None`: not known, and nothing but tombstones may be written.
    pub through: Option<Instant>,
    /// Next offset of `audit.reads` that marks of disputed cells do not stand on.
    pub reads_next: i64,
}

impl Disclosure<'_> {
    /// The records of one step, and the record of the disclosure.
    ///
    /// # Errors
    /// When a row is to be written and nothing delivers it.
    pub fn records(&self, step: &Step) -> Result<(Vec<NewRecord>, ReadRecord), PublishError> {
        let read_id = uuid::Uuid::new_v4().to_string();
        let mut record = self.record(&read_id, step.applied);
        let mut records = Vec::new();
        for change in &step.changes {
            match change {
                Change::Row(row, standing) => {
                    let (Some((shape, id)), Some(through)) = (self.shape, self.through) else {
                        return Err(PublishError::NotDelivered);
                    };
                    let stated = Stated {
                        at: self.now,
                        through,
                        agreements: self.agreements.1,
                        read_id: &read_id,
                        keep_until: standing.until,
                    };
                    let body = shape.body(row, &stated);
                    record.answered.push(answered(row));
                    record.value_sha256.push(Sha256::digest(&body).to_vec());
                    let mut headers =
                        stamped(&self.served.view.name, self.now, &read_id).with(ROW, standing.row);
                    if let Some(day) = standing.until {
                        headers.push(headers::NOT_AFTER, day.to_string());
                    }
                    let value = framing::frame(id, &body);
                    records.push(on_topic(self.at.0, &row.pseudonym, Some(value), headers));
                }
                Change::Left(person, why) => {
                    record.left.push(person.as_bytes().to_vec());
                    record.left_reasons.push((*why).to_owned());
                    let headers =
                        stamped(&self.served.view.name, self.now, &read_id).with(LEFT, why);
                    records.push(on_topic(self.at.0, person, None, headers));
                }
            }
        }
        if !record.answered.is_empty() {
            (record.outcome, record.reason) = ("ANSWERED".to_owned(), "ENTITLED".to_owned());
        }
        Ok((records, record))
    }

    fn record(&self, read_id: &str, applied: i64) -> ReadRecord {
        let (agreements, entitlements) = self.agreements;
        let (at, plain) = self.at;
        let query = Query {
            read_at: self.now,
            ..Query::one()
        };
        let ask = Ask {
            read_id: read_id.to_owned(),
            viewer: self.viewer.clone(),
            case_reference: None,
            operation: DELIVER,
            subject: Subject::Everyone,
            evaluated_at: self.now,
            query: Query::one(),
            only: None,
            role_held: true,
            glass: None,
        };
        let outcome = match entitlements.is_empty() {
            true => ("REFUSED", "NO_AGREEMENT"),
            false => ("EMPTY", "NOTHING_TO_SHOW"),
        };
        let applied = [(at.partition, applied)];
        let under = (entitlements, applied.as_slice());
        let through = self.through.unwrap_or(Instant(0));
        let stands = basis(self.served, &ask, outcome, agreements, under, through);
        ReadRecord {
            query: query.to_string(),
            reads_next: self.reads_next,
            grounds_applied_through: self.through.map(timestamp),
            topic: Some(plain.to_owned()),
            topic_partition: Some(at.partition),
            ..stands
        }
    }
}

/// The headers of a record on a topic, but for what it says itself.
pub(super) fn stamped(view: &str, now: Instant, read_id: &str) -> Headers {
    let name = format!("walbrook.view.rows.{view}");
    let id = Some(uuid::Uuid::new_v4());
    let pairs = headers::internal(&name, "materialiser", Some(now), id);
    let mut headers: Headers = pairs.into_iter().collect();
    headers.push(READ, read_id);
    headers
}

/// A row or a tombstone on its topic.
pub(super) fn on_topic(
    at: &TopicPartition,
    person: &Pseudonym,
    value: Option<Vec<u8>>,
    headers: Headers,
) -> NewRecord {
    NewRecord {
        topic: Arc::clone(&at.topic),
        partition: Some(at.partition),
        key: Some(person.as_bytes().to_vec().into()),
        value: value.map(Into::into),
        headers,
        timestamp_ms: None,
    }
}
