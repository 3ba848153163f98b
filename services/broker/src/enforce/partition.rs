//! p: everything one partition number decides from, and what it has decided so far.
//!
//! A partition is rebuilt from the log when it is assigned ([`super::rebuild`]) and dropped when anything about its last transaction is not
//! known for certain; so its state is always exactly what its committed positions say. One batch goes `apply_links` → `cut` → `plan` → (past
//! events are read) → `decide` → a [`Transaction`] → `committed`.

use super::control_view::{ControlView, Limits, PolicyChange};
use super::error::Stop;
use super::incoming::{Cut, RawTopic};
use super::links::{Link, LinkChange, Links};
use super::planted::{PlantedFault, planted};
use super::queue::Queued;
use super::stamp::Stamp;
use super::standing::Standings;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::{Day, EventType, Handle, Instant, Organisation, Purpose};
use walbrook_eventlog::position::Cursor;
use walbrook_eventlog::{InputPosition, NewRecord};

/// Handles whose subject records are looked at in one batch when agreements changed.
const SUBJECTS_A_BATCH: usize = 500;

/// Everything about one partition number.
pub struct Partition {
    pub(super) number: i32,
    pub(super) topics: Vec<RawTopic>,
    pub(super) links: Links,
    pub(super) standing: Standings,
    /// Last day told to each purpose, by organisation and event type.
    pub(super) heard: BTreeMap<(Purpose, Organisation, EventType), Day>,
    /// Committed.
    pub(super) stamp: Stamp,
    pub(super) last_decided_at: Instant,
    /// Where the last page of p stands on `audit.decisions`, where that is known.
    pub(super) page_offset: Option<i64>,
    /// Handles whose links changed since the last transaction, with the link before the first change.
    pub(super) changed_links: BTreeMap<Handle, Option<Arc<Link>>>,
    /// Offsets of the link records that changed them.
    pub(super) link_causes: Vec<i64>,
    /// Handles whose subject records have to be looked at again.
    pub(super) subject_backlog: BTreeSet<Handle>,
    pub(super) limits: Limits,
}

/// One cause's hold on a handle.
#[derive(Debug, Default)]
pub struct Touch {
    /// The link before it changed, where it did.
    pub before: Option<Arc<Link>>,
    /// Whether the events are to be decided again; otherwise only the subject record is looked at.
    pub redecide: bool,
    /// The events to be decided again now, as index of the raw topic and offset, ascending.
    pub events: Vec<(usize, i64)>,
    /// Whether there are more: then everything of the handle is taken away first, and the others come back from the queue.
    pub more: bool,
    /// Grounds that fell on it or returned.
    pub grounds: Vec<super::control_view::GroundChange>,
}

/// What a batch has to do beside its events.
#[derive(Debug, Default)]
pub struct Plan {
    /// The epoch: next unapplied offset of `control.policy` when the causes were looked for. What is decided is decided at it.
    pub policy_next: i64,
    /// Handles touched by causes.
    pub touched: BTreeMap<Handle, Touch>,
    /// Past events to be read again: index of the raw topic, and offset, ascending.
    pub wanted: Vec<(usize, i64)>,
    /// The causes, as pages name them.
    pub causes: Vec<walbrook_proto::audit::v1::PageCause>,
    /// Handles whose subject records are to be looked at because agreements changed.
    pub subjects: Vec<Handle>,
    /// What is taken from the queue.
    pub queued: Queued,
    /// What is queued afterwards.
    pub cursor: Cursor,
}

/// What is to be committed together.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Records in the order in which they are to be written.
    pub records: Vec<NewRecord>,
    /// Positions of the group.
    pub positions: Vec<InputPosition>,
    /// What p's stamp is afterwards.
    pub stamp: Stamp,
    /// Where its last page stands on `audit.decisions`, once that is heard.
    pub page_offset: Option<i64>,
    /// For metrics: decisions by reason.
    pub reasons: BTreeMap<walbrook_policy::outcome::Reason, u64>,
    /// For metrics: raw events decided live, and again.
    pub events: u64,
    /// For metrics: past events decided again.
    pub redecided: u64,
    /// For metrics: retractions.
    pub retractions: u64,
    /// For the operator's traces: the raw trace context of each release and the new one it carries.
    pub traces: Vec<(String, String)>,
}

