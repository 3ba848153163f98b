//! One partition's pages, one after another: each decision derived again, each cause followed to everything it demands.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use walbrook_domain::control::ControlRecord;
use walbrook_domain::{Handle, Instant};
use walbrook_event::Plain;
use walbrook_event::history;
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage};
use walbrook_proto::identity::v1::LinkRecord;

use crate::control::{Control, Verdict};
use crate::demanded::{Demand, Demands, Key, What};
use crate::derive::{Derived, Stated, derive, release};
use crate::links::{Change, Link, Links};
use crate::log::{Log, Place, decode};
use crate::pages::{Chain, decided_at};
use crate::pseudonyms::{Pseudonyms, Subject};
use crate::raw::{Raw, Slot};
use crate::report::{Checked, Report};
use crate::standing::{Name, Standing, Stood};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// What all partitions add to.
pub struct Shared<'a> {
    /// The log.
    pub log: &'a Log,
    /// `control.policy`, read.
    pub policy: &'a [ControlRecord],
    /// What pages demand of other topics.
    pub demands: &'a mut Demands,
    /// Pseudonyms seen.
    pub pseudonyms: &'a mut Pseudonyms,
    /// Quarantine records demanded: raw topic, partition, offset → rule and the page.
    pub quarantine: &'a mut BTreeMap<(String, i32, i64), (&'static str, Instant)>,
    /// Trace ids of raw records.
    pub raw_traces: &'a mut HashSet<String>,
    /// What was found.
    pub report: &'a mut Report,
}

/// One partition number on its way through its pages.
pub struct Walk<'a, 'b> {
    pub(crate) shared: &'b mut Shared<'a>,
    pub(crate) number: i32,
    pub(crate) topics: Vec<String>,
    pub(crate) raws: BTreeMap<String, Raw>,
    pub(crate) links: Links,
    link_records: Vec<(i64, i64, Handle, Link)>,
    links_done: usize,
    policy_done: usize,
    pub(crate) control: Control,
    pub(crate) standing: Standing,
    pub(crate) chain: Chain,
    pub(crate) group: Group,
}

/// What the pages of one transaction must settle.
#[derive(Debug, Default)]
pub struct Group {
    /// The last page of the group and its time.
    pub page: Option<(Place, Instant)>,
    /// Handles that a cause concerns: after the group exactly what is permitted must stand of them.
    pub concerned: BTreeSet<Handle>,
    /// Releases that a falling ground demands to be retracted, with the ground's offset.
    pub must_fall: BTreeMap<(Handle, Name), i64>,
    /// Handles whose link record was written.
    pub relinked: BTreeSet<Handle>,
    /// Next raw offset by topic when the group began: what was accepted later was decided live.
    pub cut: BTreeMap<String, i64>,
    /// Past events decided again, as (topic, offset).
    pub redecided: BTreeSet<(String, i64)>,
}

impl<'a, 'b> Walk<'a, 'b> {
    /// Reads what a partition's pages are to be held against.
    pub fn new(shared: &'b mut Shared<'a>, number: i32) -> Self {
        let log = shared.log;
        let topics = log.topics("raw.");
        let mut raws = BTreeMap::new();
        for topic in &topics {
            let raw = Raw::read(topic, log.records(topic, number), &Plain);
            let traces = raw
                .slots
                .iter()
                .filter_map(|slot| slot.event.as_ref().ok()?.envelope.trace_parent.as_deref());
            shared.raw_traces.extend(
                traces
                    .filter_map(crate::shared::trace_id)
                    .map(str::to_owned),
            );
            raws.insert(topic.clone(), raw);
        }
        let mut link_records = Vec::new();
        for record in log.records("control.links", number) {
            shared.report.count(Checked::Links, 1);
            let Some(decoded) = decode::<LinkRecord>(record, "link", shared.report) else {
                continue;
            };
            match Link::read(&decoded) {
                Ok((handle, link))
                    if record.key.as_deref() == Some(handle.as_bytes().as_slice()) =>
                {
                    link_records.push((record.offset, record.timestamp_ms, handle, link));
                }
                Ok(_) => shared.report.differ(
                    "link",
                    Place::of(record),
                    "its handle as the key",
                    "another key",
                ),
                Err(error) => {
                    shared
                        .report
                        .differ("link", Place::of(record), "a link record", error)
                }
            }
        }
        Self {
            shared,
            number,
            topics,
            raws,
            links: Links::default(),
            link_records,
            links_done: 0,
            policy_done: 0,
            control: Control::default(),
            standing: Standing::default(),
            chain: Chain::default(),
            group: Group::default(),
        }
    }

