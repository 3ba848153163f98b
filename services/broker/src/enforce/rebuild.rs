//! p built again from the log, exactly to its committed positions.
//!
//! Nothing of p is certain but the log: raw records below the committed positions give the index, p's own pages say what was released and
//! retracted, and the links at each page's stamp say under which person. A [`snapshot`](super::snapshot) may stand for the older part of it. Each page is checked against what it must follow from: pages join
//! without gap or overlap, and each permit's key is the person's pseudonym at the page's stamp.

use super::control_view::{ControlView, Setting, Target};
use super::error::Stop;
use super::incoming;
use super::links::{Link, LinkFault};
use super::page::{LIVE, REDECISION};
use super::partition::Partition;
use super::stamp::{CommittedStamp, Stamp};
use super::standing::{Released, Removal, SubjectStanding};
use std::collections::{HashMap, VecDeque};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, Handle, Instant, Pseudonym, Purpose, WordError,
};
use walbrook_event::framing::unframe;
use walbrook_event::history::{Entry, Subject};
use walbrook_eventlog::Record;
use walbrook_eventlog::chain::Generations;
use walbrook_eventlog::position::PositionError;
use walbrook_policy::outcome::Outcome;
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage, PageAgreement, PageRetraction};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::LinkRecord;

/// Raw records that no page has covered yet; `None` where not even the envelope can be read.
type Ahead = VecDeque<(i64, Option<Entry>)>;

/// A partition on its way back.
pub struct Rebuild<'a> {
    partition: Partition,
    control: &'a dyn ControlView,
    setting: &'a Setting,
    ahead: Vec<Ahead>,
    links: VecDeque<(i64, Handle, Link)>,
    /// Where the last page that a snapshot knows must stand, until it was met.
    known_page: Option<i64>,
}

/// Reads a record of `control.links[p]`.
///
/// # Errors
/// When it cannot be used.
pub fn link_record(number: i32, record: &Record) -> Result<(i64, Handle, Link), LinkFault> {
    let fault = |problem: String| LinkFault {
        partition: number,
        offset: record.offset,
        problem,
    };
    let (_, body) = unframe(record.value.as_deref()).map_err(|error| fault(error.to_string()))?;
    let link = LinkRecord::decode_exact(body).map_err(|error| fault(error.to_string()))?;
    let (handle, link) = Link::read(&link).map_err(|error| fault(error.to_string()))?;
    if record.key.as_deref() != Some(handle.as_bytes()) {
        return Err(fault("the record's key is not its handle".to_owned()));
    }
    Ok((record.offset, handle, link))
}

impl<'a> Rebuild<'a> {
    /// Starts with an empty partition, or with one as a snapshot had it: then the first page and the first record of each raw topic that are given are
    /// the last that it knows.
    pub fn new(
        mut partition: Partition,
        control: &'a dyn ControlView,
        setting: &'a Setting,
    ) -> Self {
        partition.limits = setting.limits;
        let ahead = partition.topics.iter().map(|_| Ahead::new()).collect();
        Self {
            known_page: partition.page_offset,
            partition,
            control,
            setting,
            ahead,
            links: VecDeque::new(),
        }
    }

    /// Where to begin to read: each raw topic, `control.links[p]` and `audit.decisions[p]`.
    pub fn starts(&self) -> (Vec<i64>, i64, i64) {
        let raw = self.partition.topics.iter();
        let raw = raw.map(|topic| {
            topic
                .history
                .last()
                .map_or(topic.position, |last| last.offset)
        });
        (
            raw.collect(),
            self.partition.stamp.links_next,
            self.partition.page_offset.unwrap_or(0),
        )
    }

