//! Which records are the same person.
fn main() {}
