//! Records to and from librdkafka's messages.

use bytes::{Bytes, BytesMut};
use rdkafka::message::{Header as KafkaHeader, Headers as _, Message, OwnedHeaders};
use std::collections::HashMap;
use std::sync::Arc;
use walbrook_eventlog::headers::{pack, packed_length};
use walbrook_eventlog::{Headers, Record, TopicPartition};

/// Records read share buffers of this size: one allocation for some hundred of them, where one for each key, value and header was a sixth of
/// the time that enforcement took. A record that is kept keeps its buffer.
const BUFFER: usize = 128 * 1024;

/// Turns messages into records. Names of topics seen are shared; so are the buffers of neighbours.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    names: HashMap<String, Arc<str>>,
    /// The topic of the message before.
    topic: Option<Arc<str>>,
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

    /// Makes room for so many bytes behind what is in the buffer and not taken out yet.
    fn room(&mut self, bytes: usize) {
        let open = self.buffer.len();
        if self.buffer.capacity() - open < bytes {
            let mut next = BytesMut::with_capacity(BUFFER.max(open + bytes));
            next.extend_from_slice(&self.buffer);
            self.buffer = next;
        }
    }

    fn bytes(&mut self, from: &[u8]) -> Bytes {
        if from.is_empty() {
            return Bytes::new();
        }
        self.room(from.len());
        self.buffer.extend_from_slice(from);
        self.buffer.split().freeze()
    }

    fn headers(&mut self, message: &impl Message) -> Headers {
        let Some(found) = message.headers() else {
            return Headers::new();
        };
        for header in found.iter() {
            let value = header.value.unwrap_or_default();
            self.room(packed_length(header.key, value));
            pack(&mut self.buffer, header.key, value);
        }
        Headers::packed(self.buffer.split().freeze())
    }

    pub(crate) fn record(&mut self, message: &impl Message) -> Record {
        Record {
            at: TopicPartition {
                topic: self.topic(message.topic()),
                partition: message.partition(),
            },
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(|key| self.bytes(key)),
            value: message.payload().map(|value| self.bytes(value)),
            headers: self.headers(message),
        }
    }
}

pub(crate) fn owned_headers(headers: &Headers) -> OwnedHeaders {
    // Grows by itself; a release has fifteen.
    let mut owned = OwnedHeaders::new_with_capacity(16);
    for header in headers.iter() {
        owned = owned.insert(KafkaHeader {
            key: header.name,
            value: Some(header.value),
        });
    }
    owned
}
