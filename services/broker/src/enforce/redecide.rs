//! What causes demand: retractions of all that falls, and past events decided again, in the transaction that first commits a position past the
//! cause. Live events of p wait for this and for nothing else.

use super::again::Extent;
use super::control_view::{GroundChange, SubjectGrounds, Turn, Widening};
use super::decide::Work;
use super::error::Stop;
use super::links::Link;
use super::page::{Pages, RedecidedHandle};
use super::partition::{Partition, Plan, Touch};
use super::standing::{Removal, SubjectStanding};
use std::collections::BTreeMap;
use walbrook_domain::{Handle, Organisation, Purpose};
use walbrook_event::history::Subject;
use walbrook_eventlog::{Record, topics};
use walbrook_proto::audit::v1::{PageCause, PageRetraction, PageSubject};
use walbrook_proto::shared::v1::SubjectRecord;

/// Reasons on retractions that no ground gives; a ground's own are [`GroundChange::retraction`]'s.
pub mod reason {
    /// A later event corrects it.
    pub const SUPERSEDED: &str = "SUPERSEDED";
    /// The handle is linked to another person now.
    pub const RELINKED: &str = "RELINKED";
    /// Decided again, and no longer permitted.
    pub const RE_DECIDED: &str = "RE_DECIDED";
}

/// A cause on `control.links[p]`.
pub fn link_cause(partition: i32, offset: i64) -> PageCause {
    PageCause {
        kind: "LINK".to_owned(),
        topic: topics::LINKS.to_owned(),
        partition,
        offset,
    }
}

/// A ground on `control.policy`.
pub fn ground_cause(offset: i64) -> PageCause {
    policy_cause("GROUND", offset)
}

/// An agreement or a pin on `control.policy`.
pub fn widening_cause((offset, widening): &(i64, Widening)) -> PageCause {
    let kind = match widening {
        Widening::Sources(..) => AGREEMENT,
        Widening::Rules => "RULES",
    };
    policy_cause(kind, *offset)
}

/// Parties of an agreement that stand differently, on `control.policy`.
pub fn turn_cause(turn: &Turn) -> PageCause {
    policy_cause(AGREEMENT, turn.offset)
}

const AGREEMENT: &str = "AGREEMENT";

fn policy_cause(kind: &str, offset: i64) -> PageCause {
    PageCause {
        kind: kind.to_owned(),
        topic: topics::POLICY.to_owned(),
        partition: 0,
        offset,
    }
}

impl Partition {
    /// Does what the plan's causes demand, then what is next in the queue.
    pub(super) fn redecide(
        &mut self,
        work: &mut Work<'_>,
        pages: &mut Pages,
        plan: Plan,
        past: &BTreeMap<(usize, i64), Record>,
    ) -> Result<(), Stop> {
        let mut handles = Vec::new();
        for (handle, touch) in plan.touched {
            let redecided = self.redecide_handle(work, handle, touch, past)?;
            handles.push(redecided);
        }
        for handle in plan.subjects {
            if let Some(link) = self.links.get(handle).cloned()
                && self.has_events(handle)
            {
                handles.push(RedecidedHandle {
                    handle: handle.to_bytes(),
                    subjects: self.subject_records(work, handle, &link)?,
                    ..RedecidedHandle::default()
                });
            }
        }
        handles.retain(|handle| !handle.is_empty());
        pages.redecision(&plan.causes, handles);
        self.redecide_queued(work, pages, plan.queued, past)
    }

    fn redecide_handle(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        touch: Touch,
        past: &BTreeMap<(usize, i64), Record>,
    ) -> Result<RedecidedHandle, Stop> {
        let mut redecided = RedecidedHandle {
            handle: handle.to_bytes(),
            ..RedecidedHandle::default()
        };
        let Some(link) = self.links.get(handle).cloned() else {
            return Ok(redecided);
        };
        if touch
            .before
            .as_ref()
            .is_some_and(|before| before.person != link.person)
        {
            self.leave_person(work, handle, &link, &mut redecided.retractions)?;
        }
        for ground in touch.grounds.iter().filter(|ground| ground.falls()) {
            self.fall(work, handle, ground, &mut redecided.retractions)?;
        }
        if self.has_events(handle) {
            redecided.subjects = self.subject_records(work, handle, &link)?;
        }
        if touch.redecide {
            if touch.more {
                self.take_all(work, handle, &mut redecided.retractions)?;
            }
            let (of, events) = ((handle, &*link), &touch.events);
            self.again(work, of, events, Extent::Whole, past, &mut redecided)?;
        }
        Ok(redecided)
    }

    /// The handle left its person: everything goes that stands under another key than the person's now.
    fn leave_person(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        link: &Link,
        listed: &mut Vec<PageRetraction>,
    ) -> Result<(), Stop> {
        let mut removals: BTreeMap<(Purpose, walbrook_domain::Pseudonym), Removal> =
            BTreeMap::new();
        let standing = self.standing.of(handle).cloned().unwrap_or_default();
        let keys = standing
            .releases
            .iter()
            .map(|((purpose, _, _), released)| (purpose, released.key))
            .chain(
                standing
                    .subjects
                    .iter()
                    .map(|(purpose, subject)| (purpose, subject.key)),
            );
        for (purpose, key) in keys {
            if work.writer.key(purpose)?.person(link.person) == key {
                continue;
            }
            removals
                .entry((purpose.clone(), key))
                .or_insert_with(|| Removal {
                    purpose: purpose.clone(),
                    key,
                    agreements: Vec::new(),
                    local_event: None,
                    subject_too: true,
                });
        }
        for removal in removals.values() {
            listed.push(self.retract(work, handle, removal, reason::RELINKED)?);
        }
        Ok(())
    }

