//! Envelope, Avro codec, projection, the seal/open seam.

pub mod body;
pub mod control;
pub mod dataset;
mod extent;
pub mod found;
pub mod framing;
pub mod headers;
pub mod history;
pub mod projection;
pub mod pseudonym;
pub mod raw;
pub mod seal;

pub use body::FieldValue;
pub use found::Found;
pub use headers::{RawEnvelope, ReleaseEnvelope, ReleaseHead};
pub use projection::Projection;
pub use pseudonym::{Key, PurposeKey, lookup_token};
pub use raw::{RawEvent, RawRecord};
pub use seal::{Plain, Seal};

#[cfg(test)]
mod tests;
