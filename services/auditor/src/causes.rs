//! What causes demand: retractions, subject records, heartbeats, past events decided again, and what must stand when all is settled.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use walbrook_domain::{Handle, HandlePseudonym, Instant, Pseudonym};
use walbrook_event::history::{self, Standing as Precedes};
use walbrook_policy::outcome::Reason;
use walbrook_proto::audit::v1::{DecisionPage, PageRetraction, PageSubject};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::shared::v1::SubjectRecord;

use crate::control::Verdict;
use crate::demanded::{Key, What};
use crate::derive::{Derived, derive};
use crate::links::Link;
use crate::log::{Place, printable};
use crate::pseudonyms::Subject;
use crate::raw::{Raw, Slot, entry};
use crate::standing::Name;
use crate::walk::{Group, Walk};

impl Walk<'_, '_> {
    /// A page of past events decided again.
    pub(crate) fn again(&mut self, page: &DecisionPage, place: &Place, now: Instant) {
        self.retract(&page.retractions, place, now);
        self.subjects(&page.subjects, place, now);
        self.causes(page, place);
        let cuts: BTreeMap<&str, i64> = page
            .raw_cut
            .iter()
            .map(|cut| (cut.topic.as_str(), cut.next_offset))
            .collect();
        for redecided in &page.redecided {
            let below = cuts.get(redecided.topic.as_str()).copied().unwrap_or(0);
            let Some(raw) = self.raws.remove(&redecided.topic) else {
                self.shared.report.differ(
                    "page",
                    place,
                    "a raw topic",
                    printable(&redecided.topic),
                );
                continue;
            };
            match raw
                .slot(redecided.offset)
                .filter(|slot| slot.offset < below)
            {
                None => self.shared.report.differ(
                    "page",
                    place,
                    format!("an event below {below}"),
                    redecided.offset,
                ),
                Some(slot) => {
                    let entries: Vec<_> = redecided.entries.iter().collect();
                    let place_of = Place::new(&redecided.topic, self.number, slot.offset);
                    self.slot(page, place, now, (&raw, slot, below, &place_of), &entries);
                    self.group
                        .redecided
                        .insert((redecided.topic.clone(), redecided.offset));
                }
            }
            self.raws.insert(redecided.topic.clone(), raw);
        }
    }

    /// A cause stands on a control topic below the stamp.
    fn causes(&mut self, page: &DecisionPage, place: &Place) {
        for cause in &page.causes {
            let next = match cause.topic.as_str() {
                "control.policy" => page.policy_next,
                "control.links" if cause.partition == self.number => page.links_next,
                _ => continue,
            };
            let known = self
                .shared
                .log
                .records(&cause.topic, cause.partition)
                .binary_search_by_key(&cause.offset, |record| record.offset);
            if cause.offset >= next || known.is_err() {
                let found = format!("{}@{}", cause.topic, cause.offset);
                self.shared.report.differ(
                    "page",
                    place,
                    "causes that stand below its stamp",
                    found,
                );
            }
        }
    }

    /// Applies retractions in the page's order and demands their records.
    pub(crate) fn retract(&mut self, retractions: &[PageRetraction], place: &Place, now: Instant) {
        for retraction in retractions {
            let Ok(handle) = Handle::try_from(retraction.handle.as_slice()) else {
                self.shared.report.differ(
                    "retraction",
                    place,
                    "a handle of 16 bytes",
                    "another length",
                );
                continue;
            };
            let before: Vec<Name> = self
                .standing
                .releases(handle)
                .map(|(name, _)| name.clone())
                .collect();
            if self.standing.retract(handle, retraction) == 0 {
                self.shared.report.differ(
                    "retraction",
                    place,
                    "something that it removes",
                    "nothing",
                );
            }
            for name in before {
                if !self
                    .standing
                    .releases(handle)
                    .any(|(left, _)| *left == name)
                {
                    self.group.must_fall.remove(&(handle, name));
                }
            }
            if let Ok(pseudonym) = HandlePseudonym::try_from(retraction.handle_pseudonym.as_slice())
            {
                let (purpose, report) = (&retraction.purpose, &mut *self.shared.report);
                self.shared.pseudonyms.whole(
                    purpose,
                    Subject::Handle(handle),
                    pseudonym.to_bytes(),
                    place,
                    report,
                );
            }
            let key = Key::Retraction(
                retraction.person_pseudonym.clone(),
                retraction.handle_pseudonym.clone(),
            );
            let topic = format!("shared.{}", retraction.purpose);
            self.demand(
                &topic,
                key,
                place,
                now,
                What::Retraction(retraction.clone()),
            );
        }
    }

