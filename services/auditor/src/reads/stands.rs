//! What stands on topics of organisations, held against what was disclosed, and against what has fallen since.
//!
//! A topic is compacted: a record that a later one of the same person replaced may be gone. So every record that stands is held against one
//! disclosure, in their order, and the last that was disclosed of each person is what stands.
//!
//! And nothing stands for long after its cause: an agreement's end, a retention, or a fall that a materialiser is known to have applied. Known it is
//! from the offsets that reads state; where nobody read, from the day on which it was written.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use walbrook_domain::{Day, Instant, Pseudonym};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Record, topics};
use walbrook_policy::read::{Delivered, delivered};
use walbrook_proto::audit::v1::{AppliedOffset, ReadRecord};
use walbrook_view::reading::BookReading;
use walbrook_view::{Asked, View};

use super::answered::{CLOCKS_WITHIN_MICROS, RECORDED_WITHIN_MICROS};
use super::delivered::{Disclosed, Disclosure, Said, Stood};
use super::{Reads, new_book};
use crate::log::{Log, Place, header, header_text};
use crate::report::{Checked, Report};

/// The longest bound that a view may be given, and how far clocks differ: what was complete before has left.
pub(super) const LEAVES_WITHIN_MICROS: i64 = RECORDED_WITHIN_MICROS + CLOCKS_WITHIN_MICROS;
const DAY_MS: i64 = 86_400_000;

/// How far some materialiser had applied each partition of a purpose, at the latest when a time had come.
#[derive(Debug, Default)]
pub(super) struct Applied {
    stated: BTreeMap<(String, i32), i64>,
    /// With what had stood there for a day, once it was looked for.
    known: BTreeMap<(String, i32), i64>,
}

impl Applied {
    /// A read states it.
    pub(super) fn state(&mut self, log: &Log, read: &ReadRecord) {
        let topic = topics::shared(&read.purpose);
        for applied in &read.applied {
            if log.reaches(&topic, applied.partition, applied.next_offset) {
                let of = (read.purpose.clone(), applied.partition);
                let at = self.stated.entry(of).or_default();
                *at = applied.next_offset.max(*at);
            }
        }
    }

    /// As far as anybody must have come by `by`, or says to have come.
    fn of(&mut self, log: &Log, of: (&str, i32), by: Instant) -> i64 {
        let (purpose, partition) = of;
        let key = (purpose.to_owned(), partition);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let records = log.records(&topics::shared(purpose), partition).iter();
        // Times there are those of days.
        let old = records.take_while(|record| record.timestamp_ms + DAY_MS <= by.micros() / 1_000);
        let old = old.last().map_or(0, |last| last.offset + 1);
        let known = old.max(self.stated.get(&key).copied().unwrap_or(0));
        self.known.insert(key, known);
        known
    }
}