    /// A ground fell on the handle's person: everything that could rest on it goes, also where it has returned since. What still may be shared is
    /// released again in the same transaction.
    fn fall(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        ground: &GroundChange,
        listed: &mut Vec<PageRetraction>,
    ) -> Result<(), Stop> {
        let standing = self.standing.of(handle).cloned().unwrap_or_default();
        let mut removals: BTreeMap<_, Removal> = BTreeMap::new();
        for ((purpose, agreement, event), released) in &standing.releases {
            if !(work.writer.control).takes(ground, handle, (purpose, agreement, event)) {
                continue;
            }
            // A ground that is limited to one event takes that event; one limited to an agreement takes that, and a moved choice the agreements
            // that rest on it; the others take the handle.
            let local_event = ground.event.map(|_| released.local_event);
            let of_agreement = ground.agreement.is_some() || ground.choice_moved;
            let removal = removals
                .entry((purpose.clone(), released.key, local_event))
                .or_insert_with(|| Removal {
                    purpose: purpose.clone(),
                    key: released.key,
                    agreements: Vec::new(),
                    local_event,
                    subject_too: ground.takes_subject(handle),
                });
            if of_agreement && !removal.agreements.contains(agreement) {
                removal.agreements.push(agreement.clone());
            }
        }
        if ground.takes_subject(handle) {
            for (purpose, subject) in &standing.subjects {
                removals
                    .entry((purpose.clone(), subject.key, None))
                    .or_insert_with(|| Removal {
                        purpose: purpose.clone(),
                        key: subject.key,
                        agreements: Vec::new(),
                        local_event: None,
                        subject_too: true,
                    });
            }
        }
        for removal in removals.values() {
            listed.push(self.retract(work, handle, removal, ground.retraction())?);
        }
        Ok(())
    }

    /// The authority whose children's services hold the record: it is responsible for the child. Its housing department is not.
    pub(super) fn in_care_of<'l>(
        &self,
        handle: Handle,
        link: &'l Link,
    ) -> Option<&'l Organisation> {
        let subject = Subject::Handle(handle);
        let social_care = self
            .topics
            .iter()
            .find(|topic| topic.plain == "raw.social-care");
        let known = social_care.is_some_and(|topic| topic.history.has_event(&subject, i64::MAX));
        Some(&link.organisation).filter(|organisation| known && organisation.is_london_authority())
    }

    pub(super) fn has_events(&self, handle: Handle) -> bool {
        let subject = Subject::Handle(handle);
        self.topics
            .iter()
            .any(|topic| topic.history.has_event(&subject, topic.position))
    }

    /// Writes the handle's subject records where they do not stand as they should: one per purpose that its organisation takes part in.
    pub(super) fn subject_records(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        link: &Link,
    ) -> Result<Vec<PageSubject>, Stop> {
        let mut listed = Vec::new();
        for purpose in work.writer.control.subject_purposes(&link.organisation) {
            // An erased record has none.
            let Some(grounds) = work.writer.control.subject(handle, &link.members, &purpose) else {
                continue;
            };
            let purpose_key = work.writer.key(&purpose)?;
            let key = purpose_key.person(link.person);
            let handle_pseudonym = purpose_key.handle(handle);
            let responsible = self.in_care_of(handle, link);
            let record = subject_record(handle_pseudonym, link, responsible, &grounds);
            let (new, body_sha256) =
                work.writer
                    .subject(&purpose, key, handle_pseudonym, &record)?;
            let standing = SubjectStanding { key, body_sha256 };
            if self
                .standing
                .of(handle)
                .and_then(|stands| stands.subjects.get(&purpose))
                == Some(&standing)
            {
                continue;
            }
            work.transaction.records.push(new);
            listed.push(PageSubject {
                purpose: purpose.to_string(),
                handle: handle.as_bytes().to_vec(),
                handle_pseudonym: handle_pseudonym.as_bytes().to_vec(),
                person_pseudonym: key.as_bytes().to_vec(),
                body_sha256: body_sha256.to_vec(),
            });
            self.standing.subject(handle, purpose, standing);
        }
        Ok(listed)
    }
}

fn subject_record(
    handle: walbrook_domain::HandlePseudonym,
    link: &Link,
    responsible: Option<&Organisation>,
    grounds: &SubjectGrounds,
) -> SubjectRecord {
    let choice = grounds.choice.as_ref();
    SubjectRecord {
        handle_pseudonym: handle.as_bytes().to_vec(),
        organisation: link.organisation.to_string(),
        responsible_authority: responsible.map(ToString::to_string),
        chosen_authority: choice.map(|choice| choice.authority.to_string()),
        area_gss: None,
        restrictions: grounds
            .restrictions(&link.restrictions)
            .map(|restriction| restriction.as_str().to_owned())
            .collect(),
        adult_from: link.adult_from.map(super::decide::date),
        link_status: link.status.to_string(),
        link_score_ten_thousandths: link.score_ten_thousandths,
        chosen_until: choice
            .and_then(|choice| choice.until)
            .map(super::decide::date),
    }
}
