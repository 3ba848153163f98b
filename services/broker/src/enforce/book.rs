//! The control plane as this process has applied it: policy state, what changed at which offset, and pinned schemas ready for use.

use super::changes::Changes;
use super::control_view::{
    ControlView, Grant, GroundChange, PinnedEvent, PolicyCause, SubjectGrounds, Target, Turn,
    Verdict, Widening,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use walbrook_domain::control::{ControlFact, ControlRecord, PinKind};
use walbrook_domain::{
    AgreementId, AgreementVersion, EventId, EventType, Handle, Instant, Organisation, Purpose,
};
use walbrook_event::Projection;
use walbrook_event::dataset::{DatasetSchema, is_foreign};
use walbrook_event::raw::SubjectKind;
use walbrook_eventlog::chain::{self, Generations};
use walbrook_policy::agreement::Kind;
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::facts::{EventFacts, Subject};
use walbrook_policy::outcome::Outcome;
use walbrook_policy::state::{
    AgreementChange, Change, Grounds, History, Illegal, Pin, PolicyState, StandingNow,
};
use walbrook_policy::{Compiled, RULES_VERSION};
use walbrook_proto::avro::SubjectOf;

/// The control plane, applied up to an offset.
#[derive(Clone)]
pub struct Book {
    state: PolicyState,
    applied_through: i64,
    /// Every change that can be a cause, by offset.
    changes: Changes,
    /// Every widening, by offset: a queue asks for its causes as long as it is not through, and there are few.
    widenings: Vec<(i64, Widening)>,
    /// Every turn, by offset; few.
    turns: Vec<Turn>,
    schemas: HashMap<i32, Arc<PinnedEvent>>,
    /// The newest shared form that was there when a raw schema was paired, both by registry id.
    paired: HashMap<i32, i32>,
    /// The agreements as tables. They are made again when records were applied, not with each of them.
    compiled: Compiled,
    /// Purposes of each organisation's subject records, made with the tables.
    purposes: BTreeMap<Organisation, Vec<Purpose>>,
    /// The generations that are in force.
    generations: Generations,
}

impl Book {
    /// Nothing applied: nothing may be decided.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            state: PolicyState::new(catalogue),
            applied_through: 0,
            changes: Changes::default(),
            widenings: Vec::new(),
            turns: Vec::new(),
            schemas: HashMap::new(),
            paired: HashMap::new(),
            compiled: Compiled::default(),
            purposes: BTreeMap::new(),
            generations: Generations::default(),
        }
    }

    /// The policy state.
    pub const fn state(&self) -> &PolicyState {
        &self.state
    }

    /// Applies a record. An illegal one changes nothing, for every reader alike; it is told so that someone hears of it.
    ///
    /// # Errors
    /// Why it is no legal change.
    pub fn apply(&mut self, record: &ControlRecord) -> Result<(), Illegal> {
        self.applied_through = self.applied_through.max(record.offset + 1);
        match self.state.apply(record)? {
            Change::Ground(ground) => self.changes.ground(record.offset, &ground),
            Change::Agreement(agreement) => {
                self.turn(record, &agreement);
                self.widen(record.offset, &agreement);
                self.changes.agreement(record.offset);
            }
            Change::Pin(PinKind::DecisionRules, _) => {
                self.widenings.push((record.offset, Widening::Rules));
            }
            Change::Pin(PinKind::Generation, purpose) => {
                let stage = self.state.pins().stage(&purpose);
                let in_force = stage.map_or(chain::FIRST, |stage| stage.in_force());
                self.generations.set(&purpose, in_force);
            }
            Change::Key(_) | Change::Reader(..) | Change::Pin(..) | Change::Schedule(_) => {}
        }
        if let ControlFact::Pin(pin) = &record.fact
            && pin.kind == PinKind::Schema
        {
            self.pair_schemas();
        }
        Ok(())
    }

    fn turn(&mut self, record: &ControlRecord, change: &AgreementChange) {
        let parties = change.parties.iter();
        let sources: Vec<Organisation> = parties.map(|party| party.organisation.clone()).collect();
        if !sources.is_empty() {
            self.turns.push(Turn {
                offset: record.offset,
                at: record.appended_at,
                sources,
            });
        }
    }

    fn widen(&mut self, offset: i64, change: &AgreementChange) {
        let sources: Vec<Organisation> = change
            .parties
            .iter()
            .filter(|party| matches!(party.after, StandingNow::Signed(_)))
            .map(|party| party.organisation.clone())
            .collect();
        if !sources.is_empty() {
            let agreement = change.agreement.clone();
            self.widenings
                .push((offset, Widening::Sources(agreement, sources)));
        }
    }

    /// Puts the grounds of a snapshot into a book that has none, and says that everything below `offset` was applied. What changed below it is not
    /// told: every p is past it.
    pub fn restore_grounds(&mut self, grounds: Grounds, offset: i64) {
        self.state.restore_grounds(grounds, offset);
        self.changes.begins_at(offset);
        self.applied_below(offset);
    }

    /// Changes below are not known here any more: a p that has not come so far cannot be decided by this process.
    pub const fn causes_from(&self) -> i64 {
        self.changes.from()
    }

    /// How many changes of grounds are held.
    pub fn causes_held(&self) -> usize {
        self.changes.grounds()
    }

    /// Forgets changes below an offset that every p is past; committed positions never go back.
    pub fn forget_causes_below(&mut self, offset: i64) {
        self.changes.forget_below(offset);
    }

    /// Says that everything below `offset` was applied.
    pub fn applied_below(&mut self, offset: i64) {
        self.applied_through = self.applied_through.max(offset);
        if self.compiled.is_stale(&self.state) {
            self.compile();
        }
    }

    fn compile(&mut self) {
        self.compiled = Compiled::new(&self.state);
        let signatories: BTreeSet<&Organisation> = self
            .state
            .book()
            .agreements()
            .flat_map(|(_, history)| history.signatories())
            .collect();
        self.purposes = signatories
            .into_iter()
            .map(|organisation| (organisation.clone(), self.purposes_of(organisation)))
            .collect();
    }

    /// Pairs every admitted raw schema, older versions among them, with the newest shared form that fits it.
    fn pair_schemas(&mut self) {
        let pins = self.state.pins();
        for (id, name, pin) in pins.schemas() {
            let Some(event) = walbrook_proto::record(name).and_then(|info| info.event) else {
                continue;
            };
            let Some(newest) = pins.get(PinKind::Schema, event.shared_name) else {
                continue;
            };
            if self.paired.get(&id) == Some(&newest.schema_id) {
                continue;
            }
            let forms = pins.versions(event.shared_name).into_iter();
            let fitting = forms.filter_map(|form| {
                let projection = Projection::new(&pin.content, &form.content).ok()?;
                Some((form.schema_id, projection))
            });
            let (Some((shared_id, projection)), Ok(event_type)) =
                (fitting.take(1).next(), EventType::new(event.event_type))
            else {
                tracing::warn!(
                    schema = name,
                    "the pinned schema does not pair with its shared form; its events go to quarantine"
                );
                continue;
            };
            let pinned = PinnedEvent {
                event_type,
                fields: projection.fields().map(str::to_owned).collect(),
                projection,
                shared_id,
                shared_name: event.shared_name.to_owned(),
            };
            self.paired.insert(id, newest.schema_id);
            self.schemas.insert(id, Arc::new(pinned));
        }
    }

    fn purposes_of(&self, organisation: &Organisation) -> Vec<Purpose> {
        let signed = self
            .signed_by(organisation)
            .filter_map(|(history, version)| {
                let agreement = &history.edition(version)?.agreement;
                (agreement.kind == Kind::Sharing).then(|| agreement.purpose.clone())
            });
        sorted(signed)
    }

    /// The agreements that an organisation has signed and that stand, suspended ones included.
    fn signed_by<'a>(
        &'a self,
        organisation: &'a Organisation,
    ) -> impl Iterator<Item = (&'a History, AgreementVersion)> + 'a {
        self.state
            .book()
            .agreements()
            .filter_map(move |(_, history)| match history.standing(organisation) {
                StandingNow::Signed(version) | StandingNow::Suspended(version) => {
                    Some((history, version))
                }
                StandingNow::NotSigned | StandingNow::Terminated => None,
            })
    }
}