    /// A raw record. Which of them are events that count is not known before their page is read: what went to quarantine is not in the index, and
    /// what no page covers is decided, and indexed, later.
    ///
    /// # Errors
    /// When the key store does not answer.
    pub fn raw(&mut self, record: &Record) -> Result<(), Stop> {
        let topics = self.partition.topics.iter().zip(&mut self.ahead);
        for (topic, ahead) in topics {
            if topic.full != record.at.topic {
                continue;
            }
            let entry = incoming::envelope(topic, record, self.control, self.setting)?
                .ok()
                .map(|event| event.entry(record.offset, record.timestamp_ms.saturating_mul(1_000)));
            if record.offset >= topic.history.next_offset() {
                ahead.push_back((record.offset, entry));
            } else if entry.is_some() && entry != topic.history.at(record.offset) {
                return Err(self.partition.integrity(format!(
                    "{} offset {} is another record than was there",
                    topic.plain, record.offset
                )));
            }
        }
        Ok(())
    }

    /// Indexes what a live page covers, but for what it sent to quarantine.
    fn index(&mut self, index: usize, page: &DecisionPage) {
        let quarantined = |offset: i64| {
            page.entries.iter().any(|entry| {
                entry.outcome == Outcome::Quarantine.code()
                    && entry.first_offset <= offset
                    && offset < entry.first_offset + i64::from(entry.offset_count)
            })
        };
        let any = page
            .entries
            .iter()
            .any(|entry| entry.outcome == Outcome::Quarantine.code());
        let (Some(topic), Some(ahead)) = (
            self.partition.topics.get_mut(index),
            self.ahead.get_mut(index),
        ) else {
            return;
        };
        while let Some((offset, entry)) = ahead.pop_front_if(|(at, _)| *at <= page.last_offset) {
            if let Some(entry) = entry.filter(|_| !(any && quarantined(offset))) {
                topic.history.observe(entry);
            }
        }
        topic.history.seen_below(page.last_offset + 1);
    }

