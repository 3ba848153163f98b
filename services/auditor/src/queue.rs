//! The queue of past events that are decided again: what agreements widen, and what is left of handles with very many events.
//!
//! What must be queued follows from the control records; how far the queue is, its cursor on the pages says. Each page goes on where the one before
//! it stood, nothing is left out, and of everything a page says is through stands exactly what is permitted then. What is not through yet is
//! counted and is no difference, unless the queue has stood still for a day.

use std::collections::{BTreeMap, BTreeSet};

use walbrook_domain::{EventId, Handle, Instant, Organisation};
use walbrook_event::history::{Standing as Precedes, Subject};
use walbrook_eventlog::position::{Cursor, Place as Spot, Scan, Stretch, TOPICS};
use walbrook_eventlog::topics::RAW;
use walbrook_proto::audit::v1::DecisionPage;

use crate::derive::{Derived, derive};
use crate::log::{Place, printable};
use crate::pages::decided_at;
use crate::report::Checked;
use crate::settle::{Permitted, Strictly};
use crate::walk::{Group, Walk};

/// A control record that may let past events be released that were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Widening {
    /// A version came into force for these sources.
    Sources(Vec<Organisation>),
    /// Other decision rules are in force.
    Rules,
}

/// Parties of an agreement stand differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The record's offset on `control.policy`.
    pub offset: i64,
    /// When the log appended it.
    pub at: Instant,
    /// The parties.
    pub sources: Vec<Organisation>,
}

/// Events of each handle, as index of the raw topic and offset.
pub type Events = BTreeMap<Handle, BTreeSet<(usize, i64)>>;

/// What is queued, as the pages so far say and the control records demand.
#[derive(Debug, Default)]
pub struct Queue {
    /// On the last page.
    said: Option<String>,
    cursor: Cursor,
    /// The last page with which it moved: where it stands, and its decision time.
    moved: Option<(Place, Instant)>,
}

/// How long a queue may stand still before that is a difference. Every transaction of p takes a slice of it.
pub const QUEUE_STANDS_STILL_MS: i64 = 24 * 3_600_000;

/// What a transaction's pages say is through.
#[derive(Debug, Default)]
pub struct Through {
    stretches: Vec<Stretch>,
    /// A handle's events from the second place up to the third.
    rests: Vec<(Handle, Spot, Spot)>,
}

/// What went through between two states of the scan; `None` when the second does not follow from the first.
fn gone(before: Option<&Scan>, after: Option<&Scan>) -> Option<Vec<Stretch>> {
    let left = |scan: Option<&Scan>| scan.map(Scan::left).unwrap_or_default();
    let (mut gone, after_left) = (left(before), left(after));
    if let (Some(before), Some(after)) = (before, after)
        && before.from != after.from
    {
        return None;
    }
    let Some(next) = after_left.first() else {
        return Some(gone);
    };
    let rest = gone.split_off(gone.len().checked_sub(after_left.len())?);
    let (topic, from, to) = rest.first()?;
    let follows = next.0 == *topic
        && next.2 == *to
        && next.1 >= *from
        && rest.get(1..) == after_left.get(1..);
    if next.1 > *from {
        gone.push((*topic, *from, next.1));
    }
    follows.then_some(gone)
}

impl Walk<'_, '_> {
    /// New control records demand that everything decided before them is looked at again.
    pub(crate) fn queue(&mut self, first: i64) {
        let mut cut = [0; TOPICS];
        for (end, topic) in cut.iter_mut().zip(RAW) {
            *end = self.group.cut.get(topic).copied().unwrap_or(0);
        }
        let scan = &mut self.queue.cursor.scan;
        *scan = match scan.take() {
            Some(scan) => scan.renewed(cut),
            None => Scan::new(first, cut),
        };
    }

    /// A page's cursor goes on where the last page's stood, and leaves nothing out.
    pub(crate) fn follow_queue(&mut self, page: &DecisionPage, place: &Place) {
        let said = self.queue.said.replace(page.cursor_after.clone());
        let said = said.unwrap_or_else(|| "-".to_owned());
        if page.cursor_before != said {
            self.shared.report.differ(
                "queue",
                place,
                format!("to go on from `{said}`"),
                format!("`{}`", printable(&page.cursor_before)),
            );
        }
        let Ok(after) = page.cursor_after.parse::<Cursor>() else {
            let found = printable(&page.cursor_after);
            self.shared
                .report
                .differ("queue", place, "a cursor", format!("`{found}`"));
            return;
        };
        let before = std::mem::take(&mut self.queue.cursor);
        if before != after
            && let Some(at) = decided_at(page)
        {
            self.queue.moved = Some((place.clone(), at));
        }
        match gone(before.scan.as_ref(), after.scan.as_ref()) {
            Some(stretches) => self.group.through.stretches.extend(stretches),
            None => self.shared.report.differ(
                "queue",
                place,
                format!("what is left of `{before}`"),
                format!("`{}`", printable(&page.cursor_after)),
            ),
        }
        self.follow_rests(&before, &after, place);
        self.queue.cursor = after;
    }