impl Reads<'_> {
    /// Rows that stand although what they rest on fell longer ago than any view may take.
    pub(super) fn overdue(&mut self, now: Instant) {
        let by = Instant(now.micros().saturating_sub(LEAVES_WITHIN_MICROS));
        let newer = |record: &&walbrook_domain::control::ControlRecord| record.appended_at > by;
        let next = self.agreements.iter().find(newer);
        self.agreements_below(next.map_or(i64::MAX, |record| record.offset));
        let stands = std::mem::take(&mut self.disclosed.stands);
        for ((_, number), people) in &stands {
            for (person, stood) in people
                .iter()
                .filter(|(_, stood)| stood.of.recorded_at <= by)
            {
                let Some(view) = self.views.get(&stood.of.view).cloned() else {
                    continue;
                };
                if let Some((expected, found)) = self.fallen((person, *number), stood, &view, by) {
                    self.report
                        .differ("delivery", &stood.of.place, expected, found);
                }
            }
        }
        self.disclosed.stands = stands;
    }

    /// What is wrong with a row that stands.
    fn fallen(
        &mut self,
        (person, number): (&[u8], i32),
        stood: &Stood,
        view: &View,
        by: Instant,
    ) -> Option<(String, &'static str)> {
        let gone = |why: &str| {
            let expected = format!("a row that left for {why}, eleven minutes ago or more");
            Some((expected, "one that stands"))
        };
        let book = std::mem::replace(&mut self.book, new_book());
        let of = (&view.purpose, view.name.as_str());
        let viewer = &stood.of.viewer;
        let granted = delivered(&book, &viewer.organisation, of, by.london_day());
        let found = if granted == Some(Delivered::To(viewer.role.clone())) {
            let reading = BookReading::delivered(&book, viewer, view, by);
            self.still((person, number), (stood, view), (&reading, by))
        } else {
            Some(Fallen::Gone(walbrook_view::left::why::GRANT_ENDED))
        };
        self.book = book;
        match found? {
            Fallen::Gone(why) => gone(why),
            Fallen::Other => {
                let expected = "a row that rests on nothing that fell eleven minutes ago or more";
                Some((expected.to_owned(), "one that does"))
            }
        }
    }

    fn still(
        &mut self,
        (person, number): (&[u8], i32),
        (stood, view): (&Stood, &View),
        (reading, by): (&BookReading<'_>, Instant),
    ) -> Option<Fallen> {
        let person = Pseudonym::try_from(person).ok()?;
        let purpose = view.purpose.as_str();
        let next_offset = self.applied.of(self.log, (purpose, number), by);
        let known = ReadRecord {
            applied: vec![AppliedOffset {
                topic: topics::shared(purpose),
                partition: number,
                next_offset,
            }],
            ..ReadRecord::default()
        };
        // What cannot be read was said where it stands.
        self.folds.move_to(&known, &view.purpose).ok()?;
        let calendar = self.calendar.clone();
        let disputes = std::sync::Arc::clone(&self.disputes);
        let asked = |evaluated_at| Asked {
            view,
            reading,
            evaluated_at,
            case_named: false,
            glass_broken: false,
            disputes: Some(disputes.marks(stood.of.reads_next)),
            calendar: &calendar,
        };
        if let Some(why) = self.folds.left(&asked(by), &person, (stood.until, by)) {
            return Some(Fallen::Gone(why));
        }
        // The same row at the same instant, of what stands now: another, and something that it rested on is not there.
        let row = self.folds.row(&asked(stood.of.stated_at), &person)?;
        let now: BTreeSet<[u8; 8]> = row.rests_on.0.iter().map(|one| one.to_be_bytes()).collect();
        let mut events = stood.events.chunks(8);
        let fell = events.any(|one| <[u8; 8]>::try_from(one).is_ok_and(|one| !now.contains(&one)));
        (fell && row.sha256().as_slice() != stood.row).then_some(Fallen::Other)
    }
}

enum Fallen {
    /// There is no row, for this reason.
    Gone(&'static str),
    /// There is another row.
    Other,
}

/// Holds every topic against what was disclosed. One that was made while the audit began is not among those that were read.
pub(super) fn check(log: &Log, disclosed: &Disclosed, now: Instant, report: &mut Report) {
    let by = now.micros().saturating_sub(LEAVES_WITHIN_MICROS);
    let mut places: BTreeSet<(String, i32)> = disclosed.by_partition.keys().cloned().collect();
    for topic in log.topics(topics::VIEW) {
        let numbers = 0..log.partitions(&topic);
        places.extend(numbers.map(|number| (topic.clone(), number)));
    }
    let is_new = |topic: &String| {
        let since = disclosed.since.get(topic);
        log.partitions(topic) == 0 && since.is_some_and(|since| since.micros() > by)
    };
    places.retain(|(topic, _)| !is_new(topic));
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
            let until = header_text(record, headers::NOT_AFTER).parse::<Day>().ok();
            Said::Row(row, Sha256::digest(body).to_vec(), until)
        }
    };
    Some((read, person, said))
}
