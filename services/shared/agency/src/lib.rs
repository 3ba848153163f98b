//! The generic agency gateway.