    /// Only a cause that concerns a handle leaves a rest of it, and a rest only becomes less.
    fn follow_rests(&mut self, before: &Cursor, after: &Cursor, place: &Place) {
        for (bytes, was) in &before.rests {
            let now = after.rests.get(bytes).copied().unwrap_or_default();
            if now <= *was {
                let rest = (Handle::new(*bytes), now, *was);
                self.group.through.rests.push(rest);
            }
        }
        let grown = after.rests.iter().any(|(bytes, now)| {
            let was = before.rests.get(bytes);
            was.is_none_or(|was| now > was) && !self.group.concerned.contains(&Handle::new(*bytes))
        });
        if grown {
            self.shared.report.differ(
                "queue",
                place,
                "a cause that concerns each handle of which events are left",
                "none",
            );
        }
    }

    /// The place before which a handle's events are still to be decided again.
    pub(crate) fn rest_of(&self, handle: Handle) -> Spot {
        let rest = self.queue.cursor.rests.get(handle.as_bytes());
        rest.copied().unwrap_or_default()
    }

    /// What was decided before parties came to stand differently and by the log's times was accepted after: it does not wait in the queue.
    pub(crate) fn tail(&self, from: i64) -> Events {
        let mut events = Events::new();
        for turn in self.control.turns(from) {
            for (index, topic) in RAW.iter().enumerate() {
                let Some(raw) = self.raws.get(*topic) else {
                    continue;
                };
                let decided = self.group.cut.get(*topic).copied().unwrap_or(0);
                for slot in raw.range(0, decided - 1) {
                    let Ok(event) = &slot.event else { continue };
                    let Subject::Handle(handle) = event.subject else {
                        continue;
                    };
                    if slot.accepted_at >= turn.at
                        && turn.sources.contains(&event.envelope.organisation)
                    {
                        events
                            .entry(handle)
                            .or_default()
                            .insert((index, slot.offset));
                    }
                }
            }
        }
        events
    }

    /// Whether a handle's event went through the queue with a transaction.
    pub(crate) fn went_through(
        &self,
        group: &Group,
        handle: Handle,
        (index, offset): (usize, i64),
    ) -> bool {
        let within =
            |stretch: &&Stretch| stretch.0 == index && (stretch.1..stretch.2).contains(&offset);
        let mut stretches = group.through.stretches.iter().filter(within);
        let spot = Spot {
            topic: index,
            offset,
        };
        let mut rests = group.through.rests.iter();
        rests.any(|(of, from, to)| *of == handle && *from <= spot && spot < *to)
            || stretches.any(|stretch| {
                self.concerned_in((stretch.0, offset, offset + 1), &group.reach)
                    .contains(&(handle, offset))
            })
    }

    /// Of every such event stands exactly what is permitted now, and nothing that views would only hide.
    pub(crate) fn settled_tail(&mut self, group: &Group, place: &Place, now: Instant) {
        for (handle, events) in &group.tail {
            self.settled_events(*handle, events, Strictly::Permitted, (place, now));
        }
    }

    /// Of every event that went through stands exactly what is permitted now.
    pub(crate) fn settled_queue(&mut self, group: &Group, place: &Place, now: Instant) {
        let mut events = Events::new();
        for stretch in &group.through.stretches {
            for (handle, offset) in self.concerned_in(*stretch, &group.reach) {
                events
                    .entry(handle)
                    .or_default()
                    .insert((stretch.0, offset));
            }
        }
        for (handle, from, to) in &group.through.rests {
            for (index, topic) in RAW.iter().enumerate() {
                let Some(raw) = self.raws.get(*topic) else {
                    continue;
                };
                let within = raw.history.events(&Subject::Handle(*handle), i64::MAX);
                let within = within.map(|entry| Spot {
                    topic: index,
                    offset: entry.offset,
                });
                let within = within.filter(|spot| from <= spot && spot < to);
                let found = within.map(|spot| (spot.topic, spot.offset));
                events.entry(*handle).or_default().extend(found);
            }
        }
        for (handle, events) in events {
            // A handle that a cause concerns is looked at as a whole.
            if !group.concerned.contains(&handle) {
                self.settled_events(handle, &events, Strictly::Seen, (place, now));
            }
        }
    }

