//! A batch decided: what was touched by causes first, then the live events in order.

use super::control_view::{SubjectGrounds, Target, Verdict};
use super::error::Stop;
use super::heartbeat::Heard;
use super::incoming::{Content, Cut, Incoming, Readable, Unreadable};
use super::links::Link;
use super::outgoing::{Release, Writer, Written};
use super::page::{Decided, LiveItem, Pages};
use super::partition::{Partition, Plan, Transaction};
use super::planted::{PlantedFault, planted};
use super::redecide::reason;
use super::stamp::Stamp;
use super::standing::{HandleStanding, MadeFrom, Released, Removal};
use super::template::Templates;
use super::thing::{decide_thing, event_facts, not_first, without_agreement};
use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_domain::{Day, EventId, Handle, Instant};
use walbrook_event::history::{Entry, Standing, Subject};
use walbrook_eventlog::{InputPosition, Record, TopicPartition, topics};
use walbrook_policy::facts::LinkFacts;
use walbrook_policy::outcome::Reason;
use walbrook_proto::audit::v1::{PageRetraction, PageSubject, Quarantined};
use walbrook_proto::common::v1::Date;

/// Randomness for traces and record ids; an argument, so that a simulation is the same every time.
pub trait Entropy {
    /// 16 random bytes.
    fn bytes16(&mut self) -> [u8; 16];
}

/// One batch being decided.
pub(super) struct Work<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) transaction: Transaction,
    pub(super) entropy: &'a mut dyn Entropy,
    pub(super) templates: Templates,
    /// Whether anybody hears which raw trace a release belongs with.
    traced: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(writer: Writer<'a>, entropy: &'a mut dyn Entropy) -> Self {
        Self {
            writer,
            transaction: Transaction::default(),
            entropy,
            templates: Templates::default(),
            traced: super::trace::is_heard(),
        }
    }

    fn uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.entropy.bytes16()).into_uuid()
    }

    /// The trace and span of a release: new ones, nothing ties them to the raw ones. Only the operator's own exporter hears which belong together.
    pub(super) fn trace_of(&mut self, event: &Readable) -> ([u8; 16], [u8; 16]) {
        let (trace, span) = (self.entropy.bytes16(), self.entropy.bytes16());
        if self.traced
            && let Some(raw) = &event.raw.envelope.trace_parent
        {
            let new = trace_parent(&trace, &span);
            self.transaction.traces.push((raw.clone(), new));
        }
        (trace, span)
    }

    pub(super) fn count(&mut self, decided: &[Decided]) {
        for one in decided {
            *self
                .transaction
                .reasons
                .entry(one.verdict.reason)
                .or_default() += 1;
        }
    }
}

