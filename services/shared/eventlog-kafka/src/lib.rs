//! The event log on Apache Kafka through librdkafka: the only crate that names rdkafka. Also the schema registry's client.
//!
//! [`Kafka`] holds the connection settings and makes clients; each client implements one trait of `walbrook-eventlog`.
//! The odd parts, each learnt the hard way:
//! - High watermarks are asked for through a client of its own: on a consuming client the request queues behind the long poll (up to 500 ms).
//! - A transaction must be drained before it is committed: otherwise librdkafka's flush inside commit costs 100 ms each time.
//! - A commit whose outcome is unknown is never retried on the same client: the client is dropped, the id initialised anew.
//! - `auto.offset.reset=error`: a position that is no longer on the log stops the reader, it never skips silently.

mod admin;
mod appender;
mod connection;
mod ends;
mod group;
mod members;
mod message;
pub mod peer;
mod positions;
mod reader;
pub mod registry;
mod transactor;

pub use admin::{Admin, Mismatch};
pub use appender::KafkaAppender;
pub use connection::Kafka;
pub use ends::KafkaEnds;
pub use group::KafkaGroupReader;
pub use members::{GroupMember, KafkaMembers, OwnerAddress, client_id};
pub use positions::KafkaPositions;
pub use reader::KafkaReader;
pub use registry::{Registry, RegistryError};
pub use transactor::KafkaTransactor;
