//! Facts of the housing agency.
fn main() {}
