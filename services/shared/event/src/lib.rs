//! Envelope, Avro codec, projection, the seal/open seam.

pub mod body;
mod extent;
pub mod history;
pub mod projection;

pub use body::FieldValue;
pub use projection::Projection;
