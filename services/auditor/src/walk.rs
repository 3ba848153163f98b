//! One partition's pages, one after another: each decision derived again, each cause followed to everything it demands.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use walbrook_domain::control::ControlRecord;
use walbrook_domain::{Handle, Instant};
use walbrook_eventlog::chain::Generations;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::identity::v1::LinkRecord;

use crate::control::Control;
use crate::demanded::{Demand, Demands, Key, What};
use crate::generations;
use crate::links::{Change, Link, Links};
use crate::log::{Log, Place, decode};
use crate::pages::{Chain, decided_at};
use crate::pseudonyms::Pseudonyms;
use crate::queue::{Events, Queue, Reach, Through};
use crate::raw::{QuarantineRuns, Raw};
use crate::report::{Checked, Report};
use crate::standing::{Name, Standing};

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
    pub(crate) queue: Queue,
    /// The generations that the page's transaction writes to.
    generations: Generations,
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
    /// Releases that a retraction took away and no event corrects: whose, the raw topic and offset of their event, and the page.
    pub taken: Vec<(Handle, (String, i64), Place)>,
    /// Handles whose link record was written.
    pub relinked: BTreeSet<Handle>,
    /// Next raw offset by topic when the group began: what was accepted later was decided live.
    pub cut: BTreeMap<String, i64>,
    /// What of the queue is through with it.
    pub through: Through,
    /// Whom the queue concerns.
    pub reach: Reach,
    /// What does not wait in the queue.
    pub tail: Events,
}

/// The offset of the next control record to be applied.
fn policy_next(policy: &[ControlRecord], done: usize) -> Option<i64> {
    policy.get(done).map(|record| record.offset)
}

impl<'a, 'b> Walk<'a, 'b> {
    /// Reads what a partition's pages are to be held against.
    pub fn new(shared: &'b mut Shared<'a>, number: i32) -> Self {
        let log = shared.log;
        let topics = log.topics("raw.");
        let mut quarantined = QuarantineRuns::default();
        for page in log.records("audit.decisions", number) {
            quarantined.note(page);
        }
        let mut raws = BTreeMap::new();
        for topic in &topics {
            let raw = Raw::read_but(topic, log.records(topic, number), log.seal(), &|offset| {
                quarantined.covers(topic, offset)
            });
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
            queue: Queue::default(),
            generations: Generations::default(),
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
        self.count_queued();
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
        let first_new = policy_next(self.shared.policy, self.policy_done);
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
        let widened = first_new.and_then(|first| self.control.widenings(first).first());
        if let Some(first) = widened.map(|(offset, _)| *offset) {
            self.queue(first);
        }
        self.group.reach = self.reach();
        self.group.tail = first_new.map(|first| self.tail(first)).unwrap_or_default();
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
                if change.falls() {
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
            let Ok(purpose) = purpose.parse() else {
                continue;
            };
            if self
                .control
                .takes(change, handle, (&purpose, agreement, event))
            {
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
        self.follow_queue(page, place);
        self.generations = generations::of_page(page);
        let in_force = generations::in_force(self.control.state());
        if self.generations != in_force {
            self.shared.report.differ(
                "generation",
                place,
                format!("the generations in force at its stamp ({in_force})"),
                &self.generations,
            );
        }
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
            self.epoch(page, place, now);
            self.live(page, place, now);
        } else {
            self.again(page, place, now);
        }
    }

    /// P5: what was on the control topics well before an event was accepted governs it.
    fn epoch(&mut self, page: &DecisionPage, place: &Place, now: Instant) {
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
        if newest > now.micros() / 1_000 {
            self.shared.report.differ(
                "epoch",
                place,
                "a decision time no earlier than what was decided was accepted",
                "an earlier one",
            );
        }
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
            generation: self
                .generations
                .of(topic.strip_prefix("shared.").unwrap_or_default()),
            what,
        };
        self.shared.demands.add(topic, key, demand);
    }
}
