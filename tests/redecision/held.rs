//! A log that can be tampered with, and its audit.

use crate::hand::Hand;
use std::collections::BTreeMap;
use walbrook_auditor::{AuditError, Log, LogSource, Options, Report, verify};
use walbrook_event::framing::{frame, unframe};
use walbrook_eventlog::{Namespace, Record, topics};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;

pub fn audit(source: &mut dyn LogSource) -> Report {
    let log = Log::read(source, &mut |_| {}).expect("the log can be read");
    verify(&log, &Options::default()).report
}

pub fn listed(report: &Report) -> String {
    let lines = report.differences().iter().take(12);
    lines.map(|difference| format!("{difference}\n")).collect()
}

/// A log that can be tampered with.
#[derive(Clone)]
pub struct Held {
    pub records: BTreeMap<(String, i32), Vec<Record>>,
    ends: BTreeMap<(String, i32), i64>,
    namespace: Namespace,
}

impl Held {
    pub fn of(hand: &Hand) -> Self {
        let mut records: BTreeMap<(String, i32), Vec<Record>> = BTreeMap::new();
        let spans = walbrook_auditor::gather::gather(&mut hand.source(), &mut |record| {
            let at = (record.at.topic.to_string(), record.at.partition);
            records.entry(at).or_default().push(record);
        })
        .expect("the log can be read");
        let ends = spans
            .into_iter()
            .map(|span| ((span.topic, span.partition), span.end));
        Self {
            records,
            ends: ends.collect(),
            namespace: hand.city.namespace.clone(),
        }
    }

    pub fn audit(&self) -> Report {
        audit(&mut self.clone())
    }

    pub fn of_topic(&mut self, topic: &str) -> &mut Vec<Record> {
        self.records.get_mut(&(topic.to_owned(), 0)).expect("one")
    }

    /// Changes every page as told.
    pub fn edit_pages(&mut self, mut change: impl FnMut(&mut DecisionPage)) {
        for record in self.of_topic(topics::DECISIONS) {
            let (id, body) = unframe(record.value.as_deref()).expect("the wire format");
            let mut page = DecisionPage::decode_exact(body).expect("a page");
            change(&mut page);
            record.value = Some(frame(id, &page.to_vec().expect("a body")).into());
        }
    }
}

impl LogSource for Held {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError> {
        let found = self.ends.keys().filter(|(name, _)| name == topic);
        Ok(i32::try_from(found.count()).expect("few"))
    }

    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        Ok(self.ends[&(topic.to_owned(), partition)])
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        let records = self.records.get(&(topic.to_owned(), partition));
        let within = records
            .into_iter()
            .flatten()
            .filter(|record| (from..end).contains(&record.offset));
        within.for_each(|record| visit(record.clone()));
        Ok(())
    }
}