    /// Derives each subject record from the link at the stamp and demands it.
    pub(crate) fn subjects(&mut self, subjects: &[PageSubject], place: &Place, now: Instant) {
        for subject in subjects {
            let Ok(handle) = Handle::try_from(subject.handle.as_slice()) else {
                self.shared.report.differ(
                    "subject record",
                    place,
                    "a handle of 16 bytes",
                    "another length",
                );
                continue;
            };
            let link = self.links.get(handle);
            let person = link.map(|link| link.person);
            let derived = link.and_then(|link| body_sha256(&subject.handle_pseudonym, link));
            if derived.as_deref() != Some(subject.body_sha256.as_slice()) {
                self.shared.report.differ(
                    "subject record",
                    place,
                    "the body that follows from the link",
                    "another hash",
                );
            }
            self.standing.put_subject(handle, subject);
            let report = &mut *self.shared.report;
            if let Ok(pseudonym) = HandlePseudonym::try_from(subject.handle_pseudonym.as_slice()) {
                self.shared.pseudonyms.whole(
                    &subject.purpose,
                    Subject::Handle(handle),
                    pseudonym.to_bytes(),
                    place,
                    report,
                );
            }
            if let (Some(person), Ok(key)) = (
                person,
                Pseudonym::try_from(subject.person_pseudonym.as_slice()),
            ) {
                self.shared.pseudonyms.whole(
                    &subject.purpose,
                    Subject::Person(person),
                    key.to_bytes(),
                    place,
                    report,
                );
            }
            let key = Key::Subject(
                subject.person_pseudonym.clone(),
                subject.handle_pseudonym.clone(),
            );
            let topic = format!("shared.{}", subject.purpose);
            self.demand(
                &topic,
                key,
                place,
                now,
                What::Subject {
                    subject: subject.clone(),
                    person,
                },
            );
        }
    }

    /// Each heartbeat is of a day on which the page's own records were accepted, and goes to every partition.
    pub(crate) fn heartbeats(&mut self, page: &DecisionPage, place: &Place, now: Instant) {
        for beat in &page.heartbeats {
            let heard = self.raws.get(&page.raw_topic).and_then(|raw| {
                let slots = raw.range(page.first_offset, page.last_offset).iter();
                let same = slots.filter(|slot| {
                    slot.event.as_ref().is_ok_and(|event| {
                        event.envelope.organisation.to_string() == beat.organisation
                            && event.envelope.event_type.as_str() == beat.event_type
                    })
                });
                same.map(|slot| slot.accepted_at.london_day().0).max()
            });
            let said = beat.last_accepted_on.as_ref().and_then(Date::days);
            // A batch that fills several pages says it on the last of them.
            if said.is_none() || heard.is_some_and(|day| Some(day) > said) {
                self.shared.report.differ(
                    "heartbeat",
                    place,
                    "the last day the page's records were accepted",
                    "another day",
                );
            }
            let topic = format!("shared.{}", beat.purpose);
            for partition in 0..self.shared.log.partitions(&topic) {
                let key = Key::Heartbeat(
                    beat.organisation.clone(),
                    beat.event_type.clone(),
                    partition,
                );
                self.demand(&topic, key, place, now, What::Heartbeat(beat.clone()));
            }
        }
    }

