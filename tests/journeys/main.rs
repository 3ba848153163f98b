//! The whole way on real Kafka, with the real processes: what the system promises to those who use it.
//!
//! Build the programs first: `cargo build --workspace --bins`.

mod gateway;
