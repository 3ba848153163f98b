//! Records and where they stand.

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

/// A header: a name and bytes. Names may repeat in Kafka; ours never do, and the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name, for example `ce_id`.
    pub name: Arc<str>,
    /// Value; text headers are UTF-8.
    pub value: Bytes,
}

/// Headers in the order they stand on the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<Header>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a header.
    pub fn push(&mut self, name: &str, value: impl Into<Bytes>) {
        self.0.push(Header {
            name: name.into(),
            value: value.into(),
        });
    }

    /// The first header of that name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.0
            .iter()
            .find(|header| &*header.name == name)
            .map(|header| &header.value)
    }

    /// The first header of that name as text; `None` when it is missing or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
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
