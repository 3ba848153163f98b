//! Proof: every decision derived again.
fn main() {}
