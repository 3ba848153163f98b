//! Reads: each by an entitled reader, within scope, of rows that come out the same when they are computed again; and what officers decided because
//! of them.

mod answered;
mod counted;
mod decided;
mod delivered;
mod disputed;
mod glass;
mod stands;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use walbrook_domain::control::{ControlFact, ControlRecord, PinKind};
use walbrook_domain::{Day, Instant, WorkingCalendar};
use walbrook_event::headers;
use walbrook_eventlog::topics;
use walbrook_policy::catalogue::FieldKind;
use walbrook_policy::state::AgreementBook;
use walbrook_proto::audit::v1::{
    BreakGlassReview, Dispute, DisputeAnswer, OfficerDecision, ReadRecord, Removal,
};
use walbrook_proto::avro::AvroRecord as _;
use walbrook_view::dispute::Disputes;
use walbrook_view::glass::Glasses;
use walbrook_view::reading::{BookReading, Viewer};
use walbrook_view::wire::Needs;
use walbrook_view::{Row, View, order};

use crate::control;
use crate::fold::Folds;
use crate::log::{Log, Place, decode, header_text, printable};
use crate::report::{Checked, Report};
use answered::Listing;
use decided::Decided;
use delivered::{DELIVER, Disclosed};
use stands::{Applied, LEAVES_WITHIN_MICROS};

/// The words of a read record's outcome.
const ANSWERED: &str = "ANSWERED";
/// The reason of a removal whose time was over.
const RETENTION: &str = "RETENTION";

/// Everything that reads are held against.
struct Reads<'a> {
    log: &'a Log,
    agreements: Vec<ControlRecord>,
    book: AgreementBook,
    done: usize,
    /// View files ever pinned, by the hash of their text.
    views: BTreeMap<[u8; 32], View>,
    calendar: WorkingCalendar,
    folds: Folds<'a>,
    /// What the conditions and orders of lists may name, by view file.
    columns: BTreeMap<[u8; 32], BTreeMap<String, FieldKind>>,
    /// The rows of the last list, and of which question: pages of a list follow one another.
    listed: Option<(Listing, Vec<Row>)>,
    decided: Decided,
    glasses: Glasses,
    disputes: Arc<Disputes>,
    disclosed: Disclosed,
    applied: Applied,
    /// Offsets of disputes, and when they were made.
    changed: Vec<(i64, Instant)>,
    report: &'a mut Report,
}

/// Checks every read and every removal.
pub fn check(log: &Log, policy: &[ControlRecord], now: Option<Instant>, report: &mut Report) {
    let agreements = control::read(log.records(topics::AGREEMENTS, 0), report);
    let (views, calendar) = pinned(policy.iter().chain(&agreements), report);
    let mut needs: BTreeMap<String, Needs> = BTreeMap::new();
    for view in views.values() {
        let of_purpose = needs.entry(view.purpose.to_string()).or_default();
        for (event_type, mask) in view.needs() {
            *of_purpose.entry(event_type).or_default() |= mask;
        }
    }
    let folds = Folds::new(log, needs.clone(), policy);
    let book = new_book();
    let catalogue = walbrook_view::file::catalogue();
    let columns = views
        .iter()
        .map(|(sha256, view)| (*sha256, order::columns(view, &catalogue)))
        .collect();
    let mut reads = Reads {
        log,
        agreements,
        book,
        done: 0,
        views,
        calendar,
        folds,
        columns,
        listed: None,
        decided: Decided::default(),
        glasses: Glasses::default(),
        disputes: Arc::default(),
        disclosed: Disclosed::default(),
        applied: Applied::default(),
        changed: Vec::new(),
        report,
    };
    let newest = log.records(topics::READS, 0).last();
    let newest = newest.map(|record| Instant(record.timestamp_ms.saturating_mul(1_000)));
    let now = now.or(newest).unwrap_or(Instant(0));
    for record in log.records(topics::READS, 0) {
        match header_text(record, headers::TYPE) {
            OfficerDecision::FULL_NAME => {
                reads.decision(record);
                continue;
            }
            BreakGlassReview::FULL_NAME => {
                reads.glass_review(record);
                continue;
            }
            Dispute::FULL_NAME => {
                reads.dispute(record);
                continue;
            }
            DisputeAnswer::FULL_NAME => {
                reads.dispute_answer(record);
                continue;
            }
            _ => {}
        }
        let Some(read) = decode::<ReadRecord>(record, "read", reads.report) else {
            continue;
        };
        reads.report.count(Checked::Reads, 1);
        let asked_at = Instant(record.timestamp_ms.saturating_mul(1_000));
        reads.one(&Place::of(record), &read, asked_at);
        if asked_at.micros() <= now.micros().saturating_sub(LEAVES_WITHIN_MICROS) {
            reads.applied.state(log, &read);
        }
        reads.decided.read(read);
    }
    reads.glasses_owed(now);
    reads.disputes_owed(now);
    reads.overdue(now);
    let (views, disclosed) = (reads.views, reads.disclosed);
    stands::check(log, &disclosed, now, report);
    crate::notices::check(log, policy, (&views, &needs), report);
    removals(log, report);
}

