//! What the agreements were used for, from what is on record: decision pages say what was released, `audit.reads` who was shown what.
//!
//! Bodies are not read: of raw records only the event type is needed, and pages and reads say the rest.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use walbrook_domain::control::ControlRecord;
use walbrook_domain::{AgreementId, AgreementVersion, Day, EventType, Instant, Organisation};
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::{Record, topics};
use walbrook_policy::outcome::Outcome;
use walbrook_policy::state::PolicyState;
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage, PageAgreement, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_view::View;

use crate::error::AuditError;
use crate::source::{LogSource, Stretch};

/// What one agreement was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Use {
    /// Events released under it, decided live or again.
    pub releases: u64,
    /// The last day something was.
    pub last_released: Option<Day>,
    /// Fields released, by event type.
    pub released: BTreeMap<EventType, u64>,
    /// Answered reads that it entitled the reader to.
    pub reads: u64,
    /// Rows in these answers.
    pub rows: u64,
    /// The last day of one.
    pub last_read: Option<Day>,
    /// Fields that the views read in these answers look at, by event type.
    pub read: BTreeMap<EventType, u64>,
}

impl Use {
    /// Fields that were released and that no answered read looked at, by event type.
    pub fn never_read(&self) -> BTreeMap<EventType, u64> {
        let read = |event| self.read.get(event).copied().unwrap_or(0);
        let left = self
            .released
            .iter()
            .map(|(event, mask)| (event.clone(), mask & !read(event)));
        left.filter(|(_, mask)| *mask != 0).collect()
    }
}

/// The control plane as it stands, and what was made of it.
#[derive(Debug)]
pub struct Observed {
    /// The control plane.
    pub state: PolicyState,
    /// By agreement; none that was never used.
    pub uses: BTreeMap<AgreementId, Use>,
    /// What the views pinned call the events they read.
    pub labels: BTreeMap<EventType, String>,
}

/// The event type of every raw record, a byte each: a place in `names`, from 1; 0 is none of ours.
#[derive(Debug, Default)]
struct Types {
    names: Vec<EventType>,
    of_partition: HashMap<(String, i32), Vec<u8>>,
}

impl Types {
    /// Notes a raw record's event type. Whatever else a header says is not kept.
    fn note(&mut self, record: &Record) {
        let number = record
            .headers
            .text(headers::TYPE)
            .map_or(0, |text| self.number(text));
        let at = (record.at.topic.to_string(), record.at.partition);
        let of_partition = self.of_partition.entry(at).or_default();
        let offset = usize::try_from(record.offset).unwrap_or(0);
        if of_partition.len() <= offset {
            of_partition.resize(offset + 1, 0);
        }
        if let Some(place) = of_partition.get_mut(offset) {
            *place = number;
        }
    }

