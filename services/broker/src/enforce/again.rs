//! Past events of one handle decided again: what is no longer permitted leaves, what is permitted and does not stand as it should is released, and
//! what stands unchanged is left alone.

use super::control_view::{Target, Verdict};
use super::decide::Work;
use super::error::Stop;
use super::incoming::{Content, Readable, read};
use super::links::Link;
use super::outgoing::Writer;
use super::page::{Decided, RedecidedHandle};
use super::partition::Partition;
use super::planted::{PlantedFault, planted};
use super::redecide::reason;
use super::standing::{ReleaseName, Removal};
use super::thing::event_facts;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{AgreementId, EventId, Handle, Instant, Purpose};
use walbrook_eventlog::Record;
use walbrook_policy::facts::LinkFacts;
use walbrook_proto::audit::v1::PageRetraction;

/// How much of a handle is decided again, and what the page lists of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything: whatever else stands of it falls.
    Whole,
    /// These events only.
    Part,
    /// These events only, and the page lists those about which something changed.
    Changes,
}

/// One event decided again.
struct Again {
    plain: String,
    offset: i64,
    event: EventId,
    decided: Vec<Decided>,
}

impl Partition {
    /// Decides events of a handle again and adds what comes of it to the page's lists.
    pub(super) fn again(
        &mut self,
        work: &mut Work<'_>,
        (handle, link): (Handle, &Link),
        events: &[(usize, i64)],
        extent: Extent,
        past: &BTreeMap<(usize, i64), Record>,
        redecided: &mut RedecidedHandle,
    ) -> Result<(), Stop> {
        let mut releases = Work::new(Writer { ..work.writer }, &mut *work.entropy);
        let before = self.standing.of(handle).cloned().unwrap_or_default();
        let (again, permitted) = self.decide_again(&mut releases, (handle, link), events, past)?;
        let made = releases.transaction;
        let named: BTreeSet<EventId> = again.iter().map(|one| one.event).collect();
        let stood: BTreeSet<ReleaseName> = before
            .releases
            .keys()
            .filter(|(_, _, event)| extent == Extent::Whole || named.contains(event))
            .cloned()
            .collect();
        let fallen: BTreeSet<ReleaseName> = stood.difference(&permitted).cloned().collect();
        // What is no longer permitted leaves before what is permitted comes: the order in which it stands on the topic.
        let kept = (extent == Extent::Whole).then_some(&permitted);
        self.sweep(work, handle, &fallen, kept, &mut redecided.retractions)?;
        work.transaction.records.extend(made.records);
        work.transaction.traces.extend(made.traces);
        for one in again {
            work.transaction.redecided += 1;
            let changed = one.decided.iter().any(|one| one.written.is_some())
                || fallen.iter().any(|(_, _, event)| *event == one.event);
            let listed = match extent {
                Extent::Changes => changed,
                Extent::Whole | Extent::Part => !one.decided.is_empty(),
            };
            if listed {
                work.count(&one.decided);
                redecided.events.push((one.plain, one.offset, one.decided));
            }
        }
        Ok(())
    }

    /// Decides the events; what is permitted and stands unchanged is permitted and not listed.
    fn decide_again(
        &mut self,
        work: &mut Work<'_>,
        (handle, link): (Handle, &Link),
        events: &[(usize, i64)],
        past: &BTreeMap<(usize, i64), Record>,
    ) -> Result<(Vec<Again>, BTreeSet<ReleaseName>), Stop> {
        let mut again = Vec::with_capacity(events.len());
        let mut permitted = BTreeSet::new();
        for (index, offset) in events {
            let Some(topic) = self.topics.get(*index) else {
                continue;
            };
            let plain = topic.plain.clone();
            let record = past.get(&(*index, *offset)).ok_or_else(|| {
                self.integrity(format!("{plain} offset {offset} was not read again"))
            })?;
            let (content, _) = read(topic, record, work.writer.control, work.writer.setting)?;
            let Content::Event(event) = content else {
                return Err(self.integrity(format!(
                    "{plain} offset {offset} was decided and cannot be read now"
                )));
            };
            let accepted_at = if planted(PlantedFault::OldDisclosureWidened) {
                work.writer.now
            } else {
                Instant(record.timestamp_ms.saturating_mul(1_000))
            };
            let verdicts = verdicts(work, &event, accepted_at, (handle, link));
            let mut decided = Vec::with_capacity(verdicts.len());
            for verdict in verdicts {
                let name = self.release_name(work, &event, &verdict);
                if let Some(name) = &name {
                    permitted.insert(name.clone());
                    if self.stands_so(work, (handle, link), name, &verdict)? {
                        continue;
                    }
                }
                let written = self.release(work, &event, handle, link, &verdict)?;
                decided.push(Decided { verdict, written });
            }
            again.push(Again {
                plain,
                offset: *offset,
                event: event.raw.envelope.id,
                decided,
            });
        }
        Ok((again, permitted))
    }

