//! Acknowledged appends outside transactions.
//!
//! Records are handed to the client in waves: what is appended while a wave is in flight is held, and handed over as one when the last report of that
//! wave is in. It costs no throughput, since the client sends one request of a partition at a time anyway, and it keeps the client from spinning: its
//! own thread polls without a wait for as long as a partition has records in flight and others whose linger is over (librdkafka 2.12,
//! `rd_kafka_toppar_producer_serve`), which was most of a gateway's processor time under load, taken from Kafka on the same machine.
//!
//! A small wave goes through a client that does not linger: whatever could join it is held here already, so that waiting for company only makes a single
//! call late (2 ms of linger were 4 of the 5.5 ms that a receipt took). A large wave goes through one that does: it is handed over record by record, and
//! would otherwise leave in many small requests. One wave is in flight at a time, so records of one caller stay in their order whichever way they go.

use crate::Kafka;
use crate::connection::plain;
use crate::message::owned_headers;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle as Thread;
use std::time::{Duration, Instant};
use walbrook_eventlog::{Appender, Done, LogError, NewRecord, Severity, TopicPartition};

/// Records are held for a wave that long at most: one partition without a leader must not hold up the others.
const HOLD: Duration = Duration::from_millis(50);
/// How long the thread of the reports waits at a time; the client's wait spins through its last millisecond.
const POLL: Duration = Duration::from_millis(100);

/// Records of a wave that is small: handed over before the client's thread has sent more than a request or two of a partition.
const SMALL: usize = 100;

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
    fn new(count: usize, done: Done) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(count),
            state: Mutex::new(BatchState {
                delivered: vec![None; count],
                failure: None,
                done: Some(done),
            }),
        })
    }

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

struct Reports(Arc<Gate>);

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
        self.0.delivered();
    }
}

/// What is in flight, and what waits for it.
#[derive(Default)]
struct Gate {
    in_flight: AtomicUsize,
    /// Handing over is done under this lock too, so records go in the order of the calls.
    held: Mutex<Held>,
    prompt: OnceLock<Weak<BaseProducer<Reports>>>,
    lingering: OnceLock<Weak<BaseProducer<Reports>>>,
}

/// The client that a wave goes through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Prompt,
    Lingering,
}

#[derive(Default)]
struct Held {
    records: Vec<(NewRecord, Box<Place>)>,
    since: Option<Instant>,
    /// Of the wave in flight.
    way: Way,
}

/// Records that were refused at once.
type Refused = Vec<(Box<Place>, LogError)>;

impl Gate {
    fn append(&self, records: impl Iterator<Item = (NewRecord, Box<Place>)>) {
        let refused = {
            let mut held = self.held.lock();
            held.since.get_or_insert_with(Instant::now);
            held.records.extend(records);
            self.open(&mut held)
        };
        self.refuse(refused);
    }

    /// A report has come.
    fn delivered(&self) {
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.next_wave();
        }
    }

    fn next_wave(&self) {
        let refused = self.open(&mut self.held.lock());
        self.refuse(refused);
    }

    /// Hands over what is held, if nothing is in flight or it has waited long enough.
    fn open(&self, held: &mut Held) -> Refused {
        let waited = held.since.is_some_and(|since| since.elapsed() >= HOLD);
        let idle = self.in_flight.load(Ordering::Acquire) == 0;
        if held.records.is_empty() || !idle && !waited {
            return Refused::new();
        }
        held.since = None;
        // What joins a wave in flight goes the same way: two clients would not keep the order.
        held.way = match held.records.len() {
            _ if !idle => held.way,
            ..SMALL => Way::Prompt,
            _ => Way::Lingering,
        };
        self.in_flight
            .fetch_add(held.records.len(), Ordering::AcqRel);
        let producer = match held.way {
            Way::Prompt => &self.prompt,
            Way::Lingering => &self.lingering,
        };
        let producer = producer.get().and_then(Weak::upgrade);
        let mut refused = Refused::new();
        for (record, place) in held.records.drain(..) {
            let handed = match &producer {
                Some(producer) => hand_over(producer, &record, place),
                None => Err((place, closed(&record))),
            };
            refused.extend(handed.err());
        }
        refused
    }

    /// Not under the lock: whoever is told may append again.
    fn refuse(&self, refused: Refused) {
        for (place, error) in refused {
            place.batch.settle(place.order, Err(error));
            self.delivered();
        }
    }

    fn is_idle(&self) -> bool {
        let held = self.held.lock();
        held.records.is_empty() && self.in_flight.load(Ordering::Acquire) == 0
    }
}

fn closed(record: &NewRecord) -> LogError {
    LogError::new(
        Severity::Transient,
        "append",
        &*record.topic,
        "the producer is being closed; nothing was written, try again at another process",
    )
}

