//! Topics of organisations: `view.<view>.<organisation>` holds that organisation's rows as agreements deliver them, for tools of others.
//!
//! One thread for each purpose is a member of the group `views.<purpose>`, range assignment over `shared.<purpose>`: who is assigned partition p
//! writes partition p of every topic of the purpose's views. Its transactional id is the view's and p's, initialised on assignment, so that a new
//! owner aborts what a dead one left open and fences it; then it reads what stands on the topics, so that it neither repeats nor forgets. No
//! transaction is open while the group may rebalance. Nobody joins while no agreement delivers anything and no topic stands.
//!
//! - [`lane`]: what stands and what ought to, of one topic and partition, without I/O.
//! - [`mod@write`]: the records of one transaction; rows are never visible without the record of their disclosure.
//! - [`turn`]: bound, agreements barrier and commit; [`hold`]: what is written with; [`topic`]: topics made, checked and read.
//! - [`removed`]: what a view without a file left behind.

pub mod hold;
pub mod lane;
pub mod removed;
pub mod topic;
pub mod turn;
pub mod write;

use crate::Parts;
use crate::board::Board;
use crate::book::Book;
use crate::setup;
use std::sync::Arc;
use std::time::Duration;
use topic::Topics;
use turn::{Owned, Publisher};
use walbrook_domain::Purpose;
use walbrook_eventlog::{GroupEvent, GroupReader, LogError, Severity, topics};
use walbrook_eventlog_kafka::{Kafka, RegistryError};
use walbrook_proto::avro::AvroError;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::Kind;
use walbrook_view::delivered::ShapeError;

/// Header: SHA-256 of the row that a value holds, 32 bytes.
pub const ROW: &str = "wb_row";
/// Header: the disclosure on `audit.reads`, its id.
pub const READ: &str = "wb_read";
/// Header of a tombstone: why the row left.
pub const LEFT: &str = "wb_left";

/// How long a member may be silent before its partitions are another's.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Between two looks, where nothing else is to be done.
const LOOKS_EVERY: Duration = Duration::from_millis(20);
/// Between two looks whether anything is to be delivered at all.
const WANTED_EVERY: Duration = Duration::from_millis(200);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Rows are not delivered for now.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The log did not do it.
    #[error("the log did not take what is delivered")]
    Log(#[from] LogError),
    /// The registry did not.
    #[error("the registry did not take the schema of what is delivered")]
    Registry(#[from] RegistryError),
    /// A record cannot be encoded.
    #[error("the record of a disclosure cannot be encoded")]
    Encode(#[from] AvroError),
    /// The view's file does not let its rows be delivered.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The topic is another one than the table demands.
    #[error("{topic} {setting}: wanted {wanted}, found {found}; set it so, or delete the topic")]
    Settings {
        /// Full name.
        topic: String,
        /// The setting.
        setting: String,
        /// As the table has it.
        wanted: String,
        /// As it is.
        found: String,
    },
    /// Kafka takes no such name.
    #[error("{topic} is longer than Kafka takes; shorten the namespace or the view's name")]
    Name {
        /// Full name.
        topic: String,
    },
    /// A topic was not read to its end.
    #[error("{at} was not read to its end in time")]
    Late {
        /// Topic and partition.
        at: String,
    },
    /// A row was to be written that nothing delivers.
    #[error("no agreement delivers the row")]
    NotDelivered,
}

impl PublishError {
    /// Whether another member has taken over.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::Log(error) if error.severity == Severity::Fenced)
    }
}

impl Parts<'_> {
    /// Where topics of rows are.
    pub(crate) fn topics(&self) -> Topics {
        let common = &self.context.common;
        Topics {
            kafka: self.kafka.clone(),
            namespace: self.namespace.clone(),
            partitions: common.partitions,
            replicas: (common.kafka.replication, common.kafka.min_insync),
        }
    }

    /// Delivers the rows of a purpose's views, on a thread of its own. What it cannot do it says and tries again: reads go on.
    pub(crate) fn deliver(&self, purpose: &Purpose, board: &Arc<Board>, book: &Arc<Book>) {
        let publisher = Publisher {
            purpose: purpose.clone(),
            board: Arc::clone(board),
            book: Arc::clone(book),
            audit: Arc::clone(&self.audit),
            registry: self.registry.clone(),
            topics: self.topics(),
            calendar: setup::calendar(),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
            runtime: tokio::runtime::Handle::current(),
            stop: self.context.shutdown.clone(),
        };
        let group = format!("views.{purpose}");
        let group = self.namespace.name(&group);
        let shared = self.namespace.name(&topics::shared(purpose.as_str()));
        let (kafka, stop) = (self.kafka.clone(), self.context.shutdown.clone());
        let kind = Kind::finite("topic-publisher");
        self.context.tasks.spawn_blocking(kind, move || {
            let member = Member {
                publisher,
                kafka,
                group,
                shared,
            };
            member.run(&stop);
            Ok::<(), String>(())
        });
    }
}

struct Member {
    publisher: Publisher,
    kafka: Kafka,
    group: String,
    shared: String,
}

impl Member {
    fn run(&self, stop: &Shutdown) {
        // Rows of a grant that ended while nobody looked stand on a topic that is there.
        let mut found = None;
        while !stop.is_requested() {
            if found.is_none() {
                found = self.said(self.publisher.topics.found());
            }
            let stands = found.as_ref().is_some_and(|found| {
                let mut found = found.iter();
                found.any(|plain| self.publisher.is_ours(plain))
            });
            if !stands && !self.publisher.is_wanted() {
                std::thread::sleep(WANTED_EVERY);
                continue;
            }
            if self.said(self.serve(stop)).is_none() {
                std::thread::sleep(PAUSE_AFTER_FAILURE);
            }
        }
    }

    fn said<T>(&self, done: Result<T, PublishError>) -> Option<T> {
        done.map_err(|error| {
            let cause = walbrook_runtime::status::chain(&error);
            let purpose = self.publisher.purpose.as_str();
            tracing::warn!(purpose, cause, "rows are not delivered for now");
        })
        .ok()
    }

    /// A member until the log fails or the process stops.
    fn serve(&self, stop: &Shutdown) -> Result<(), PublishError> {
        let shared = [self.shared.as_str()];
        let mut member = self
            .kafka
            .group_reader(&self.group, &shared, SESSION_TIMEOUT)?;
        let mut owned = Owned::default();
        let (mut none, mut events) = (Vec::new(), Vec::new());
        while !stop.is_requested() {
            let wait = match owned.is_idle() {
                true => LOOKS_EVERY,
                false => Duration::ZERO,
            };
            member.poll(1, wait, &mut none, &mut |event| events.push(event))?;
            for event in events.drain(..) {
                match event {
                    GroupEvent::Assigned(partitions) => {
                        // Everything is read through readers of their own: the group only says whose it is.
                        member.start(&[])?;
                        let numbers = partitions.iter().map(|at| at.partition);
                        owned = self.publisher.take_over(numbers.collect())?;
                    }
                    GroupEvent::Revoked(_) | GroupEvent::Lost(_) => owned = Owned::default(),
                }
            }
            if let Err(error) = self.publisher.turn(&mut owned) {
                if error.is_fenced() {
                    return Err(error);
                }
                self.said::<()>(Err(error));
                std::thread::sleep(PAUSE_AFTER_FAILURE);
            }
        }
        Ok(())
    }
}