    /// Walks through all pages.
    pub fn run(mut self) {
        let log = self.shared.log;
        let mut transaction = None;
        for record in log.records("audit.decisions", self.number) {
            let Some(page) = decode::<DecisionPage>(record, "page", self.shared.report) else {
                continue;
            };
            let place = Place::of(record);
            let key = format!(
                "{}/{}",
                if page.raw_topic.is_empty() {
                    "-"
                } else {
                    &page.raw_topic
                },
                self.number
            );
            if record.key.as_deref() != Some(key.as_bytes()) {
                self.shared.report.differ(
                    "page",
                    &place,
                    "the key of its raw topic and partition",
                    "another key",
                );
            }
            // Pages of one transaction share stamp and time; it must have settled what its stamp moved past.
            let this = Some((page.policy_next, page.links_next, decided_at(&page)));
            if this != transaction {
                self.settle();
                transaction = this;
                self.begin_group();
                self.advance(&page);
            }
            self.page(&page, &place);
        }
        self.settle();
        let left = self.chain.undecided(&self.topics, self.number, log);
        self.shared.report.count(Checked::Undecided, left);
    }

    fn begin_group(&mut self) {
        self.group = Group::default();
        for topic in &self.topics {
            self.group
                .cut
                .insert(topic.clone(), self.chain.next_raw(topic));
        }
    }

    /// Moves the control plane and the links to a page's stamp, noting whom it concerns.
    fn advance(&mut self, page: &DecisionPage) {
        let mut fallen = Vec::new();
        let mut about = BTreeSet::new();
        let policy = self.shared.policy;
        while let Some(record) = policy
            .get(self.policy_done)
            .filter(|record| record.offset < page.policy_next)
        {
            self.policy_done += 1;
            if let Some(change) = self.control.apply(record) {
                about.extend(
                    self.links
                        .concerned(change.handle)
                        .map(|handle| (handle, change.handle)),
                );
                fallen.push((record.offset, change));
            }
        }
        while let Some((_, _, handle, link)) = self
            .link_records
            .get(self.links_done)
            .filter(|(offset, ..)| *offset < page.links_next)
            .cloned()
        {
            self.links_done += 1;
            self.group.relinked.insert(handle);
            match self.links.apply(handle, link) {
                Change::New => {}
                Change::Facts => {
                    self.group.concerned.insert(handle);
                }
                Change::Members(members) => {
                    if members
                        .iter()
                        .any(|member| self.control.has_grounds(*member))
                    {
                        self.group.concerned.insert(handle);
                    }
                }
            }
        }
        for (offset, change) in fallen {
            let mut handles: BTreeSet<Handle> = self.links.concerned(change.handle).collect();
            handles.extend(
                about
                    .iter()
                    .filter(|(_, ground)| *ground == change.handle)
                    .map(|(handle, _)| *handle),
            );
            for handle in handles {
                self.group.concerned.insert(handle);
                if change.after.stands_against() {
                    self.must_fall(handle, &change, offset);
                }
            }
        }
    }

    fn must_fall(
        &mut self,
        handle: Handle,
        change: &walbrook_policy::state::GroundChange,
        offset: i64,
    ) {
        for (name, _) in self.standing.releases(handle) {
            let (purpose, agreement, event) = name;
            let meant = change
                .purpose
                .as_ref()
                .is_none_or(|one| one.as_str() == purpose)
                && change.agreement.as_ref().is_none_or(|one| one == agreement)
                && change.event.is_none_or(|one| one == *event);
            if meant {
                self.group.must_fall.insert((handle, name.clone()), offset);
            }
        }
    }

    fn page(&mut self, page: &DecisionPage, place: &Place) {
        self.chain.follow(
            page,
            self.number,
            place,
            self.shared.log,
            self.shared.report,
        );
        let Some(now) = decided_at(page) else { return };
        self.group.page = Some((place.clone(), now));
        let report = &mut *self.shared.report;
        report.equal(
            "page",
            place,
            format!("pins epoch {}", self.control.pins_epoch()),
            format!("pins epoch {}", page.pins_epoch),
        );
        let rules = self.control.rules_version().unwrap_or(0);
        report.equal(
            "page",
            place,
            format!("rules {rules}"),
            format!("rules {}", page.rules_version),
        );
        if page.kind == "LIVE" {
            self.epoch(page, place);
            self.live(page, place, now);
        } else {
            self.again(page, place, now);
        }
    }

