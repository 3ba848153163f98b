//! From reading the log to writing it: a process follows until the seat is its own, and then takes over.

use super::batch::Open;
use super::keeper::Reached;
use super::press::{self, Press};
use super::seat::Seat;
use super::sweeps::Sweeps;
use super::{ANSWER, FOLLOW, HELD_UP, Reign, Writer};
use crate::error::JournalError;
use crate::follow::Follower;
use crate::journal::TRANSACTIONAL_ID;
use crate::linkage::Core;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_runtime::shutdown::Shutdown;

impl Writer {
    /// Follows until the seat is this process's, then takes over.
    pub(super) fn follow(
        &mut self,
        stop: &Shutdown,
        ready: &dyn Fn(bool),
    ) -> Result<(Reign, Seat), JournalError> {
        // Taking over waits long for a log that is away, and cannot be told to stop meanwhile: first see that somebody answers.
        let began = Monotonic::now();
        let clients = Arc::clone(&self.clients);
        let end = clients
            .ends()?
            .high_watermarks(&[self.format.identity_partition()], ANSWER)?;
        let end = end.first().copied().unwrap_or(0);
        let mut seat = Seat::join(clients.as_ref(), &self.format)?;
        let held = self.held.take().or_else(|| {
            let snapshot = self.keeper.snapshot()?;
            snapshot.usable(clients.as_ref(), &self.format)
        });
        let mut follower = Follower::open(clients.as_ref(), &self.format, held)?;
        let (mut read_at, mut whole, mut told) = (Monotonic::now(), false, false);
        while !seat.is_owner() {
            if stop.is_requested() {
                return Err(JournalError::Stopped);
            }
            seat.look()?;
            if seat.is_owner() {
                // What is to be read is read on taking over, and readers are shown all of it once.
                break;
            }
            let readers = whole.then(|| Arc::clone(&self.directory));
            if follower.read(FOLLOW, readers.as_deref())? > 0 {
                read_at = Monotonic::now();
            }
            // What a dead writer left open ends in a while, and holds nobody up: whatever may not be old waits for the end anyway.
            let through = follower.applied_through();
            if !whole && (through >= end || read_at.elapsed() > HELD_UP) {
                // Only now: readers never see less than they saw before.
                self.directory.replace(follower.index());
                whole = true;
            }
            if whole {
                self.fresh.applied(through);
                self.standing.reads();
                self.metrics
                    .sizes(follower.index().len(), follower.index().person_count());
                if seat.is_settled() && !seat.is_owner() && !told {
                    tracing::info!(
                        records = follower.index().len(),
                        milliseconds = began.elapsed().as_millis(),
                        "another identity process writes; this one follows it"
                    );
                    ready(true);
                    told = true;
                }
            }
            self.turn_away(Duration::ZERO, stop);
        }
        let reign = self.take_over(follower, &seat, began, stop)?;
        Ok((reign, seat))
    }

    /// Takes the transactional id over, which ends what an older writer left open and fences it, and only then reads what is still unread.
    fn take_over(
        &mut self,
        mut follower: Follower,
        seat: &Seat,
        began: Monotonic,
        stop: &Shutdown,
    ) -> Result<Reign, JournalError> {
        let clients = Arc::clone(&self.clients);
        let mut transactor = clients.transactor(&self.format.namespace.name(TRANSACTIONAL_ID));
        transactor.init()?;
        follower.catch_up(clients.as_ref(), stop, None)?;
        self.directory.replace(follower.index());
        self.fresh.applied(follower.applied_through());
        self.keeper.changed(follower.from_log());
        let from_log = follower.from_log();
        let held = follower.into_held();
        self.metrics
            .sizes(held.index.len(), held.index.person_count());
        tracing::info!(
            records = held.index.len(),
            persons = held.index.person_count(),
            from_log,
            milliseconds = began.elapsed().as_millis(),
            "index rebuilt"
        );
        self.sweeps = Sweeps::resume(clients.as_ref(), &self.format)?;
        self.standing.compared(false);
        let press = Press::start(press::Parts {
            transactor,
            format: self.format.clone(),
            directory: Arc::clone(&self.directory),
            metrics: self.metrics.clone(),
            wake: self.wake.clone(),
        })?;
        Ok(Reign {
            reached: Reached::of(&held),
            core: Core::new(held.index, self.rules.clone()),
            press,
            open: Open::default(),
            flight: None,
            landed: None,
            is_alone: !seat.has_group(),
        })
    }
}
