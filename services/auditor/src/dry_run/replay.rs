//! Every event of a partition decided under both worlds.

use std::collections::BTreeMap;
use std::sync::Arc;

use walbrook_domain::{Instant, PersonId};
use walbrook_event::history::{Standing, Subject as Of};
use walbrook_event::raw::RawEvent;
use walbrook_event::{FieldValue, Seal};
use walbrook_eventlog::{Record, topics};
use walbrook_policy::facts::{EventFacts, Precedence};

use super::people::People;
use super::tally::{Release, Tally};
use super::worlds::Worlds;
use super::{Asked, DryRunError, Plan, Progress};
use crate::control::{Control, PinnedEvent, Verdict};
use crate::derive::{Fields, subject};
use crate::links::Links;
use crate::raw::{QuarantineRuns, Raw, Slot, entry};
use crate::source::LogSource;

/// A run over the log.
pub struct Replay<'t> {
    /// What was asked.
    pub asked: &'t Asked,
    /// The seam that personal values were written through.
    pub seal: &'t dyn Seal,
    /// Both worlds.
    pub worlds: Worlds,
    /// Everybody.
    pub people: People,
    /// What came of it.
    pub tally: &'t mut Tally,
}

/// When an event is taken to have been accepted and decided.
#[derive(Clone, Copy)]
struct Clock {
    accepted_at: Instant,
    decided_at: Instant,
}

impl Replay<'_> {
    /// Replays one partition.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn partition(
        &mut self,
        source: &mut dyn LogSource,
        plan: &mut Plan,
        partition: i32,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DryRunError> {
        let mut quarantined = QuarantineRuns::default();
        source.read_all(&plan.of(topics::DECISIONS, Some(partition)), &mut |page| {
            progress(Progress::Read);
            quarantined.note(&page);
        })?;
        let stretches: Vec<_> = topics::RAW
            .into_iter()
            .flat_map(|topic| plan.of(topic, Some(partition)))
            .collect();
        let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        source.read_all(&stretches, &mut |record| {
            progress(Progress::Read);
            let of_topic = records.entry(record.at.topic.to_string()).or_default();
            of_topic.push(record);
        })?;
        for (topic, records) in records {
            let raw = Raw::read_but(&topic, &records, self.seal, &|offset| {
                quarantined.covers(&topic, offset)
            });
            drop(records);
            self.topic(&topic, &raw, partition);
        }
        Ok(())
    }

    fn topic(&mut self, topic: &str, raw: &Raw, partition: i32) {
        let in_care = topic == "raw.social-care";
        for slot in &raw.slots {
            self.tally.records += 1;
            if let (true, Ok(event)) = (in_care, &slot.event)
                && let Of::Handle(handle) = event.subject
            {
                self.tally.in_care.insert(handle);
            }
            self.slot(raw, slot, partition);
        }
    }

    fn slot(&mut self, raw: &Raw, slot: &Slot, partition: i32) {
        let Ok(event) = &slot.event else {
            self.tally.unreadable += 1;
            return;
        };
        let since = self.asked.since;
        if since.is_some_and(|since| slot.accepted_at.london_day() < since) {
            return;
        }
        if raw.history.standing(&entry(event, slot), i64::MAX) != Standing::Counts {
            return;
        }
        let person = self
            .people
            .partition(partition)
            .and_then(|links| match &event.subject {
                Of::Handle(handle) => links.get(*handle).map(|link| link.person),
                Of::Key(_) => None,
            });
        let now = self.asked.now;
        let as_if = Clock {
            accepted_at: now,
            decided_at: slot.accepted_at,
        };
        let as_was = Clock {
            accepted_at: slot.accepted_at,
            decided_at: now,
        };
        let Some(links) = self.people.partition(partition) else {
            return;
        };
        let worlds = &mut self.worlds;
        let readable = Readable::read(&mut worlds.before, slot);
        let decide = |control: &Control, clock| readable.as_ref()?.decide(control, links, clock);
        let (Some(before), Some(after)) =
            (decide(&worlds.before, as_if), decide(&worlds.after, as_if))
        else {
            self.tally.unreadable += 1;
            return;
        };
        let then = decide(&worlds.before, as_was);
        let now = decide(&worlds.after, as_was);
        self.count(slot, person, &before, &after);
        if let (Some(then), Some(now)) = (then, now) {
            self.count_at_once(person, &then, &now);
        }
    }

    /// What would have been shared.
    fn count(
        &mut self,
        slot: &Slot,
        person: Option<PersonId>,
        before: &[Verdict],
        after: &[Verdict],
    ) {
        let Ok(event) = &slot.event else { return };
        let envelope = &event.envelope;
        let proposal = &self.worlds.proposal.id;
        let tally = &mut *self.tally;
        tally.events += 1;
        let under = |verdicts: &'_ [Verdict]| -> Option<Verdict> {
            let of = |verdict: &&Verdict| {
                verdict
                    .agreement
                    .as_ref()
                    .is_some_and(|(id, _)| id == proposal)
            };
            verdicts.iter().find(of).cloned()
        };
        let (old, new) = (under(before), under(after));
        if old.is_some() || new.is_some() {
            tally.concerned += 1;
            let key = (envelope.event_type.clone(), envelope.organisation.clone());
            let flow = tally.flows.entry(key).or_default();
            flow.events += 1;
            if let Some(grant) = old.and_then(|verdict| verdict.grant) {
                flow.released_before += 1;
                flow.mask_before |= grant.mask;
            }
            match new.as_ref().map(|verdict| (verdict.grant, verdict.reason)) {
                Some((Some(grant), _)) => {
                    flow.released_after += 1;
                    flow.mask_after |= grant.mask;
                    flow.people.extend(person);
                }
                Some((None, reason)) => *flow.withheld.entry(reason).or_default() += 1,
                None => {}
            }
            let elsewhere = before.iter().filter(|verdict| {
                verdict.agreement.as_ref().is_some_and(|(id, version)| {
                    id != proposal && same_purpose(&self.worlds, id, *version)
                })
            });
            for grant in elsewhere.filter_map(|verdict| verdict.grant) {
                flow.mask_elsewhere |= grant.mask;
            }
        }
        if let Some(person) = person {
            self.hold(slot, person, before, false);
            self.hold(slot, person, after, true);
        }
    }

    /// Notes what is released of a person for the proposal's purpose, in one world.
    fn hold(&mut self, slot: &Slot, person: PersonId, verdicts: &[Verdict], is_after: bool) {
        let Ok(event) = &slot.event else { return };
        let (control, purpose) = if is_after {
            (&self.worlds.after, &self.worlds.proposal.purpose)
        } else {
            (&self.worlds.before, &self.worlds.proposal.purpose)
        };
        for verdict in verdicts {
            let (Some((agreement, version)), Some(grant)) = (&verdict.agreement, verdict.grant)
            else {
                continue;
            };
            let edition = control.state().book().edition(agreement, *version);
            if edition.is_none_or(|one| one.agreement.purpose != *purpose) {
                continue;
            }
            let number = self.tally.releases.number(Release {
                agreement: agreement.clone(),
                version: *version,
                source: event.envelope.organisation.clone(),
                event_type: event.envelope.event_type.clone(),
                mask: grant.mask,
                precision: grant.precision,
            });
            let held = self.tally.held.entry(person).or_default();
            let of = if is_after {
                &mut held.after
            } else {
                &mut held.before
            };
            of.insert(number);
        }
    }

    /// What signing would do to what stands.
    fn count_at_once(&mut self, person: Option<PersonId>, then: &[Verdict], now: &[Verdict]) {
        let proposal = &self.worlds.proposal.id;
        let mask = |verdicts: &[Verdict]| {
            let of = verdicts.iter().find(|verdict| {
                verdict
                    .agreement
                    .as_ref()
                    .is_some_and(|(id, _)| id == proposal)
            });
            of.and_then(|verdict| verdict.grant)
                .map_or(0, |grant| grant.mask)
        };
        let (then, now) = (mask(then), mask(now));
        let at_once = &mut self.tally.at_once;
        if now & !then != 0 {
            at_once.released += 1;
            at_once.released_people.extend(person);
        }
        if then & !now != 0 {
            at_once.narrowed += 1;
            at_once.narrowed_people.extend(person);
        }
    }
}