impl ControlView for Book {
    fn applied_through(&self) -> i64 {
        self.applied_through
    }

    fn pins_epoch(&self) -> i64 {
        self.state.pins().epoch()
    }

    fn rules_version(&self) -> Option<u32> {
        // A build without the rules in force must not decide: to it they are not there.
        self.state
            .pins()
            .rules_version()
            .filter(|version| *version <= RULES_VERSION)
    }

    fn decide(&self, event: &EventFacts<'_>, subject: Subject<'_>, now: Instant) -> Vec<Verdict> {
        let version = self.rules_version().unwrap_or_default();
        let mut verdicts = Vec::new();
        let decided = self
            .compiled
            .decide(event, &subject, &self.state, now, version, |ruling| {
                verdicts.push(Verdict {
                    agreement: ruling
                        .agreement()
                        .map(|(id, version)| (id.clone(), version)),
                    reason: ruling.reason,
                    grant: (ruling.outcome() == Outcome::Permit).then_some(Grant {
                        mask: ruling.field_mask,
                        precision: ruling.precision,
                        not_after: ruling.not_after,
                    }),
                });
            });
        // `rules_version` admits only what this build has, and a batch without rules is not begun.
        decided.map_or_else(|_| Vec::new(), |()| verdicts)
    }

    fn each_change_since(&self, from: i64, visit: &mut dyn FnMut(PolicyCause)) {
        self.changes.each_since(from, visit);
    }

