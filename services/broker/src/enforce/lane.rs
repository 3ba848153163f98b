//! One p at work: its partition and the batch under way. No I/O: what it needs is handed in, what it wants is handed out.

use super::control_view::{ControlView, Setting};
use super::decide::Entropy;
use super::error::Stop;
use super::incoming::Cut;
use super::outgoing::Writer;
use super::partition::{Partition, Plan, Transaction};
use super::rebuild::link_record;
use std::collections::BTreeMap;
use walbrook_domain::Instant;
use walbrook_event::headers;
use walbrook_eventlog::{LogError, NewRecord, Record, Severity};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::Retraction;

/// Why p cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The core said so.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The log said so.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl LaneError {
    /// Whether building p again later may help. A log error that is not fatal may: the next owner, or this one, starts from what is committed.
    pub fn may_pass(&self) -> bool {
        match self {
            LaneError::Stop(stop) => stop.may_pass(),
            LaneError::Log(error) => error.severity != Severity::Fatal,
        }
    }
}

/// Past events, by index of the raw topic and offset.
pub type Past = BTreeMap<(usize, i64), Record>;

/// One p at work.
pub struct Lane {
    partition: Partition,
    under_way: Option<(Cut, Plan)>,
    /// Planted: retractions that wait for the next transaction.
    late: Vec<NewRecord>,
}

impl Lane {
    /// Around a partition that stands exactly at its committed positions.
    pub const fn new(partition: Partition) -> Self {
        Self {
            partition,
            under_way: None,
            late: Vec::new(),
        }
    }

    /// The partition.
    pub const fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The partition, for a fault to be planted in it.
    pub(super) const fn partition_mut(&mut self) -> &mut Partition {
        &mut self.partition
    }

    /// Applies link records read from `control.links[p]` up to `next`.
    ///
    /// # Errors
    /// When a record cannot be used.
    pub fn apply_links(&mut self, records: &[Record], next: i64) -> Result<(), LaneError> {
        let number = self.partition.number();
        let links = records
            .iter()
            .map(|record| link_record(number, record))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Stop::Link)?;
        self.partition.apply_links(links, next);
        Ok(())
    }

    /// Whether there is anything to commit without events.
    pub fn behind(&self, control: &dyn ControlView) -> bool {
        self.partition.behind(control)
    }

    /// Whether that is more than markers passed.
    pub fn is_urgent(&self, control: &dyn ControlView) -> bool {
        self.partition.is_urgent(control)
    }

    /// Begins a batch: checks its records and finds out what the causes since the last one touch. Returns the past events that must be read for
    /// it, ascending. The caller holds the control plane still from before this call to the end of [`finish`](Self::finish).
    ///
    /// # Errors
    /// When something is missing or wrong; p must then be built again.
    pub fn begin(
        &mut self,
        records: Vec<Record>,
        control: &dyn ControlView,
        setting: &Setting,
        now: Instant,
    ) -> Result<Vec<(usize, i64)>, LaneError> {
        let cut = self.partition.cut(records, control, setting, now)?;
        let mut plan = self.partition.plan(control);
        let wanted = std::mem::take(&mut plan.wanted);
        self.under_way = Some((cut, plan));
        Ok(wanted)
    }

    /// Decides the batch that was begun.
    ///
    /// # Errors
    /// When something is missing or wrong; p must then be built again.
    pub fn finish(
        &mut self,
        past: &Past,
        control: &dyn ControlView,
        setting: &Setting,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Result<Transaction, LaneError> {
        let (cut, plan) = self.under_way.take().unwrap_or_default();
        let writer = Writer {
            setting,
            control,
            now,
        };
        Ok(self.partition.decide(cut, plan, past, writer, entropy)?)
    }

    /// Planted: takes the retractions out of a transaction and adds those that were held back before.
    pub(super) fn hold_back(&mut self, transaction: &mut Transaction) {
        let is_retraction =
            |record: &NewRecord| record.headers.text(headers::TYPE) == Some(Retraction::FULL_NAME);
        let (held, rest) = std::mem::take(&mut transaction.records)
            .into_iter()
            .partition(is_retraction);
        transaction.records = std::mem::replace(&mut self.late, held);
        transaction.records.extend::<Vec<_>>(rest);
    }

    /// Says that what was decided is committed.
    pub fn committed(&mut self, transaction: &Transaction) {
        self.partition.committed(transaction);
    }
}
