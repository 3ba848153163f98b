//! The pure decision core: agreements, grounds, links and events in; decisions out. No I/O, no clock, no randomness.
//!
//! - [`agreement`]: the document people sign, from TOML to types and back to its canonical text.
//! - [`predicate`]: the small typed language over event fields, shared with view files.
//! - [`state`]: the fold of control records; legal transitions are checked here.
//! - [`decide()`]: an event, its subject's link and the state give decisions ([`outcome`]: closed lists with stable codes).
//! - [`read`]: what a viewer may see of a release, and about whom.
//! - [`catalogue`], [`class`], [`facts`]: what may be named, groups of organisations, what a decision may know.
//!
//! Nothing here depends on the order of a hash map, so the same input gives the same output in every process.

pub mod agreement;
pub mod catalogue;
pub mod class;
pub mod decide;
pub mod facts;
pub mod outcome;
pub mod predicate;
pub mod read;
pub mod state;

pub use agreement::Agreement;
pub use catalogue::{Catalogue, EventShape, FieldKind, FieldShape, SubjectKind};
pub use class::{Class, Who};
pub use decide::{Decision, RULES_VERSION, UnknownRules, decide};
pub use facts::{EventFacts, FieldValue, Fields, LinkFacts, NoFields, Precedence, Subject};
pub use outcome::{Outcome, Reason};
pub use predicate::{Predicate, Verdict};
pub use read::{Admission, ContributionFacts, Entitlement, Viewer, entitlements};
pub use state::{AgreementBook, Change, Edition, Illegal, PolicyState};

#[cfg(test)]
mod testing;
