//! Joined views and who may read them.
fn main() {}
