//! What causes demand: retractions, subject records, heartbeats, past events decided again, and what must stand when all is settled.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use walbrook_domain::{Day, Handle, HandlePseudonym, Instant, Pseudonym};
use walbrook_event::history::{self, Standing as Precedes};
use walbrook_policy::state::SubjectGrounds;
use walbrook_proto::audit::v1::{DecisionPage, PageHeartbeat, PageRetraction, PageSubject};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::shared::v1::SubjectRecord;

use crate::demanded::{Key, What};
use crate::links::Link;
use crate::log::{Place, printable};
use crate::pseudonyms::Subject;
use crate::raw::{Raw, Slot, entry};
use crate::standing::Name;
use crate::walk::Walk;

/// The reason of a retraction that an event demands, where that event stands.
pub(crate) const SUPERSEDED: &str = "SUPERSEDED";

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
            let before: Vec<_> = self
                .standing
                .releases(handle)
                .map(|(name, stood)| (name.clone(), stood.raw.clone()))
                .collect();
            if self.standing.retract(handle, retraction) == 0 {
                self.shared.report.differ(
                    "retraction",
                    place,
                    "something that it removes",
                    "nothing",
                );
            }
            for (name, raw) in before {
                if !self
                    .standing
                    .releases(handle)
                    .any(|(left, _)| *left == name)
                {
                    if retraction.reason != SUPERSEDED {
                        self.group.taken.push((handle, raw, place.clone()));
                    }
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

    /// Whether children's services hold the handle's record: then their authority is responsible for the child. A handle is of one agency.
    pub(crate) fn in_care(&self, handle: Handle) -> bool {
        let subject = history::Subject::Handle(handle);
        let raw = self.raws.get("raw.social-care");
        raw.is_some_and(|raw| raw.history.events(&subject, i64::MAX).next().is_some())
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
            let derived = link.and_then(|link| {
                let members = &link.members;
                let grounds = self.control.subject(handle, members, &subject.purpose)?;
                body_sha256(
                    &subject.handle_pseudonym,
                    link,
                    self.in_care(handle),
                    &grounds,
                )
            });
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
            let agency = page.raw_topic.strip_prefix("raw.").unwrap_or_default();
            let heard = self.raws.get(&page.raw_topic).and_then(|raw| {
                let slots = raw.range(page.first_offset, page.last_offset).iter();
                let same = slots.filter(|slot| {
                    slot.event.as_ref().is_ok_and(|event| {
                        event.envelope.organisation.to_string() == beat.organisation
                            && event
                                .heard(agency)
                                .is_some_and(|of| of.as_str() == beat.event_type)
                    })
                });
                same.map(|slot| slot.accepted_at.london_day().0).max()
            });
            let said = beat.last_accepted_on.as_ref().and_then(Date::days);
            // A batch that fills several pages says it on the last of them.
            let never = said.is_none_or(|said| !self.ever_heard(page, beat, said));
            if never || heard.is_some_and(|day| Some(day) > said) {
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

    /// Whether the source was heard on that day, in the page's records or before them.
    fn ever_heard(&self, page: &DecisionPage, beat: &PageHeartbeat, day: i32) -> bool {
        let agency = page.raw_topic.strip_prefix("raw.").unwrap_or_default();
        let raw = self.raws.get(&page.raw_topic);
        // From the newest: it is nearly always the page's own.
        let mut slots = raw
            .into_iter()
            .flat_map(|raw| raw.range(0, page.last_offset).iter().rev());
        slots.any(|slot| {
            slot.accepted_at.london_day().0 == day
                && slot.event.as_ref().is_ok_and(|event| {
                    event.envelope.organisation.to_string() == beat.organisation
                        && event
                            .heard(agency)
                            .is_some_and(|of| of.as_str() == beat.event_type)
                })
        })
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
        // What is in quarantine corrects nothing.
        if raw.history.event_at(&event.subject, slot.offset).is_none() {
            return;
        }
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
}

/// SHA-256 of the subject record that follows from a link and the person's grounds.
pub(crate) fn body_sha256(
    handle_pseudonym: &[u8],
    link: &Link,
    in_care: bool,
    grounds: &SubjectGrounds,
) -> Option<Vec<u8>> {
    let date = |day: Option<Day>| match day {
        None => Some(None),
        Some(day) => Some(Some(Date::from_days(day.0)?)),
    };
    let choice = grounds.choice.as_ref();
    let record = SubjectRecord {
        handle_pseudonym: handle_pseudonym.to_vec(),
        organisation: link.organisation.to_string(),
        responsible_authority: (in_care && link.organisation.is_london_authority())
            .then(|| link.organisation.to_string()),
        chosen_authority: choice.map(|choice| choice.authority.to_string()),
        area_gss: None,
        restrictions: grounds
            .restrictions(&link.restrictions)
            .map(|restriction| restriction.as_str().to_owned())
            .collect(),
        adult_from: date(link.adult_from)?,
        link_status: link.status.to_string(),
        link_score_ten_thousandths: link.score,
        chosen_until: date(choice.and_then(|choice| choice.until))?,
    };
    record
        .to_vec()
        .ok()
        .map(|body| Sha256::digest(body).to_vec())
}