fn same_purpose(
    worlds: &Worlds,
    agreement: &walbrook_domain::AgreementId,
    version: walbrook_domain::AgreementVersion,
) -> bool {
    let edition = worlds.before.state().book().edition(agreement, version);
    edition.is_some_and(|one| one.agreement.purpose == worlds.proposal.purpose)
}

/// An event whose body could be read under the schemas pinned.
struct Readable<'s> {
    event: &'s RawEvent,
    schema: Arc<PinnedEvent>,
    values: Vec<FieldValue>,
}

impl<'s> Readable<'s> {
    fn read(control: &mut Control, slot: &'s Slot) -> Option<Self> {
        let event = slot.event.as_ref().ok()?;
        let schema = control
            .event_schema(event.schema_id)
            .filter(|schema| schema.event_type == event.envelope.event_type)?;
        let values = schema.projection.read(&event.body).ok()?;
        Some(Self {
            event,
            schema,
            values,
        })
    }

    /// Decides it; `None` where it has no link, or this build lacks the rules.
    fn decide(&self, control: &Control, links: &Links, clock: Clock) -> Option<Vec<Verdict>> {
        let envelope = &self.event.envelope;
        let fields = Fields {
            names: &self.schema.fields,
            values: &self.values,
        };
        let facts = EventFacts {
            event_type: &envelope.event_type,
            organisation: &envelope.organisation,
            event_id: envelope.id,
            accepted_at: clock.accepted_at,
            occurred_at: envelope.occurred_at,
            precision: envelope.precision,
            precedence: Precedence::First,
            fields: &fields,
        };
        let subject = subject(self.event, links)?;
        control.decide(&facts, &subject, clock.decided_at)
    }
}
