//! What is due without a call: birthdays once a day, and records once the cover of agreements changed. In slices, so that calls wait for none of it long.
//!
//! How far the records were compared under a cover stands with the group that says who writes, committed with what the comparison changed: a writer that
//! starts goes on there, and compares nothing again. Who becomes one person depends on the order in which records are searched, so a start must not search.

use super::{Reign, Writer};
use crate::error::JournalError;
use crate::journal::{Clients, Format};
use crate::linkage::{Answer, Command};
use std::time::Duration;
use walbrook_domain::Day;
use walbrook_eventlog::InputPosition;

/// Records of a slice while calls wait; it doubles with each slice for which nobody waited, up to the largest.
const SMALLEST: usize = 50;
const LARGEST: usize = 500;
/// How long the log may take to say what was compared.
const ANSWER: Duration = Duration::from_secs(10);

/// How far the records were compared under a cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// The cover's word.
    word: String,
    /// The last place compared; `None` when all were.
    after: Option<i64>,
}

impl Progress {
    fn text(&self) -> String {
        let after = self.after.map(|after| after.to_string());
        let after = after.as_deref().unwrap_or("all");
        format!("v1 cover={} after={after}", self.word)
    }

    fn read(text: &str) -> Option<Self> {
        let (word, after) = text.strip_prefix("v1 cover=")?.rsplit_once(" after=")?;
        let after = match after {
            "all" => None,
            place => Some(place.parse().ok()?),
        };
        let word = word.to_owned();
        Some(Self { word, after })
    }
}

/// What is due, and how far it is.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    /// The last London day on which everybody's age was looked at.
    aged: Option<Day>,
    /// The generation of the cover that `progress` was held against.
    generation: Option<u64>,
    progress: Option<Progress>,
    /// As the log has it.
    on_log: Option<Progress>,
    slice: usize,
}

impl Sweeps {
    /// What a writer that takes over goes on from.
    ///
    /// # Errors
    /// When the log does not say.
    pub(super) fn resume(clients: &dyn Clients, format: &Format) -> Result<Self, JournalError> {
        let asked = [format.identity_partition()];
        let group = format.progress_group();
        let committed = clients
            .positions()?
            .committed(&group, &asked, true, ANSWER)?;
        let on_log = committed
            .first()
            .and_then(|found| Progress::read(&found.metadata));
        Ok(Self {
            progress: on_log.clone(),
            on_log,
            ..Self::default()
        })
    }

    /// Whether records wait to be compared.
    pub(super) fn is_behind(&self) -> bool {
        self.place().is_some()
    }

    /// Whether every record was compared under the cover that was last looked at, and the log says so.
    pub(super) fn is_done(&self) -> bool {
        self.generation.is_some() && !self.is_behind() && self.progress == self.on_log
    }

    fn place(&self) -> Option<i64> {
        self.progress.as_ref()?.after
    }

    /// What the next transaction must say; `None` when the log says it already. Where nothing else is written it can wait, but for the end.
    pub(super) fn news(&self, nothing_else: bool) -> Option<Progress> {
        let news = self
            .progress
            .as_ref()
            .filter(|_| self.progress != self.on_log)?;
        (!nothing_else || news.after.is_none()).then(|| news.clone())
    }

    /// It stands on the log.
    pub(super) fn written(&mut self, progress: Progress) {
        self.on_log = Some(progress);
    }

    /// What was not written was not done.
    pub(super) fn rolled_back(&mut self) {
        self.progress = self.on_log.clone();
        self.generation = None;
        self.aged = None;
    }

    fn limit(&mut self, calls_wait: bool) -> usize {
        self.slice = match calls_wait {
            true => SMALLEST,
            false => (self.slice * 2).clamp(SMALLEST, LARGEST),
        };
        self.slice
    }
}

/// The position that says it: of the one partition that the group is about.
pub(super) fn position(progress: &Progress, format: &Format, identity_next: i64) -> InputPosition {
    InputPosition {
        at: format.identity_partition(),
        next_offset: identity_next,
        metadata: progress.text(),
    }
}

impl Writer {
    /// One slice of what is due, into the batch in work.
    pub(super) fn sweep(&mut self, reign: &mut Reign) {
        let now = self.clock.now();
        let today = now.london_day();
        self.cover.set_today(today);
        let calls_wait = !reign.open.is_empty();
        if self.sweeps.aged != Some(today) {
            let limit = self.sweeps.limit(calls_wait);
            let answer = self.step(reign, Command::ComeOfAge { limit }, now);
            if answer != Ok(Answer::CameOfAge(limit)) {
                self.sweeps.aged = Some(today);
            }
            return;
        }
        let generation = self.cover.generation();
        if self.sweeps.generation != Some(generation) {
            self.look_at_cover(generation, reign.core.index().len());
        }
        let Some(after) = self.sweeps.place() else {
            return;
        };
        let limit = self.sweeps.limit(calls_wait);
        let answer = self.step(reign, Command::Review { after, limit }, now);
        let last = match answer {
            Ok(Answer::Reviewed(last)) => last,
            _ => None,
        };
        if last.is_none() {
            tracing::info!(
                records = reign.core.index().len(),
                "every record was compared under the matching agreements in force"
            );
        }
        if let Some(progress) = &mut self.sweeps.progress {
            progress.after = last;
        }
    }

    /// The cover may have changed: then everybody is compared again.
    fn look_at_cover(&mut self, generation: u64, records: usize) {
        self.sweeps.generation = Some(generation);
        let word = self.cover.word();
        let known = self.sweeps.progress.as_ref();
        if known.is_none_or(|known| known.word != word) {
            tracing::info!(
                records,
                "the cover of matching agreements is another one: records are compared again"
            );
            self.standing.compared(false);
            let after = Some(0);
            self.sweeps.progress = Some(Progress { word, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_the_log_is_read_back() {
        for after in [None, Some(0), Some(1_234_567)] {
            let word = "9f3c a=b after=7".to_owned();
            let progress = Progress { word, after };
            assert_eq!(Progress::read(&progress.text()), Some(progress));
        }
        for text in [
            "",
            "v1 cover=x",
            "v1 cover=x after=y",
            "v2 cover=x after=all",
        ] {
            assert_eq!(Progress::read(text), None, "{text}");
        }
    }

    #[test]
    fn slices_are_small_while_calls_wait() {
        let mut sweeps = Sweeps::default();
        let quiet: Vec<usize> = (0..6).map(|_| sweeps.limit(false)).collect();
        assert_eq!(quiet, [50, 100, 200, 400, 500, 500]);
        assert_eq!(sweeps.limit(true), SMALLEST);
        assert_eq!(sweeps.limit(false), 2 * SMALLEST);
    }
}