    /// What names the release that a verdict grants.
    fn release_name(
        &self,
        work: &Work<'_>,
        event: &Readable,
        verdict: &Verdict,
    ) -> Option<ReleaseName> {
        let (agreement, version) = verdict.agreement.as_ref()?;
        verdict.grant?;
        match work.writer.control.target(agreement, *version)? {
            Target::Shared(purpose) => Some((purpose, agreement.clone(), event.raw.envelope.id)),
            Target::Open(_) => None,
        }
    }

    /// Whether exactly this release stands. Precision follows from the versions, as the fields do.
    fn stands_so(
        &self,
        work: &Work<'_>,
        (handle, link): (Handle, &Link),
        name: &ReleaseName,
        verdict: &Verdict,
    ) -> Result<bool, Stop> {
        let standing = self.standing.of(handle);
        let stood = standing.and_then(|standing| standing.releases.get(name));
        let (Some(stood), Some(grant), Some((_, version))) =
            (stood, verdict.grant, &verdict.agreement)
        else {
            return Ok(false);
        };
        let key = work.writer.key(&name.0)?.person(link.person);
        Ok(stood.key == key
            && stood.version == *version
            && stood.mask == grant.mask
            && stood.not_after == grant.not_after)
    }

    /// Retracts what fell, as few records as say it. `kept`: everything of the handle that is permitted, where all of it was decided.
    fn sweep(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        fallen: &BTreeSet<ReleaseName>,
        kept: Option<&BTreeSet<ReleaseName>>,
        listed: &mut Vec<PageRetraction>,
    ) -> Result<(), Stop> {
        let releases = self
            .standing
            .of(handle)
            .map(|standing| standing.releases.clone())
            .unwrap_or_default();
        let mut done: BTreeSet<(Purpose, AgreementId)> = BTreeSet::new();
        for name @ (purpose, agreement, _) in fallen {
            let group = (purpose.clone(), agreement.clone());
            let Some(released) = releases.get(name) else {
                continue;
            };
            if done.contains(&group) {
                continue;
            }
            let all_fall = kept
                .is_some_and(|kept| !kept.iter().any(|(p, a, _)| (p, a) == (&group.0, &group.1)));
            if all_fall {
                done.insert(group);
            }
            let removal = Removal {
                purpose: purpose.clone(),
                key: released.key,
                agreements: vec![agreement.clone()],
                local_event: (!all_fall).then_some(released.local_event),
                subject_too: false,
            };
            listed.push(self.retract(work, handle, &removal, reason::RE_DECIDED)?);
        }
        Ok(())
    }
}

fn verdicts(
    work: &Work<'_>,
    event: &Readable,
    accepted_at: Instant,
    (handle, link): (Handle, &Link),
) -> Vec<Verdict> {
    let facts = event_facts(event, accepted_at);
    let subject = walbrook_policy::facts::Subject::Person(LinkFacts {
        handle,
        person: link.person,
        status: link.status,
        restrictions: &link.restrictions,
        adult_from: link.adult_from,
        members: &link.members,
    });
    work.writer.control.decide(&facts, subject, work.writer.now)
}
