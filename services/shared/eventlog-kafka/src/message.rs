//! Records to and from librdkafka's messages.

use bytes::{Bytes, BytesMut};
use rdkafka::message::{Header as KafkaHeader, Headers as _, Message, OwnedHeaders};
use std::collections::HashMap;
use std::sync::Arc;
use walbrook_eventlog::{Header, Headers, Record, TopicPartition};

/// Records read share buffers of this size: one allocation for some hundred of them, where one for each key, value and header was a sixth of
/// the time that enforcement took. A record that is kept keeps its buffer.
const BUFFER: usize = 128 * 1024;

/// Turns messages into records. Names seen are shared; so are the buffers of neighbours.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    names: HashMap<String, Arc<str>>,
    /// The topic of the message before.
    topic: Option<Arc<str>>,
    /// The header names of the message before: nearly always those of this one, too.
    headers: Vec<Arc<str>>,
    buffer: BytesMut,
}

impl Topics {
    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let known: Arc<str> = name.into();
        self.names.insert(name.to_owned(), Arc::clone(&known));
        known
    }

    /// The name of a topic, shared with all other records of it.
    pub(crate) fn topic(&mut self, name: &str) -> Arc<str> {
        if let Some(last) = self.topic.as_ref().filter(|last| ***last == *name) {
            return Arc::clone(last);
        }
        let topic = self.name(name);
        self.topic = Some(Arc::clone(&topic));
        topic
    }

    fn header(&mut self, at: usize, name: &str) -> Arc<str> {
        if let Some(last) = self.headers.get(at).filter(|last| ***last == *name) {
            return Arc::clone(last);
        }
        let shared = self.name(name);
        match self.headers.get_mut(at) {
            Some(last) => *last = Arc::clone(&shared),
            None => self.headers.push(Arc::clone(&shared)),
        }
        shared
    }

    fn bytes(&mut self, from: &[u8]) -> Bytes {
        if from.is_empty() {
            return Bytes::new();
        }
        if self.buffer.capacity() < from.len() {
            self.buffer = BytesMut::with_capacity(BUFFER.max(from.len()));
        }
        self.buffer.extend_from_slice(from);
        self.buffer.split().freeze()
    }

    pub(crate) fn record(&mut self, message: &impl Message) -> Record {
        let mut headers = Headers::new();
        if let Some(found) = message.headers() {
            headers.0.reserve_exact(found.count());
            for (at, header) in found.iter().enumerate() {
                headers.0.push(Header {
                    name: self.header(at, header.key),
                    value: self.bytes(header.value.unwrap_or_default()),
                });
            }
        }
        Record {
            at: TopicPartition {
                topic: self.topic(message.topic()),
                partition: message.partition(),
            },
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(|key| self.bytes(key)),
            value: message.payload().map(|value| self.bytes(value)),
            headers,
        }
    }
}

pub(crate) fn owned_headers(headers: &Headers) -> OwnedHeaders {
    let mut owned = OwnedHeaders::new_with_capacity(headers.0.len());
    for header in headers.iter() {
        owned = owned.insert(KafkaHeader {
            key: &header.name,
            value: Some(header.value.as_ref()),
        });
    }
    owned
}
