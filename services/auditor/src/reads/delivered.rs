//! Rows on topics of organisations: each derived again from the disclosure it stands with, and the topics held against what was disclosed.
//!
//! A topic is compacted: a record that a later one of the same person replaced may be gone. So every record that stands is held against one
//! disclosure, in their order, and the last that was disclosed of each person is what stands.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use walbrook_domain::{Instant, Organisation, Pseudonym};
use walbrook_event::framing;
use walbrook_eventlog::{Record, murmur2_partition, topics};
use walbrook_policy::read::{Delivered, delivered};
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_view::delivered::{Shape, Stated};
use walbrook_view::query::Query;
use walbrook_view::reading::BookReading;
use walbrook_view::{Asked, Reading as _, View, Viewer};

use super::Reads;
use crate::log::{Log, Place, header, header_text};
use crate::report::{Checked, Report};

/// The operation on record.
pub(super) const DELIVER: &str = "DELIVER";
const GRANT_ENDED: &str = "GRANT_ENDED";
/// Why a row may leave.
const WHY: [&str; 5] = [
    GRANT_ENDED,
    "PAST_RETENTION",
    "OUTSIDE_SCOPE",
    "RETRACTED",
    "AGREEMENTS_DISAGREE",
];

/// What one disclosure says of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// A row with this hash, as a value with that one.
    Row(Vec<u8>, Vec<u8>),
    /// It left, for this reason.
    Left(String),
}

/// What was disclosed on one partition of a topic, in the order of `audit.reads`.
#[derive(Debug, Default)]
pub(super) struct Disclosed {
    by_partition: BTreeMap<(String, i32), Vec<Disclosure>>,
    /// Who stands, by topic and partition.
    stands: BTreeMap<(String, i32), BTreeSet<Vec<u8>>>,
}

/// Its id, and what it says of whom.
type Disclosure = (String, BTreeMap<Vec<u8>, Said>);

impl Reads<'_> {
    /// Holds one disclosure against what follows from the log.
    pub(super) fn delivered(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        view: &View,
        (book, viewer): (&walbrook_policy::state::AgreementBook, &Viewer),
        query: &Query,
    ) {
        let reading = BookReading::delivered(book, viewer, view, query.read_at);
        let topic = read.topic.clone().unwrap_or_default();
        let number = read.topic_partition.unwrap_or(-1);
        let expected = plain(&view.name, &viewer.organisation).unwrap_or_default();
        if topic != expected || read.reader != topic {
            let found = "another topic or reader";
            self.report
                .differ("delivery", place, format!("rows on {expected}"), found);
        }
        let of = (&view.purpose, view.name.as_str());
        let today = query.read_at.london_day();
        let granted = match delivered(book, &viewer.organisation, of, today) {
            Some(Delivered::To(role)) => Some(role),
            Some(Delivered::TwoRoles) | None => None,
        };
        let ended = read.left_reasons.iter().any(|why| why == GRANT_ENDED);
        if !ended || !read.answered.is_empty() {
            self.entitled(place, read, &reading);
            if granted.as_ref() != Some(&read.role) {
                self.report.differ(
                    "delivery",
                    place,
                    "the one role that agreements in force deliver to",
                    "another, or none",
                );
            }
        } else if granted.is_some() {
            let found = "tombstones because the grant ended";
            self.report
                .differ("delivery", place, "a grant that ended", found);
        }
        let parallel = read.left.len() == read.left_reasons.len()
            && read.answered.len() == read.value_sha256.len();
        let known = |why: &String| WHY.contains(&why.as_str());
        if !parallel || !read.left_reasons.iter().all(known) {
            let expected = "a value of each row and a known reason for each that left";
            self.report.differ("delivery", place, expected, "others");
        }
        let [applied] = read.applied.as_slice() else {
            let expected = "one partition, applied";
            self.report
                .differ("delivery", place, expected, read.applied.len());
            return;
        };
        if applied.partition != number {
            let expected = "rows on the partition they were computed from";
            self.report.differ("delivery", place, expected, number);
        }
        self.delivered_rows(place, read, (view, &reading), query);
    }

    fn delivered_rows(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        (view, reading): (&View, &BookReading<'_>),
        query: &Query,
    ) {
        let calendar = self.calendar.clone();
        let disputes = std::sync::Arc::clone(&self.disputes);
        self.marked_in_time(place, read, query.read_at);
        let instant = |at: &Option<prost_types::Timestamp>| {
            let at = at.as_ref()?;
            Instant::from_seconds_nanos(at.seconds, at.nanos)
        };
        let evaluated_at = instant(&read.evaluated_at);
        let (at, through) = match (evaluated_at, instant(&read.grounds_applied_through)) {
            (Some(at), Some(through)) => (at, through),
            (Some(at), None) if read.answered.is_empty() => (at, Instant(0)),
            _ => {
                let expected = "the instants its rows are stated for and rest on";
                self.report.differ("delivery", place, expected, "none");
                return;
            }
        };
        let asked = Asked {
            view,
            reading,
            evaluated_at: at,
            case_named: false,
            glass_broken: false,
            disputes: Some(disputes.marks(read.reads_next)),
            calendar: &calendar,
        };
        if let Err(problem) = self.folds.move_to(read, &view.purpose) {
            let expected = "applied offsets of the view's own topic";
            self.report.differ("delivery", place, expected, problem);
            return;
        }
        let shape = Shape::new(view, &read.role, &walbrook_view::file::catalogue()).ok();
        let agreements = reading.entitlements();
        let key = (
            read.topic.clone().unwrap_or_default(),
            read.topic_partition.unwrap_or(-1),
        );
        let partitions = self.log.partitions(&topics::shared(view.purpose.as_str()));
        let mut said = Vec::new();
        for (answered, value) in read.answered.iter().zip(&read.value_sha256) {
            self.row(place, &asked, answered);
            let person = Pseudonym::try_from(answered.person_pseudonym.as_slice()).ok();
            let body = person.and_then(|person| {
                let row = self.folds.row(&asked, &person)?;
                let stated = Stated {
                    at,
                    through,
                    agreements: &agreements,
                    read_id: &read.read_id,
                    keep_until: self.folds.keep_until(reading, &person),
                };
                Some(shape.as_ref()?.body(&row, &stated))
            });
            let follows = body.is_some_and(|body| Sha256::digest(body).as_slice() == value);
            let here = murmur2_partition(&answered.person_pseudonym, partitions) == key.1;
            if !follows || !here {
                let expected = "the value that follows from the row, on the person's partition";
                self.report.differ("delivery", place, expected, "another");
            }
            let row = Said::Row(answered.row_sha256.clone(), value.clone());
            said.push((answered.person_pseudonym.clone(), row));
        }
        self.left(place, read, &asked);
        for (person, why) in read.left.iter().zip(&read.left_reasons) {
            said.push((person.clone(), Said::Left(why.clone())));
        }
        let stands = self.disclosed.stands.entry(key.clone()).or_default();
        let list = self.disclosed.by_partition.entry(key).or_default();
        let count = said.len();
        let mut whole = BTreeMap::new();
        for (person, what) in said {
            let stood = match what {
                Said::Row(..) => {
                    stands.insert(person.clone());
                    true
                }
                Said::Left(_) => stands.remove(&person),
            };
            if !stood {
                let expected = "a tombstone for somebody whose row stands";
                let found = "one whose row does not";
                self.report.differ("delivery", place, expected, found);
            }
            whole.insert(person, what);
        }
        let twice = whole.len() != count || list.iter().any(|one| one.0 == read.read_id);
        list.push((read.read_id.clone(), whole));
        if twice {
            let expected = "each person once, in a disclosure of its own id";
            self.report.differ("delivery", place, expected, "twice");
        }
    }
}

