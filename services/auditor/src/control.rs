//! The control plane at one position of `control.policy`: the policy crate's fold, with what decisions need beside it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use walbrook_domain::control::{ControlFact, ControlRecord, PinKind};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, Handle, Instant, Precision, Purpose,
};
use walbrook_event::dataset::{self, DatasetSchema, RECORD_FIELD};
use walbrook_event::framing::unframe;
use walbrook_event::{Projection, headers};
use walbrook_eventlog::Record;
use walbrook_policy::agreement::Kind;
use walbrook_policy::facts::{EventFacts, Precedence, Subject};
use walbrook_policy::outcome::Reason;
use walbrook_policy::state::{GroundChange, StandingNow, SubjectGrounds};
use walbrook_policy::{Change, Outcome, PolicyState};

use crate::log::{Place, header_text};
use crate::queue::{Turn, Widening};
use crate::report::{Checked, Report};

/// What an agreement leaves of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Bit i: field i of the event's schema.
    pub mask: u64,
    /// How finely times are released.
    pub precision: Precision,
    /// Last day it holds.
    pub not_after: Option<Day>,
}

/// What one agreement, or none, says about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The agreement and its version.
    pub agreement: Option<(AgreementId, AgreementVersion)>,
    /// The reason, which carries the outcome.
    pub reason: Reason,
    /// Set on a permit.
    pub grant: Option<Grant>,
}

/// A pinned schema of an event type with its shared form.
#[derive(Debug)]
pub struct PinnedEvent {
    /// The event type.
    pub event_type: EventType,
    /// Field names in schema order.
    pub fields: Vec<String>,
    /// From raw bodies to shared ones.
    pub projection: Projection,
    /// Full name of the shared record.
    pub shared_name: String,
}

/// The names of all schemas that were ever pinned, by registry id.
#[derive(Debug, Default)]
pub struct Schemas {
    names: BTreeMap<i32, String>,
}

impl Schemas {
    /// The full name of the record with this schema id.
    pub fn name(&self, id: i32) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    fn note(&mut self, record: &ControlRecord) {
        if let ControlFact::Pin(pin) = &record.fact
            && pin.kind == PinKind::Schema
        {
            self.names.insert(pin.schema_id, pin.name.clone());
        }
    }
}

/// Reads a partition of a control topic; a record that cannot be read is a difference.
pub fn read(records: &[Record], report: &mut Report) -> Vec<ControlRecord> {
    let mut read = Vec::with_capacity(records.len());
    for record in records {
        let kind = header_text(record, headers::TYPE);
        let appended_at = Instant(record.timestamp_ms.saturating_mul(1_000));
        let decoded = unframe(record.value.as_deref())
            .map_err(|error| error.to_string())
            .and_then(|(_, body)| {
                walbrook_event::control::read(kind, body, record.offset, appended_at)
                    .map_err(|error| error.to_string())
            });
        match decoded {
            Ok(decoded) => read.push(decoded),
            Err(problem) => report.differ(
                "control",
                Place::of(record),
                "a record of the control plane",
                problem,
            ),
        }
    }
    read
}

/// Folds all records once, counts them and reports every illegal transition. Returns the names of schemas.
pub fn check(records: &[ControlRecord], topic: &str, report: &mut Report) -> Schemas {
    let mut schemas = Schemas::default();
    let mut state = new_state();
    for record in records {
        schemas.note(record);
        report.count(Checked::ControlRecords, 1);
        if let ControlFact::Agreement(fact) = &record.fact {
            use walbrook_domain::control::AgreementFact;
            match fact {
                AgreementFact::Proposed(_) => report.count(Checked::Agreements, 1),
                AgreementFact::Signed(_) => report.count(Checked::Signatures, 1),
                _ => {}
            }
        }
        if let Err(illegal) = state.apply(record) {
            let why = std::error::Error::source(&illegal)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            report.differ(
                "control",
                Place::new(topic, 0, record.offset),
                "a legal change",
                format!("{illegal}{why}"),
            );
        }
    }
    if let Some(last) = records.last() {
        check_commencements(&state, last, topic, report);
    }
    schemas
}

