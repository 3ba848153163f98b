//! What an agreement would change, from the log as it stands: every event decided again, once as things are and once as if the proposal were
//! signed. Nothing is written; the proposal and its signatures exist in memory only.
//!
//! Two questions are answered apart:
//! - **from then on**: what of the events accepted since a day would have been shared, had the proposal been in force when they came: fields,
//!   people, readers, purposes. What comes next will be like it. Consents, objections and links are today's.
//! - **at once**: what signing would do to events that stand on the log already. The rules forbid a new agreement to reach back, so this is nothing
//!   unless the document has a `backfill_from`, or narrows what stands.
//!
//! People are counted by identity's own ids, which leave this module only for a caller that holds a purpose key to turn them into pseudonyms.
//!
//! - [`worlds`]: the control plane with and without the proposal.
//! - [`replay`]: every event under both; [`tally`]: what came of it.
//! - [`people`]: who holds a record of whom.
//! - [`readers`]: who would see what of how many; [`inference`]: what a reader learns because two agreements meet in one view.
//! - [`forecast`]: the answer.

pub mod forecast;
pub mod inference;
pub mod people;
pub mod readers;
pub mod replay;
pub mod tally;
pub mod worlds;

use walbrook_domain::{Day, Instant, Organisation};
use walbrook_event::Seal;
use walbrook_eventlog::topics;
use walbrook_policy::Agreement;
use walbrook_policy::state::Illegal;

use crate::error::AuditError;
use crate::source::{LogSource, Stretch};

pub use forecast::Forecast;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The proposal, which has passed `Agreement::propose`.
    pub agreement: Agreement,
    /// Who is taken to sign; `None`: whoever signed the version before, or else every party that the log knows.
    pub parties: Option<Vec<Organisation>>,
    /// Only events accepted since this London day.
    pub since: Option<Day>,
    /// The machine's clock.
    pub now: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// The log.
    #[error(transparent)]
    Log(#[from] AuditError),
    /// The version does not follow what is on record.
    #[error("{agreement} is on record up to version {current}: a changed document must be version {}", current + 1)]
    Version {
        /// The agreement.
        agreement: String,
        /// The newest version on record.
        current: u32,
    },
    /// The control plane would refuse it.
    #[error("the control plane would refuse {what}")]
    Refused {
        /// What would be refused.
        what: String,
        /// Why.
        #[source]
        why: Illegal,
    },
    /// Somebody named is no party.
    #[error("{0} is no party to the agreement, so it cannot sign")]
    NoParty(Organisation),
    /// Nobody that the log knows could sign.
    #[error(
        "no organisation that the log knows is a party to the agreement: name those who would sign with --party"
    )]
    Nobody,
    /// Nothing is decided on this log yet.
    #[error("the log holds no decision rules yet: has a broker of this namespace ever run?")]
    NoRules,
}

/// Answers. Personal values are opened through `seal`; `progress` is told of the number of records to read first, then of each one read.
///
/// # Errors
/// When the log cannot be read, or the control plane would refuse the proposal.
pub fn run(
    source: &mut dyn LogSource,
    asked: &Asked,
    seal: &dyn Seal,
    progress: &mut dyn FnMut(Progress),
) -> Result<Forecast, DryRunError> {
    let partitions = source.partitions(topics::LINKS)?;
    let mut plan = Plan::new(source, partitions)?;
    progress(Progress::Total(plan.records()));
    let policy = plan.policy(source, progress)?;
    let people = people::People::read(source, &plan, partitions, progress)?;
    let worlds = worlds::Worlds::new(asked, &policy, &people)?;
    let mut tally = tally::Tally::default();
    let mut replay = replay::Replay {
        asked,
        seal,
        worlds,
        people,
        tally: &mut tally,
    };
    for partition in 0..partitions {
        replay.partition(source, &mut plan, partition, progress)?;
    }
    let replay::Replay { worlds, people, .. } = replay;
    Ok(forecast::answer(asked, &worlds, &people, &tally))
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many records at most are to be read.
    Total(u64),
    /// One more was.
    Read,
}

/// What is to be read: every topic to the end it had when the run began.
pub struct Plan {
    stretches: Vec<Stretch>,
}

impl Plan {
    fn new(source: &mut dyn LogSource, partitions: i32) -> Result<Self, AuditError> {
        let mut wanted = vec![(topics::POLICY, 0)];
        let per_p = [topics::LINKS, topics::DECISIONS].into_iter();
        for topic in per_p.chain(topics::RAW) {
            wanted.extend((0..partitions).map(|partition| (topic, partition)));
        }
        let mut stretches = Vec::with_capacity(wanted.len());
        for (topic, partition) in wanted {
            stretches.push(Stretch {
                topic: topic.to_owned(),
                partition,
                from: 0,
                end: source.end(topic, partition)?,
            });
        }
        Ok(Self { stretches })
    }

    fn records(&self) -> u64 {
        let ends = self.stretches.iter().map(|one| one.end.max(0));
        ends.sum::<i64>().unsigned_abs()
    }

    /// The stretches of a topic, of one partition or of all.
    pub fn of(&self, topic: &str, partition: Option<i32>) -> Vec<Stretch> {
        let wanted = |one: &&Stretch| {
            one.topic == topic && partition.is_none_or(|partition| one.partition == partition)
        };
        self.stretches.iter().filter(wanted).cloned().collect()
    }

    fn policy(
        &self,
        source: &mut dyn LogSource,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<walbrook_domain::control::ControlRecord>, AuditError> {
        let mut records = Vec::new();
        source.read_all(&self.of(topics::POLICY, None), &mut |record| {
            progress(Progress::Read);
            records.push(record);
        })?;
        // What cannot be read counts for nothing here, as in every fold; the audit names it.
        let mut scratch = crate::Report::default();
        Ok(crate::control::read(&records, &mut scratch))
    }
}
