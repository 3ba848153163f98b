//! What became of a transaction's records.

use crate::message::Topics;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use walbrook_eventlog::TopicPartition;

/// What the delivery reports of the open transaction said, by order of sending (the opaque is that order).
#[derive(Default)]
pub(super) struct Deliveries {
    pub(super) state: Mutex<DeliveryState>,
}

#[derive(Default)]
pub(super) struct DeliveryState {
    pub(super) delivered: Vec<Option<(TopicPartition, i64)>>,
    pub(super) failure: Option<KafkaError>,
    /// One name for all records of a topic.
    topics: Topics,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, order: usize) {
        let mut state = self.state.lock();
        match result {
            Ok(message) => {
                let topic = state.topics.topic(message.topic());
                if let Some(slot) = state.delivered.get_mut(order) {
                    *slot = Some((
                        TopicPartition::new(topic, message.partition()),
                        message.offset(),
                    ));
                }
            }
            Err((error, _)) => {
                if state.failure.is_none() {
                    state.failure = Some(error.clone());
                }
            }
        }
    }
}
