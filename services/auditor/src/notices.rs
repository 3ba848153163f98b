//! Notices, derived again: whatever fell of a row that was shown has its notice, and no notice is without its cause. Acknowledgements and tellings
//! are of notices that stood before them, by those whose they are.

mod causes;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use walbrook_domain::control::{ControlFact, ControlRecord};
use walbrook_domain::{AgreementId, Day, Instant, Pseudonym};
use walbrook_event::headers;
use walbrook_eventlog::{Record, murmur2_partition, topics};
use walbrook_policy::state::AgreementBook;
use walbrook_proto::audit::v1::{
    Notice, NoticeAcknowledgement, NoticeDelivery, NoticesComplete, ReadRecord,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_view::View;
use walbrook_view::notice::{self, ACTIONS, Cause as Word, DAYS, MOST_READS, To};
use walbrook_view::wire::Needs;

use crate::fold::schemas;
use crate::log::{Log, Place, decode, header_text, printable};
use crate::report::{Checked, Report};
use causes::{At, Cause, Causes};

/// A notice stands on the log this long after the instant it states, at most.
const RECORDED_WITHIN_MICROS: i64 = 600_000_000;

/// A read, as far as notices refer to it.
struct Shown {
    offset: i64,
    read: ReadRecord,
    under: BTreeSet<AgreementId>,
}

/// A notice as its records say, all together.
struct Told {
    notice: Notice,
    events: BTreeSet<String>,
    reads: BTreeSet<String>,
}

struct Notices<'a> {
    /// By read id: the last record is the answer's; one before it may have made a notice.
    reads: HashMap<String, Vec<Shown>>,
    causes: Causes,
    views: &'a BTreeMap<[u8; 32], View>,
    told: HashMap<String, Told>,
    complete: Vec<NoticesComplete>,
    report: &'a mut Report,
}

/// Checks every record of `audit.notices`, and what is missing there. `views` are the files ever pinned, by hash.
pub fn check(
    log: &Log,
    policy: &[ControlRecord],
    (views, needs): (&BTreeMap<[u8; 32], View>, &BTreeMap<String, Needs>),
    report: &mut Report,
) {
    let mut notices = Notices {
        reads: reads(log),
        causes: Causes::read(log, (&schemas(policy), &book(policy)), needs),
        views,
        told: HashMap::new(),
        complete: Vec::new(),
        report,
    };
    for record in log.records(topics::NOTICES, 0) {
        notices.record(log, record);
    }
    notices.missing();
}

/// The agreements as they stand: the text of a version, once published, is the same for ever.
fn book(policy: &[ControlRecord]) -> AgreementBook {
    let catalogue = walbrook_view::file::catalogue();
    let mut book = AgreementBook::new(std::sync::Arc::new(catalogue));
    for record in policy {
        if let ControlFact::Agreement(fact) = &record.fact {
            // An illegal change is reported where the control plane is checked.
            let _ = book.apply(record.appended_at, fact);
        }
    }
    book
}

fn reads(log: &Log) -> HashMap<String, Vec<Shown>> {
    let mut reads: HashMap<String, Vec<Shown>> = HashMap::new();
    for record in log.records(topics::READS, 0) {
        if header_text(record, headers::TYPE) != ReadRecord::FULL_NAME {
            continue;
        }
        // What cannot be read is reported where reads are checked.
        let Some(read) = decode::<ReadRecord>(record, "read", &mut Report::default()) else {
            continue;
        };
        let agreements = read.agreements.iter();
        let under = agreements.filter_map(|one| one.agreement_id.parse().ok());
        let shown = Shown {
            offset: record.offset,
            under: under.collect(),
            read,
        };
        let id = shown.read.read_id.clone();
        reads.entry(id).or_default().push(shown);
    }
    reads
}

impl Shown {
    /// How far the person's partition was applied.
    fn applied(&self, person: &Pseudonym) -> Option<i64> {
        if let [one] = self.read.applied.as_slice() {
            return Some(one.next_offset);
        }
        let count = i32::try_from(self.read.applied.len()).ok()?;
        let partition = murmur2_partition(person.as_bytes(), count);
        let mut applied = self.read.applied.iter();
        applied
            .find(|one| one.partition == partition)
            .map(|one| one.next_offset)
    }

    /// What the person's row rested on, if it was shown before a retraction.
    fn before(&self, person: &Pseudonym, at: &At) -> Option<&[u8]> {
        let mut rows = self.read.answered.iter();
        let row = rows.find(|row| row.person_pseudonym == person.as_bytes())?;
        let earlier = self.applied(person)? <= at.2 && at.0 == topics::shared(&self.read.purpose);
        earlier.then_some(&row.events)
    }

