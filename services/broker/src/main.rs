//! What may be shared: control plane and enforcement.
fn main() {}
