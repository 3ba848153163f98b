//! The contracts of the backbone: protobuf messages and services by package
//! (`walbrook_proto::police::v1`), and the Avro form of every message that
//! stands on a topic.
//!
//! The messages under `<area>/v1/` are the only source. The build makes from
//! them the types, the services, the Avro schemas (raw, and shared with every
//! field nullable) and codecs that write Avro straight from the message.

pub mod avro;
mod date;
mod records;

pub use packages::walbrook::*;
pub use records::{EnumField, EventInfo, RecordInfo, enum_fields, event, record, records};

#[allow(
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "written by the protobuf and tonic generators"
)]
mod packages {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

/// All files of the contracts with their imports, encoded, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));
