//! What causes demand: retractions of all that falls, and past events decided again, in the transaction that first commits a position past the
//! cause. Live events of p wait for this and for nothing else.

use super::control_view::GroundChange;
use super::decide::Work;
use super::error::Stop;
use super::incoming::{Content, read};
use super::links::Link;
use super::page::{Decided, Pages, RedecidedHandle};
use super::partition::{Partition, Plan, Touch};
use super::standing::{ReleaseName, Removal, SubjectStanding};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::control::GroundKind;
use walbrook_domain::{AgreementId, Handle, Instant, Organisation, Purpose};
use walbrook_event::history::{Standing, Subject};
use walbrook_eventlog::{Record, topics};
use walbrook_proto::audit::v1::{PageCause, PageRetraction, PageSubject};
use walbrook_proto::shared::v1::SubjectRecord;

/// Reasons on retractions: a closed list.
pub mod reason {
    /// A consent was withdrawn or refused.
    pub const WITHDRAWN: &str = "WITHDRAWAL";
    /// An objection was raised or upheld.
    pub const OBJECTION: &str = "OBJECTION";
    /// The national data opt-out was set.
    pub const OPT_OUT: &str = "OPT_OUT";
    /// A safety hold was set.
    pub const SAFETY_HOLD: &str = "SAFETY_HOLD";
    /// The event was recalled.
    pub const RECALL: &str = "RECALL";
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
    PageCause {
        kind: "GROUND".to_owned(),
        topic: topics::POLICY.to_owned(),
        partition: 0,
        offset,
    }
}

impl Partition {
    /// Does what the plan's causes demand.
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
        handles.retain(|handle| {
            !(handle.events.is_empty()
                && handle.retractions.is_empty()
                && handle.subjects.is_empty())
        });
        pages.redecision(&plan.causes, handles);
        Ok(())
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
        for ground in touch
            .grounds
            .iter()
            .filter(|ground| ground.state.stands_against())
        {
            self.fall(work, handle, ground, &mut redecided.retractions)?;
        }
        if self.has_events(handle) {
            redecided.subjects = self.subject_records(work, handle, &link)?;
        }
        if touch.redecide {
            let stood: BTreeSet<ReleaseName> = self
                .standing
                .of(handle)
                .iter()
                .flat_map(|standing| standing.releases.keys().cloned())
                .collect();
            let mut releases = Work {
                writer: super::outgoing::Writer { ..work.writer },
                transaction: super::partition::Transaction::default(),
                entropy: &mut *work.entropy,
            };
            let (events, permitted) = self.past_events(&mut releases, handle, &link, past)?;
            let made = releases.transaction;
            // What is no longer permitted leaves before what is permitted comes: the order in which it stands on the topic.
            self.sweep(work, handle, &stood, &permitted, &mut redecided.retractions)?;
            work.transaction.records.extend(made.records);
            work.transaction.traces.extend(made.traces);
            for (_, _, decided) in &events {
                work.transaction.redecided += 1;
                for one in decided {
                    *work
                        .transaction
                        .reasons
                        .entry(one.verdict.reason)
                        .or_default() += 1;
                }
            }
            redecided.events = events;
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
        let mut removals: BTreeMap<_, Removal> = BTreeMap::new();
        for ((purpose, agreement, event), released) in self
            .standing
            .of(handle)
            .iter()
            .flat_map(|standing| &standing.releases)
        {
            let concerned = ground
                .purpose
                .as_ref()
                .is_none_or(|limited| limited == purpose)
                && ground
                    .agreement
                    .as_ref()
                    .is_none_or(|limited| limited == agreement)
                && ground.event.is_none_or(|limited| limited == *event);
            if !concerned {
                continue;
            }
            // A ground that is limited to one event takes that event; one limited to an agreement takes that; the others take the handle.
            let local_event = ground.event.map(|_| released.local_event);
            let agreements: Vec<AgreementId> = ground.agreement.iter().cloned().collect();
            removals
                .entry((purpose.clone(), released.key, local_event))
                .or_insert_with(|| Removal {
                    purpose: purpose.clone(),
                    key: released.key,
                    agreements,
                    local_event,
                    subject_too: false,
                });
        }
        for removal in removals.values() {
            listed.push(self.retract(work, handle, removal, fallen(ground.kind))?);
        }
        Ok(())
    }