fn new_book() -> AgreementBook {
    AgreementBook::new(std::sync::Arc::new(walbrook_view::file::catalogue()))
}

/// Every view file that was pinned; the calendar pinned must be this build's.
fn pinned<'a>(
    records: impl Iterator<Item = &'a ControlRecord>,
    report: &mut Report,
) -> (BTreeMap<[u8; 32], View>, WorkingCalendar) {
    let catalogue = walbrook_view::file::catalogue();
    let mut views = BTreeMap::new();
    let calendar_sha256 =
        walbrook_policy::agreement::sha256(walbrook_schemas::bank_holidays_text());
    for record in records {
        let ControlFact::Pin(pin) = &record.fact else {
            continue;
        };
        match pin.kind {
            PinKind::ViewFile if !views.contains_key(&pin.sha256) => {
                match walbrook_view::file::read(&pin.name, &pin.content, &catalogue) {
                    Ok(view) => {
                        views.insert(pin.sha256, view);
                    }
                    Err(faults) => {
                        report.differ("view", &pin.name, "a view file that can be read", faults)
                    }
                }
            }
            PinKind::Calendar if pin.sha256 != calendar_sha256 => {
                report.differ(
                    "calendar",
                    &pin.name,
                    "the calendar of this build",
                    "another",
                );
            }
            _ => {}
        }
    }
    (views, calendar())
}

/// Working days, from the same dated data as everybody's.
fn calendar() -> WorkingCalendar {
    let holidays = walbrook_schemas::bank_holidays().iter();
    WorkingCalendar::new(holidays.filter_map(|holiday| {
        Day::from_ymd(
            holiday.day.year,
            holiday.day.month.into(),
            holiday.day.day.into(),
        )
    }))
}

