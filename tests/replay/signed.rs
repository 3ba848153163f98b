//! Signed heads: they hold every byte of pages, reads and notices, what is removed shows, and a log that grows while it is audited is no difference.

use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use walbrook_auditor::notary::{Notary, NotaryError};
use walbrook_auditor::{AuditError, Checked, LogSource, Report};
use walbrook_domain::Instant;
use walbrook_eventlog::{LogError, Namespace, NewRecord, Record, TopicPartition};
use walbrook_proto::audit::v1::{Notice, ReadRecord};
use walbrook_tests::records;

use crate::held::{Held, Spot};
use crate::noticed::{NOTICES, noticed_run};
use crate::reads::{READS, listed, spot};
use crate::world::PARTITIONS;

const PAGES: &str = "audit.decisions";
const CHECKPOINTS: &str = "audit.checkpoints";
/// Each partition of pages, the reads and the notices are a log of their own.
const LOGS: usize = PARTITIONS as usize + 2;

/// Keeps what the notary appends.
#[derive(Default)]
struct Shelf(Mutex<Vec<NewRecord>>);

impl Shelf {
    /// Writes it into the log that is held.
    fn write_into(&self, held: &mut Held) {
        for record in self.0.lock().expect("unpoisoned").drain(..) {
            held.append(CHECKPOINTS, 0, record, 0);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.lock().expect("unpoisoned").is_empty()
    }
}

impl walbrook_eventlog::Appender for Shelf {
    fn append(
        &self,
        records: Vec<NewRecord>,
        done: Box<dyn FnOnce(Result<Vec<(TopicPartition, i64)>, LogError>) + Send>,
    ) {
        let placed = records
            .iter()
            .map(|record| (TopicPartition::new(record.topic.clone(), 0), 0))
            .collect();
        self.0.lock().expect("unpoisoned").extend(records);
        done(Ok(placed));
    }
}

fn notary(shelf: &Arc<Shelf>) -> Notary {
    let schema = records::schema_id("walbrook.audit.v1.Checkpoint");
    Notary::new(
        SigningKey::from_bytes(&[5; 32]),
        Arc::clone(shelf) as Arc<dyn walbrook_eventlog::Appender>,
        schema,
    )
}

/// A run with pages, reads and notices under signed heads.
fn signed_run() -> Held {
    let mut held = noticed_run();
    let shelf = Arc::new(Shelf::default());
    let heads = notary(&shelf).round(&mut held.clone(), Instant(1));
    assert_eq!(heads.expect("signed"), LOGS);
    shelf.write_into(&mut held);
    held
}

/// A checkpoint is found not to hold for records of this topic.
fn named(report: &Report, topic: &str) -> bool {
    let mut differences = report.differences().iter();
    differences.any(|one| one.check == "checkpoint" && one.expected.contains(topic))
}

fn flipped(value: &[u8], byte: usize) -> Vec<u8> {
    let mut value = value.to_vec();
    value[byte] ^= 1;
    value
}

#[test]
fn signed_heads_hold_every_byte_of_a_page_a_read_and_a_notice() {
    let clean = signed_run();
    let report = clean.audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::Checkpoints), LOGS as u64);
    for topic in [READS, PAGES, NOTICES] {
        let value = clean.clone().at(&spot(topic)).value.clone();
        let value = value.expect("a value");
        for byte in (0..value.len()).step_by(value.len() / 40 + 1) {
            let mut held = clean.clone();
            held.at(&spot(topic)).value = Some(flipped(&value, byte).into());
            let report = held.audit();
            let found = named(&report, topic);
            assert!(found, "byte {byte} of {topic}:\n{}", listed(&report));
        }
    }
}