/// A version that parties signed ahead is on record as commenced soon after its effective day began: past events are decided again because of it.
fn check_commencements(
    state: &PolicyState,
    last: &ControlRecord,
    topic: &str,
    report: &mut Report,
) {
    let due = Instant(last.appended_at.micros() - COMMENCES_WITHIN_MICROS);
    for (id, history) in state.book().agreements() {
        for version in history.to_commence(due) {
            report.differ(
                "control",
                Place::new(topic, 0, last.offset),
                format!("a record that version {version} of {id} has commenced"),
                "none, an hour after its effective day began",
            );
        }
    }
}

/// The writer may be away for so long.
const COMMENCES_WITHIN_MICROS: i64 = 3_600_000_000;

fn new_state() -> PolicyState {
    PolicyState::new(Arc::new(walbrook_view::file::catalogue()))
}

/// The control plane as it moves along with a partition's pages.
#[derive(Debug)]
pub struct Control {
    state: PolicyState,
    widenings: Vec<(i64, Widening)>,
    turns: Vec<Turn>,
    events: HashMap<i32, Option<Arc<PinnedEvent>>>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            state: new_state(),
            widenings: Vec::new(),
            turns: Vec::new(),
            events: HashMap::new(),
        }
    }
}

impl Control {
    /// Applies a record; illegal ones were reported by [`check`] and change nothing. Returns a ground that changed.
    pub fn apply(&mut self, record: &ControlRecord) -> Option<GroundChange> {
        match self.state.apply(record).ok()? {
            Change::Ground(change) => Some(change),
            Change::Agreement(change) => {
                let parties = change.parties.iter();
                self.turns.push(Turn {
                    offset: record.offset,
                    at: record.appended_at,
                    sources: parties.map(|party| party.organisation.clone()).collect(),
                });
                let in_force = change.parties.into_iter().filter(|party| {
                    matches!(party.after, StandingNow::Signed(_)) && party.before != party.after
                });
                let sources: Vec<_> = in_force.map(|party| party.organisation).collect();
                if !sources.is_empty() {
                    self.widenings
                        .push((record.offset, Widening::Sources(sources)));
                }
                None
            }
            Change::Pin(PinKind::DecisionRules, _) => {
                self.widenings.push((record.offset, Widening::Rules));
                None
            }
            Change::Pin(..) => {
                self.events.clear();
                None
            }
            _ => None,
        }
    }

    /// What may have let past events be released, from an offset on.
    pub(crate) fn widenings(&self, from: i64) -> &[(i64, Widening)] {
        let at = self.widenings.partition_point(|(offset, _)| *offset < from);
        self.widenings.get(at..).unwrap_or_default()
    }

    /// How parties came to stand differently, from an offset on.
    pub(crate) fn turns(&self, from: i64) -> &[Turn] {
        let at = self.turns.partition_point(|turn| turn.offset < from);
        self.turns.get(at..).unwrap_or_default()
    }

    /// The fold itself.
    pub fn state(&self) -> &PolicyState {
        &self.state
    }

    /// The next `control.policy` offset after the newest pin.
    pub fn pins_epoch(&self) -> i64 {
        self.state.pins().epoch()
    }

    /// The decision rules in force.
    pub fn rules_version(&self) -> Option<u32> {
        self.state.pins().rules_version()
    }

    /// Whether anything was ever recorded on the handle.
    pub fn has_grounds(&self, handle: Handle) -> bool {
        !self.state.grounds().of(&handle).is_empty()
    }

    /// Whether a release of the handle (purpose, agreement, producer's event id) falls with a ground.
    pub fn takes(
        &self,
        ground: &GroundChange,
        handle: Handle,
        release: (&Purpose, &AgreementId, &EventId),
    ) -> bool {
        ground.takes(self.state.book(), handle, release)
    }

