//! The generic agency gateway: accept, validate, link, encode, append, acknowledge.
//!
//! A named agency's crate states facts through the `Agency` trait (its event types and their rules) and this crate owns
//! the behaviour. It knows nothing of any named agency, of agreements or of who reads what.

mod context;
pub mod facts;
mod rules;

pub use context::Context;
pub use rules::{Finding, Findings, Rule, Severity};
