//! A process's membership of the control group.

use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::{GroupEvent, GroupReader, LogError, Record};

/// Membership of the group, between batches.
pub(super) struct Member {
    group: Box<dyn GroupReader>,
    pub(super) owner: bool,
    pub(super) settled: bool,
    pub(super) looked: Monotonic,
    unread: Vec<Record>,
}

impl Member {
    pub(super) fn new(group: Box<dyn GroupReader>) -> Self {
        Self {
            group,
            owner: false,
            settled: false,
            looked: Monotonic::now(),
            unread: Vec::new(),
        }
    }

    /// Looks after the membership; nothing is ever read through it.
    pub(super) fn look(&mut self, wait: Duration) -> Result<(), LogError> {
        let mut events = Vec::new();
        self.group
            .poll(1, wait, &mut self.unread, &mut |event| events.push(event))?;
        self.unread.clear();
        self.looked = Monotonic::now();
        for event in events {
            match event {
                GroupEvent::Assigned(partitions) => {
                    self.group.start(&[])?;
                    self.owner = partitions.iter().any(|at| at.partition == 0);
                    self.settled = true;
                }
                GroupEvent::Revoked(_) | GroupEvent::Lost(_) => {
                    self.owner = false;
                    self.settled = false;
                }
            }
        }
        Ok(())
    }
}
