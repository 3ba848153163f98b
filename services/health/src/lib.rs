//! Facts of the health agency.
