//! Which records are the same person. A single writer over an in-memory index that is rebuilt from its own compacted topic.

pub mod linkage;
