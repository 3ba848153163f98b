//! Facts of the police agency.