impl Partition {
    /// An empty partition, at the start of everything.
    pub fn new(number: i32, topics: impl IntoIterator<Item = (String, Arc<str>)>) -> Self {
        Self {
            number,
            topics: topics
                .into_iter()
                .map(|(plain, full)| RawTopic::new(plain, full))
                .collect(),
            links: Links::new(),
            standing: Standings::default(),
            heard: BTreeMap::new(),
            stamp: Stamp::default(),
            last_decided_at: Instant(0),
            page_offset: None,
            changed_links: BTreeMap::new(),
            link_causes: Vec::new(),
            subject_backlog: BTreeSet::new(),
            limits: Limits::default(),
        }
    }

    /// The partition number.
    pub const fn number(&self) -> i32 {
        self.number
    }

    /// The committed stamp.
    pub const fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Next offset of each raw topic (full name), in the order of topics.
    pub fn positions(&self) -> impl Iterator<Item = (&Arc<str>, i64)> {
        self.topics
            .iter()
            .map(|topic| (&topic.full, topic.position))
    }

    /// Next unapplied offset of `control.links[p]`.
    pub const fn links_next(&self) -> i64 {
        self.links.next_offset()
    }

    /// Releases that stand.
    pub fn standing(&self) -> &Standings {
        &self.standing
    }

    /// Applies link records of `control.links[p]` that were read up to `next`.
    ///
    /// # Errors
    /// When a record cannot be used.
    pub fn apply_links(&mut self, records: Vec<(i64, Handle, Link)>, next: i64) {
        for (offset, handle, link) in records {
            if let Some(LinkChange { handle, before }) = self.links.apply(offset, handle, link) {
                self.changed_links.entry(handle).or_insert(before);
                self.link_causes.push(offset);
            }
        }
        self.links.applied_below(next);
    }

    /// Whether a batch without events has anything to commit.
    pub fn behind(&self, control: &dyn ControlView) -> bool {
        control.applied_through() > self.stamp.policy_next
            || self.links.next_offset() > self.stamp.links_next
            || !self.subject_backlog.is_empty()
            || !self.stamp.cursor.is_idle()
    }

    /// Whether what there is to commit without events is more than transaction markers passed.
    pub fn is_urgent(&self, control: &dyn ControlView) -> bool {
        !self.changed_links.is_empty()
            || !self.subject_backlog.is_empty()
            || !self.stamp.cursor.is_idle()
            || control.has_changes_since(self.stamp.policy_next)
    }

    /// Finds out what the causes since the committed stamp touch, and which past events have to be read for it.
    pub fn plan(&mut self, control: &dyn ControlView) -> Plan {
        let mut plan = Plan {
            policy_next: control.applied_through(),
            ..Plan::default()
        };
        self.plan_links(control, &mut plan);
        self.plan_policy(control, &mut plan);
        self.plan_past(control, &mut plan);
        while plan.subjects.len() < SUBJECTS_A_BATCH
            && let Some(handle) = self.subject_backlog.pop_first()
        {
            if !plan.touched.contains_key(&handle) {
                plan.subjects.push(handle);
            }
        }
        plan
    }

    fn plan_links(&self, control: &dyn ControlView, plan: &mut Plan) {
        for (handle, before) in &self.changed_links {
            let Some(after) = self.links.get(*handle) else {
                continue;
            };
            let redecide = before
                .as_ref()
                .is_some_and(|before| matters(before, after, control) && !forgotten(before, after));
            plan.touched.insert(
                *handle,
                Touch {
                    before: before.clone(),
                    redecide,
                    ..Touch::default()
                },
            );
        }
        plan.causes.extend(
            self.link_causes
                .iter()
                .map(|offset| super::redecide::link_cause(self.number, *offset)),
        );
    }