    /// A correction takes what it replaces away, whether or not it may itself be released.
    pub(crate) fn supersede(
        &mut self,
        raw: &Raw,
        slot: &Slot,
        retractions: &mut Vec<PageRetraction>,
        at: (&Place, &Place),
        now: Instant,
    ) {
        let (place, raw_place) = at;
        let Ok(event) = &slot.event else { return };
        let history::Subject::Handle(handle) = event.subject else {
            return;
        };
        let Some(earlier) = event
            .envelope
            .supersedes
            .filter(|earlier| *earlier != event.envelope.id)
        else {
            return;
        };
        let precedes = raw.history.standing(&entry(event, slot), slot.offset);
        if !matches!(precedes, Precedes::Counts | Precedes::Superseded) {
            return;
        }
        let stood: Vec<(Name, u64)> = self
            .standing
            .releases(handle)
            .filter(|((_, _, of), _)| *of == earlier)
            .map(|(name, stood)| (name.clone(), stood.event_prefix))
            .collect();
        let mine: Vec<PageRetraction> = retractions
            .extract_if(.., |retraction| {
                let event = retraction
                    .event_id
                    .as_deref()
                    .and_then(|id| id.parse::<walbrook_domain::EventId>().ok());
                retraction.handle == handle.as_bytes()
                    && stood
                        .iter()
                        .any(|(_, prefix)| event.is_some_and(|event| event.prefix() == *prefix))
            })
            .collect();
        self.retract(&mine, place, now);
        for (name, _) in stood {
            if self
                .standing
                .releases(handle)
                .any(|(left, _)| *left == name)
            {
                let expected = format!(
                    "a retraction under {} of what {raw_place} supersedes",
                    name.1
                );
                self.shared
                    .report
                    .differ("retraction", place, expected, "none");
            }
        }
    }

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
        for handle in &group.concerned {
            self.settled_handle(*handle, &group, &place, now);
        }
        for handle in &group.relinked {
            self.settled_subjects(*handle, &place);
        }
    }

    /// Of a handle that a cause concerns stands exactly what is permitted now, under the person it belongs to now.
    fn settled_handle(&mut self, handle: Handle, group: &Group, place: &Place, now: Instant) {
        let permitted = self.permitted(handle, group, now);
        let Some(person) = self.links.get(handle).map(|link| link.person) else {
            return;
        };
        let today = now.london_day().0;
        let stood: BTreeMap<Name, _> = self
            .standing
            .releases(handle)
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
            match permitted.get(name) {
                Some(Ok((version, mask))) if (*version, *mask) != (stood.version.0, stood.mask) => {
                    self.shared.report.differ(
                        "re-decision",
                        place,
                        format!("{what}@{version} mask {mask:#x}"),
                        format!("@{} mask {:#x}", stood.version, stood.mask),
                    );
                }
                Some(Ok(_)) => {}
                Some(Err(reason))
                    if outlives(*reason) || stood.not_after.is_some_and(|day| day < today) => {}
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
                    format!("the release of {what} retracted (superseded)"),
                    "it stands",
                ),
            }
        }
        for (name, decision) in permitted {
            if decision.is_ok() && !stood.contains_key(&name) {
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
    fn permitted(
        &mut self,
        handle: Handle,
        group: &Group,
        now: Instant,
    ) -> BTreeMap<Name, Result<(u32, u64), Reason>> {
        let mut permitted = BTreeMap::new();
        for topic in self.topics.clone() {
            let Some(raw) = self.raws.remove(&topic) else {
                continue;
            };
            // What was decided live within the group was decided under the same stamp.
            let below = self
                .chain
                .next_raw(&topic)
                .max(group.cut.get(&topic).copied().unwrap_or(0));
            for event in raw.history.events(&history::Subject::Handle(handle), below) {
                if raw.history.standing(event, below) != Precedes::Counts {
                    continue;
                }
                let Some(slot) = raw.slot(event.offset) else {
                    continue;
                };
                if let Derived::Decided(verdicts) =
                    derive(&mut self.control, &self.links, &raw, slot, below, now)
                {
                    self.note_permitted(&verdicts, event.event, &mut permitted);
                }
            }
            self.raws.insert(topic, raw);
        }
        permitted
    }

    fn note_permitted(
        &self,
        verdicts: &[Verdict],
        event: walbrook_domain::EventId,
        permitted: &mut BTreeMap<Name, Result<(u32, u64), Reason>>,
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
            let decision = verdict
                .grant
                .map_or(Err(verdict.reason), |grant| Ok((version.0, grant.mask)));
            permitted.insert((purpose.to_owned(), agreement.clone(), event), decision);
        }
    }

    /// A subject record that stands says what the link says now.
    fn settled_subjects(&mut self, handle: Handle, place: &Place) {
        let Some(link) = self.links.get(handle) else {
            return;
        };
        let mut stale = Vec::new();
        for (purpose, stood) in self.standing.subjects(handle) {
            let pseudonym = self
                .shared
                .pseudonyms
                .known(purpose, &Subject::Handle(handle));
            let derived = pseudonym.and_then(|pseudonym| body_sha256(&pseudonym, link));
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
                format!("a new one on shared.{purpose} for a changed link"),
                "none",
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

/// SHA-256 of the subject record that follows from a link.
fn body_sha256(handle_pseudonym: &[u8], link: &Link) -> Option<Vec<u8>> {
    let adult_from = match link.adult_from {
        None => None,
        Some(day) => Some(Date::from_days(day.0)?),
    };
    let record = SubjectRecord {
        handle_pseudonym: handle_pseudonym.to_vec(),
        organisation: link.organisation.to_string(),
        responsible_authority: link
            .organisation
            .is_london_authority()
            .then(|| link.organisation.to_string()),
        chosen_authority: None,
        area_gss: None,
        restrictions: link.restrictions.iter().map(ToString::to_string).collect(),
        adult_from,
        link_status: link.status.to_string(),
        link_score_ten_thousandths: link.score,
    };
    record
        .to_vec()
        .ok()
        .map(|body| Sha256::digest(body).to_vec())
}
