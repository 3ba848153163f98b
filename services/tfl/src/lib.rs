//! Facts of the transport agency.
