//! What views say about causes: the fold of `audit.removals`, which answers a receipt.

use crate::error::JournalError;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::Instant;
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Namespace, Reader, Record, TopicPartition, topics};
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::avro::AvroRecord;

const POLL: Duration = Duration::from_millis(200);
const POLL_RECORDS: usize = 1_000;

/// What became of a cause in one view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewReport {
    /// Contributions that left because of it.
    pub contributions: i64,
    /// Rows that left or changed because of it.
    pub rows: i64,
    /// When the view said that every cause up to it has reached it; `None`: not yet.
    pub complete_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct View {
    /// By cause offset on `control.policy`: contributions and rows.
    removed: BTreeMap<i64, (i64, i64)>,
    /// By the cause offset stated: when first said. Only those that go beyond all before.
    complete: BTreeMap<i64, Instant>,
}

/// The fold. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Removals {
    views: Arc<RwLock<BTreeMap<String, View>>>,
}

impl Removals {
    /// What each view says about the cause at an offset of `control.policy`, in the order of view names.
    pub fn of(&self, cause: i64) -> Vec<(String, ViewReport)> {
        let report = |view: &View| {
            let (contributions, rows) = view.removed.get(&cause).copied().unwrap_or_default();
            let complete_at = view.complete.range(cause..).map(|(_, at)| *at).min();
            ViewReport {
                contributions,
                rows,
                complete_at,
            }
        };
        self.views
            .read()
            .iter()
            .map(|(name, view)| (name.clone(), report(view)))
            .collect()
    }

    /// Applies a record of `audit.removals`. One that is none of ours changes nothing.
    pub fn apply(&self, record: &Record) {
        if record.headers.text(headers::TYPE) != Some(Removal::FULL_NAME) {
            return;
        }
        let Ok((_, body)) = framing::unframe(record.value.as_deref()) else {
            return;
        };
        match Removal::decode_exact(body) {
            Ok(removal) => self.add(removal, Instant(record.timestamp_ms.saturating_mul(1_000))),
            Err(error) => tracing::warn!(offset = record.offset, %error, "a removal record was passed over"),
        }
    }

    fn add(&self, removal: Removal, appended_at: Instant) {
        let mut views = self.views.write();
        let view = views.entry(removal.view).or_default();
        if removal.cause_topic != topics::POLICY {
            return;
        }
        let counts = view.removed.entry(removal.cause_offset).or_default();
        counts.0 += removal.contributions;
        counts.1 += removal.rows;
        let beyond = view
            .complete
            .last_key_value()
            .is_none_or(|(through, _)| *through < removal.cause_offset);
        if removal.complete && beyond {
            view.complete.insert(removal.cause_offset, appended_at);
        }
    }
}

/// Follows `audit.removals` until stopped.
///
/// # Errors
/// When the log fails for good.
pub fn follow(
    reader: &mut dyn Reader,
    namespace: &Namespace,
    removals: &Removals,
    stopped: &dyn Fn() -> bool,
) -> Result<(), JournalError> {
    let at = TopicPartition::new(namespace.name(topics::REMOVALS), 0);
    reader.assign(&[(at, 0)])?;
    let mut records = Vec::new();
    while !stopped() {
        reader.poll(POLL_RECORDS, POLL, &mut records)?;
        for record in records.drain(..) {
            removals.apply(&record);
        }
    }
    Ok(())
}
