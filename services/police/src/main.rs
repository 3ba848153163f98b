//! Facts of the police agency.
fn main() {}
