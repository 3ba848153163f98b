//! Peers: what enforcement and the gateways are measured against. librdkafka with the settings of our own clients and as little around it as can
//! be. Nothing but the benchmarks uses them.

use crate::Kafka;
use crate::connection::plain;
use crate::message::owned_headers;
use crate::transactor::is_drained;
use bytes::Bytes;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use walbrook_eventlog::{LogError, Record, Severity, TopicPartition};

/// How long a peer may make no progress before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// As that of the broker's transactions.
const TRANSACTION_TIMEOUT_MS: &str = "5000";

/// What a peer did, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Records in all.
    pub records: u64,
    /// Those of them that the time covers.
    pub timed: u64,
    /// The time.
    pub took: Duration,
}

/// Counts delivery reports.
#[derive(Default)]
struct Reports {
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() {
            &self.delivered
        } else {
            &self.failed
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A bare transactional copy: reads every record of its inputs and writes the outputs it was given, spread evenly over them, with the positions, in
/// transactions over at most `batch` inputs under one transactional id. Each transaction is drained before it is committed.
pub struct TransactionalCopy {
    consumer: BaseConsumer,
    producer: BaseProducer<Reports>,
    id: String,
    outputs: std::vec::IntoIter<Output>,
    batch: usize,
    inputs: usize,
    read: usize,
    total: usize,
    written: usize,
}

/// A record that the copy writes: made ready before the time runs.
struct Output {
    topic: Arc<str>,
    partition: i32,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: OwnedHeaders,
}

impl TransactionalCopy {
    /// Takes the id over and assigns each input from one offset up to another. The outputs go where they say, in their order.
    ///
    /// # Errors
    /// When Kafka refuses a client.
    pub fn new(
        kafka: &Kafka,
        id: &str,
        inputs: &[(TopicPartition, i64, i64)],
        outputs: Vec<Record>,
        batch: usize,
    ) -> Result<Self, LogError> {
        let failed = |error: &KafkaError| plain("prepare the copy", id, error);
        let mut settings = kafka.consumer_config("read_committed");
        settings.set("group.id", id);
        settings.set("queued.max.messages.kbytes", "65536");
        let consumer: BaseConsumer = settings.create().map_err(|error| failed(&error))?;
        let mut list = TopicPartitionList::with_capacity(inputs.len());
        for (at, from, _) in inputs {
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*from))
                .map_err(|error| failed(&error))?;
        }
        consumer.assign(&list).map_err(|error| failed(&error))?;
        let mut settings = kafka.producer_config();
        settings.set("transactional.id", id);
        settings.set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
        settings.set("message.timeout.ms", TRANSACTION_TIMEOUT_MS);
        settings.set("linger.ms", "1");
        let producer: BaseProducer<Reports> = settings
            .create_with_context(Reports::default())
            .map_err(|error| failed(&error))?;
        producer
            .init_transactions(PATIENCE)
            .map_err(|error| failed(&error))?;
        let count = |(_, from, to): &(TopicPartition, i64, i64)| usize::try_from(to - from);
        let outputs: Vec<Output> = outputs.into_iter().map(Output::of).collect();
        Ok(Self {
            consumer,
            producer,
            id: id.to_owned(),
            batch,
            inputs: inputs.iter().map(|one| count(one).unwrap_or(0)).sum(),
            read: 0,
            total: outputs.len(),
            outputs: outputs.into_iter(),
            written: 0,
        })
    }

    /// Copies everything. The time runs from the end of the first transaction to the end of the last and covers the inputs of all but the first.
    ///
    /// # Errors
    /// When Kafka refuses anything, or nothing comes for a minute.
    pub fn run(mut self) -> Result<Pace, LogError> {
        let (mut first, mut started) = (0, Instant::now());
        let mut progress = Instant::now();
        let mut open = false;
        while self.read < self.inputs {
            if !open {
                self.producer
                    .begin_transaction()
                    .map_err(|error| plain("begin", &self.id, &error))?;
                open = true;
            }
            let before = self.read;
            let positions = self.copy_batch()?;
            if self.read == before {
                if progress.elapsed() > PATIENCE {
                    let missing = self.inputs - self.read;
                    return Err(stuck(&self.id, format!("{missing} records never came")));
                }
                continue;
            }
            self.finish(&positions)?;
            open = false;
            progress = Instant::now();
            if first == 0 {
                (first, started) = (self.read, Instant::now());
            }
        }
        Ok(Pace {
            records: u64::try_from(self.written).unwrap_or(u64::MAX),
            timed: u64::try_from(self.read - first).unwrap_or(u64::MAX),
            took: started.elapsed(),
        })
    }

    fn copy_batch(&mut self) -> Result<Vec<Position>, LogError> {
        let mut positions: Vec<Position> = Vec::new();
        let most = (self.read + self.batch).min(self.inputs);
        let before = self.read;
        while self.read < most {
            let wait = if self.read == before {
                Duration::from_millis(10)
            } else {
                Duration::ZERO
            };
            match self.consumer.poll(wait) {
                None => break,
                Some(Err(error)) => return Err(plain("read", &self.id, &error)),
                Some(Ok(message)) => pass(&mut positions, &message),
            }
            self.read += 1;
            // As many outputs as inputs have come: one for one where there are as many.
            let due = self.total * self.read / self.inputs;
            while self.written < due {
                let Some(output) = self.outputs.next() else {
                    break;
                };
                output.give(&self.producer)?;
                self.written += 1;
            }
        }
        Ok(positions)
    }

