//! Facts of the housing agency.