impl Partition {
    /// Decides a batch: everything the causes demand, then its events. `past` holds the records that the plan wanted.
    ///
    /// # Errors
    /// When something is missing or wrong; p is then to be rebuilt before it goes on.
    pub fn decide(
        &mut self,
        cut: Cut,
        plan: Plan,
        past: &BTreeMap<(usize, i64), Record>,
        writer: Writer<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Transaction, Stop> {
        let control = writer.control;
        // Nor is anything decided on a day before it was accepted, however this clock and the log's differ: what an agreement's last day ends,
        // ends for what is accepted after it.
        let newest = cut.topics.iter().flatten().map(|record| record.accepted_at);
        let now = if planted(PlantedFault::ClockRunsBackwards) {
            writer.now
        } else {
            newest.fold(writer.now.max(self.last_decided_at), Instant::max)
        };
        let rules_version = control.rules_version().ok_or_else(|| Stop::NotPinned {
            what: "the decision rules".to_owned(),
            policy_next: control.applied_through(),
        })?;
        let stamp = Stamp {
            policy_next: plan.policy_next,
            links_next: self.links.next_offset(),
            next_page: self.stamp.next_page,
            cursor: plan.cursor.clone(),
            generations: control.generations(),
        };
        let before = self
            .topics
            .iter()
            .map(|topic| (topic.plain.clone(), topic.position))
            .collect();
        let mut pages = Pages::new(
            self.number,
            &stamp,
            now,
            control.pins_epoch(),
            rules_version,
            before,
            &self.stamp.cursor,
        );
        let mut work = Work::new(Writer { now, ..writer }, entropy);
        self.redecide(&mut work, &mut pages, plan, past)?;
        for (index, incoming) in cut.topics.into_iter().enumerate() {
            self.decide_topic(&mut work, &mut pages, index, incoming)?;
        }
        self.finish(work, pages, stamp, now)
    }

    fn finish(
        &mut self,
        mut work: Work<'_>,
        pages: Pages,
        mut stamp: Stamp,
        now: Instant,
    ) -> Result<Transaction, Stop> {
        for page in pages.finish() {
            let key = if page.raw_topic.is_empty() {
                "-"
            } else {
                &page.raw_topic
            };
            let key = format!("{key}/{}", self.number);
            let id = work.uuid();
            let record = work.writer.internal(
                topics::DECISIONS,
                Some(self.number),
                key.as_bytes(),
                id,
                &page,
            )?;
            stamp.next_page = page.sequence + 1;
            work.transaction.records.push(record);
        }
        let links = work.writer.setting.namespace.name(topics::LINKS);
        work.transaction.positions.push(InputPosition {
            at: TopicPartition::new(links, self.number),
            next_offset: stamp.links_next,
            metadata: stamp.told(self.standing.live()),
        });
        work.transaction.stamp = stamp;
        self.last_decided_at = now;
        Ok(work.transaction)
    }

    fn decide_topic(
        &mut self,
        work: &mut Work<'_>,
        pages: &mut Pages,
        index: usize,
        incoming: Vec<Incoming>,
    ) -> Result<(), Stop> {
        let Some((topic, agency, full, first)) = self.topics.get(index).map(|topic| {
            let (plain, agency) = (topic.plain.clone(), topic.agency.clone());
            (plain, agency, Arc::clone(&topic.full), topic.position)
        }) else {
            return Ok(());
        };
        let Some(last) = incoming.last().map(|record| record.offset) else {
            return Ok(());
        };
        let mut heard = Heard::default();
        let mut items = Vec::with_capacity(incoming.len());
        let mut incoming = incoming.into_iter();
        loop {
            self.bring_near(work.writer.control, items.len(), incoming.as_slice());
            let Some(record) = incoming.next() else {
                break;
            };
            work.transaction.events += 1;
            let item = match &record.content {
                Content::Unreadable(unreadable) => {
                    self.quarantine(work, index, record.offset, unreadable)?
                }
                Content::Event(event) => {
                    heard.note(&agency, event, record.accepted_at);
                    self.decide_event(work, index, &record, event)?
                }
            };
            work.count(&item.decided);
            items.push(item);
        }
        let heartbeats = self.heartbeats(work, heard.0)?;
        pages.live(&topic, first, last, items, heartbeats);
        if let Some(topic) = self.topics.get_mut(index) {
            topic.position = last + 1;
        }
        work.transaction.positions.push(InputPosition {
            at: TopicPartition::new(full, self.number),
            next_offset: last + i64::from(!planted(PlantedFault::OffsetNotPlusOne)),
            metadata: String::new(),
        });
        Ok(())
    }

    fn quarantine(
        &self,
        work: &mut Work<'_>,
        index: usize,
        offset: i64,
        unreadable: &Unreadable,
    ) -> Result<LiveItem, Stop> {
        let (plain, agency) = self
            .topics
            .get(index)
            .map(|topic| (topic.plain.clone(), topic.agency.clone()))
            .unwrap_or_default();
        let record = Quarantined {
            raw_topic: plain.clone(),
            partition: self.number,
            offset,
            value_length: unreadable.length,
            value_sha256: unreadable.sha256.to_vec(),
            rule_id: unreadable.rule.as_str().to_owned(),
            organisation: unreadable.organisation.clone(),
            decided_at: Some(super::page::timestamp(work.writer.now)),
            event_id: unreadable.event_id.clone(),
            event_type: unreadable.event_type.clone(),
        };
        let key = format!("{plain}/{}/{offset}", self.number);
        let id = work.uuid();
        let new = work.writer.internal(
            &topics::quarantine(&agency),
            None,
            key.as_bytes(),
            id,
            &record,
        )?;
        work.transaction.records.push(new);
        Ok(LiveItem {
            offset,
            decided: vec![without_agreement(Reason::Unreadable)],
            ..LiveItem::default()
        })
    }

    fn decide_event(
        &mut self,
        work: &mut Work<'_>,
        index: usize,
        record: &Incoming,
        event: &Readable,
    ) -> Result<LiveItem, Stop> {
        let entry = &event.entry;
        let standing = self.topics.get(index).map_or(Standing::Counts, |topic| {
            let below = if planted(PlantedFault::IndexLooksAhead) {
                i64::MAX
            } else {
                record.offset
            };
            topic.history.standing(entry, below)
        });
        let mut item = LiveItem {
            offset: record.offset,
            ..LiveItem::default()
        };
        let Subject::Handle(handle) = event.raw.subject else {
            item.decided = decide_thing(work, record.accepted_at, event, standing)?;
            return Ok(item);
        };
        let link = self.link(index, handle, record.offset)?;
        item.subjects = self.subjects_of_live(work, handle, &link)?;
        item.decided =
            self.decide_person(work, record.accepted_at, event, standing, handle, &link)?;
        // A correction acts whether or not it may itself be released, and also where it has been corrected already.
        if matches!(standing, Standing::Counts | Standing::Superseded) {
            item.retractions = self.retract_superseded(work, handle, entry)?;
        }
        Ok(item)
    }

    fn link(&self, index: usize, handle: Handle, offset: i64) -> Result<Arc<Link>, Stop> {
        self.links.get(handle).cloned().ok_or_else(|| Stop::NoLink {
            topic: self
                .topics
                .get(index)
                .map(|topic| topic.plain.clone())
                .unwrap_or_default(),
            partition: self.number,
            offset,
        })
    }

    /// The handle's subject records, where they do not stand as they should. An event of a handle that has them rarely changes them, and to make
    /// them only to see that was the most expensive thing about an event.
    fn subjects_of_live(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        link: &Arc<Link>,
    ) -> Result<Vec<PageSubject>, Stop> {
        let control = work.writer.control;
        let purposes = control.subject_purposes(&link.organisation);
        let in_care = self.in_care_of(handle, link).is_some();
        let plain = purposes.iter().all(|purpose| {
            control
                .subject(handle, &link.members, purpose)
                .is_some_and(|grounds| grounds == SubjectGrounds::default())
        });
        let stand = |standing: &HandleStanding| {
            let made_from = standing.made_from.0.as_ref();
            made_from.is_some_and(|(of, then)| Arc::ptr_eq(of, link) && *then == in_care)
                && standing.subjects.len() == purposes.len()
                && purposes
                    .iter()
                    .all(|purpose| standing.subjects.contains_key(purpose))
        };
        if plain && self.standing.of(handle).is_some_and(stand) {
            return Ok(Vec::new());
        }
        let listed = self.subject_records(work, handle, link)?;
        if plain && !purposes.is_empty() {
            let made_from = MadeFrom(Some((Arc::clone(link), in_care)));
            self.standing.made_from(handle, made_from);
        }
        Ok(listed)
    }

    /// Decides about an event of a person, writes what is permitted and notes that it stands.
    pub(super) fn decide_person(
        &mut self,
        work: &mut Work<'_>,
        accepted_at: Instant,
        event: &Readable,
        standing: Standing,
        handle: Handle,
        link: &Link,
    ) -> Result<Vec<Decided>, Stop> {
        if let Some(reason) = not_first(standing) {
            return Ok(vec![without_agreement(reason)]);
        }
        let facts = event_facts(event, accepted_at);
        let subject = walbrook_policy::facts::Subject::Person(LinkFacts {
            handle,
            person: link.person,
            status: link.status,
            restrictions: &link.restrictions,
            adult_from: link.adult_from,
            members: &link.members,
        });
        let verdicts = work.writer.control.decide(&facts, subject, work.writer.now);
        let mut decided = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            let written = self.release(work, event, handle, link, &verdict)?;
            decided.push(Decided { verdict, written });
        }
        Ok(decided)
    }