    /// What grounds add to the handle's subject record; `None`: its record is erased and has none.
    pub fn subject(
        &self,
        handle: Handle,
        members: &[Handle],
        purpose: &str,
    ) -> Option<SubjectGrounds> {
        let purpose = purpose.parse().ok()?;
        self.state.grounds().subject(&handle, members, &purpose)
    }

    /// Decides an event; `None` when this build lacks the rules in force, or none are.
    pub fn decide(
        &self,
        event: &EventFacts<'_>,
        subject: &Subject<'_>,
        now: Instant,
    ) -> Option<Vec<Verdict>> {
        // What is no event of its own is said once, whatever agreements there are.
        let repeated = match event.precedence {
            Precedence::First => None,
            Precedence::Duplicate => Some(Reason::Duplicate),
            Precedence::Conflicting => Some(Reason::Conflicting),
            Precedence::Superseded => Some(Reason::Superseded),
        };
        if let Some(reason) = repeated {
            return Some(vec![Verdict {
                agreement: None,
                reason,
                grant: None,
            }]);
        }
        let decisions =
            walbrook_policy::decide(event, subject, &self.state, now, self.rules_version()?)
                .ok()?;
        let verdicts = decisions.into_iter().map(|decision| Verdict {
            agreement: decision.agreement().cloned().zip(decision.version()),
            reason: decision.reason,
            grant: (decision.outcome() == Outcome::Permit).then_some(Grant {
                mask: decision.field_mask,
                precision: decision.precision,
                not_after: decision.not_after,
            }),
        });
        Some(verdicts.collect())
    }

    /// The topic that an agreement's releases go to, without the namespace.
    pub fn topic(&self, agreement: &AgreementId, version: AgreementVersion) -> Option<String> {
        let edition = self.state.book().edition(agreement, version)?;
        match &edition.agreement.kind {
            Kind::Sharing => Some(format!("shared.{}", edition.agreement.purpose)),
            Kind::Open { dataset } => Some(format!("open.{dataset}")),
            Kind::Matching { .. } => None,
        }
    }

    /// The record of others that an event carries, with the name of its schema, where the grant leaves it and the topic is its dataset's.
    pub fn carried(
        &self,
        topic: &str,
        event: (&EventType, &[u8]),
        fields: &[String],
        mask: u64,
    ) -> Option<(String, Vec<u8>)> {
        let field = fields.iter().position(|field| field == RECORD_FIELD)?;
        let carried = dataset::carried(event.0, event.1).filter(|_| mask >> field & 1 == 1)?;
        if topic.strip_prefix("open.") != Some(&carried.dataset) {
            return None;
        }
        let mut schemas = self.state.pins().schemas();
        let found = schemas.find(|(_, name, pin)| {
            dataset::is_foreign(name)
                && pin.sha256 == carried.schema_sha256
                && DatasetSchema::read(&pin.content)
                    .is_ok_and(|schema| schema.dataset() == carried.dataset)
        });
        found.map(|(_, name, _)| (name.to_owned(), carried.record))
    }

    /// The event schema pinned under a registry id.
    pub fn event_schema(&mut self, id: i32) -> Option<Arc<PinnedEvent>> {
        if let Some(known) = self.events.get(&id) {
            return known.clone();
        }
        let found = self.pinned_event(id).map(Arc::new);
        self.events.insert(id, found.clone());
        found
    }

    fn pinned_event(&self, id: i32) -> Option<PinnedEvent> {
        let pins = self.state.pins();
        let (name, pin) = pins.schema(id)?;
        let event = walbrook_proto::record(name)?.event?;
        // An older version has the shared form of its own version: the newest that fits it.
        let forms = pins.versions(event.shared_name).into_iter();
        let mut fitting =
            forms.filter_map(|form| Projection::new(&pin.content, &form.content).ok());
        let projection = fitting.next()?;
        Some(PinnedEvent {
            event_type: EventType::new(event.event_type).ok()?,
            fields: projection.fields().map(str::to_owned).collect(),
            projection,
            shared_name: event.shared_name.to_owned(),
        })
    }
}
