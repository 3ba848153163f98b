//! What a test reads from and writes to the log itself, and how it knows that the broker is through.

use super::Backbone;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use walbrook_auditor::{Checked, LiveSource, Log, LogSource, Report};
use walbrook_event::{framing, headers};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Appender, Ends, NewRecord, Positions, Record, TopicPartition, topics};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::LinkRecord;

/// How long Kafka may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);

/// Where Kafka and the registry are.
pub struct Shared {
    /// `host:port`.
    pub kafka: String,
    /// The registry's whole base address.
    pub registry: String,
}

impl Shared {
    /// The shared ones, where no other is named.
    #[must_use]
    pub fn or(kafka: Option<String>, registry: Option<String>) -> Self {
        let base = |address: &str| format!("{}/apis/ccompat/v7", address.trim_end_matches('/'));
        match (kafka, registry) {
            (Some(kafka), Some(registry)) => Self {
                kafka,
                registry: base(&registry),
            },
            (kafka, registry) => {
                let shared = walbrook_testkit::cluster::shared();
                Self {
                    kafka: kafka.unwrap_or(shared.kafka),
                    registry: base(&registry.unwrap_or(shared.registry)),
                }
            }
        }
    }
}

impl Backbone {
    /// A source of this namespace's records for the auditor.
    #[must_use]
    pub fn source(&self) -> Box<dyn LogSource> {
        let known = self
            .kafka
            .admin()
            .and_then(|admin| admin.partitions(ANSWER))
            .expect("the topics");
        let reader = self.kafka.reader().expect("a reader");
        let ends = self.kafka.ends().expect("a client for ends");
        let counts = move |topic: &str| known.get(topic).map(|(partitions, _)| *partitions);
        Box::new(LiveSource::new(
            self.namespace.clone(),
            reader,
            ends,
            counts,
        ))
    }

    /// Every committed record of this namespace.
    #[must_use]
    pub fn log(&self) -> Log {
        let log = Log::read(self.source().as_mut(), &mut |_| {}).expect("the log");
        if self.sealed {
            log.sealed_by(Arc::new(crate::seal::Mixed))
        } else {
            log
        }
    }

    /// The committed records of a topic (named without the namespace), by partition and offset.
    #[must_use]
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let mut source = self.source();
        let mut found = Vec::new();
        for partition in 0..source.partitions(topic).expect("the topic") {
            let end = source.end(topic, partition).expect("its end");
            source
                .read(topic, partition, 0, end, &mut |record| found.push(record))
                .expect("its records");
        }
        found
    }

    /// The last link record of each handle.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn links(&self) -> BTreeMap<Vec<u8>, LinkRecord> {
        let records = self.records("control.links").into_iter();
        let read = records.map(|record| {
            let (_, body) = framing::unframe(record.value.as_deref()).expect("framed");
            let link = LinkRecord::decode_exact(body).expect("a link record");
            (link.handle.clone(), link)
        });
        read.collect()
    }

    /// Releases of an event type on a purpose's topic.
    #[must_use]
    pub fn releases(&self, purpose: &str, event_type: &str) -> Vec<Record> {
        let mut records = self.records(&topics::shared(purpose));
        records.retain(|record| record.headers.text(headers::TYPE) == Some(event_type));
        records
    }

    /// Audits the whole namespace.
    ///
    /// # Panics
    /// When there is any difference, with all of them, or nothing was checked.
    pub fn assert_audit_is_clean(&self) -> Report {
        let report =
            walbrook_auditor::verify(&self.log(), &walbrook_auditor::Options::default()).report;
        let differences: Vec<String> = report
            .differences()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            report.is_clean(),
            "{} differences:\n{}",
            report.difference_count(),
            differences.join("\n")
        );
        assert!(
            report.checked(Checked::Pages) > 0,
            "the audit found no page to check"
        );
        report
    }

    /// Writes a record as it is, past the gateway.
    pub async fn append(&self, mut record: NewRecord) -> (TopicPartition, i64) {
        record.topic = self.namespace.name(&record.topic).into();
        let appender = self.kafka.appender(Duration::ZERO).expect("an appender");
        let (done, acknowledged) = tokio::sync::oneshot::channel();
        let done = move |result| {
            let _ = done.send(result);
        };
        appender.append(vec![record], Box::new(done));
        let mut places = acknowledged
            .await
            .expect("an answer")
            .expect("an acknowledgement");
        places.remove(0)
    }

    /// Waits until the broker is past everything that stands on the control plane's topic now, and has no past events left to decide again.
    pub async fn nothing_queued(&self) {
        let at: Vec<TopicPartition> = (0..self.partitions())
            .map(|p| TopicPartition::new(self.namespace.name(topics::LINKS), p))
            .collect();
        let policy = TopicPartition::new(self.namespace.name(topics::POLICY), 0);
        let mut ends = self.kafka.ends().expect("a client for ends");
        let end = ends.high_watermarks(&[policy], ANSWER).expect("the end");
        let group = self.namespace.name("broker");
        let positions = Arc::new(parking_lot::Mutex::new(self.kafka.positions()));
        self.until("the broker to decide past events again", || {
            let committed = positions.lock().committed(&group, &at, true, ANSWER);
            let end = end.first().copied().unwrap_or(0);
            async move {
                let committed = committed.map_err(|error| error.to_string())?;
                let open = committed.iter().find_map(|one| {
                    let position: Option<Position> = one.metadata.parse().ok();
                    let through = position
                        .as_ref()
                        .is_some_and(|at| at.policy_next >= end && at.cursor.is_none());
                    (!through).then(|| format!("{}: `{}`", one.at, one.metadata))
                });
                open.map_or(Ok(()), Err)
            }
        })
        .await;
    }

    /// Waits until the broker has decided everything that stands on the agencies' topics now.
    pub async fn decided(&self) {
        let at: Vec<TopicPartition> = topics::RAW
            .iter()
            .flat_map(|topic| {
                (0..self.partitions()).map(|p| TopicPartition::new(self.namespace.name(topic), p))
            })
            .collect();
        let mut ends = self.kafka.ends().expect("a client for ends");
        let wanted = ends.high_watermarks(&at, ANSWER).expect("the ends");
        let group = self.namespace.name("broker");
        let positions = Arc::new(parking_lot::Mutex::new(self.kafka.positions()));
        self.until("the broker to decide everything on the raw topics", || {
            let committed = positions.lock().committed(&group, &at, true, ANSWER);
            let (wanted, at) = (wanted.clone(), at.clone());
            async move {
                let committed = committed.map_err(|error| error.to_string())?;
                let behind =
                    committed
                        .iter()
                        .zip(&wanted)
                        .zip(&at)
                        .find_map(|((found, end), at)| {
                            let next = found.offset.unwrap_or(0);
                            // A partition without records may have no position at all. Markers of transactions do not occur on raw topics.
                            (next < *end).then(|| format!("{at} is decided up to {next} of {end}"))
                        });
                behind.map_or(Ok(()), Err)
            }
        })
        .await;
    }
}
