//! Decision pages: what p decided, in a form from which everything on `shared.*` can be derived again.

use super::control_view::Verdict;
use super::outgoing::Written;
use super::stamp::Stamp;
use std::collections::BTreeMap;
use walbrook_domain::{AgreementId, AgreementVersion, Instant};
use walbrook_eventlog::position::Cursor;
use walbrook_proto::audit::v1::{
    DecisionEntry, DecisionPage, PageAgreement, PageCause, PageGeneration, PageHeartbeat,
    PageRetraction, PageSubject, RawCut, RedecidedEvent,
};

/// Page of a stretch of one raw partition.
pub const LIVE: &str = "LIVE";
/// Page of past events decided again.
pub const REDECISION: &str = "REDECISION";
/// Page of positions only.
pub const POSITION: &str = "POSITION";

/// What fits a page, in entries. An entry is at most 60 bytes, and everything else counts as several: a full page stays under 512 KiB, half of
/// what a record may have.
const PAGE_WEIGHT: usize = 8_000;
const RETRACTION_WEIGHT: usize = 4;

/// One decision about one raw offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What was decided.
    pub verdict: Verdict,
    /// What was written for a permit.
    pub written: Option<Written>,
}

/// What was decided about one raw offset, with what it caused.
#[derive(Debug, Default)]
pub struct LiveItem {
    /// The raw offset.
    pub offset: i64,
    /// Decisions in the order of agreements.
    pub decided: Vec<Decided>,
    /// Retractions written because of it.
    pub retractions: Vec<PageRetraction>,
    /// Subject records written with it.
    pub subjects: Vec<PageSubject>,
}

/// What was decided again about one handle.
#[derive(Debug, Default)]
pub struct RedecidedHandle {
    /// The handle.
    pub handle: [u8; 16],
    /// Retractions, written before anything else about the handle.
    pub retractions: Vec<PageRetraction>,
    /// Subject records.
    pub subjects: Vec<PageSubject>,
    /// Raw topic (without the namespace), offset and decisions of each event.
    pub events: Vec<(String, i64, Vec<Decided>)>,
}

impl RedecidedHandle {
    /// Whether nothing was written or decided: then no page need say so.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.retractions.is_empty() && self.subjects.is_empty()
    }
}

/// Makes the pages of one transaction of p.
pub struct Pages {
    template: DecisionPage,
    cut: BTreeMap<String, i64>,
    made: Vec<DecisionPage>,
}

impl Pages {
    /// Pages from the stamp's next number on; what is queued was `cursor_before` and is the stamp's afterwards. `cut` is how far each raw topic (without the namespace) of p had been decided before.
    pub fn new(
        partition: i32,
        stamp: &Stamp,
        decided_at: Instant,
        pins_epoch: i64,
        rules_version: u32,
        cut: BTreeMap<String, i64>,
        cursor_before: &Cursor,
    ) -> Self {
        let template = DecisionPage {
            partition,
            first_offset: -1,
            last_offset: -1,
            sequence: stamp.next_page,
            policy_next: stamp.policy_next,
            links_next: stamp.links_next,
            decided_at: Some(timestamp(decided_at)),
            pins_epoch,
            rules_version,
            cursor_before: cursor_before.to_string(),
            cursor_after: stamp.cursor.to_string(),
            generations: stamp
                .generations
                .later()
                .map(|(purpose, generation)| PageGeneration {
                    purpose: purpose.to_owned(),
                    generation,
                })
                .collect(),
            ..DecisionPage::default()
        };
        Self {
            template,
            cut,
            made: Vec::new(),
        }
    }

    fn begin(&mut self, kind: &str) -> DecisionPage {
        let page = DecisionPage {
            kind: kind.to_owned(),
            ..self.template.clone()
        };
        self.template.sequence += 1;
        // The first page of a transaction says how far the queue came with it.
        self.template
            .cursor_before
            .clone_from(&self.template.cursor_after);
        page
    }

    fn end(&mut self, mut page: DecisionPage) {
        page.raw_cut = self
            .cut
            .iter()
            .map(|(topic, next)| RawCut {
                topic: topic.clone(),
                next_offset: *next,
            })
            .collect();
        self.made.push(page);
    }

