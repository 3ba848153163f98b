//! What the enforcement core needs to know of the control plane at one epoch. The fold itself is the policy crate's.

use super::keys::Keys;
use std::sync::Arc;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, Handle, Instant, Organisation,
    Precision, Purpose,
};
use walbrook_event::Projection;
use walbrook_event::raw::SubjectKind;
use walbrook_eventlog::chain::Generations;
use walbrook_policy::facts::{EventFacts, Subject};
use walbrook_policy::outcome::Reason;
pub use walbrook_policy::state::{GroundChange, SubjectGrounds};

/// Where releases of an agreement go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `shared.<purpose>`.
    Shared(Purpose),
    /// `open.<dataset>`.
    Open(String),
}

/// What an agreement leaves of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Bit i: field i of the event's schema.
    pub mask: u64,
    /// How finely times are released.
    pub precision: Precision,
    /// Last London day the release holds.
    pub not_after: Option<Day>,
}

/// What one agreement says about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The agreement and its version; `None` where no agreement has a flow, or the record is no event of its own (a duplicate).
    pub agreement: Option<(AgreementId, AgreementVersion)>,
    /// The reason; it carries the outcome.
    pub reason: Reason,
    /// Set on a permit.
    pub grant: Option<Grant>,
}

/// A change on `control.policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCause {
    /// Its offset.
    pub offset: i64,
    /// What changed.
    pub change: PolicyChange,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyChange {
    /// A ground about a handle.
    Ground(GroundChange),
    /// Something about agreements: who is to have subject records may have changed.
    Agreement,
}

/// A change that may let past events be released that were not, or as they were not: they are decided again, from a queue. What only takes away
/// (suspension, leaving, termination, expiry) is no such change: views hide it at read. (What bears a later time than the record is [`Turn`]'s.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Widening {
    /// A version came into force for these sources: signed, amended, resumed, joined again.
    Sources(AgreementId, Vec<Organisation>),
    /// Other decision rules are in force.
    Rules,
}

/// Parties of an agreement stand differently: they left, came back, or signed another version. What was in force when an event was accepted is told by
/// the log's times, and those of two topics are two brokers': an event accepted, and rightly decided, before the record may bear a later time than it.
/// Such events are decided again with it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The record's offset on `control.policy`.
    pub offset: i64,
    /// When the log appended it.
    pub at: Instant,
    /// The parties.
    pub sources: Vec<Organisation>,
}

/// A pinned schema of an event type, paired with its shared form.
#[derive(Debug)]
pub struct PinnedEvent {
    /// The event type.
    pub event_type: EventType,
    /// Field names in schema order.
    pub fields: Vec<String>,
    /// Projects raw bodies.
    pub projection: Projection,
    /// Registry id of the shared schema.
    pub shared_id: i32,
    /// Full name of the shared schema's record.
    pub shared_name: String,
}

/// The control plane at one epoch. Every answer is a function of `control.policy` below [`applied_through`](ControlView::applied_through).
pub trait ControlView {
    /// Next unapplied offset of `control.policy`.
    fn applied_through(&self) -> i64;
    /// Next offset after the newest pin.
    fn pins_epoch(&self) -> i64;
    /// Version of the decision rules in force; `None` before any pin.
    fn rules_version(&self) -> Option<u32>;
    /// What the agreements say, in the order of their ids; a single verdict without an agreement where none has a flow.
    fn decide(&self, event: &EventFacts<'_>, subject: Subject<'_>, now: Instant) -> Vec<Verdict>;
    /// Visits the changes at `from` and later: those about agreements, then the grounds, each in the order of offsets.
    fn each_change_since(&self, from: i64, visit: &mut dyn FnMut(PolicyCause));
    /// Whether there is any.
    fn has_changes_since(&self, from: i64) -> bool;
    /// The widenings at `from` and later, below `to`, in order.
    fn widenings(&self, from: i64, to: i64) -> Vec<(i64, Widening)>;
    /// The turns at `from` and later, below `to`, in order.
    fn turns(&self, from: i64, to: i64) -> Vec<Turn>;
    /// Brings near what is known of handles that are about to be decided. It answers nothing and changes nothing.
    fn warm(&self, handles: &[Handle]);
    /// Whether any ground was ever recorded on the handle.
    fn has_grounds(&self, handle: Handle) -> bool;
    /// Whether a release of the handle (purpose, agreement, producer's event id) falls with a ground.
    fn takes(
        &self,
        ground: &GroundChange,
        handle: Handle,
        release: (&Purpose, &AgreementId, &EventId),
    ) -> bool;
    /// What grounds add to the handle's subject record on the topic of a purpose; `None`: its record is erased and has none.
    fn subject(
        &self,
        handle: Handle,
        members: &[Handle],
        purpose: &Purpose,
    ) -> Option<SubjectGrounds>;
    /// Where an agreement's releases go.
    fn target(&self, agreement: &AgreementId, version: AgreementVersion) -> Option<Target>;
    /// Purposes on whose topic the organisation's handles have subject records: it is party to, or reader of, an agreement of the purpose.
    fn subject_purposes(&self, organisation: &Organisation) -> Vec<Purpose>;
    /// Purposes that are to know when the organisation's events of the type were last heard.
    fn heartbeat_purposes(
        &self,
        organisation: &Organisation,
        event_type: &EventType,
    ) -> Vec<Purpose>;
    /// What kind of subject events of the type have.
    fn subject_kind(&self, event_type: &EventType) -> Option<SubjectKind>;
    /// The pinned event schema with this registry id.
    fn event_schema(&self, schema_id: i32) -> Option<Arc<PinnedEvent>>;
    /// Registry id and full name of the schema that is registered for a dataset of others with this text.
    fn dataset_schema(&self, dataset: &str, schema_sha256: &[u8; 32]) -> Option<(i32, String)>;
    /// The generations of the purposes' topics that are in force.
    fn generations(&self) -> Generations;
    /// The generation of one purpose's topic that is in force.
    fn generation(&self, purpose: &Purpose) -> u32;
    /// The registry id pinned for an internal record, by its full name.
    fn record_schema(&self, full_name: &str) -> Option<i32>;
}

/// What stays the same for all of a process's partitions.
pub struct Setting {
    /// Keys of the purposes.
    pub keys: Keys,
    /// The seam for personal values.
    pub seal: Arc<dyn walbrook_event::Seal>,
    /// The namespace of topics.
    pub namespace: walbrook_eventlog::Namespace,
    /// Data partitions.
    pub partitions: i32,
    /// How much is decided again at once.
    pub limits: Limits,
}

/// How much is decided again in one transaction. What is taken away is never limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Past events of one handle, the newest first. A handle with more loses everything at once and gets the rest back from the queue.
    pub events_a_handle: usize,
    /// Raw offsets of one slice of the queue.
    pub slice_offsets: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_a_handle: 1_000,
            slice_offsets: 2_000,
        }
    }
}