#[test]
fn a_record_that_was_removed_put_elsewhere_or_put_between_is_found_in_each_log() {
    let clean = signed_run();
    for topic in [READS, PAGES, NOTICES] {
        let count = clean.records[&(topic.to_owned(), 0)].len();
        assert!(count > 1, "{topic} has a first and a last record");
        let at = |index| Spot {
            index,
            ..spot(topic)
        };
        for index in [0, count - 1] {
            let mut held = clean.clone();
            held.remove(&at(index));
            let report = held.audit();
            assert!(named(&report, topic), "{index}:\n{}", listed(&report));
        }
        let mut held = clean.clone();
        let (first, last) = (held.at(&at(0)).clone(), held.at(&at(count - 1)).clone());
        held.at(&at(0)).value = last.value;
        held.at(&at(count - 1)).value = first.value;
        assert!(named(&held.audit(), topic), "two of {topic} changed places");
        let mut held = clean.clone();
        let between = held.at(&at(0)).clone();
        let all = held.records.get_mut(&(topic.to_owned(), 0));
        all.expect("a partition").insert(1, between);
        assert!(named(&held.audit(), topic), "one more in {topic}");
    }
}

#[test]
fn what_nothing_else_depends_on_is_held_by_a_head_alone() {
    // When a notice was made is derived from nothing: without heads nobody would see it changed.
    let later = |notice: &mut Notice| notice.noticed_at.as_mut().expect("a time").seconds += 1;
    let mut unsigned = noticed_run();
    unsigned.edit::<Notice>(&spot(NOTICES), later);
    assert!(unsigned.audit().is_clean(), "else this test shows nothing");
    let mut held = signed_run();
    held.edit::<Notice>(&spot(NOTICES), later);
    assert!(named(&held.audit(), NOTICES));
    // Nor does anybody miss all notices together with the statement that they are complete.
    let mut held = signed_run();
    for _ in 0..held.records[&(NOTICES.to_owned(), 0)].len() {
        held.remove(&spot(NOTICES));
    }
    assert!(named(&held.audit(), NOTICES));
}

#[test]
fn a_notary_signs_what_is_new_and_never_over_a_changed_log() {
    let held = signed_run();
    let shelf = Arc::new(Shelf::default());
    let nothing_new = notary(&shelf).round(&mut held.clone(), Instant(2));
    assert_eq!(nothing_new.expect("read"), 0, "nothing is new");
    let mut read = held.clone();
    read.edit::<ReadRecord>(&spot(READS), |read| {
        read.reader = "somebody-else".to_owned()
    });
    let mut notice = held.clone();
    notice.edit::<Notice>(&spot(NOTICES), |notice| notice.role = "nobody".to_owned());
    for mut changed in [read, notice] {
        let outcome = notary(&shelf).round(&mut changed, Instant(3));
        assert!(
            matches!(outcome, Err(NotaryError::Changed { .. })),
            "{outcome:?}"
        );
        assert!(shelf.is_empty());
    }
}

/// A log on which something new is read, told and signed whenever somebody asks where it ends.
struct Growing {
    held: Held,
    notary: Notary,
    shelf: Arc<Shelf>,
}

impl Growing {
    fn grow(&mut self) {
        for topic in [READS, NOTICES] {
            let one = self.held.at(&spot(topic)).clone();
            let again = NewRecord {
                topic: topic.into(),
                partition: Some(0),
                key: one.key,
                value: one.value,
                headers: one.headers,
                timestamp_ms: None,
            };
            self.held.append(topic, 0, again, one.timestamp_ms);
        }
        let signed = self.notary.round(&mut self.held, Instant(4));
        assert!(signed.expect("signed") > 0);
        self.shelf.write_into(&mut self.held);
    }
}

impl LogSource for Growing {
    fn namespace(&self) -> &Namespace {
        self.held.namespace()
    }

    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError> {
        self.held.partitions(topic)
    }

    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        let end = self.held.end(topic, partition);
        self.grow();
        end
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        self.held.read(topic, partition, from, end, visit)
    }
}

#[test]
fn what_is_read_told_and_signed_during_an_audit_is_no_difference_of_its_heads() {
    let shelf = Arc::new(Shelf::default());
    let mut growing = Growing {
        held: noticed_run(),
        notary: notary(&shelf),
        shelf,
    };
    growing.grow();
    let report = crate::audit(&mut growing).report;
    let of_heads: Vec<String> = report
        .differences()
        .iter()
        .filter(|one| one.check == "checkpoint")
        .map(ToString::to_string)
        .collect();
    assert!(of_heads.is_empty(), "{}", of_heads.join("\n"));
    assert!(report.checked(Checked::Checkpoints) > 0);
}
