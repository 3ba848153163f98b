//! The log on Apache Kafka, and the schema registry.