    /// Retracts what stood and was not permitted again, as few records as say it.
    fn sweep(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        stood: &BTreeSet<ReleaseName>,
        permitted: &BTreeSet<ReleaseName>,
        listed: &mut Vec<PageRetraction>,
    ) -> Result<(), Stop> {
        let releases = self
            .standing
            .of(handle)
            .map(|standing| standing.releases.clone())
            .unwrap_or_default();
        let fallen: Vec<_> = stood.difference(permitted).cloned().collect();
        let mut done: BTreeSet<(Purpose, AgreementId)> = BTreeSet::new();
        for (purpose, agreement, event) in fallen {
            let group = (purpose.clone(), agreement.clone());
            let Some(released) = releases.get(&(purpose.clone(), agreement.clone(), event)) else {
                continue;
            };
            if done.contains(&group) {
                continue;
            }
            let all_fall = !permitted
                .iter()
                .any(|(p, a, _)| (p, a) == (&group.0, &group.1));
            if all_fall {
                done.insert(group);
            }
            let removal = Removal {
                purpose,
                key: released.key,
                agreements: vec![agreement],
                local_event: (!all_fall).then_some(released.local_event),
                subject_too: false,
            };
            listed.push(self.retract(work, handle, &removal, reason::RE_DECIDED)?);
        }
        Ok(())
    }

    /// Decides the handle's past events again; returns what the page says of each, and what is permitted.
    #[expect(
        clippy::type_complexity,
        reason = "the page's own shape; a name would only hide it"
    )]
    fn past_events(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        link: &Arc<Link>,
        past: &BTreeMap<(usize, i64), Record>,
    ) -> Result<(Vec<(String, i64, Vec<Decided>)>, BTreeSet<ReleaseName>), Stop> {
        let subject = Subject::Handle(handle);
        let mut events = Vec::new();
        let mut permitted = BTreeSet::new();
        for index in 0..self.topics.len() {
            let Some(topic) = self.topics.get(index) else {
                continue;
            };
            let (plain, below) = (topic.plain.clone(), topic.position);
            let entries: Vec<_> = topic.history.events(&subject, below).cloned().collect();
            for entry in entries {
                let Some(topic) = self.topics.get(index) else {
                    continue;
                };
                let standing = topic.history.standing(&entry, below);
                let at = Instant(entry.accepted_at_micros);
                let decided = if standing == Standing::Counts {
                    let record = past.get(&(index, entry.offset)).ok_or_else(|| {
                        self.integrity(format!(
                            "{plain} offset {} was not read again",
                            entry.offset
                        ))
                    })?;
                    let (content, _) =
                        read(topic, record, work.writer.control, work.writer.setting)?;
                    // Unreadable then, unreadable now: it stands in quarantine and was never decided.
                    let Content::Event(event) = content else {
                        continue;
                    };
                    self.decide_person(work, at, &event, standing, handle, link)?
                } else {
                    continue;
                };
                for one in decided.iter().filter(|one| one.written.is_some()) {
                    if let Some((agreement, version)) = &one.verdict.agreement
                        && let Some(super::control_view::Target::Shared(purpose)) =
                            work.writer.control.target(agreement, *version)
                    {
                        permitted.insert((purpose, agreement.clone(), entry.event));
                    }
                }
                events.push((plain.clone(), entry.offset, decided));
            }
        }
        Ok((events, permitted))
    }

    /// The authority whose children's services hold the record: it is responsible for the child. Its housing department is not.
    fn in_care_of<'l>(&self, handle: Handle, link: &'l Link) -> Option<&'l Organisation> {
        let subject = Subject::Handle(handle);
        let social_care = self
            .topics
            .iter()
            .find(|topic| topic.plain == "raw.social-care");
        let known = social_care
            .is_some_and(|topic| topic.history.events(&subject, i64::MAX).next().is_some());
        Some(&link.organisation).filter(|organisation| known && organisation.is_london_authority())
    }

    pub(super) fn has_events(&self, handle: Handle) -> bool {
        let subject = Subject::Handle(handle);
        self.topics.iter().any(|topic| {
            topic
                .history
                .events(&subject, topic.position)
                .next()
                .is_some()
        })
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
            let purpose_key = work.writer.key(&purpose)?;
            let key = purpose_key.person(link.person);
            let handle_pseudonym = purpose_key.handle(handle);
            let record = subject_record(handle_pseudonym, link, self.in_care_of(handle, link));
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
            self.standing
                .of_mut(handle)
                .subjects
                .insert(purpose, standing);
        }
        Ok(listed)
    }
}

fn subject_record(
    handle: walbrook_domain::HandlePseudonym,
    link: &Link,
    responsible: Option<&Organisation>,
) -> SubjectRecord {
    SubjectRecord {
        handle_pseudonym: handle.as_bytes().to_vec(),
        organisation: link.organisation.to_string(),
        responsible_authority: responsible.map(ToString::to_string),
        chosen_authority: None,
        area_gss: None,
        restrictions: link.restrictions.iter().map(ToString::to_string).collect(),
        adult_from: link.adult_from.map(super::decide::date),
        link_status: link.status.to_string(),
        link_score_ten_thousandths: link.score_ten_thousandths,
    }
}

const fn fallen(kind: GroundKind) -> &'static str {
    match kind {
        GroundKind::Consent => reason::WITHDRAWN,
        GroundKind::Objection => reason::OBJECTION,
        GroundKind::NationalDataOptOut => reason::OPT_OUT,
        GroundKind::SafetyHold => reason::SAFETY_HOLD,
        GroundKind::Recall => reason::RECALL,
    }
}
