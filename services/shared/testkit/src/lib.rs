//! What the tests and the `walbrook` command share: a real Kafka and a real schema registry on this machine, and child
//! processes that never outlive their parent.
//!
//! - [`cluster`]: the jars (pinned, checked, cached), Kafka, the registry, and one shared cluster per test run.
//! - [`process`]: start, watch, stop and kill a child process.
//!
//! In a test:
//!
//! ```no_run
//! let cluster = walbrook_testkit::cluster::shared();
//! let namespace = walbrook_testkit::cluster::namespace();
//! println!("bootstrap.servers={} for {namespace}.raw.police", cluster.kafka);
//! ```

pub mod cluster;
pub mod process;