fn hand_over(
    producer: &BaseProducer<Reports>,
    record: &NewRecord,
    place: Box<Place>,
) -> Result<(), (Box<Place>, LogError)> {
    let mut message: BaseRecord<'_, [u8], [u8], Box<Place>> =
        BaseRecord::with_opaque_to(&record.topic, place).headers(owned_headers(&record.headers));
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
    producer.send(message).map_err(|(error, back)| {
        let failed = match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => LogError::new(
                Severity::Transient,
                "append",
                &*record.topic,
                "the producer's queue is full: Kafka does not keep up; send less and try again",
            ),
            error => plain("append", &*record.topic, &error),
        };
        (back.delivery_opaque, failed)
    })
}

/// One idempotent producer with acks=all; its own thread serves the reports.
struct Client {
    producer: Arc<BaseProducer<Reports>>,
    stop: Arc<AtomicBool>,
    reports: Option<Thread<()>>,
}

impl Client {
    fn new(kafka: &Kafka, linger: Duration, gate: &Arc<Gate>) -> Result<Self, LogError> {
        let mut config = kafka.producer_config();
        config.set("linger.ms", linger.as_millis().to_string());
        // After this the caller is told that nothing was acknowledged; it must be under the callers' own deadlines.
        config.set("message.timeout.ms", "15000");
        let producer: BaseProducer<Reports> = config
            .create_with_context(Reports(Arc::clone(gate)))
            .map_err(|error| plain("make a producer", kafka.bootstrap(), &error))?;
        let producer = Arc::new(producer);
        let stop = Arc::new(AtomicBool::new(false));
        let (serving, stopped, waves) =
            (Arc::clone(&producer), Arc::clone(&stop), Arc::clone(gate));
        let reports = std::thread::Builder::new()
            .name("reports".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    serving.poll(POLL);
                    waves.next_wave();
                }
            })
            .map_err(|error| {
                LogError::new(
                    Severity::Fatal,
                    "make a producer",
                    kafka.bootstrap(),
                    error.to_string(),
                )
            })?;
        Ok(Self {
            producer,
            stop,
            reports: Some(reports),
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reports) = self.reports.take()
            && reports.thread().id() != std::thread::current().id()
        {
            let _ = reports.join();
        }
    }
}

/// Idempotent producers with acks=all: one that lingers, and one that does not.
pub struct KafkaAppender {
    clients: Vec<Client>,
    gate: Arc<Gate>,
}

impl KafkaAppender {
    /// `linger` is that of large waves.
    pub(crate) fn new(kafka: &Kafka, linger: Duration) -> Result<Self, LogError> {
        let gate = Arc::new(Gate::default());
        let mut clients = Vec::with_capacity(2);
        let prompt = Client::new(kafka, Duration::ZERO, &gate)?;
        let _ = gate.prompt.set(Arc::downgrade(&prompt.producer));
        let mut lingering = Arc::downgrade(&prompt.producer);
        clients.push(prompt);
        if !linger.is_zero() {
            let client = Client::new(kafka, linger, &gate)?;
            lingering = Arc::downgrade(&client.producer);
            clients.push(client);
        }
        let _ = gate.lingering.set(lingering);
        Ok(Self { clients, gate })
    }

    /// Waits until everything handed over is acknowledged or has failed.
    ///
    /// # Errors
    /// When that took longer than `wait`.
    pub fn flush(&self, wait: Duration) -> Result<(), LogError> {
        let deadline = Instant::now() + wait;
        loop {
            for client in &self.clients {
                let left = deadline.saturating_duration_since(Instant::now());
                client
                    .producer
                    .flush(left)
                    .map_err(|error| plain("flush", "the producer", &error))?;
            }
            if self.gate.is_idle() {
                return Ok(());
            }
        }
    }
}

impl Drop for KafkaAppender {
    fn drop(&mut self) {
        // All of them first: each may be in a wait of its own.
        for client in &self.clients {
            client.stop.store(true, Ordering::Relaxed);
        }
        self.clients.clear();
        // Nobody hands these over any more.
        let left = std::mem::take(&mut self.gate.held.lock().records);
        for (record, place) in left {
            place.batch.settle(place.order, Err(closed(&record)));
        }
    }
}

impl Appender for KafkaAppender {
    fn append(&self, records: Vec<NewRecord>, done: Done) {
        let count = records.len();
        if count == 0 {
            done(Ok(Vec::new()));
            return;
        }
        let batch = Batch::new(count, done);
        let placed = records.into_iter().enumerate().map(|(order, record)| {
            let batch = Arc::clone(&batch);
            (record, Box::new(Place { batch, order }))
        });
        self.gate.append(placed);
    }

    fn append_each(&self, records: Vec<(NewRecord, Done)>) {
        if records.is_empty() {
            return;
        }
        let placed = records.into_iter().map(|(record, done)| {
            let (batch, order) = (Batch::new(1, done), 0);
            (record, Box::new(Place { batch, order }))
        });
        self.gate.append(placed);
    }
}
