//! Facts of the transport agency.
fn main() {}