    /// Writes what a verdict grants, if anything, and notes that it stands.
    pub(super) fn release(
        &mut self,
        work: &mut Work<'_>,
        event: &Readable,
        handle: Handle,
        link: &Link,
        verdict: &Verdict,
    ) -> Result<Option<Written>, Stop> {
        let (Some(grant), Some((agreement, version))) = (verdict.grant, &verdict.agreement) else {
            return Ok(None);
        };
        let Some(Target::Shared(purpose)) = work.writer.control.target(agreement, *version) else {
            return Err(self.integrity(format!(
                "agreement {agreement} permits a person's event and has no shared topic"
            )));
        };
        let release = Release {
            event,
            agreement,
            version: *version,
            grant,
        };
        let key = work.writer.key(&purpose)?.person(link.person);
        let trace = work.trace_of(event);
        let (record, written) = work.writer.release(
            &mut work.templates,
            &purpose,
            (key, handle),
            &release,
            trace,
        )?;
        work.transaction.records.push(record);
        let name = (purpose, agreement.clone(), event.raw.envelope.id);
        let released = Released {
            key: written.key,
            local_event: written.local_event,
            version: *version,
            mask: grant.mask,
            not_after: grant.not_after,
        };
        self.standing.release(handle, name, released);
        Ok(Some(written))
    }

