//! The end of a transaction: of every handle that a cause concerns stands exactly what is permitted now, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use walbrook_domain::{EventId, Handle, Instant};
use walbrook_event::history::{self, Standing as Precedes};
use walbrook_eventlog::position::Place as Spot;
use walbrook_eventlog::topics::RAW;
use walbrook_policy::outcome::Reason;

use crate::causes::body_sha256;
use crate::control::Verdict;
use crate::derive::{Derived, derive};
use crate::log::Place;
use crate::pseudonyms::Subject;
use crate::standing::Name;
use crate::walk::{Group, Walk};

/// What releases of a handle may be now, with where their event stands: version, mask and last day, or why not.
pub(crate) type Permitted = BTreeMap<Name, (Spot, Result<(u32, u64, Option<i32>), Reason>)>;

/// How closely what stands is held against what is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictly {
    /// What views hide at read may stand.
    Seen,
    /// Only what is permitted.
    Permitted,
}

impl Walk<'_, '_> {
    /// The end of a group: everything that its causes demand has happened.
    pub(crate) fn settle(&mut self) {
        let group = std::mem::take(&mut self.group);
        let Some((place, now)) = group.page.clone() else {
            return;
        };
        for ((_, (purpose, agreement, _)), offset) in &group.must_fall {
            let expected = format!(
                "a retraction on shared.{purpose} under {agreement} because of control.policy@{offset}"
            );
            self.shared
                .report
                .differ("retraction", &place, expected, "none");
        }
        self.nothing_taken_for_nothing(&group);
        for handle in &group.concerned {
            self.settled_handle(*handle, &group, &place, now);
        }
        self.settled_queue(&group, &place, now);
        self.settled_tail(&group, &place, now);
        for handle in group.relinked.union(&group.concerned) {
            self.settled_subjects(*handle, &place);
        }
    }

    /// What was taken away, a cause concerns: the handle's, or the event's.
    fn nothing_taken_for_nothing(&mut self, group: &Group) {
        for (handle, (topic, offset), place) in &group.taken {
            let spot = RAW
                .iter()
                .position(|name| name == topic)
                .map(|at| (at, *offset));
            let in_tail = |spot| {
                group
                    .tail
                    .get(handle)
                    .is_some_and(|one| one.contains(&spot))
            };
            let of_event =
                spot.is_some_and(|spot| in_tail(spot) || self.went_through(group, *handle, spot));
            if !of_event && !group.concerned.contains(handle) {
                let found = format!("one of what {topic}[{}]@{offset} says", self.number);
                self.shared
                    .report
                    .differ("retraction", place, "only what a cause demands", found);
            }
        }
    }

    /// Of a handle that a cause concerns stands exactly what is permitted now, under the person it belongs to now.
    fn settled_handle(&mut self, handle: Handle, group: &Group, place: &Place, now: Instant) {
        let permitted = self.permitted(handle, group, now);
        self.compare(handle, &permitted, None, (place, now));
    }

    /// Holds what stands of a handle, or of some of its events, against what is permitted.
    pub(crate) fn compare(
        &mut self,
        handle: Handle,
        permitted: &Permitted,
        events: Option<(&BTreeSet<EventId>, Strictly)>,
        (place, now): (&Place, Instant),
    ) {
        let Some(person) = self.links.get(handle).map(|link| link.person) else {
            return;
        };
        let today = now.london_day().0;
        let stood: BTreeMap<Name, _> = self
            .standing
            .releases(handle)
            .filter(|((_, _, event), _)| events.is_none_or(|(events, _)| events.contains(event)))
            .map(|(name, stood)| (name.clone(), stood.clone()))
            .collect();
        for (name, stood) in &stood {
            let what = format!(
                "{}[{}]@{} under {}",
                stood.raw.0, self.number, stood.raw.1, name.1
            );
            if stood.person != person {
                self.shared.report.differ(
                    "retraction",
                    place,
                    format!("the release of {what} taken from the person left"),
                    "it stands",
                );
            }
            let is = (stood.version.0, stood.mask, stood.not_after);
            match permitted.get(name).map(|(_, decision)| decision) {
                Some(Ok(grant @ (version, mask, _))) if *grant != is => {
                    self.shared.report.differ(
                        "re-decision",
                        place,
                        format!("{what}@{version} mask {mask:#x}"),
                        format!("@{} mask {:#x}", stood.version, stood.mask),
                    );
                }
                Some(Ok(_)) => {}
                Some(Err(reason))
                    if events.is_none_or(|(_, strictly)| strictly == Strictly::Seen)
                        && (outlives(*reason)
                            || stood.not_after.is_some_and(|day| day < today)) => {}
                Some(Err(reason)) => {
                    self.shared.report.differ(
                        "retraction",
                        place,
                        format!("the release of {what} retracted ({reason})"),
                        "it stands",
                    );
                }
                None => self.shared.report.differ(
                    "retraction",
                    place,
                    format!("the release of {what} retracted (superseded, or no flow is left)"),
                    "it stands",
                ),
            }
        }
        let rest = self.rest_of(handle);
        for (name, (spot, decision)) in permitted {
            // What is left of a handle with very many events comes back from the queue.
            let due = events.is_some() || *spot >= rest;
            if due && decision.is_ok() && !stood.contains_key(name) {
                self.shared.report.differ(
                    "re-decision",
                    place,
                    format!("a release on shared.{} under {}", name.0, name.1),
                    "none stands",
                );
            }
        }
    }

