//! Past events decided again a slice at a time: what agreements widen, and what is left of handles with very many events.
//!
//! The queue has one cursor, which commits with every transaction and stands on every page. What agreements widen is found by going through the
//! raw topics of p in the order of the log, so each slice is one read: every event of a source concerned that was decided before the newest cause
//! is decided once more. What stands unchanged is not written again. Only releases wait here: what a ground takes away is never queued.

use super::again::Extent;
use super::control_view::{ControlView, Widening};
use super::decide::Work;
use super::error::Stop;
use super::page::{Pages, RedecidedHandle};
use super::partition::{Partition, Plan};
use super::planted::{PlantedFault, planted};
use super::redecide::{reason, turn_cause, widening_cause};
use super::standing::Removal;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Handle, Instant, Organisation, Pseudonym, Purpose};
use walbrook_event::history::{Standing, Subject};
use walbrook_eventlog::Record;
use walbrook_eventlog::position::{Cursor, Place, Scan, Stretch, TOPICS};
use walbrook_proto::audit::v1::{PageCause, PageRetraction};

/// Past events by index of the raw topic and offset.
pub type Events = Vec<(usize, i64)>;

/// What one transaction takes from the queue.
#[derive(Debug, Default)]
pub struct Queued {
    /// Events of a handle that had more than one transaction decides again.
    pub rest: Option<(Handle, Events)>,
    /// A stretch of a raw topic.
    pub slice: Option<Slice>,
    /// What does not wait: the end of each raw topic, accepted after parties came to stand differently.
    pub tails: Vec<Slice>,
}

/// A stretch of one raw topic, and whose events in it are decided again.
#[derive(Debug)]
pub struct Slice {
    stretch: Stretch,
    reach: Reach,
    /// Only what was accepted then or later.
    since: Instant,
    causes: Vec<PageCause>,
}

/// Whose events the causes of a queue concern.
#[derive(Debug, Default)]
struct Reach {
    everybody: bool,
    sources: BTreeSet<Organisation>,
}

impl Reach {
    fn of(widenings: &[(i64, Widening)]) -> Self {
        let mut reach = Self::default();
        for (_, widening) in widenings {
            match widening {
                Widening::Sources(_, sources) => reach.sources.extend(sources.iter().cloned()),
                Widening::Rules => reach.everybody = true,
            }
        }
        reach
    }

    fn includes(&self, organisation: &Organisation) -> bool {
        self.everybody || self.sources.contains(organisation)
    }
}

impl Partition {
    /// Which past events have to be read: those of touched handles, and what is next in the queue.
    pub(super) fn plan_past(&self, control: &dyn ControlView, plan: &mut Plan) {
        let mut cursor = self.stamp.cursor.clone();
        for (handle, touch) in &mut plan.touched {
            if !touch.redecide {
                continue;
            }
            let (events, rest) = self.newest(*handle, None);
            touch.more = rest.is_some();
            plan.wanted.extend(&events);
            touch.events = events;
            match rest {
                Some(place) => cursor.rests.insert(handle.to_bytes(), place),
                // Whatever was left of it is decided with the rest of it now.
                None => cursor.rests.remove(handle.as_bytes()),
            };
        }
        self.plan_rest(&mut cursor, plan);
        self.plan_slice(control, &mut cursor, plan);
        self.plan_tails(control, plan);
        plan.wanted.sort_unstable();
        plan.wanted.dedup();
        plan.cursor = cursor;
    }

    fn plan_rest(&self, cursor: &mut Cursor, plan: &mut Plan) {
        let touched = |bytes: &[u8; 16]| {
            let touch = plan.touched.get(&Handle::new(*bytes));
            touch.is_some_and(|touch| touch.redecide)
        };
        let found = cursor.rests.iter().find(|(bytes, _)| !touched(bytes));
        let Some((bytes, place)) = found.map(|(bytes, place)| (*bytes, *place)) else {
            return;
        };
        let handle = Handle::new(bytes);
        let (events, rest) = self.newest(handle, Some(place));
        plan.wanted.extend(&events);
        plan.queued.rest = Some((handle, events));
        match rest {
            Some(place) => cursor.rests.insert(bytes, place),
            None => cursor.rests.remove(&bytes),
        };
    }

    fn plan_slice(&self, control: &dyn ControlView, cursor: &mut Cursor, plan: &mut Plan) {
        let fresh = control.widenings(self.stamp.policy_next, plan.policy_next);
        if let Some((first, _)) = fresh.first() {
            let mut cut = [0; TOPICS];
            for (end, topic) in cut.iter_mut().zip(&self.topics) {
                *end = topic.position;
            }
            cursor.scan = match cursor.scan.take() {
                Some(scan) => scan.renewed(cut),
                None => Scan::new(*first, cut),
            };
        }
        let Some(scan) = cursor.scan.take() else {
            return;
        };
        let stretch @ (index, from, to) = scan.next(self.limits.slice_offsets);
        let widenings = control.widenings(scan.from, plan.policy_next);
        plan.wanted.extend((from..to).map(|offset| (index, offset)));
        plan.queued.slice = Some(Slice {
            stretch,
            reach: Reach::of(&widenings),
            since: Instant(i64::MIN),
            causes: widenings.iter().map(widening_cause).collect(),
        });
        cursor.scan = scan.advanced(to);
    }