    /// Handles that something said of a member concerns. One that has just left was concerned as long as it was there.
    fn concerned(&self, member: Handle) -> BTreeSet<Handle> {
        let left = self.changed_links.iter().filter(|(_, before)| {
            before
                .as_ref()
                .is_some_and(|before| before.members.contains(&member))
        });
        self.links
            .concerned(member)
            .chain(left.map(|(handle, _)| *handle))
            .collect()
    }

    fn plan_policy(&mut self, control: &dyn ControlView, plan: &mut Plan) {
        let mut agreements_changed = false;
        control.each_change_since(self.stamp.policy_next, &mut |cause| {
            let PolicyChange::Ground(ground) = cause.change else {
                agreements_changed = true;
                return;
            };
            let concerned = self.concerned(ground.handle);
            if !concerned.is_empty() {
                plan.causes
                    .push(super::redecide::ground_cause(cause.offset));
            }
            for handle in concerned {
                let touch = plan.touched.entry(handle).or_default();
                touch.redecide = true;
                touch.grounds.push(ground.clone());
            }
        });
        if agreements_changed {
            self.queue_subjects(control);
        }
    }

    /// Queues the handles that have events and lack a subject record on the topic of a purpose their organisation takes part in.
    pub(super) fn queue_subjects(&mut self, control: &dyn ControlView) {
        let mut purposes: BTreeMap<&Organisation, Vec<Purpose>> = BTreeMap::new();
        let mut lacking = Vec::new();
        for (handle, link) in self.links.iter() {
            let wanted = purposes
                .entry(&link.organisation)
                .or_insert_with(|| control.subject_purposes(&link.organisation));
            let standing = self.standing.of(handle);
            let has =
                |purpose| standing.is_some_and(|standing| standing.subjects.contains_key(purpose));
            if !wanted.iter().all(has) && self.has_events(handle) {
                lacking.push(handle);
            }
        }
        self.subject_backlog.extend(lacking);
    }

    /// Says that the transaction is committed. Until then nothing newer may be decided; when its outcome is not known, p is to be dropped and
    /// rebuilt instead.
    pub fn committed(&mut self, transaction: &Transaction) {
        self.stamp = transaction.stamp.clone();
        self.page_offset = transaction.page_offset;
        self.changed_links.clear();
        self.link_causes.clear();
    }

    /// Checks a batch's records and adds them to the index.
    ///
    /// # Errors
    /// When a timestamp lies ahead, an offset stands twice, or a body cannot be opened now.
    pub fn cut(
        &mut self,
        records: Vec<walbrook_eventlog::Record>,
        control: &dyn ControlView,
        setting: &super::control_view::Setting,
        now: Instant,
    ) -> Result<Cut, Stop> {
        super::incoming::cut(
            self.number,
            &mut self.topics,
            records,
            control,
            setting,
            now,
        )
    }
}

/// Whether a changed link can change a decision or a key. Identity rewrites every member's record when a cluster grows: that alone changes
/// nothing unless something was said about a member that came or went.
fn matters(before: &Link, after: &Link, control: &dyn ControlView) -> bool {
    let same = before.person == after.person
        && before.status == after.status
        && before.restrictions == after.restrictions
        && before.adult_from == after.adult_from
        && before.organisation == after.organisation;
    let came_or_went = |a: &Link, b: &Link| {
        a.members
            .iter()
            .any(|member| !b.members.contains(member) && control.has_grounds(*member))
    };
    !same || came_or_went(before, after) || came_or_went(after, before)
}

/// Planted: the person was taken apart, and nothing follows from it.
fn forgotten(before: &Link, after: &Link) -> bool {
    planted(PlantedFault::UnmergeForgotten) && after.members.len() < before.members.len()
}