    fn finish(&self, positions: &[Position]) -> Result<(), LogError> {
        let failed = |error: &KafkaError| plain("commit the copy", &self.id, error);
        drain(&self.producer, &self.id)?;
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for position in positions {
            list.add_partition_offset(
                &position.topic,
                position.partition,
                Offset::Offset(position.next),
            )
            .map_err(|error| failed(&error))?;
        }
        let group = self
            .consumer
            .group_metadata()
            .ok_or_else(|| stuck(&self.id, "no group metadata".to_owned()))?;
        self.producer
            .send_offsets_to_transaction(&list, &group, PATIENCE)
            .map_err(|error| failed(&error))?;
        self.producer
            .commit_transaction(Timeout::Never)
            .map_err(|error| failed(&error))
    }
}

impl Output {
    fn of(record: Record) -> Self {
        Self {
            topic: record.at.topic,
            partition: record.at.partition,
            headers: owned_headers(&record.headers),
            key: record.key,
            value: record.value,
        }
    }

    fn give(self, producer: &BaseProducer<Reports>) -> Result<(), LogError> {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic)
            .partition(self.partition)
            .headers(self.headers);
        if let Some(key) = &self.key {
            record = record.key(key);
        }
        if let Some(value) = &self.value {
            record = record.payload(value);
        }
        give(producer, record, &self.topic)
    }
}

/// How far one input was copied.
struct Position {
    topic: String,
    partition: i32,
    next: i64,
}

fn pass(positions: &mut Vec<Position>, message: &BorrowedMessage<'_>) {
    let (partition, next) = (message.partition(), message.offset() + 1);
    // Records come in runs of one partition: the last position is nearly always the one.
    let known = positions
        .iter_mut()
        .rev()
        .find(|one| one.partition == partition && one.topic == message.topic());
    match known {
        Some(position) => position.next = next,
        None => positions.push(Position {
            topic: message.topic().to_owned(),
            partition,
            next,
        }),
    }
}

/// An idempotent producer with acks=all that sends records which are there already.
pub struct BareProducer {
    producer: BaseProducer<Reports>,
    topic: String,
}

impl BareProducer {
    /// Connects; the first record of [`BareProducer::run`] need not wait for that.
    ///
    /// # Errors
    /// When Kafka refuses the client or does not know the topic.
    pub fn new(kafka: &Kafka, topic: &str, linger: Duration) -> Result<Self, LogError> {
        let mut settings = kafka.producer_config();
        settings.set("linger.ms", linger.as_millis().to_string());
        let failed = |error: &KafkaError| plain("prepare the producer", topic, error);
        let producer: BaseProducer<Reports> = settings
            .create_with_context(Reports::default())
            .map_err(|error| failed(&error))?;
        producer
            .client()
            .fetch_metadata(Some(topic), PATIENCE)
            .map_err(|error| failed(&error))?;
        Ok(Self {
            producer,
            topic: topic.to_owned(),
        })
    }

    /// Sends key, value and headers of each record; the key chooses the partition. The time runs from the first send to the last acknowledgement.
    ///
    /// # Errors
    /// When a record is refused or not acknowledged.
    pub fn run(&self, records: &[Record]) -> Result<Pace, LogError> {
        let headers: Vec<OwnedHeaders> = records
            .iter()
            .map(|record| owned_headers(&record.headers))
            .collect();
        let before = self.producer.context().delivered.load(Ordering::Relaxed);
        let started = Instant::now();
        for (record, headers) in records.iter().zip(headers) {
            let mut message: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(&self.topic).headers(headers);
            if let Some(key) = &record.key {
                message = message.key(key);
            }
            if let Some(value) = &record.value {
                message = message.payload(value);
            }
            give(&self.producer, message, &self.topic)?;
        }
        drain(&self.producer, &self.topic)?;
        let took = started.elapsed();
        let delivered = self.producer.context().delivered.load(Ordering::Relaxed) - before;
        Ok(Pace {
            records: delivered,
            timed: delivered,
            took,
        })
    }
}

fn give(
    producer: &BaseProducer<Reports>,
    mut record: BaseRecord<'_, [u8], [u8]>,
    topic: &str,
) -> Result<(), LogError> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(5));
            }
            Err((error, _)) => return Err(plain("send", topic, &error)),
        }
    }
}

fn drain(producer: &BaseProducer<Reports>, topic: &str) -> Result<(), LogError> {
    if !is_drained(producer, PATIENCE) {
        return Err(stuck(
            topic,
            format!("{} records stay unacknowledged", producer.in_flight_count()),
        ));
    }
    match producer.context().failed.load(Ordering::Relaxed) {
        0 => Ok(()),
        failed => Err(stuck(topic, format!("{failed} records were refused"))),
    }
}

fn stuck(topic: &str, problem: String) -> LogError {
    LogError::new(Severity::Fatal, "run a peer", topic, problem)
}