    fn retract_superseded(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        entry: &Entry,
    ) -> Result<Vec<PageRetraction>, Stop> {
        let Some(earlier) = entry.supersedes.filter(|earlier| *earlier != entry.event) else {
            return Ok(Vec::new());
        };
        let mut removals: Vec<Removal> = Vec::new();
        for ((purpose, _, event), released) in self
            .standing
            .of(handle)
            .iter()
            .flat_map(|standing| &standing.releases)
        {
            let removal = Removal {
                purpose: purpose.clone(),
                key: released.key,
                agreements: Vec::new(),
                local_event: Some(released.local_event),
                subject_too: false,
            };
            if *event == earlier && !removals.contains(&removal) {
                removals.push(removal);
            }
        }
        removals
            .iter()
            .map(|removal| self.retract(work, handle, removal, reason::SUPERSEDED))
            .collect()
    }

    /// Writes a retraction and notes what it removes.
    pub(super) fn retract(
        &mut self,
        work: &mut Work<'_>,
        handle: Handle,
        removal: &Removal,
        reason: &str,
    ) -> Result<PageRetraction, Stop> {
        let record = work.writer.retraction(handle, removal, reason)?;
        work.transaction.records.push(record);
        work.transaction.retractions += 1;
        self.standing.remove(handle, removal);
        let handle_pseudonym = work.writer.key(&removal.purpose)?.handle(handle);
        Ok(PageRetraction {
            purpose: removal.purpose.to_string(),
            handle: handle.as_bytes().to_vec(),
            handle_pseudonym: handle_pseudonym.as_bytes().to_vec(),
            person_pseudonym: removal.key.as_bytes().to_vec(),
            agreement_ids: removal.agreements.iter().map(ToString::to_string).collect(),
            event_id: removal.local_event.map(|event: EventId| event.to_string()),
            reason: reason.to_owned(),
            subject_too: removal.subject_too,
        })
    }

    pub(super) fn integrity(&self, problem: String) -> Stop {
        Stop::Integrity {
            partition: self.number,
            problem,
        }
    }
}

/// A trace's context as headers carry it.
pub(super) fn trace_parent(trace: &[u8; 16], span: &[u8; 16]) -> String {
    let span = span.get(..8).unwrap_or_default();
    format!("00-{}-{}-01", hex::encode(trace), hex::encode(span))
}

/// A day as records carry it.
pub(super) fn date(day: Day) -> Date {
    let (year, month, day) = day.ymd();
    Date { year, month, day }
}