    /// What every past event of a handle may be released as now.
    fn permitted(&mut self, handle: Handle, group: &Group, now: Instant) -> Permitted {
        let mut permitted = BTreeMap::new();
        for (index, topic) in RAW.into_iter().enumerate() {
            let Some(raw) = self.raws.remove(topic) else {
                continue;
            };
            // What was decided live within the group was decided under the same stamp.
            let below = self
                .chain
                .next_raw(topic)
                .max(group.cut.get(topic).copied().unwrap_or(0));
            for event in raw.history.events(&history::Subject::Handle(handle), below) {
                if raw.history.standing(&event, below) != Precedes::Counts {
                    continue;
                }
                let Some(slot) = raw.slot(event.offset) else {
                    continue;
                };
                if let Derived::Decided(verdicts) =
                    derive(&mut self.control, &self.links, &raw, slot, below, now)
                {
                    let spot = Spot {
                        topic: index,
                        offset: event.offset,
                    };
                    self.note_permitted(&verdicts, (spot, event.event), &mut permitted);
                }
            }
            self.raws.insert(topic.to_owned(), raw);
        }
        permitted
    }

    pub(crate) fn note_permitted(
        &self,
        verdicts: &[Verdict],
        (spot, event): (Spot, EventId),
        permitted: &mut Permitted,
    ) {
        for verdict in verdicts {
            let Some((agreement, version)) = &verdict.agreement else {
                continue;
            };
            let topic = self.control.topic(agreement, *version);
            let Some(purpose) = topic
                .as_deref()
                .and_then(|topic| topic.strip_prefix("shared."))
            else {
                continue;
            };
            let decision = verdict.grant.map_or(Err(verdict.reason), |grant| {
                Ok((version.0, grant.mask, grant.not_after.map(|day| day.0)))
            });
            let name = (purpose.to_owned(), agreement.clone(), event);
            permitted.insert(name, (spot, decision));
        }
    }

    /// A subject record that stands says what the link says now.
    fn settled_subjects(&mut self, handle: Handle, place: &Place) {
        let Some(link) = self.links.get(handle) else {
            return;
        };
        let (mut stale, mut erased) = (Vec::new(), Vec::new());
        for (purpose, stood) in self.standing.subjects(handle) {
            let pseudonym = self
                .shared
                .pseudonyms
                .known(purpose, &Subject::Handle(handle));
            let Some(grounds) = self.control.subject(handle, &link.members, purpose) else {
                erased.push(purpose.clone());
                continue;
            };
            let derived = pseudonym.and_then(|pseudonym| {
                body_sha256(&pseudonym, link, self.in_care(handle), &grounds)
            });
            let person = self
                .shared
                .pseudonyms
                .known(purpose, &Subject::Person(link.person));
            let under_another = person.is_some_and(|person| person.as_slice() != stood.key);
            if derived.is_some_and(|derived| derived != stood.body_sha256) || under_another {
                stale.push(purpose.clone());
            }
        }
        for purpose in stale {
            self.shared.report.differ(
                "subject record",
                place,
                format!("a new one on shared.{purpose} for a changed link or ground"),
                "none",
            );
        }
        for purpose in erased {
            self.shared.report.differ(
                "subject record",
                place,
                format!("the one on shared.{purpose} of an erased record retracted"),
                "it stands",
            );
        }
    }
}

/// Reasons that views see to at read: a release that fell for one of these may stand.
const fn outlives(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotYetInForce
            | Reason::Expired
            | Reason::NotSignedBySource
            | Reason::Suspended
            | Reason::Terminated
            | Reason::AcceptedBeforeInForce
    )
}