    /// What was decided before parties came to stand differently, and by the log's times was accepted after: its clocks are several, and a millisecond is
    /// long. By those times it was accepted under what the record says. It is decided again in the transaction that first commits a position past the
    /// record: what is not in force now, or grants less, must not come back into sight when a later record lifts what hides it at read. It is little,
    /// and does not wait in the queue.
    fn plan_tails(&self, control: &dyn ControlView, plan: &mut Plan) {
        if planted(PlantedFault::TailLeftStanding) {
            return;
        }
        for turn in control.turns(self.stamp.policy_next, plan.policy_next) {
            for (index, topic) in self.topics.iter().enumerate() {
                let from = topic.history.accepted_before(turn.at.micros());
                if from >= topic.position {
                    continue;
                }
                let wanted = (from..topic.position).map(|offset| (index, offset));
                plan.wanted.extend(wanted);
                plan.queued.tails.push(Slice {
                    stretch: (index, from, topic.position),
                    reach: Reach {
                        everybody: false,
                        sources: turn.sources.iter().cloned().collect(),
                    },
                    since: turn.at,
                    causes: vec![turn_cause(&turn)],
                });
            }
        }
    }

    /// The newest events of a handle before a place that count, as many as one transaction decides again, and the place before which more are.
    fn newest(&self, handle: Handle, before: Option<Place>) -> (Events, Option<Place>) {
        let subject = Subject::Handle(handle);
        let mut events = Events::new();
        for (index, topic) in self.topics.iter().enumerate() {
            let below = match before {
                Some(place) if index > place.topic => 0,
                Some(place) if index == place.topic => place.offset.min(topic.position),
                _ => topic.position,
            };
            for entry in topic.history.events(&subject, below) {
                if topic.history.standing(&entry, topic.position) == Standing::Counts {
                    events.push((index, entry.offset));
                }
            }
        }
        let older = events.len().saturating_sub(self.limits.events_a_handle);
        let newest = events.split_off(older);
        let rest = newest.first().filter(|_| older > 0);
        let place = rest.map(|(topic, offset)| Place {
            topic: *topic,
            offset: *offset,
        });
        (newest, place)
    }

    /// Decides again what was taken from the queue.
    pub(super) fn redecide_queued(
        &mut self,
        work: &mut Work<'_>,
        pages: &mut Pages,
        queued: Queued,
        past: &BTreeMap<(usize, i64), Record>,
    ) -> Result<(), Stop> {
        let (mut in_slice, mut causes) = (BTreeMap::<_, Events>::new(), Vec::new());
        for slice in queued.tails.into_iter().chain(queued.slice) {
            for (handle, events) in self.in_slice(&slice, past) {
                in_slice.entry(handle).or_default().extend(events);
            }
            causes.extend(slice.causes);
        }
        causes.sort_by_key(|cause| cause.offset);
        causes.dedup();
        let mut handles = Vec::new();
        if let Some((handle, mut events)) = queued.rest {
            // One handle once: what falls of it stands before what comes.
            events.extend(in_slice.remove(&handle).unwrap_or_default());
            events.sort_unstable();
            events.dedup();
            handles.push(self.queued_handle(work, handle, &events, Extent::Part, past)?);
        }
        for (handle, mut events) in in_slice {
            events.sort_unstable();
            events.dedup();
            handles.push(self.queued_handle(work, handle, &events, Extent::Changes, past)?);
        }
        handles.retain(|handle| !handle.is_empty());
        pages.redecision(&causes, handles);
        Ok(())
    }

    fn queued_handle(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        events: &Events,
        extent: Extent,
        past: &BTreeMap<(usize, i64), Record>,
    ) -> Result<RedecidedHandle, Stop> {
        let mut redecided = RedecidedHandle {
            handle: handle.to_bytes(),
            ..RedecidedHandle::default()
        };
        if let Some(link) = self.links.get(handle).cloned() {
            self.again(work, (handle, &link), events, extent, past, &mut redecided)?;
        }
        Ok(redecided)
    }

    /// The events of a slice that its causes concern, by handle. Events of places and of nobody are not decided again: what is open stays as it was
    /// published.
    fn in_slice(
        &self,
        slice: &Slice,
        past: &BTreeMap<(usize, i64), Record>,
    ) -> BTreeMap<Handle, Events> {
        let mut found: BTreeMap<Handle, Events> = BTreeMap::new();
        let (index, from, to) = slice.stretch;
        let Some(topic) = self.topics.get(index) else {
            return found;
        };
        for ((_, offset), record) in past.range((index, from)..(index, to)) {
            let handle = record.key.as_deref().map(Handle::try_from);
            let Some(Ok(handle)) = handle else { continue };
            // Not in the index: an event of a place, or in quarantine.
            let entry = topic.history.event_at(&Subject::Handle(handle), *offset);
            let Some(entry) = entry else { continue };
            if entry.accepted_at_micros >= slice.since.micros()
                && slice.reach.includes(&entry.organisation)
                && topic.history.standing(&entry, topic.position) == Standing::Counts
            {
                found.entry(handle).or_default().push((index, *offset));
            }
        }
        found
    }

    /// Takes everything away that stands of a handle, but its subject records: more than one transaction gives back.
    pub(super) fn take_all(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        listed: &mut Vec<PageRetraction>,
    ) -> Result<(), Stop> {
        let standing = self.standing.of(handle);
        let keys: BTreeSet<(Purpose, Pseudonym)> = standing
            .iter()
            .flat_map(|standing| standing.releases.iter())
            .map(|((purpose, _, _), released)| (purpose.clone(), released.key))
            .collect();
        for (purpose, key) in keys {
            let removal = Removal {
                purpose,
                key,
                agreements: Vec::new(),
                local_event: None,
                subject_too: false,
            };
            listed.push(self.retract(work, handle, &removal, reason::RE_DECIDED)?);
        }
        Ok(())
    }
}
