//! The pure decision core: agreements, grounds, links and events in; decisions out. No I/O, no clock, no randomness.
//!
//! - [`agreement`]: the document people sign, from TOML to types and back to its canonical text.
//! - [`predicate`]: the small typed language over event fields, shared with view files.
//! - [`state`]: the fold of control records; legal transitions are checked here.
//! - [`decide()`]: an event, its subject's link and the state give decisions ([`outcome`]: closed lists with stable codes).
//! - [`schedule`]: what organisations publish, as files.
//! - [`read`]: what a viewer may see of a release, and about whom.
//! - [`law`]: what agreements are checked against, as data; [`catalogue`]: what they may name.
//! - [`class`], [`facts`]: groups of organisations, what a decision may know.
//!
//! Nothing here depends on the order of a hash map, so the same input gives the same output in every process.

pub mod agreement;
pub mod catalogue;
pub mod class;
pub mod decide;
pub mod facts;
pub mod law;
pub mod outcome;
pub mod predicate;
pub mod read;
pub mod schedule;
pub mod state;

pub use agreement::Agreement;
pub use catalogue::{Catalogue, EventShape, FieldKind, FieldShape, SubjectKind};
pub use class::{Class, Who};
pub use decide::{Compiled, Decision, RULES_VERSION, Ruling, UnknownRules, decide};
pub use facts::{EventFacts, FieldValue, Fields, LinkFacts, NoFields, Precedence, Subject};
pub use law::Law;
pub use outcome::{Outcome, Reason};
pub use predicate::{Predicate, Verdict};
pub use read::{Admission, ContributionFacts, Entitlement, Viewer, entitlements};
pub use state::{AgreementBook, Change, Edition, Illegal, PolicyState};

#[cfg(test)]
mod testing;
