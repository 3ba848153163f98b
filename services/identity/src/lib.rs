//! Which records are the same person.
