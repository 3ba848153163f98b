//! The generic agency gateway: accept, validate, link, encode, append, acknowledge.
//!
//! A named agency's crate states facts through the [`Agency`] trait (its event types and their rules) and this crate
//! owns the behaviour. It knows nothing of any named agency, of agreements or of who reads what; what an organisation
//! has said that it publishes is all it knows of the control plane.
//!
//! Two promises are kept here. A receipt means that the event is on the log with all acknowledgements (P1): the answer
//! is built from the log's own report. No event is appended before identity has acknowledged the link record of its
//! subject (P3): records are built from handles, and a handle comes from identity's answer or from a cache of them.

mod accepted;
mod agency;
mod cache;
mod check;
pub mod conformance;
mod context;
mod dataset;
mod enrol;
mod error;
pub mod facts;
mod gateway;
mod head;
mod heartbeat;
mod identity;
mod link;
mod numbers;
mod outcome;
mod process;
mod rules;
mod schedule;
mod schema;
mod stream;
mod write;

pub use agency::{Agency, Body};
pub use context::Context;
pub use dataset::{DatasetFault, Datasets};
pub use enrol::Enrolments;
pub use error::GatewayError;
pub use gateway::{Clock, Gateway, Limits, Parts};
pub use head::RULES as HEAD_RULES;
pub use heartbeat::Heartbeats;
pub use identity::GrpcIdentity;
pub use link::{AgencyKeys, Identity, IdentityError};
pub use process::{run, run_sealed};
pub use rules::{Finding, Findings, Rule, Severity};
pub use schedule::{NotScheduled, RULE as SCHEDULE_RULE, Schedules, follow};
pub use schema::{RegistrySchemas, SchemaError, Schemas};
pub use stream::{Frame, FrameReceipts};
pub use walbrook_event::dataset::RecordFault;