/// The topic of an organisation and view.
fn plain(view: &str, organisation: &Organisation) -> Option<String> {
    let scheme = organisation.scheme().as_str();
    topics::view(view, (scheme, organisation.code()))
}

/// Holds every topic against what was disclosed.
pub(super) fn check(log: &Log, disclosed: &Disclosed, report: &mut Report) {
    let mut places: BTreeSet<(String, i32)> = disclosed.by_partition.keys().cloned().collect();
    for topic in log.topics(topics::VIEW) {
        let numbers = 0..log.partitions(&topic);
        places.extend(numbers.map(|number| (topic.clone(), number)));
    }
    let none = Vec::new();
    for place in places {
        let said = disclosed.by_partition.get(&place).unwrap_or(&none);
        one(log, &place, said, report);
    }
}

fn one(log: &Log, (topic, number): &(String, i32), said: &[Disclosure], report: &mut Report) {
    let settled = log.settled(topic, *number);
    let numbers: BTreeMap<&str, usize> = said
        .iter()
        .enumerate()
        .map(|(at, one)| (one.0.as_str(), at))
        .collect();
    let (mut paired, mut stands) = (BTreeSet::new(), BTreeMap::new());
    let mut passed = 0;
    for record in log.records(topic, *number) {
        report.count(Checked::Delivered, 1);
        let found = stated(record).and_then(|(read, person, what)| {
            let at = *numbers.get(read.as_str())?;
            let same = said.get(at)?.1.get(&person) == Some(&what);
            // Both are in one order, and each is written once.
            (same && at >= passed && paired.insert((at, person.clone()))).then_some((at, person))
        });
        match found {
            Some((at, person)) => {
                passed = at;
                stands.insert(person, at);
            }
            // What was written after the audit began to read may be disclosed after the reads that it read.
            None if record.offset >= settled => {}
            None => {
                let expected = "one disclosure of what stands here, in order";
                report.differ("delivery", Place::of(record), expected, "none");
            }
        }
    }
    let mut last = BTreeMap::new();
    for (at, (_, people)) in said.iter().enumerate() {
        last.extend(people.iter().map(|(person, what)| (person, (at, what))));
    }
    let newest = Place::new(topic, *number, log.end(topic, *number));
    for (person, (at, what)) in last {
        let is_there = stands.get(person) == Some(&at);
        // A tombstone is gone in the end; the row that it removed must not be back.
        let is_gone = matches!(what, Said::Left(_)) && !stands.contains_key(person);
        if !is_there && !is_gone {
            let expected = "what was disclosed last of each person";
            let found = "something else, or nothing";
            report.differ("delivery", &newest, expected, found);
        }
    }
}

/// What a record says: its disclosure, its person, and what stands there.
fn stated(record: &Record) -> Option<(String, Vec<u8>, Said)> {
    let read = header_text(record, "wb_read").to_owned();
    let person = record.key.as_deref()?.to_vec();
    let said = match record.value.as_deref() {
        None => Said::Left(header_text(record, "wb_left").to_owned()),
        Some(value) => {
            let (_, body) = framing::unframe(Some(value)).ok()?;
            let row = header(record, "wb_row")?.to_vec();
            Said::Row(row, Sha256::digest(body).to_vec())
        }
    };
    Some((read, person, said))
}