    /// Persons' events of a stretch whose sources are concerned.
    fn concerned_in(&self, stretch: Stretch, reach: &Reach) -> Vec<(Handle, i64)> {
        let (index, from, to) = stretch;
        let raw = RAW.get(index).and_then(|topic| self.raws.get(*topic));
        let slots = raw.map_or(&[][..], |raw| raw.range(from, to - 1));
        let found = slots.iter().filter_map(|slot| {
            let event = slot.event.as_ref().ok()?;
            let Subject::Handle(handle) = event.subject else {
                return None;
            };
            let known = raw?.history.event_at(&event.subject, slot.offset).is_some();
            let concerned = known && reach.includes(&event.envelope.organisation);
            concerned.then_some((handle, slot.offset))
        });
        found.collect()
    }

    fn settled_events(
        &mut self,
        handle: Handle,
        events: &BTreeSet<(usize, i64)>,
        strictly: Strictly,
        at: (&Place, Instant),
    ) {
        let now = at.1;
        let mut permitted = Permitted::new();
        let mut ids: BTreeSet<EventId> = BTreeSet::new();
        for (index, offset) in events {
            let Some((name, raw)) = RAW
                .get(*index)
                .and_then(|name| Some((name, self.raws.remove(*name)?)))
            else {
                continue;
            };
            let below = self.chain.next_raw(name);
            let entry = raw
                .slot(*offset)
                .and_then(|slot| raw.history.event_at(&Subject::Handle(handle), slot.offset));
            if let (Some(slot), Some(entry)) = (raw.slot(*offset), entry)
                && raw.history.standing(&entry, below) == Precedes::Counts
                && let Derived::Decided(verdicts) =
                    derive(&mut self.control, &self.links, &raw, slot, below, now)
            {
                ids.insert(entry.event);
                let spot = Spot {
                    topic: *index,
                    offset: *offset,
                };
                self.note_permitted(&verdicts, (spot, entry.event), &mut permitted);
            }
            self.raws.insert((*name).to_owned(), raw);
        }
        self.compare(handle, &permitted, Some((&ids, strictly)), at);
    }

    /// A queue that has not moved for long, by the newest record on the log, is not on its way.
    fn stands_still(&mut self) {
        let Some((place, moved_at)) = self.queue.moved.clone() else {
            return;
        };
        let newest_ms = self.shared.log.newest_ms();
        let still_ms = newest_ms.saturating_sub(moved_at.micros() / 1_000);
        if !self.queue.cursor.is_idle() && still_ms > QUEUE_STANDS_STILL_MS {
            let hours = |ms: i64| ms / 3_600_000;
            self.shared.report.differ(
                "queue",
                place,
                format!("to go on within {} hours", hours(QUEUE_STANDS_STILL_MS)),
                format!("`{}` for {} hours", self.queue.cursor, hours(still_ms)),
            );
        }
    }

    /// Counts what is queued when there are no more pages.
    pub(crate) fn count_queued(&mut self) {
        self.stands_still();
        let reach = self.reach();
        let scan = self.queue.cursor.scan.as_ref();
        let left = scan.map(Scan::left).unwrap_or_default();
        let mut queued = 0;
        for stretch in left {
            queued += self.concerned_in(stretch, &reach).len() as u64;
        }
        for (bytes, place) in &self.queue.cursor.rests {
            let subject = Subject::Handle(Handle::new(*bytes));
            for (index, topic) in RAW.iter().enumerate() {
                let below = match index.cmp(&place.topic) {
                    std::cmp::Ordering::Less => i64::MAX,
                    std::cmp::Ordering::Equal => place.offset,
                    std::cmp::Ordering::Greater => 0,
                };
                let raw = self.raws.get(*topic);
                queued += raw.map_or(0, |raw| raw.history.events(&subject, below).count() as u64);
            }
        }
        self.shared.report.count(Checked::Queued, queued);
    }

    /// Whose events the causes concern that are not through.
    pub(crate) fn reach(&self) -> Reach {
        let from = self.queue.cursor.scan.as_ref().map(|scan| scan.from);
        let pending = from.map(|from| self.control.widenings(from));
        Reach::of(pending.unwrap_or_default())
    }
}

/// Whose events are decided again.
#[derive(Debug, Default)]
pub struct Reach {
    everybody: bool,
    sources: BTreeSet<Organisation>,
}

impl Reach {
    fn of(widenings: &[(i64, Widening)]) -> Self {
        let mut reach = Self::default();
        for (_, widening) in widenings {
            match widening {
                Widening::Sources(sources) => reach.sources.extend(sources.iter().cloned()),
                Widening::Rules => reach.everybody = true,
            }
        }
        reach
    }

    fn includes(&self, organisation: &Organisation) -> bool {
        self.everybody || self.sources.contains(organisation)
    }
}