    fn has_changes_since(&self, from: i64) -> bool {
        self.changes.any_since(from)
    }

    fn widenings(&self, from: i64, to: i64) -> Vec<(i64, Widening)> {
        let at = |offset| self.widenings.partition_point(|(one, _)| *one < offset);
        let found = self.widenings.get(at(from)..at(to));
        found.unwrap_or_default().to_vec()
    }

    fn turns(&self, from: i64, to: i64) -> Vec<Turn> {
        let at = |offset| self.turns.partition_point(|turn| turn.offset < offset);
        let found = self.turns.get(at(from)..at(to));
        found.unwrap_or_default().to_vec()
    }

    fn warm(&self, handles: &[Handle]) {
        // The loads are all it is for: nobody asks for the count.
        std::hint::black_box(self.state.grounds().warm(handles));
    }

    fn has_grounds(&self, handle: Handle) -> bool {
        !self.state.grounds().of(&handle).is_empty()
    }

    fn takes(
        &self,
        ground: &GroundChange,
        handle: Handle,
        release: (&Purpose, &AgreementId, &EventId),
    ) -> bool {
        ground.takes(self.state.book(), handle, release)
    }

    fn subject(
        &self,
        handle: Handle,
        members: &[Handle],
        purpose: &Purpose,
    ) -> Option<SubjectGrounds> {
        self.state.grounds().subject(&handle, members, purpose)
    }

    fn target(&self, agreement: &AgreementId, version: AgreementVersion) -> Option<Target> {
        let edition = self.state.book().edition(agreement, version)?;
        match &edition.agreement.kind {
            Kind::Sharing => Some(Target::Shared(edition.agreement.purpose.clone())),
            Kind::Open { dataset } => Some(Target::Open(dataset.clone())),
            Kind::Matching { .. } => None,
        }
    }

    fn subject_purposes(&self, organisation: &Organisation) -> Vec<Purpose> {
        if self.compiled.is_stale(&self.state) {
            return self.purposes_of(organisation);
        }
        // Whoever signed nothing has none.
        self.purposes.get(organisation).cloned().unwrap_or_default()
    }

    fn heartbeat_purposes(
        &self,
        organisation: &Organisation,
        event_type: &EventType,
    ) -> Vec<Purpose> {
        let flowing = self
            .signed_by(organisation)
            .filter_map(|(history, version)| {
                let agreement = &history.edition(version)?.agreement;
                let flows = agreement.kind == Kind::Sharing
                    && agreement.flow(organisation, event_type).is_some();
                flows.then(|| agreement.purpose.clone())
            });
        sorted(flowing)
    }

    fn subject_kind(&self, event_type: &EventType) -> Option<SubjectKind> {
        let event = walbrook_proto::event(event_type.as_str())?.event?;
        Some(match event.subject {
            SubjectOf::Person => SubjectKind::Person,
            SubjectOf::Area => SubjectKind::Area,
            SubjectOf::Open => SubjectKind::Open,
        })
    }

    fn event_schema(&self, schema_id: i32) -> Option<Arc<PinnedEvent>> {
        self.schemas.get(&schema_id).cloned()
    }

    fn dataset_schema(&self, dataset: &str, schema_sha256: &[u8; 32]) -> Option<(i32, String)> {
        let of_dataset = |pin: &Pin| {
            DatasetSchema::read(&pin.content).is_ok_and(|schema| schema.dataset() == dataset)
        };
        let pins = self.state.pins();
        pins.schemas()
            .find(|(_, name, pin)| {
                is_foreign(name) && pin.sha256 == *schema_sha256 && of_dataset(pin)
            })
            .map(|(id, name, _)| (id, name.to_owned()))
    }

    fn generations(&self) -> Generations {
        self.generations.clone()
    }

    fn generation(&self, purpose: &Purpose) -> u32 {
        self.generations.of(purpose.as_str())
    }

    fn record_schema(&self, full_name: &str) -> Option<i32> {
        self.state
            .pins()
            .get(PinKind::Schema, full_name)
            .map(|pin| pin.schema_id)
    }
}

fn sorted(purposes: impl Iterator<Item = Purpose>) -> Vec<Purpose> {
    let mut purposes: Vec<Purpose> = purposes.collect();
    purposes.sort();
    purposes.dedup();
    purposes
}