    fn number(&mut self, text: &str) -> u8 {
        let known = self.names.iter().position(|name| name.as_str() == text);
        let at = known.or_else(|| {
            let event = walbrook_proto::event(text)?.event?;
            self.names.push(EventType::new(event.event_type).ok()?);
            Some(self.names.len() - 1)
        });
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    fn of(&self, topic: &str, partition: i32, offset: i64) -> Option<&EventType> {
        let of_partition = self.of_partition.get(&(topic.to_owned(), partition))?;
        let number = *of_partition.get(usize::try_from(offset).ok()?)?;
        self.names.get(usize::from(number).checked_sub(1)?)
    }
}

/// Reads what was used. `progress` is told of the number of records first, then of each one.
///
/// # Errors
/// When the log cannot be read.
pub fn observe(
    source: &mut dyn LogSource,
    progress: &mut dyn FnMut(crate::dry_run::Progress),
) -> Result<Observed, AuditError> {
    use crate::dry_run::Progress;
    // Pages before what they are about: whatever a page names stands there by then.
    let partitions = source.partitions(topics::DECISIONS)?;
    let mut plan = Vec::new();
    for topic in [topics::POLICY, topics::READS, topics::DECISIONS] {
        for partition in 0..source.partitions(topic)? {
            plan.push(stretch(source, topic, partition)?);
        }
    }
    for topic in topics::RAW {
        for partition in 0..partitions {
            plan.push(stretch(source, topic, partition)?);
        }
    }
    let total: i64 = plan.iter().map(|one| one.end).sum();
    progress(Progress::Total(total.unsigned_abs()));
    let of = |topic: &str| -> Vec<Stretch> {
        let wanted = plan.iter().filter(|one| one.topic == topic);
        wanted.cloned().collect()
    };

    let mut records = Vec::new();
    source.read_all(&of(topics::POLICY), &mut |record| {
        progress(Progress::Read);
        records.push(record);
    })?;
    let mut scratch = crate::Report::default();
    let policy = crate::control::read(&records, &mut scratch);
    let mut types = Types::default();
    for topic in topics::RAW {
        source.read_all(&of(topic), &mut |record| {
            progress(Progress::Read);
            types.note(&record);
        })?;
    }
    let mut uses = BTreeMap::new();
    source.read_all(&of(topics::DECISIONS), &mut |record| {
        progress(Progress::Read);
        if let Some(page) = decoded::<DecisionPage>(&record) {
            note_page(&page, &types, &mut uses);
        }
    })?;
    let reads = Reads::new(&policy);
    source.read_all(&of(topics::READS), &mut |record| {
        progress(Progress::Read);
        if let Some(read) = decoded::<ReadRecord>(&record) {
            let at = Instant(record.timestamp_ms.saturating_mul(1_000));
            reads.note(&read, at, &mut uses);
        }
    })?;
    let labels = reads
        .views
        .values()
        .flat_map(|view| view.source_labels.clone())
        .collect();
    Ok(Observed {
        state: reads.state,
        uses,
        labels,
    })
}

fn stretch(source: &mut dyn LogSource, topic: &str, partition: i32) -> Result<Stretch, AuditError> {
    Ok(Stretch {
        topic: topic.to_owned(),
        partition,
        from: 0,
        end: source.end(topic, partition)?,
    })
}

fn decoded<R: AvroRecord>(record: &Record) -> Option<R> {
    if record.headers.text(headers::TYPE) != Some(R::FULL_NAME) {
        return None;
    }
    let (_, body) = unframe(record.value.as_deref()).ok()?;
    R::decode_exact(body).ok()
}

fn note_page(page: &DecisionPage, types: &Types, uses: &mut BTreeMap<AgreementId, Use>) {
    let day = page
        .decided_at
        .as_ref()
        .and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .map(Instant::london_day);
    let mut note = |topic: &str, entries: &[DecisionEntry]| {
        for entry in entries {
            let event_type = types.of(topic, page.partition, entry.first_offset);
            note_permit(entry, &page.agreements, event_type, day, uses);
        }
    };
    note(&page.raw_topic, &page.entries);
    for again in &page.redecided {
        // An event decided again stands under its own coordinates.
        let entries: Vec<DecisionEntry> = again
            .entries
            .iter()
            .map(|entry| DecisionEntry {
                first_offset: again.offset,
                ..*entry
            })
            .collect();
        note(&again.topic, &entries);
    }
}

fn note_permit(
    entry: &DecisionEntry,
    agreements: &[PageAgreement],
    event_type: Option<&EventType>,
    day: Option<Day>,
    uses: &mut BTreeMap<AgreementId, Use>,
) {
    if entry.outcome != Outcome::Permit.code() {
        return;
    }
    let agreement = usize::try_from(entry.agreement_index)
        .ok()
        .and_then(|at| agreements.get(at))
        .and_then(|named| named.agreement_id.parse::<AgreementId>().ok());
    let Some(agreement) = agreement else { return };
    let used = uses.entry(agreement).or_default();
    used.releases += 1;
    used.last_released = used.last_released.max(day);
    if let Some(event_type) = event_type {
        *used.released.entry(event_type.clone()).or_default() |= entry.field_mask.cast_unsigned();
    }
}

/// Reads, with the view files that were ever pinned.
struct Reads {
    state: PolicyState,
    views: BTreeMap<Vec<u8>, View>,
}

impl Reads {
    fn new(policy: &[ControlRecord]) -> Self {
        use walbrook_domain::control::{ControlFact, PinKind};
        let catalogue = walbrook_view::file::catalogue();
        let mut views = BTreeMap::new();
        let mut state = PolicyState::new(Arc::new(catalogue.clone()));
        for record in policy {
            // What is no legal change counts for nothing; the audit names it.
            let _ = state.apply(record);
            if let ControlFact::Pin(pin) = &record.fact
                && pin.kind == PinKind::ViewFile
                && let Ok(view) = walbrook_view::file::read(&pin.name, &pin.content, &catalogue)
            {
                views.insert(pin.sha256.to_vec(), view);
            }
        }
        Self { state, views }
    }

    fn note(&self, read: &ReadRecord, at: Instant, uses: &mut BTreeMap<AgreementId, Use>) {
        if read.answered.is_empty() {
            return;
        }
        for named in &read.agreements {
            let Ok(agreement) = named.agreement_id.parse::<AgreementId>() else {
                continue;
            };
            let used = uses.entry(agreement.clone()).or_default();
            used.reads += 1;
            used.rows += u64::try_from(read.answered.len()).unwrap_or(u64::MAX);
            used.last_read = used.last_read.max(Some(at.london_day()));
            let Some(view) = self.views.get(&read.view_sha256) else {
                continue;
            };
            let shown = self.shown(&agreement, AgreementVersion(named.version), read);
            for (event_type, mask) in view.needs() {
                if shown
                    .as_ref()
                    .is_none_or(|shown| shown.contains(&event_type))
                {
                    *used.read.entry(event_type).or_default() |= mask;
                }
            }
        }
    }

    /// Event types that the agreement's line for this reader is limited to; `None`: all of them.
    fn shown(
        &self,
        agreement: &AgreementId,
        version: AgreementVersion,
        read: &ReadRecord,
    ) -> Option<Vec<EventType>> {
        let organisation = read.organisation.parse::<Organisation>().ok()?;
        let edition = self.state.book().edition(agreement, version)?;
        let line = edition.agreement.readers.iter().find(|line| {
            line.who.includes(&organisation) && line.role == read.role && line.view == read.view
        })?;
        (!line.events.is_empty()).then(|| line.events.clone())
    }
}