    /// P5: what was on the control topics well before an event was accepted governs it.
    fn epoch(&mut self, page: &DecisionPage, place: &Place) {
        // A record holds from its acknowledgement, which comes at most a transaction's timeout after it was appended.
        const ACKNOWLEDGED_WITHIN_MS: i64 = 5_000;
        let Some(raw) = self.raws.get(&page.raw_topic) else {
            return;
        };
        let newest = raw
            .range(page.first_offset, page.last_offset)
            .iter()
            .map(|slot| slot.accepted_at.micros() / 1_000)
            .max();
        let Some(newest) = newest else { return };
        let before = newest - ACKNOWLEDGED_WITHIN_MS;
        let policy = self
            .shared
            .policy
            .get(self.policy_done)
            .is_some_and(|record| record.appended_at.micros() / 1_000 < before);
        let links = self
            .link_records
            .get(self.links_done)
            .is_some_and(|(_, at, ..)| *at < before);
        if policy || links {
            let topic = if policy {
                "control.policy"
            } else {
                "control.links"
            };
            self.shared.report.differ(
                "epoch",
                place,
                format!("every earlier record of {topic} applied"),
                "a stamp before one",
            );
        }
    }

    /// A page's day: midnight UTC of the decision, ms.
    pub(crate) const fn day_ms(now: Instant) -> i64 {
        now.micros().div_euclid(1_000).div_euclid(DAY_MS) * DAY_MS
    }

    pub(crate) fn demand(&mut self, topic: &str, key: Key, page: &Place, now: Instant, what: What) {
        let ordinal = self.shared.demands.next_ordinal();
        let demand = Demand {
            page: page.clone(),
            ordinal,
            day_ms: Self::day_ms(now),
            what,
        };
        self.shared.demands.add(topic, key, demand);
    }

    fn live(&mut self, page: &DecisionPage, place: &Place, now: Instant) {
        let mut stated = self.expand(page, place);
        let mut retractions = page.retractions.clone();
        // Supersessions stand where their event does; anything else before all events.
        let rest: Vec<_> = retractions
            .extract_if(.., |retraction| retraction.reason != "SUPERSEDED")
            .collect();
        self.retract(&rest, place, now);
        self.subjects(&page.subjects, place, now);
        let Some(raw) = self.raws.remove(&page.raw_topic) else {
            self.shared.report.differ(
                "page",
                place,
                "a raw topic",
                crate::log::printable(&page.raw_topic),
            );
            return;
        };
        for slot in raw.range(page.first_offset, page.last_offset) {
            self.shared.report.count(Checked::RawRecords, 1);
            let entries = stated.remove(&slot.offset).unwrap_or_default();
            let at = Place::new(&page.raw_topic, self.number, slot.offset);
            self.slot(page, place, now, (&raw, slot, slot.offset, &at), &entries);
            self.supersede(&raw, slot, &mut retractions, (place, &at), now);
        }
        self.raws.insert(page.raw_topic.clone(), raw);
        for offset in stated.keys() {
            self.shared.report.differ(
                "page",
                place,
                "entries about its own offsets",
                format!("one about {offset}"),
            );
        }
        for _ in retractions {
            self.shared.report.differ(
                "retraction",
                place,
                "a supersession that demands it",
                "none",
            );
        }
        self.heartbeats(page, place, now);
    }

