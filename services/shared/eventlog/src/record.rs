//! Records and where they stand.

use crate::Headers;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// The prefix before every topic, group and transactional id, so that tests and environments share one Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// A namespace. May be empty: then names stand without a prefix.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full name of a topic, group or transactional id.
    pub fn name(&self, plain: &str) -> String {
        if self.0.is_empty() {
            plain.to_owned()
        } else {
            format!("{}.{plain}", self.0)
        }
    }

    /// The name without the prefix, `None` when it is of another namespace.
    pub fn strip<'a>(&self, full: &'a str) -> Option<&'a str> {
        if self.0.is_empty() {
            return Some(full);
        }
        full.strip_prefix(self.0.as_ref())?.strip_prefix('.')
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A partition of a topic (full name, with its namespace).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Full topic name.
    pub topic: Arc<str>,
    /// Partition number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A record as it stands on the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub at: TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// Record timestamp, ms since 1970; −1 when the log gave none.
    pub timestamp_ms: i64,
    /// Key; `None` for a null key.
    pub key: Option<Bytes>,
    /// Value; `None` for a tombstone.
    pub value: Option<Bytes>,
    /// Headers.
    pub headers: Headers,
}

/// A record to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// Full topic name.
    pub topic: Arc<str>,
    /// The partition; `None` lets the key decide (murmur2, as Java's default partitioner).
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; `None` writes a tombstone.
    pub value: Option<Bytes>,
    /// Headers.
    pub headers: Headers,
    /// Record timestamp, ms since 1970; `None`: now. Topics with LogAppendTime replace it.
    pub timestamp_ms: Option<i64>,
}
