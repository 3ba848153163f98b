//! Peers: what enforcement and the gateways are measured against. librdkafka with the settings of our own clients and as little around it as can
//! be. Nothing but the benchmarks uses them.

use crate::Kafka;
use crate::connection::plain;
use crate::message::owned_headers;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
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

/// A bare transactional copy: every record of its inputs goes to the partition of the same number of one topic, with the positions, in transactions
/// of at most `batch` records under one transactional id. Each transaction is drained before it is committed.
pub struct TransactionalCopy {
    consumer: BaseConsumer,
    producer: BaseProducer<Reports>,
    output: String,
    batch: usize,
    left: u64,
}

impl TransactionalCopy {
    /// Takes the id over and assigns the inputs from offset 0 to the ends given.
    ///
    /// # Errors
    /// When Kafka refuses a client.
    pub fn new(
        kafka: &Kafka,
        id: &str,
        inputs: &[(TopicPartition, i64)],
        output: &str,
        batch: usize,
    ) -> Result<Self, LogError> {
        let failed = |error: &KafkaError| plain("prepare the copy", id, error);
        let mut settings = kafka.consumer_config("read_committed");
        settings.set("group.id", id);
        settings.set("queued.max.messages.kbytes", "65536");
        let consumer: BaseConsumer = settings.create().map_err(|error| failed(&error))?;
        let mut list = TopicPartitionList::with_capacity(inputs.len());
        for (at, _) in inputs {
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(0))
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
        let left = inputs
            .iter()
            .map(|(_, end)| u64::try_from(*end).unwrap_or(0))
            .sum();
        Ok(Self {
            consumer,
            producer,
            output: output.to_owned(),
            batch,
            left,
        })
    }

    /// Copies everything. The time runs from the end of the first transaction to the end of the last and covers the records of all but the first.
    ///
    /// # Errors
    /// When Kafka refuses anything, or nothing comes for a minute.
    pub fn run(mut self) -> Result<Pace, LogError> {
        let (mut records, mut first, mut started) = (0, 0, Instant::now());
        let mut progress = Instant::now();
        let mut open = false;
        while self.left > 0 {
            if !open {
                self.producer
                    .begin_transaction()
                    .map_err(|error| plain("begin", &self.output, &error))?;
                open = true;
            }
            let (positions, sent) = self.send_batch()?;
            if sent == 0 {
                if progress.elapsed() > PATIENCE {
                    return Err(stuck(
                        &self.output,
                        format!("{} records never came", self.left),
                    ));
                }
                continue;
            }
            self.finish(&positions)?;
            open = false;
            progress = Instant::now();
            records += sent;
            self.left = self.left.saturating_sub(sent);
            if first == 0 {
                (first, started) = (sent, Instant::now());
            }
        }
        Ok(Pace {
            records,
            timed: records - first,
            took: started.elapsed(),
        })
    }

    fn send_batch(&self) -> Result<(Vec<Position>, u64), LogError> {
        let mut positions: Vec<Position> = Vec::new();
        let mut sent = 0;
        while sent < self.batch {
            let wait = if sent == 0 {
                Duration::from_millis(10)
            } else {
                Duration::ZERO
            };
            match self.consumer.poll(wait) {
                None => break,
                Some(Err(error)) => return Err(plain("read", &self.output, &error)),
                Some(Ok(message)) => {
                    self.send(&message)?;
                    pass(&mut positions, &message);
                    sent += 1;
                }
            }
        }
        Ok((positions, u64::try_from(sent).unwrap_or(u64::MAX)))
    }

    fn send(&self, message: &BorrowedMessage<'_>) -> Result<(), LogError> {
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&self.output).partition(message.partition());
        if let Some(key) = message.key() {
            record = record.key(key);
        }
        if let Some(payload) = message.payload() {
            record = record.payload(payload);
        }
        if let Some(headers) = message.headers() {
            record = record.headers(headers.detach());
        }
        give(&self.producer, record, &self.output)
    }

    fn finish(&self, positions: &[Position]) -> Result<(), LogError> {
        let failed = |error: &KafkaError| plain("commit the copy", &self.output, error);
        drain(&self.producer, &self.output)?;
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
            .ok_or_else(|| stuck(&self.output, "no group metadata".to_owned()))?;
        self.producer
            .send_offsets_to_transaction(&list, &group, PATIENCE)
            .map_err(|error| failed(&error))?;
        self.producer
            .commit_transaction(Timeout::Never)
            .map_err(|error| failed(&error))
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
    let deadline = Instant::now() + PATIENCE;
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(5));
        if Instant::now() > deadline {
            return Err(stuck(
                topic,
                format!("{} records stay unacknowledged", producer.in_flight_count()),
            ));
        }
    }
    match producer.context().failed.load(Ordering::Relaxed) {
        0 => Ok(()),
        failed => Err(stuck(topic, format!("{failed} records were refused"))),
    }
}

fn stuck(topic: &str, problem: String) -> LogError {
    LogError::new(Severity::Fatal, "run a peer", topic, problem)
}
