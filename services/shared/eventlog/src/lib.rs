//! Append, read and commit as traits, with an in-memory log.