    /// A link record below the committed position of `control.links[p]`.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn link(&mut self, record: &Record) -> Result<(), Stop> {
        self.links
            .push_back(link_record(self.partition.number, record)?);
        Ok(())
    }

    /// A page of p, in order. All raw and link records that it speaks of were given before.
    ///
    /// # Errors
    /// When it does not join the one before, or does not follow from the log.
    pub fn page(&mut self, record: &Record) -> Result<(), Stop> {
        let number = self.partition.number;
        let unreadable = |problem: String| Stop::Integrity {
            partition: number,
            problem: format!(
                "page at audit.decisions offset {}: {problem}",
                record.offset
            ),
        };
        let (_, body) =
            unframe(record.value.as_deref()).map_err(|error| unreadable(error.to_string()))?;
        let page =
            DecisionPage::decode_exact(body).map_err(|error| unreadable(error.to_string()))?;
        if self.known_page.is_some() {
            return self.known_page(record.offset, &page);
        }
        if page.sequence != self.partition.stamp.next_page
            || page.partition != self.partition.number
        {
            return Err(unreadable(format!(
                "it has sequence {} where {} follows",
                page.sequence, self.partition.stamp.next_page
            )));
        }
        self.links_until(page.links_next);
        let applied = self.apply(&page);
        applied.map_err(|error| match error {
            Replay::Stop(stop) => stop,
            Replay::Word(word) => unreadable(word.to_string()),
            Replay::Wrong(problem) => unreadable(problem),
        })?;
        let partition = &mut self.partition;
        partition.stamp = Stamp {
            policy_next: page.policy_next,
            links_next: page.links_next,
            next_page: page.sequence + 1,
            cursor: page
                .cursor_after
                .parse()
                .map_err(|error: PositionError| unreadable(error.to_string()))?,
            generations: generations(&page),
        };
        partition.last_decided_at = partition.last_decided_at.max(decided_at(&page));
        partition.page_offset = Some(record.offset);
        Ok(())
    }

    /// The last page that a snapshot knows: it must stand where it stood and say what it said, or the log is another.
    fn known_page(&mut self, offset: i64, page: &DecisionPage) -> Result<(), Stop> {
        let stamp = &self.partition.stamp;
        let same = self.known_page.take() == Some(offset)
            && page.partition == self.partition.number
            && page.sequence + 1 == stamp.next_page
            && page.policy_next == stamp.policy_next
            && page.links_next == stamp.links_next
            && page.cursor_after == stamp.cursor.to_string()
            && generations(page) == stamp.generations
            && decided_at(page) == self.partition.last_decided_at;
        if same {
            return Ok(());
        }
        Err(self.partition.integrity(format!(
            "audit.decisions offset {offset} is another page than was there"
        )))
    }

    fn links_until(&mut self, next: i64) {
        let mut batch = Vec::new();
        while let Some((offset, _, _)) = self.links.front()
            && *offset < next
        {
            batch.extend(self.links.pop_front());
        }
        self.partition.apply_links(batch, next);
    }

    fn apply(&mut self, page: &DecisionPage) -> Result<(), Replay> {
        match page.kind.as_str() {
            LIVE => {
                let index = self.topic(&page.raw_topic)?;
                let position = self
                    .partition
                    .topics
                    .get(index)
                    .map_or(0, |topic| topic.position);
                if page.first_offset != position {
                    return Err(Replay::Wrong(format!(
                        "it starts at {} offset {} where {position} follows",
                        page.raw_topic, page.first_offset
                    )));
                }
                self.index(index, page);
                for entry in &page.entries {
                    self.entry(&page.agreements, index, entry)?;
                }
                for retraction in &page.retractions {
                    self.retraction(retraction)?;
                }
                if let Some(topic) = self.partition.topics.get_mut(index) {
                    topic.position = page.last_offset + 1;
                }
            }
            REDECISION => {
                for retraction in &page.retractions {
                    self.retraction(retraction)?;
                }
                for event in &page.redecided {
                    let index = self.topic(&event.topic)?;
                    for entry in &event.entries {
                        self.entry(&page.agreements, index, entry)?;
                    }
                }
            }
            _ => {}
        }
        self.subjects_and_heartbeats(page)
    }

    fn topic(&self, plain: &str) -> Result<usize, Replay> {
        let found = self
            .partition
            .topics
            .iter()
            .position(|topic| topic.plain == plain);
        found.ok_or_else(|| {
            Replay::Wrong(format!(
                "it names the raw topic {plain}, which is not pinned"
            ))
        })
    }

    fn entry(
        &mut self,
        agreements: &[PageAgreement],
        index: usize,
        entry: &DecisionEntry,
    ) -> Result<(), Replay> {
        if entry.outcome != Outcome::Permit.code() {
            return Ok(());
        }
        let offset = entry.first_offset;
        let missing = || {
            Replay::Wrong(format!(
                "it permits offset {offset}, where no readable event of a known handle stands"
            ))
        };
        let topic = self.partition.topics.get(index).ok_or_else(missing)?;
        let about = topic.history.at(offset).ok_or_else(missing)?;
        let (organisation, event) = (&about.organisation, about.event);
        // An event of a place or of nobody has no handle.
        let Subject::Handle(handle) = about.subject else {
            return Ok(());
        };
        let named = usize::try_from(entry.agreement_index)
            .ok()
            .and_then(|at| agreements.get(at))
            .ok_or_else(missing)?;
        let agreement = AgreementId::new(&named.agreement_id)?;
        let version = AgreementVersion(named.version);
        let Some(Target::Shared(purpose)) = self.control.target(&agreement, version) else {
            return Err(Replay::Wrong(format!(
                "it permits under {agreement}@{version}, which has no shared topic"
            )));
        };
        let purpose_key = self.setting.keys.get(&purpose).ok_or_else(|| {
            Replay::Stop(Stop::NoKey {
                purpose: purpose.clone(),
            })
        })?;
        let person = self.partition.links.get(handle).ok_or_else(missing)?.person;
        let released = Released {
            key: purpose_key.person(person),
            local_event: purpose_key.event(organisation, handle, event),
            version,
            mask: entry.field_mask.cast_unsigned(),
            not_after: entry.not_after_day.map(Day),
        };
        if released.key.prefix().cast_signed() != entry.key_prefix
            || released.local_event.prefix().cast_signed() != entry.event_prefix
        {
            return Err(Replay::Wrong(format!(
                "the release of offset {offset} does not follow from link and key"
            )));
        }
        let name = (purpose, agreement, event);
        self.partition.standing.release(handle, name, released);
        Ok(())
    }

    fn retraction(&mut self, retraction: &PageRetraction) -> Result<(), Replay> {
        let removal = Removal {
            purpose: Purpose::new(&retraction.purpose)?,
            key: Pseudonym::try_from(retraction.person_pseudonym.as_slice())?,
            agreements: retraction
                .agreement_ids
                .iter()
                .map(|id| AgreementId::new(id))
                .collect::<Result<_, _>>()?,
            local_event: retraction
                .event_id
                .as_deref()
                .map(str::parse::<EventId>)
                .transpose()?,
            subject_too: retraction.subject_too,
        };
        let handle = Handle::try_from(retraction.handle.as_slice())?;
        self.partition.standing.remove(handle, &removal);
        Ok(())
    }

    fn subjects_and_heartbeats(&mut self, page: &DecisionPage) -> Result<(), Replay> {
        for subject in &page.subjects {
            let handle = Handle::try_from(subject.handle.as_slice())?;
            let standing = SubjectStanding {
                key: Pseudonym::try_from(subject.person_pseudonym.as_slice())?,
                body_sha256: subject.body_sha256.as_slice().try_into().map_err(|_| {
                    Replay::Wrong("a subject record's hash has not 32 bytes".to_owned())
                })?,
            };
            let purpose = Purpose::new(&subject.purpose)?;
            self.partition.standing.subject(handle, purpose, standing);
        }
        for heartbeat in &page.heartbeats {
            let key = (
                Purpose::new(&heartbeat.purpose)?,
                heartbeat.organisation.parse()?,
                heartbeat.event_type.parse()?,
            );
            let date = heartbeat.last_accepted_on.unwrap_or_default();
            if let Some(day) = Day::from_ymd(date.year, date.month, date.day) {
                self.partition.heard.insert(key, day);
            }
        }
        Ok(())
    }

    /// The partition, when its pages lead exactly to what is committed. `committed` is the group's entry for `control.links[p]` and each raw
    /// topic (full name); `None` where the group has none, which is a fresh start or offsets that have expired: then the last page holds.
    ///
    /// # Errors
    /// When pages and committed positions disagree.
    pub fn finish(
        mut self,
        committed: Option<&CommittedStamp>,
        positions: &HashMap<String, Option<i64>>,
    ) -> Result<Partition, Stop> {
        let partition = &mut self.partition;
        if let Some(offset) = self.known_page {
            return Err(partition.integrity(format!(
                "no page stands at audit.decisions offset {offset}, where its last one stood"
            )));
        }
        if let Some(committed) = committed
            && *committed != partition.stamp.committed()
        {
            return Err(partition.integrity(format!(
                "the group's committed position is {} of control.links, `{}`; its pages lead to {}, `{}`",
                committed.links_next,
                committed.position,
                partition.stamp.links_next,
                partition.stamp.metadata()
            )));
        }
        for topic in &partition.topics {
            let known = positions.get(&*topic.full).copied().flatten();
            if known.is_some_and(|known| known != topic.position) {
                return Err(partition.integrity(format!(
                    "the group's committed position of {} is {known:?}, its pages lead to {}",
                    topic.plain, topic.position
                )));
            }
        }
        partition.changed_links.clear();
        partition.link_causes.clear();
        // Which handles still lack a subject record is not stored: it is found out again.
        partition.queue_subjects(self.control);
        Ok(self.partition)
    }
}

/// The generations that a page's transaction writes to.
fn generations(page: &DecisionPage) -> Generations {
    let mut generations = Generations::default();
    for one in &page.generations {
        generations.set(&one.purpose, one.generation);
    }
    generations
}

fn decided_at(page: &DecisionPage) -> Instant {
    let at = page.decided_at.as_ref();
    at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .unwrap_or(Instant(0))
}

/// Why a page could not be replayed.
enum Replay {
    Stop(Stop),
    Word(WordError),
    Wrong(String),
}

impl From<WordError> for Replay {
    fn from(error: WordError) -> Self {
        Replay::Word(error)
    }
}