impl Reads<'_> {
    /// Moves the agreements to a read's position; back to the start when another materialiser was behind.
    fn agreements_below(&mut self, next: i64) {
        if self
            .done
            .checked_sub(1)
            .and_then(|last| self.agreements.get(last))
            .is_some_and(|record| record.offset >= next)
        {
            (self.book, self.done) = (new_book(), 0);
        }
        while let Some(record) = self
            .agreements
            .get(self.done)
            .filter(|record| record.offset < next)
        {
            self.done += 1;
            if let ControlFact::Agreement(fact) = &record.fact {
                // An illegal change was reported where it stands on control.policy, and changes nothing.
                let _ = self.book.apply(record.appended_at, fact);
            }
        }
    }

    fn one(&mut self, place: &Place, read: &ReadRecord, asked_at: Instant) {
        if read.agreements_next > self.log.end(topics::AGREEMENTS, 0) {
            self.report.differ(
                "read",
                place,
                "a control.agreements offset that exists",
                read.agreements_next,
            );
        }
        if read.outcome != ANSWERED && !read.answered.is_empty() {
            self.report.differ(
                "read",
                place,
                "no rows without an answer",
                format!("{} rows", read.answered.len()),
            );
        }
        let hash = <[u8; 32]>::try_from(read.view_sha256.as_slice()).ok();
        let Some(view) = hash.and_then(|hash| self.views.get(&hash)).cloned() else {
            if read.outcome == ANSWERED {
                self.report.differ(
                    "read",
                    place,
                    "a pinned view file",
                    format!("another of {}", printable(&read.view)),
                );
            }
            return;
        };
        let Ok(organisation) = read.organisation.parse() else {
            self.report
                .differ("read", place, "the reader's organisation", "something else");
            return;
        };
        if view.name != read.view || view.purpose.as_str() != read.purpose {
            let found = format!("{} for {}", printable(&read.view), printable(&read.purpose));
            self.report.differ(
                "read",
                place,
                format!("view {} for {}", view.name, view.purpose),
                found,
            );
        }
        self.agreements_below(read.agreements_next);
        let viewer = Viewer {
            organisation,
            role: read.role.clone(),
            reader: read.reader.clone(),
        };
        if read.operation != "WATCH" && !read.told_too.is_empty() {
            let expected = "one reader of a read that is no watch";
            self.report
                .differ("read", place, expected, read.told_too.len() + 1);
        }
        if read.operation == DELIVER {
            if let Some(query) = self.query(place, read, asked_at) {
                let book = std::mem::replace(&mut self.book, new_book());
                self.delivered(place, (read, asked_at), &view, (&book, &viewer), &query);
                self.book = book;
            }
            return;
        }
        if read.operation == counted::COUNT {
            let book = std::mem::replace(&mut self.book, new_book());
            self.counted(place, read, &view, (&book, &viewer), asked_at);
            self.book = book;
            return;
        }
        let Some(query) = self.query(place, read, asked_at) else {
            return;
        };
        let book = std::mem::replace(&mut self.book, new_book());
        for too in &read.told_too {
            let reader = too.reader.clone();
            let viewer = Viewer {
                reader,
                ..viewer.clone()
            };
            let reading = BookReading::new(&book, &viewer, &view, query.read_at);
            self.entitled(place, read, &reading);
        }
        self.answer(
            place,
            read,
            &view,
            (
                &BookReading::new(&book, &viewer, &view, query.read_at),
                &query,
            ),
        );
        self.book = book;
    }
}

/// Removals speak of causes that stand. Every materialiser says what left its views: what two say of one cause is one removal, as it is when one
/// says it again after a kill.
fn removals(log: &Log, report: &mut Report) {
    let mut said = BTreeSet::new();
    for record in log.records(topics::REMOVALS, 0) {
        let Some(removal) = decode::<Removal>(record, "removal", report) else {
            continue;
        };
        let past_on = removal.past_on.as_ref().and_then(|date| date.days());
        // What retention took is told by the day on which it was over: processes take it out at different offsets.
        let offset = Some(removal.cause_offset).filter(|_| removal.reason != RETENTION);
        let cause = (removal.cause_topic.clone(), removal.cause_partition, offset);
        let why = (removal.reason.clone(), past_on, removal.complete);
        if said.insert((removal.view.clone(), cause, why)) {
            report.count(Checked::Removals, 1);
        }
        let (topic, partition) = (&removal.cause_topic, removal.cause_partition);
        let stands = log.reaches(topic, partition, removal.cause_offset.saturating_add(1));
        if !stands || removal.contributions < 0 || removal.rows < 0 {
            let topic = printable(&removal.cause_topic);
            let found = Place::new(topic, removal.cause_partition, removal.cause_offset);
            report.differ(
                "removal",
                Place::of(record),
                "a cause that stands, and counts",
                found.to_string(),
            );
        }
        let today = Instant(record.timestamp_ms.saturating_mul(1_000)).london_day();
        let is_over = past_on.is_some_and(|day| day <= today.0);
        if (removal.reason == RETENTION) != past_on.is_some() || (past_on.is_some() && !is_over) {
            report.differ(
                "removal",
                Place::of(record),
                "a day that has come, from which nothing of it may be kept, where retention took it and nowhere else",
                past_on.map_or_else(|| "none".to_owned(), |day| Day(day).to_string()),
            );
        }
    }
}
