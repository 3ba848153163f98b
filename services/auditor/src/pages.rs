//! Decision pages as a chain: numbered without gap, joined without gap or overlap, with stamps and times that only grow.

use std::collections::BTreeMap;

use walbrook_domain::Instant;
use walbrook_proto::audit::v1::DecisionPage;

use crate::log::{Log, Place};
use crate::report::{Checked, Report};

/// How far a partition's pages have come.
#[derive(Debug, Default)]
pub struct Chain {
    next_sequence: i64,
    policy_next: i64,
    links_next: i64,
    decided_at: i64,
    /// Next raw offset to be decided, by topic.
    next_raw: BTreeMap<String, i64>,
}

/// A page's decision time.
pub fn decided_at(page: &DecisionPage) -> Option<Instant> {
    let at = page.decided_at.as_ref()?;
    Instant::from_seconds_nanos(at.seconds, at.nanos)
}

impl Chain {
    /// Next raw offset of a topic to be decided.
    pub fn next_raw(&self, topic: &str) -> i64 {
        self.next_raw.get(topic).copied().unwrap_or(0)
    }

    /// Checks a page against those before it and moves on.
    pub fn follow(
        &mut self,
        page: &DecisionPage,
        partition: i32,
        place: &Place,
        log: &Log,
        report: &mut Report,
    ) {
        report.count(Checked::Pages, 1);
        report.equal("page", place, partition, page.partition);
        report.equal(
            "page",
            place,
            format!("sequence {}", self.next_sequence),
            format!("sequence {}", page.sequence),
        );
        self.next_sequence = page.sequence + 1;
        let policy_end = log.end("control.policy", 0);
        let links_end = log.end("control.links", partition);
        for (name, before, now, end) in [
            (
                "control.policy",
                &mut self.policy_next,
                page.policy_next,
                policy_end,
            ),
            (
                "control.links",
                &mut self.links_next,
                page.links_next,
                links_end,
            ),
        ] {
            if now < *before || now > end {
                report.differ(
                    "stamp",
                    place,
                    format!("{name} from {before} to {end}"),
                    now,
                );
            }
            *before = now;
        }
        match decided_at(page) {
            None => report.differ("page", place, "a decision time", "none"),
            Some(at) if at.micros() < self.decided_at => {
                report.differ(
                    "page",
                    place,
                    "a decision time not before the page before it",
                    at.rfc3339(),
                );
            }
            Some(at) => self.decided_at = at.micros(),
        }
        self.cover(page, place, log, report);
    }

    fn cover(&mut self, page: &DecisionPage, place: &Place, log: &Log, report: &mut Report) {
        let (redecided, live) = (
            !page.redecided.is_empty() || !page.handles.is_empty(),
            !page.raw_topic.is_empty(),
        );
        match page.kind.as_str() {
            "LIVE" if live && !redecided => {}
            "REDECISION" if !live && page.entries.is_empty() => {}
            "POSITION" if !live && !redecided && page.entries.is_empty() => {}
            kind => report.differ(
                "page",
                place,
                "LIVE, REDECISION or POSITION with what belongs to it",
                crate::log::printable(kind),
            ),
        }
        if page.kind == "LIVE" {
            let next = self.next_raw.entry(page.raw_topic.clone()).or_default();
            if page.first_offset != *next || page.last_offset < page.first_offset {
                let found = format!("{} to {}", page.first_offset, page.last_offset);
                report.differ(
                    "page",
                    place,
                    format!("{} from {next}", page.raw_topic),
                    found,
                );
            }
            let end = log.end(&page.raw_topic, page.partition);
            if page.last_offset >= end {
                report.differ(
                    "page",
                    place,
                    format!("{} below {end}", page.raw_topic),
                    page.last_offset,
                );
            }
            *next = page.last_offset + 1;
        }
        for cut in &page.raw_cut {
            let decided = self.next_raw(&cut.topic);
            if cut.next_offset != decided {
                report.differ(
                    "page",
                    place,
                    format!("raw cut of {} at {decided}", cut.topic),
                    cut.next_offset,
                );
            }
        }
    }

    /// What is left undecided, by raw topic.
    pub fn undecided(&self, topics: &[String], partition: i32, log: &Log) -> u64 {
        let left = topics.iter().map(|topic| {
            let next = self.next_raw(topic);
            log.records(topic, partition)
                .iter()
                .filter(|record| record.offset >= next)
                .count() as u64
        });
        left.sum()
    }
}
