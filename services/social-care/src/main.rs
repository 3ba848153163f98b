//! Facts of the social-care agency.
fn main() {}