    /// Pages of a stretch of a raw topic: the items by offset, the first offset not covered by an earlier page, and the last one covered now.
    pub fn live(
        &mut self,
        topic: &str,
        first: i64,
        last: i64,
        items: Vec<LiveItem>,
        heartbeats: Vec<PageHeartbeat>,
    ) {
        let mut page = self.begin(LIVE);
        topic.clone_into(&mut page.raw_topic);
        page.first_offset = first;
        let mut weight = 0;
        let mut next = first;
        for item in items {
            let more = item.decided.len()
                + RETRACTION_WEIGHT * (item.retractions.len() + item.subjects.len());
            if weight > 0 && weight + more > PAGE_WEIGHT {
                page.last_offset = next - 1;
                self.cut.insert(topic.to_owned(), next);
                let full = std::mem::replace(&mut page, self.begin(LIVE));
                self.end(full);
                topic.clone_into(&mut page.raw_topic);
                page.first_offset = next;
                weight = 0;
            }
            weight += more;
            next = item.offset + 1;
            for decided in &item.decided {
                let entry = entry(&mut page.agreements, item.offset, decided);
                push(&mut page.entries, entry);
            }
            page.retractions.extend(item.retractions);
            page.subjects.extend(item.subjects);
        }
        page.last_offset = last;
        page.heartbeats = heartbeats;
        self.cut.insert(topic.to_owned(), last + 1);
        self.end(page);
    }

    /// Pages of what was decided again, with every cause on each. Nothing when there is nothing.
    pub fn redecision(&mut self, causes: &[PageCause], handles: Vec<RedecidedHandle>) {
        let mut open: Option<(DecisionPage, usize)> = None;
        for handle in handles {
            let mut head = Some((handle.retractions, handle.subjects));
            let mut events = handle.events.into_iter().peekable();
            while head.is_some() || events.peek().is_some() {
                let (mut page, mut weight) = match open.take() {
                    Some(open) => open,
                    None => (self.redecision_page(causes), 0),
                };
                if page.handles.last().map(Vec::as_slice) != Some(&handle.handle) {
                    page.handles.push(handle.handle.to_vec());
                }
                if let Some((retractions, subjects)) = head.take() {
                    weight += 1 + RETRACTION_WEIGHT * (retractions.len() + subjects.len());
                    page.retractions.extend(retractions);
                    page.subjects.extend(subjects);
                }
                while let Some((topic, offset, decided)) = events.next_if(|_| weight < PAGE_WEIGHT)
                {
                    weight += 1 + decided.len();
                    let mut entries = Vec::new();
                    for one in &decided {
                        entries.push(entry(&mut page.agreements, offset, one));
                    }
                    page.redecided.push(RedecidedEvent {
                        topic,
                        offset,
                        entries,
                    });
                }
                if weight < PAGE_WEIGHT {
                    open = Some((page, weight));
                } else {
                    self.end(page);
                }
            }
        }
        if let Some((page, _)) = open {
            self.end(page);
        }
    }

    fn redecision_page(&mut self, causes: &[PageCause]) -> DecisionPage {
        let mut page = self.begin(REDECISION);
        page.causes = causes.to_vec();
        page
    }

    /// The pages, with one of positions only when there is no other.
    pub fn finish(mut self) -> Vec<DecisionPage> {
        if self.made.is_empty() {
            let page = self.begin(POSITION);
            self.end(page);
        }
        self.made
    }
}

fn entry(agreements: &mut Vec<PageAgreement>, offset: i64, decided: &Decided) -> DecisionEntry {
    let verdict = &decided.verdict;
    let grant = verdict.grant.filter(|_| decided.written.is_some());
    DecisionEntry {
        first_offset: offset,
        offset_count: 1,
        agreement_index: verdict
            .agreement
            .as_ref()
            .map_or(-1, |(agreement, version)| {
                index(agreements, agreement, *version)
            }),
        outcome: verdict.reason.outcome().code(),
        reason: verdict.reason.code(),
        field_mask: grant.map_or(0, |grant| grant.mask.cast_signed()),
        key_prefix: decided
            .written
            .map_or(0, |written| written.key.prefix().cast_signed()),
        event_prefix: decided
            .written
            .map_or(0, |written| written.local_event.prefix().cast_signed()),
        not_after_day: grant.and_then(|grant| grant.not_after).map(|day| day.0),
    }
}

fn index(
    agreements: &mut Vec<PageAgreement>,
    agreement: &AgreementId,
    version: AgreementVersion,
) -> i32 {
    let found = agreements
        .iter()
        .position(|named| named.agreement_id == agreement.as_str() && named.version == version.0);
    let at = found.unwrap_or_else(|| {
        agreements.push(PageAgreement {
            agreement_id: agreement.to_string(),
            version: version.0,
        });
        agreements.len() - 1
    });
    i32::try_from(at).unwrap_or(i32::MAX)
}

/// Adds an entry; runs of neighbours about which no agreement says anything become one.
fn push(entries: &mut Vec<DecisionEntry>, entry: DecisionEntry) {
    if let Some(last) = entries.last_mut()
        && last.agreement_index < 0
        && entry.agreement_index < 0
        && last.reason == entry.reason
        && last.first_offset + i64::from(last.offset_count) == entry.first_offset
    {
        last.offset_count += entry.offset_count;
        return;
    }
    entries.push(entry);
}

/// An instant as records carry it.
pub fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.micros().div_euclid(1_000_000),
        nanos: i32::try_from(at.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}