    fn to(&self) -> To {
        To {
            view: self.read.view.clone(),
            organisation: self.read.organisation.clone(),
            role: self.read.role.clone(),
        }
    }
}

impl Notices<'_> {
    fn record(&mut self, log: &Log, record: &Record) {
        self.report.count(Checked::Notices, 1);
        match header_text(record, headers::TYPE) {
            NoticeAcknowledgement::FULL_NAME => {
                if let Some(said) = decode(record, "notice", self.report) {
                    self.acknowledged(&Place::of(record), &said);
                }
            }
            NoticeDelivery::FULL_NAME => {
                if let Some(told) = decode(record, "notice", self.report) {
                    self.delivered(&Place::of(record), &told);
                }
            }
            NoticesComplete::FULL_NAME => {
                if let Some(said) = decode::<NoticesComplete>(record, "notice", self.report) {
                    self.complete(log, &Place::of(record), said);
                }
            }
            _ => {
                if let Some(notice) = decode::<Notice>(record, "notice", self.report) {
                    self.notice(record, notice);
                }
            }
        }
    }

    fn complete(&mut self, log: &Log, place: &Place, said: NoticesComplete) {
        let topic = topics::shared(&said.purpose);
        let mut applied = said.applied.iter();
        let stand = applied
            .all(|one| one.topic == topic && log.reaches(&topic, one.partition, one.next_offset));
        if !stand || said.reads_next > log.end(topics::READS, 0) {
            let expected = "offsets of the purpose's topic and of audit.reads that exist";
            self.report.differ("notice", place, expected, "others");
        }
        self.complete.push(said);
    }

    fn notice(&mut self, record: &Record, notice: Notice) {
        let place = Place::of(record);
        let person = Pseudonym::try_from(notice.person_pseudonym.as_slice()).ok();
        if let Some(person) = person {
            self.rests(&place, &notice, &person);
        } else {
            self.report
                .differ("notice", &place, "a person of 16 bytes", "another length");
        }
        self.due(&place, &notice, record.timestamp_ms);
        let told = self.told.entry(notice.notice_id.clone());
        let told = told.or_insert_with(|| Told {
            notice: notice.clone(),
            events: BTreeSet::new(),
            reads: BTreeSet::new(),
        });
        told.events.extend(notice.event_ids);
        told.reads.extend(notice.read_ids);
    }

    /// A notice has a cause, and names reads that showed what fell, and nothing else.
    fn rests(&mut self, place: &Place, notice: &Notice, person: &Pseudonym) {
        let at: At = (
            notice.cause_topic.clone(),
            notice.cause_partition,
            notice.cause_offset,
        );
        let Some(cause) = self.causes.at(person, &at) else {
            let found = Place::new(printable(&at.0), at.1, at.2);
            let expected = "a retraction that took something of the person";
            self.report
                .differ("notice", place, expected, found.to_string());
            return;
        };
        let word = Word::of(&cause.fallen.reason).word();
        let to = To {
            view: notice.view.clone(),
            organisation: notice.organisation.clone(),
            role: notice.role.clone(),
        };
        let id = notice::id((&at.0, at.1, at.2), &to, person).to_string();
        let mut may = BTreeSet::new();
        let mut all_showed = !notice.read_ids.is_empty() && notice.read_ids.len() <= MOST_READS;
        for read in &notice.read_ids {
            let shown = self.reads.get(read).into_iter().flatten();
            let shown = shown.filter(|shown| {
                let same = shown.to() == to && shown.read.purpose == notice.purpose;
                same && topics::shared(&notice.purpose) == at.0
            });
            let mut events = shown.filter_map(|shown| {
                let row = shown.before(person, &at)?;
                let events = cause.fallen.touched(row, &shown.under, |_, _| false);
                (!events.is_empty()).then_some(events)
            });
            let events = events.next_back();
            all_showed &= events.is_some();
            may.extend(events.into_iter().flatten().map(|event| event.to_string()));
        }
        let events: BTreeSet<String> = notice.event_ids.iter().cloned().collect();
        let differs = [
            (notice.cause == word, "the cause that the retraction gives"),
            (
                notice.notice_id == id,
                "the id that follows from cause and reader",
            ),
            (
                all_showed,
                "reads of its organisation and role that showed what fell",
            ),
            (
                !events.is_empty() && events.is_subset(&may),
                "events that fell of those rows",
            ),
        ];
        for (holds, expected) in differs {
            if !holds {
                self.report.differ("notice", place, expected, "another");
            }
        }
    }

    /// It is due when its view's file says.
    fn due(&mut self, place: &Place, notice: &Notice, recorded_ms: i64) {
        let at = notice.noticed_at.as_ref();
        let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        let hash = <[u8; 32]>::try_from(notice.view_sha256.as_slice()).ok();
        let view = hash.and_then(|hash| self.views.get(&hash));
        let days = match view {
            Some(view) if view.name == notice.view => Some(view.acknowledge_within_days),
            None if notice.view_sha256.is_empty() => Some(DAYS),
            _ => None,
        };
        let due = notice.due_on.as_ref().and_then(|date| date.days()).map(Day);
        let recorded = Instant(recorded_ms.saturating_mul(1_000));
        let in_time =
            at.is_some_and(|at| (at.micros() - recorded.micros()).abs() <= RECORDED_WITHIN_MICROS);
        let expected = at.zip(days).map(|(at, days)| notice::due_on(at, days));
        if !in_time || due.is_none() || due != expected {
            let expected = "a day as its view's file says, from when it was put on record";
            self.report.differ("notice", place, expected, "another");
        }
    }

    fn acknowledged(&mut self, place: &Place, said: &NoticeAcknowledgement) {
        let own = self.is_of(&said.notice_id, &said.organisation, &said.role);
        if !own || said.officer.is_empty() || !ACTIONS.contains(&said.action.as_str()) {
            let expected = "an officer, a word of the closed list, and a notice before it of the same organisation and role";
            self.report
                .differ("notice", place, expected, "something else");
        }
    }

    fn delivered(&mut self, place: &Place, told: &NoticeDelivery) {
        let mut ids = told.notice_ids.iter();
        let own = ids.all(|id| self.is_of(id, &told.organisation, &told.role));
        if !own || told.reader.is_empty() {
            let expected = "notices before it, of the organisation and role they were told to";
            self.report.differ("notice", place, expected, "another");
        }
    }

    fn is_of(&self, id: &str, organisation: &str, role: &str) -> bool {
        let told = self.told.get(id).map(|told| &told.notice);
        told.is_some_and(|notice| notice.organisation == organisation && notice.role == role)
    }

    /// Whatever fell of a shown row, and is stated to have its notice, has it.
    fn missing(&mut self) {
        let mut shown: Vec<&Shown> = self.reads.values().filter_map(|all| all.last()).collect();
        shown.sort_by_key(|shown| shown.offset);
        let mut missing = Vec::new();
        let mut owed = 0;
        for shown in shown {
            let rows = shown.read.answered.iter();
            let people =
                rows.filter_map(|row| Pseudonym::try_from(row.person_pseudonym.as_slice()).ok());
            for person in people {
                for (at, cause) in self.causes.of(&person) {
                    let stated = self.stated(shown, at);
                    match (self.has(shown, &person, (at, cause), stated), stated) {
                        (Some(false), Some(_)) => missing.push((shown.offset, at.clone())),
                        (Some(false), None) => owed += 1,
                        _ => {}
                    }
                }
            }
        }
        self.report.count(Checked::NoticesOwed, owed);
        for (read, (topic, partition, offset)) in missing {
            self.report.differ(
                "notice",
                format!("{topic}[{partition}]@{offset}"),
                format!(
                    "a notice to whom the read {}@{read} showed what fell",
                    topics::READS
                ),
                "none",
            );
        }
    }

    /// Whether a notice says what fell of a row, and names the read; `None`: nothing did that must be told.
    fn has(
        &self,
        shown: &Shown,
        person: &Pseudonym,
        (at, cause): (&At, &Cause),
        stated: Option<Day>,
    ) -> Option<bool> {
        let row = shown.before(person, at)?;
        let mut gone = self.causes.gone(person, (at, cause), row, &shown.under);
        gone.retain(|event| stated.is_none_or(|day| cause.is_kept(*event, day)));
        if gone.is_empty() {
            return None;
        }
        let id = notice::id((&at.0, at.1, at.2), &shown.to(), person).to_string();
        let Some(told) = self.told.get(&id) else {
            return Some(false);
        };
        let mut gone = gone.iter();
        let said = gone.all(|event| told.events.contains(&event.to_string()));
        let named = told.reads.contains(&shown.read.read_id) || told.reads.len() >= MOST_READS;
        Some(said && named)
    }

    /// The first day on which it is stated that whatever fell there, and was shown by this read, has its notice.
    fn stated(&self, shown: &Shown, at: &At) -> Option<Day> {
        let covers = |said: &&NoticesComplete| {
            let mut applied = said.applied.iter();
            topics::shared(&said.purpose) == at.0
                && shown.offset < said.reads_next
                && applied.any(|one| one.partition == at.1 && at.2 < one.next_offset)
        };
        let said = self.complete.iter().find(covers)?;
        let at = said.recorded_at.as_ref();
        let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        Some(at.map_or(Day(i32::MIN), |at| at.london_day()))
    }
}
