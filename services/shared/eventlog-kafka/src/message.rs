//! Records to and from librdkafka's messages.

use bytes::Bytes;
use rdkafka::message::{Header as KafkaHeader, Headers as _, Message, OwnedHeaders};
use std::collections::HashMap;
use std::sync::Arc;
use walbrook_eventlog::{Headers, Record, TopicPartition};

/// Topic names seen, so that each record shares one allocation of its topic's name.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    names: HashMap<String, Arc<str>>,
}

impl Topics {
    fn name(&mut self, topic: &str) -> Arc<str> {
        if let Some(name) = self.names.get(topic) {
            return Arc::clone(name);
        }
        let name: Arc<str> = topic.into();
        self.names.insert(topic.to_owned(), Arc::clone(&name));
        name
    }

    pub(crate) fn record(&mut self, message: &impl Message) -> Record {
        let mut headers = Headers::new();
        if let Some(found) = message.headers() {
            headers.0.reserve(found.count());
            for header in found.iter() {
                headers.0.push(walbrook_eventlog::Header {
                    name: self.name(header.key),
                    value: Bytes::copy_from_slice(header.value.unwrap_or_default()),
                });
            }
        }
        Record {
            at: TopicPartition {
                topic: self.name(message.topic()),
                partition: message.partition(),
            },
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(Bytes::copy_from_slice),
            value: message.payload().map(Bytes::copy_from_slice),
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
