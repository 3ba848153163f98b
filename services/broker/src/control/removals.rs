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
    /// Contributions that left with the statement that covers it: those of this cause and of others stated with it.
    /// Which cause removed which is not on the shared topics, so that nothing there leads back to a ground.
    pub contributions: i64,
    /// Rows that left or changed with that statement.
    pub rows: i64,
    /// When the view said that every cause up to it has reached it; `None`: not yet.
    pub complete_at: Option<Instant>,
}

/// Statements of completeness by the cause offset stated; only those that go beyond all before.
type View = BTreeMap<i64, ViewReport>;

/// The fold. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Removals {
    views: Arc<RwLock<BTreeMap<String, View>>>,
}

impl Removals {
    /// What each view says about the cause at an offset of `control.policy`, in the order of view names.
    pub fn of(&self, cause: i64) -> Vec<(String, ViewReport)> {
        // The first statement at or past the cause covers it.
        let report = |view: &View| {
            let covering = view.range(cause..).next();
            covering
                .map(|(_, report)| report.clone())
                .unwrap_or_default()
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
            Err(error) => {
                tracing::warn!(offset = record.offset, %error, "a removal record was passed over")
            }
        }
    }

    fn add(&self, removal: Removal, appended_at: Instant) {
        let mut views = self.views.write();
        let view = views.entry(removal.view).or_default();
        let beyond = view
            .last_key_value()
            .is_none_or(|(through, _)| *through < removal.cause_offset);
        if removal.complete && beyond && removal.cause_topic == topics::POLICY {
            let report = ViewReport {
                contributions: removal.contributions,
                rows: removal.rows,
                complete_at: Some(appended_at),
            };
            view.insert(removal.cause_offset, report);
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