    /// The entries of a live page by offset; runs are unrolled.
    fn expand<'p>(
        &mut self,
        page: &'p DecisionPage,
        place: &Place,
    ) -> BTreeMap<i64, Vec<&'p DecisionEntry>> {
        let mut stated: BTreeMap<i64, Vec<&DecisionEntry>> = BTreeMap::new();
        let mut last = (i64::MIN, String::new());
        for entry in &page.entries {
            let agreement = usize::try_from(entry.agreement_index)
                .ok()
                .and_then(|at| page.agreements.get(at));
            let this = (
                entry.first_offset,
                agreement
                    .map(|named| named.agreement_id.clone())
                    .unwrap_or_default(),
            );
            let run = entry.offset_count > 1 && entry.agreement_index >= 0;
            let inside = entry.first_offset >= page.first_offset
                && entry.offset_count >= 1
                && entry.first_offset + i64::from(entry.offset_count) <= page.last_offset + 1;
            if this < last || run || !inside {
                self.shared.report.differ(
                    "page",
                    place,
                    "entries in the order of offset and agreement",
                    "another order or extent",
                );
                continue;
            }
            last = this;
            for offset in entry.first_offset..entry.first_offset + i64::from(entry.offset_count) {
                stated.entry(offset).or_default().push(entry);
            }
        }
        stated
    }

    /// Holds what a page states of one raw record against what follows for it.
    pub(crate) fn slot(
        &mut self,
        page: &DecisionPage,
        place: &Place,
        now: Instant,
        at: (&Raw, &Slot, i64, &Place),
        entries: &[&DecisionEntry],
    ) {
        let (raw, slot, below, where_) = at;
        let counted = if page.kind == "LIVE" {
            Checked::Decisions
        } else {
            Checked::Redecisions
        };
        let found: Vec<Stated> = entries
            .iter()
            .filter_map(|entry| Stated::of_entry(entry, &page.agreements))
            .collect();
        let (expected, verdicts) =
            match derive(&mut self.control, &self.links, raw, slot, below, now) {
                Derived::Decided(verdicts) => (
                    verdicts
                        .iter()
                        .map(|verdict| self.stated(verdict, slot))
                        .collect(),
                    verdicts,
                ),
                Derived::Unreadable(rule) => {
                    if page.kind == "LIVE" {
                        self.shared.quarantine.insert(
                            (where_.topic().to_owned(), self.number, slot.offset),
                            (rule.as_str(), now),
                        );
                    }
                    (vec![Stated::unreadable()], Vec::new())
                }
                Derived::NoLink => {
                    self.shared.report.differ(
                        "decision",
                        where_,
                        "a link before its decision",
                        format!("none at the stamp of page {place}"),
                    );
                    return;
                }
                Derived::NoRules => {
                    self.shared.report.differ(
                        "decision",
                        where_,
                        "decision rules that are pinned and known to this build",
                        "none",
                    );
                    return;
                }
            };
        self.shared.report.count(counted, expected.len() as u64);
        if found != expected {
            let words = |stated: &[Stated]| {
                stated
                    .iter()
                    .map(Stated::words)
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            self.shared.report.differ(
                "decision",
                where_,
                words(&expected),
                format!("{} on page {place}", words(&found)),
            );
        }
        for verdict in verdicts.iter().filter(|verdict| verdict.grant.is_some()) {
            self.permit(verdict, slot, where_, (place, now), entries, page);
        }
    }

    /// What a page must state of a verdict. An area's event has no person to be released to, so nothing is: the permit grants no field.
    fn stated(&self, verdict: &Verdict, slot: &Slot) -> Stated {
        let mut stated = Stated::of_verdict(verdict);
        if self.target(verdict, slot).is_none() {
            (stated.mask, stated.not_after) = (0, None);
        }
        stated
    }

    /// The topic a permit's release goes to.
    fn target(&self, verdict: &Verdict, slot: &Slot) -> Option<String> {
        let (agreement, version) = verdict.agreement.as_ref()?;
        let topic = self.control.topic(agreement, *version)?;
        let person = matches!(
            slot.event.as_ref().ok()?.subject,
            history::Subject::Handle(_)
        );
        (person == topic.starts_with("shared.")).then_some(topic)
    }

    /// Demands the release of a permit, paired with the page's entry by agreement.
    fn permit(
        &mut self,
        verdict: &Verdict,
        slot: &Slot,
        raw: &Place,
        at: (&Place, Instant),
        entries: &[&DecisionEntry],
        page: &DecisionPage,
    ) {
        let (place, now) = at;
        let (Ok(event), Some(topic)) = (&slot.event, self.target(verdict, slot)) else {
            return;
        };
        let Some(schema) = self.control.event_schema(event.schema_id) else {
            return;
        };
        let Some((agreement, version)) = &verdict.agreement else {
            return;
        };
        let paired = entries.iter().find(|entry| {
            Stated::of_entry(entry, &page.agreements)
                .is_some_and(|stated| stated.agreement == Some((agreement.to_string(), version.0)))
        });
        // A permit that the page does not state was reported; nothing is demanded of the topic because of it.
        let Some(entry) =
            paired.filter(|entry| entry.outcome == walbrook_policy::Outcome::Permit.code())
        else {
            return;
        };
        let Some(release) = release(event, &schema, verdict, &self.links, raw.clone()) else {
            self.shared
                .report
                .differ("release", raw, "a body that can be projected", "none");
            return;
        };
        let (key_prefix, event_prefix) = (
            entry.key_prefix.cast_unsigned(),
            entry.event_prefix.cast_unsigned(),
        );
        if let (Some(handle), Some(person), Some(purpose)) = (
            release.handle,
            release.person,
            topic.strip_prefix("shared."),
        ) {
            let report = &mut *self.shared.report;
            self.shared.pseudonyms.prefix(
                purpose,
                Subject::Person(person),
                key_prefix,
                place,
                report,
            );
            let subject = Subject::Event(release.organisation.clone(), handle, release.event);
            self.shared
                .pseudonyms
                .prefix(purpose, subject, event_prefix, place, report);
            let stood = Stood {
                key_prefix,
                event_prefix,
                person,
                version: *version,
                mask: verdict.grant.map_or(0, |grant| grant.mask),
                not_after: release.not_after.map(|day| day.0),
                raw: (raw.topic().to_owned(), slot.offset),
            };
            self.standing.put(
                handle,
                (purpose.to_owned(), agreement.clone(), release.event),
                stood,
            );
        }
        let key = Key::Release(key_prefix, event_prefix, agreement.to_string());
        self.demand(&topic, key, place, now, What::Release(Box::new(release)));
    }
}
