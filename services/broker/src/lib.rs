//! What may be shared: control plane and enforcement.

pub mod enforce;
