//! A local Kafka and registry, builders, a fake clock.
