//! One transactional id.

mod deliveries;

use crate::Kafka;
use crate::connection::plain;
use crate::group::metadata_of;
use crate::message::owned_headers;
use deliveries::{Deliveries, DeliveryState};
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use walbrook_eventlog::{
    GroupGeneration, InputPosition, LogError, NewRecord, Severity, TopicPartition, Transactor,
};

/// How long a record may stay unacknowledged before the transaction is given up.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// How long a drain rests before it looks for acknowledgements again, at first and at most.
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_micros(800);
/// Records of a wave, while others are made: handed over before the first of them is due.
const WAVE: usize = 500;
/// The most of one: where many wait, waiting for fewer at a time takes longer than the client's turns cost.
const LARGEST_WAVE: usize = 1_000;
/// How many are held back between two looks at whether the wave before is acknowledged.
const LOOK: usize = 50;
/// How long the client may wait at a time while it gives a transaction up.
const ABORT_SLICE: Duration = Duration::from_millis(50);
/// How long taking over an id may take: the coordinator first aborts what the last owner left.
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// Transactions under one id.
pub struct KafkaTransactor {
    kafka: Kafka,
    id: String,
    timeout: Duration,
    producer: Option<BaseProducer<Deliveries>>,
    /// For positions sent without a member's generation (single writers that are fenced by their id alone).
    plain_group: Option<(String, BaseConsumer)>,
    sent: usize,
    /// Records that wait for the wave before them, where records go in waves.
    held: Option<VecDeque<NewRecord>>,
}

impl KafkaTransactor {
    pub(crate) fn new(kafka: Kafka, id: &str, timeout: Duration) -> Self {
        Self {
            held: None,
            kafka,
            id: id.to_owned(),
            timeout,
            producer: None,
            plain_group: None,
            sent: 0,
        }
    }

    /// Records go to the client in waves, the next when the one before is acknowledged, for the reason that appenders have: its thread turns without rest
    /// while a partition has records in flight and others that are due. For a caller that makes each record while the ones before are on their way.
    #[must_use]
    pub fn in_waves(mut self) -> Self {
        self.held = Some(VecDeque::new());
        self
    }

    fn producer(&self, operation: &'static str) -> Result<&BaseProducer<Deliveries>, LogError> {
        self.producer.as_ref().ok_or_else(|| {
            LogError::new(
                Severity::Fenced,
                operation,
                self.id.as_str(),
                "the transactional id is not initialised: call init first",
            )
        })
    }

    /// Hands over the next wave of what is held back; false when nothing is.
    fn release(&mut self) -> Result<bool, LogError> {
        let Some(held) = &mut self.held else {
            return Ok(false);
        };
        let wave: Vec<NewRecord> = held.drain(..LARGEST_WAVE.min(held.len())).collect();
        for record in &wave {
            self.hand_over(record)?;
        }
        Ok(!wave.is_empty())
    }

