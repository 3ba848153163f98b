//! Whether this process is the writer: a group over the one partition of `identity.records` says so. Nothing is ever read through it.

use crate::journal::{Clients, Format, TRANSACTIONAL_ID};
use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::{GroupEvent, GroupReader, LogError};

/// How often a member looks after its membership.
const EVERY: Duration = Duration::from_millis(100);

/// A seat in the group.
pub(super) struct Seat {
    group: Option<Box<dyn GroupReader>>,
    owner: bool,
    settled: bool,
    looked: Monotonic,
}

impl Seat {
    /// Joins. Without a group whoever comes takes over.
    ///
    /// # Errors
    /// When the settings are refused.
    pub(super) fn join(clients: &dyn Clients, format: &Format) -> Result<Self, LogError> {
        let topic = format.identity_partition().topic;
        let group = clients.member(&format.namespace.name(TRANSACTIONAL_ID), &topic)?;
        Ok(Self {
            owner: group.is_none(),
            settled: group.is_none(),
            group,
            looked: Monotonic::now(),
        })
    }

    /// Whether this process may write, as the group last said.
    pub(super) fn is_owner(&self) -> bool {
        self.owner
    }

    /// Whether the group has said who writes.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether others may take over: then being fenced is no end, but a change of places.
    pub(super) fn has_group(&self) -> bool {
        self.group.is_some()
    }

    /// Looks after the membership now and then.
    ///
    /// # Errors
    /// When the log failed.
    pub(super) fn look(&mut self) -> Result<(), LogError> {
        if self.settled && self.looked.elapsed() < EVERY {
            return Ok(());
        }
        self.looked = Monotonic::now();
        let Some(group) = &mut self.group else {
            return Ok(());
        };
        let (mut events, mut unread) = (Vec::new(), Vec::new());
        group.poll(1, Duration::ZERO, &mut unread, &mut |event| {
            events.push(event);
        })?;
        for event in events {
            match event {
                GroupEvent::Assigned(partitions) => {
                    group.start(&[])?;
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
