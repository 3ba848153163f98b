//! How far generations are copied, as it is committed: the position of the group [`GROUP`] in each partition of the source.

use super::copier::{CopyError, Task};
use crate::enforce::clients::Clients;
use crate::enforce::control_view::Setting;
use crate::enforce::machine::Copied;
use std::time::Duration;
use walbrook_eventlog::{Committed, Ends, LogError, Positions, Severity, TopicPartition};

/// The group whose positions say how far generations are copied, without the namespace.
pub const GROUP: &str = "generation";

const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// What is committed of a copy: how far the source is looked through for what is live, and whether it is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Everything of the source below this is copied.
    pub position: i64,
    /// Below this only what is live.
    pub source_end: i64,
    /// Whether the source has its last record.
    pub ended: bool,
}

impl State {
    /// Reads what was committed; `None`: not begun.
    ///
    /// # Errors
    /// When it is of another build.
    pub fn read(committed: &Committed) -> Result<Option<Self>, CopyError> {
        let Some(position) = committed.offset else {
            return Ok(None);
        };
        let metadata = &committed.metadata;
        let (rest, ended) = match metadata.strip_suffix(" ended") {
            Some(rest) => (rest, true),
            None => (metadata.as_str(), false),
        };
        let source_end = rest.strip_prefix("v1 source_end=");
        let source_end = source_end.and_then(|end| end.parse().ok());
        let source_end = source_end.ok_or_else(|| CopyError::Build {
            problem: format!(
                "the position `{metadata}` of {} cannot be read",
                committed.at
            ),
        })?;
        Ok(Some(Self {
            position,
            source_end,
            ended,
        }))
    }

    /// As it is committed.
    pub(super) fn metadata(&self) -> String {
        let ended = if self.ended { " ended" } else { "" };
        format!("v1 source_end={}{ended}", self.source_end)
    }
}

/// What is committed of a copy; `None`: not begun.
///
/// # Errors
/// When the log fails, or what is committed cannot be read.
pub fn committed(
    task: &Task,
    clients: &dyn Clients,
    setting: &Setting,
) -> Result<Option<State>, CopyError> {
    let group = setting.namespace.name(GROUP);
    let found =
        clients
            .positions()?
            .committed(&group, &[task.source(setting)], true, REQUEST_WITHIN)?;
    found.first().map_or(Ok(None), State::read)
}

/// How far each of these partitions is written, and after that copied; all of them sources of copies.
///
/// # Errors
/// When the log does not answer.
pub fn compare(
    asked: &[TopicPartition],
    group: &str,
    ends: &mut dyn Ends,
    positions: &mut dyn Positions,
) -> Result<Copied, LogError> {
    let ends = ends.high_watermarks(asked, REQUEST_WITHIN)?;
    let committed = positions.committed(group, asked, false, REQUEST_WITHIN)?;
    if committed.len() != asked.len() {
        return Err(LogError::new(
            Severity::Transient,
            "ask how far generations are copied",
            group,
            "the answer is of other partitions",
        ));
    }
    // A copy that nobody has begun is behind an empty source, too: its mark is the first record.
    let copied = committed
        .iter()
        .map(|one| one.offset.unwrap_or(-1))
        .collect();
    Ok(Copied { ends, copied })
}
