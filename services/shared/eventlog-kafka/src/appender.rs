//! Acknowledged appends outside transactions.

use crate::Kafka;
use crate::connection::plain;
use crate::message::owned_headers;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use walbrook_eventlog::{Appender, Done, LogError, NewRecord, Severity, TopicPartition};

/// One call of `append`: done when the last record's report has come.
struct Batch {
    left: AtomicUsize,
    state: Mutex<BatchState>,
}

struct BatchState {
    delivered: Vec<Option<(TopicPartition, i64)>>,
    failure: Option<LogError>,
    done: Option<Done>,
}

impl Batch {
    fn settle(&self, order: usize, result: Result<(TopicPartition, i64), LogError>) {
        {
            let mut state = self.state.lock();
            match result {
                Ok(at) => {
                    if let Some(slot) = state.delivered.get_mut(order) {
                        *slot = Some(at);
                    }
                }
                Err(error) => {
                    state.failure.get_or_insert(error);
                }
            }
        }
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let (done, result) = {
            let mut state = self.state.lock();
            let result = match state.failure.take() {
                Some(error) => Err(error),
                None => Ok(std::mem::take(&mut state.delivered)
                    .into_iter()
                    .flatten()
                    .collect()),
            };
            (state.done.take(), result)
        };
        if let Some(done) = done {
            done(result);
        }
    }
}

/// A record's place in its batch.
struct Place {
    batch: Arc<Batch>,
    order: usize,
}

struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Place>;

    fn delivery(&self, result: &DeliveryResult<'_>, place: Box<Place>) {
        let settled = match result {
            Ok(message) => Ok((
                TopicPartition::new(message.topic(), message.partition()),
                message.offset(),
            )),
            Err((error, message)) => Err(plain("append", message.topic(), error)),
        };
        place.batch.settle(place.order, settled);
    }
}

/// An idempotent producer with acks=all; its own thread serves the reports.
pub struct KafkaAppender {
    producer: ThreadedProducer<Reports>,
}

impl KafkaAppender {
    pub(crate) fn new(kafka: &Kafka, linger: Duration) -> Result<Self, LogError> {
        let mut config = kafka.producer_config();
        config.set("linger.ms", linger.as_millis().to_string());
        // After this the caller is told that nothing was acknowledged; it must be under the callers' own deadlines.
        config.set("message.timeout.ms", "15000");
        let producer = config
            .create_with_context(Reports)
            .map_err(|error| plain("make a producer", kafka.bootstrap(), &error))?;
        Ok(Self { producer })
    }

    /// Waits until everything handed over is acknowledged or has failed.
    ///
    /// # Errors
    /// When that took longer than `wait`.
    pub fn flush(&self, wait: Duration) -> Result<(), LogError> {
        self.producer
            .flush(wait)
            .map_err(|error| plain("flush", "the producer", &error))
    }
}

impl Appender for KafkaAppender {
    fn append(&self, records: Vec<NewRecord>, done: Done) {
        let count = records.len();
        if count == 0 {
            done(Ok(Vec::new()));
            return;
        }
        let batch = Arc::new(Batch {
            left: AtomicUsize::new(count),
            state: Mutex::new(BatchState {
                delivered: vec![None; count],
                failure: None,
                done: Some(done),
            }),
        });
        for (order, record) in records.into_iter().enumerate() {
            let place = Box::new(Place {
                batch: Arc::clone(&batch),
                order,
            });
            let mut message: BaseRecord<'_, [u8], [u8], Box<Place>> =
                BaseRecord::with_opaque_to(&record.topic, place)
                    .headers(owned_headers(&record.headers));
            if let Some(key) = &record.key {
                message = message.key(key);
            }
            if let Some(value) = &record.value {
                message = message.payload(value);
            }
            if let Some(partition) = record.partition {
                message = message.partition(partition);
            }
            if let Some(at) = record.timestamp_ms {
                message = message.timestamp(at);
            }
            if let Err((error, back)) = self.producer.send(message) {
                let failed = match error {
                    KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => LogError::new(
                        Severity::Transient,
                        "append",
                        &*record.topic,
                        "the producer's queue is full: Kafka does not keep up; send less and try again",
                    ),
                    error => plain("append", &*record.topic, &error),
                };
                back.delivery_opaque.batch.settle(order, Err(failed));
            }
        }
    }
}