    /// Hands a record over to the client.
    fn hand_over(&mut self, record: &NewRecord) -> Result<(), LogError> {
        let order = self.sent;
        let producer = self.producer("send")?;
        producer.context().state.lock().delivered.push(None);
        // Asked for only when the queue is full: a look at the clock for each record is felt.
        let mut deadline = None;
        let mut message: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&record.topic, order)
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
        loop {
            match producer.send(message) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now()
                        < *deadline.get_or_insert_with(|| Instant::now() + DRAIN_LIMIT) =>
                {
                    message = back;
                    producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => {
                    let failed = plain("send", &*record.topic, &error);
                    return Err(given_up(failed));
                }
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(1024) {
            self.producer("send")?.poll(Duration::ZERO);
        }
        Ok(())
    }

    fn error(&self, operation: &'static str, error: &KafkaError) -> LogError {
        let severity = match error {
            KafkaError::Transaction(cause) if fenced(cause.code()) => Severity::Fenced,
            KafkaError::Transaction(cause) if cause.txn_requires_abort() => Severity::Abort,
            KafkaError::Transaction(cause) if cause.is_fatal() => Severity::Fenced,
            KafkaError::Transaction(cause) if cause.is_retriable() => Severity::Transient,
            _ => return plain(operation, self.id.as_str(), error),
        };
        LogError::new(severity, operation, self.id.as_str(), error.to_string())
    }
}

/// Serves reports until everything handed to a producer is settled; false when that takes longer than `limit`. The client's own wait goes on when
/// everything has come, and spins through its last millisecond.
pub(crate) fn is_drained<C: ProducerContext>(producer: &BaseProducer<C>, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut pause = SHORTEST_PAUSE;
    loop {
        producer.poll(Duration::ZERO);
        if producer.in_flight_count() == 0 {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What may have been in part is given up as a whole.
fn given_up(failed: LogError) -> LogError {
    match failed.severity {
        Severity::Transient => LogError {
            severity: Severity::Abort,
            ..failed
        },
        _ => failed,
    }
}

fn fenced(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

impl Transactor for KafkaTransactor {
    fn init(&mut self) -> Result<(), LogError> {
        // A client whose last commit's outcome is unknown must not be used again: always start from a new one.
        self.producer = None;
        let mut config = self.kafka.producer_config();
        config.set("transactional.id", &self.id);
        config.set(
            "transaction.timeout.ms",
            self.timeout.as_millis().to_string(),
        );
        // Records must not outlive the transaction they are in.
        config.set("message.timeout.ms", self.timeout.as_millis().to_string());
        config.set("linger.ms", "1");
        let producer: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|error| plain("make a transactional producer", self.id.as_str(), &error))?;
        producer.init_transactions(INIT_LIMIT).map_err(|error| {
            match self.error("take over the transactional id", &error) {
                // A timeout here changed nothing: it may be tried again.
                error if error.severity == Severity::Abort => LogError {
                    severity: Severity::Transient,
                    ..error
                },
                error => error,
            }
        })?;
        self.producer = Some(producer);
        self.sent = 0;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        let producer = self.producer("begin a transaction")?;
        *producer.context().state.lock() = DeliveryState::default();
        producer
            .begin_transaction()
            .map_err(|error| self.error("begin a transaction", &error))?;
        self.sent = 0;
        // What a transaction before was given up with.
        self.held.iter_mut().for_each(VecDeque::clear);
        Ok(())
    }

    fn send(&mut self, record: NewRecord) -> Result<(), LogError> {
        let Some(held) = &mut self.held else {
            return self.hand_over(&record);
        };
        held.push_back(record);
        let count = held.len();
        if count < WAVE || !count.is_multiple_of(LOOK) {
            return Ok(());
        }
        let producer = self.producer("send")?;
        producer.poll(Duration::ZERO);
        if producer.in_flight_count() == 0 {
            self.release()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError> {
        let mut drained = is_drained(self.producer("drain")?, DRAIN_LIMIT);
        while drained && self.release()? {
            drained = is_drained(self.producer("drain")?, DRAIN_LIMIT);
        }
        let producer = self.producer("drain")?;
        if !drained {
            return Err(LogError::new(
                Severity::Abort,
                "wait for acknowledgements",
                self.id.as_str(),
                "records stayed unacknowledged; is Kafka reachable and are enough replicas in sync?",
            ));
        }
        let state = std::mem::take(&mut *producer.context().state.lock());
        if let Some(failure) = &state.failure {
            let failed = plain("append within a transaction", self.id.as_str(), failure);
            return Err(given_up(failed));
        }
        state
            .delivered
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                LogError::new(
                    Severity::Abort,
                    "wait for acknowledgements",
                    self.id.as_str(),
                    "a record has no acknowledgement",
                )
            })
    }

    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for position in positions {
            let mut element = list.add_partition(&position.at.topic, position.at.partition);
            let set = element
                .set_offset(Offset::Offset(position.next_offset))
                .map(|()| element.set_metadata(&position.metadata));
            set.map_err(|error| plain("send positions", position.at.to_string(), &error))?;
        }
        let alone;
        let metadata: &ConsumerGroupMetadata = match generation.and_then(metadata_of) {
            Some(metadata) => metadata,
            None => {
                if self
                    .plain_group
                    .as_ref()
                    .is_none_or(|(name, _)| name != group)
                {
                    let mut config = self.kafka.consumer_config("read_committed");
                    config.set("group.id", group);
                    let consumer = config
                        .create()
                        .map_err(|error| plain("send positions", group, &error))?;
                    self.plain_group = Some((group.to_owned(), consumer));
                }
                alone = self
                    .plain_group
                    .as_ref()
                    .and_then(|(_, consumer)| consumer.group_metadata());
                alone.as_ref().ok_or_else(|| {
                    LogError::new(
                        Severity::Transient,
                        "send positions",
                        group,
                        "the group has no metadata",
                    )
                })?
            }
        };
        let producer = self.producer("send positions")?;
        producer
            .send_offsets_to_transaction(&list, metadata, DRAIN_LIMIT)
            .map_err(|error| {
                // The positions may or may not have been added: the transaction is given up either way.
                given_up(self.error("send positions", &error))
            })
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let producer = self.producer("commit")?;
        match producer.commit_transaction(Timeout::Never) {
            Ok(()) => Ok(()),
            Err(error) => {
                let failed = self.error("commit", &error);
                let severity = match failed.severity {
                    Severity::Abort | Severity::Fenced => failed.severity,
                    // Anything else leaves it open whether the coordinator has written the commit: only a new client can tell.
                    _ => {
                        self.producer = None;
                        Severity::OutcomeUnknown
                    }
                };
                Err(LogError { severity, ..failed })
            }
        }
    }

    fn abort(&mut self) -> Result<(), LogError> {
        let producer = self.producer("abort")?;
        loop {
            // The client waits until the reports of what is given up are taken, and nobody else takes them.
            producer.poll(Duration::ZERO);
            match producer.abort_transaction(ABORT_SLICE) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(cause)) if cause.is_retriable() => {}
                Err(error) => return Err(self.error("abort", &error)),
            }
        }
    }
}
