//! What may not be kept any more leaves, once a day; and then the store is written anew, because what is taken out of a store stands in its files.

use super::{FollowError, Follower};
use crate::store::Owed;
use crate::versions::Version;
use walbrook_domain::Day;
use walbrook_view::Expired;

/// The word on record.
pub const RETENTION: &str = "RETENTION";

impl Follower {
    /// Looks through everything held when that is due and not much else waits to be done. Rows show nothing that is over in any case.
    pub(super) fn sweep(&mut self, idle: bool) -> Result<(), FollowError> {
        let (today, agreements) = (self.keeping.today(), self.keeping.agreements());
        if !idle || !self.keeping.is_due(today, &agreements) {
            return Ok(());
        }
        self.keeping.sweeps(today, &agreements);
        let shelf = std::sync::Arc::clone(&self.shelf);
        for (held, number) in shelf.partitions().iter().zip(0..) {
            let mut last = |one: &_| self.keeping.last_day_of(&agreements, one);
            let past = held.read().state.past(&mut last, today);
            if past.is_empty() {
                continue;
            }
            let mut changes = Vec::new();
            let (expired, next_offset) = {
                let mut held = held.write();
                let expired = held.state.expire(&past, &mut changes);
                shelf.mark(number, &changes);
                (expired, held.next_offset)
            };
            let owed = self.owed_for_expired(number, next_offset - 1, &expired)?;
            self.store.commit(number, next_offset, changes, owed)?;
        }
        shelf.publish();
        self.settle()?;
        self.write_anew(today);
        Ok(())
    }

    fn owed_for_expired(
        &self,
        partition: i32,
        offset: i64,
        expired: &[Expired],
    ) -> Result<Vec<Owed>, FollowError> {
        let mut owed = Vec::new();
        for one in expired {
            self.metrics.removed(&self.shelf.topic, one.contributions);
            let counts = (one.contributions, one.people);
            let why = (RETENTION, Some(one.past_on));
            owed.extend(self.owed(partition, offset, counts, why)?);
        }
        Ok(owed)
    }

    /// Writes the store anew when it holds what left. Not while another version is being filled: this one's folder goes then.
    fn write_anew(&mut self, today: Day) {
        let due = || -> Result<bool, FollowError> {
            Ok(!self.voice.is_silent()
                && self.store.holds_what_left(today)?
                && self.versions.beside(&self.version)?.is_none())
        };
        let written = due().and_then(|due| if due { self.move_anew(today) } else { Ok(()) });
        if let Err(error) = written {
            let cause = walbrook_runtime::status::chain(&error);
            tracing::warn!(
                cause,
                "the view store is not written anew today: what left it may stand in its files for another day"
            );
            self.versions.tidy(&[&self.version]);
        }
    }

    fn move_anew(&mut self, today: Day) -> Result<(), FollowError> {
        let anew: Version = self.versions.begin()?;
        if let Some(files) = self.version.files() {
            anew.keep(&files)?;
        }
        let store = self.store.written_anew(&anew.store(), today)?;
        self.versions.switch(&anew)?;
        self.causes.moved(&store);
        self.store = store;
        self.version = anew;
        self.versions.tidy(&[&self.version]);
        Ok(())
    }
}
