//! Quarantine for those whose records stand in it: where a record stands, which rule it breaks, how it is put right, and whether it was.
//!
//! - [`place`]: coordinates as people quote them.
//! - [`fold`]: the records of `quarantine.*` by owning organisation, followed from the log.
//! - [`corrected`]: looks the corrected event up on the log before a resubmission is believed.
//! - [`grpc`]: the calls; the organisation is the token's, never the request's.
//!
//! Nothing here reads a payload: not the quarantined one, and of the corrected event only the headers.

pub mod corrected;
pub mod fold;
pub mod grpc;
pub mod place;

#[cfg(test)]
mod tests;
