//! Facts of the health agency.
fn main() {}
