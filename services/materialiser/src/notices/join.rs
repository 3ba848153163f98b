//! What fell meets who was shown it.
//!
//! A turn takes everyone of whom something fell, or whose row was newly shown after something had fallen. It begins only when a round of the
//! grounds bound that began later is complete: then the rest of each retraction's transaction is applied too, so what was taken and given back in
//! one step is no notice. After a turn it is stated how far everything has its notice.

use super::answers::Answers;
use super::book::Through;
use super::causes::{Cause, Causes};
use super::piece::{Piece, Shown, news};
use super::{Book, Notices, NoticesError};
use crate::board::Board;
use crate::bound::Bound;
use crate::clock;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{AgreementId, EventId, Instant, Pseudonym};
use walbrook_proto::audit::v1::{AppliedOffset, Notice, NoticesComplete};
use walbrook_proto::common::v1::Date;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::notice::{self, DAYS, To};

const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// A round of the bound that takes longer is not waited for: those concerned come again with the next turn.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// What fell under one purpose, and what stands now.
pub struct Source {
    /// The purpose.
    pub purpose: String,
    /// The state.
    pub shelf: Arc<Shelf>,
    /// Its bound.
    pub bound: Arc<Bound>,
    /// What fell.
    pub causes: Arc<Causes>,
}

impl Source {
    /// Whether an event of a person stands under an agreement now.
    fn stands(&self, person: &Pseudonym, event: EventId, agreement: &AgreementId) -> bool {
        let Some((_, held)) = self.shelf.of(person) else {
            return false;
        };
        let held = held.read();
        held.state.person(person).is_some_and(|person| {
            let mut all = person.contributions();
            all.any(|one| one.key.event == event && one.key.agreement == *agreement)
        })
    }
}

/// Works notices out.
pub struct Join {
    /// What is on record.
    pub notices: Arc<Notices>,
    /// Who was shown what.
    pub ledger: Arc<Ledger>,
    /// The views served: their files say the days.
    pub board: Arc<Board>,
    /// Its numbers.
    pub metrics: Metrics,
    /// The records of reads.
    pub answers: Answers,
}

impl Join {
    /// Runs until shutdown. Blocks; for a thread.
    ///
    /// # Errors
    /// When the log or the store fails for good.
    pub fn run(mut self, stop: &Shutdown) -> Result<(), NoticesError> {
        while !stop.is_requested() {
            match self.turn(stop) {
                Ok(()) => {}
                Err(error) if error.is_transient() && stop.is_requested() => break,
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "notices wait");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
                Err(error) => return Err(error),
            }
            self.numbers();
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// One turn for each purpose.
    fn turn(&mut self, stop: &Shutdown) -> Result<(), NoticesError> {
        let sources = self.notices.sources();
        let fell = sources.iter().any(|source| source.causes.is_fresh());
        if !fell && !self.ledger.shown().has_come() {
            return Ok(());
        }
        // Whatever was shown until now is named at once, and not in a second record.
        self.ledger.wait_caught_up(stop)?;
        let came = self.ledger.shown().came();
        let mut failed = Ok(());
        for source in sources {
            // Asked before those concerned are: whatever stands below has made itself known by then.
            let applied = source.shelf.applied().borrow().clone();
            let reads_next = self.ledger.next_offset();
            let fresh = source.causes.fresh();
            let began = Monotonic::now();
            self.ledger.shown().wait_for(fresh.iter().copied());
            let people: BTreeSet<Pseudonym> = fresh.union(&came).copied().collect();
            if people.is_empty() {
                continue;
            }
            let through = through(&applied, reads_next);
            if let Err(error) = self.told(&source, (&people, began), &through, stop) {
                source.causes.again(people);
                failed = Err(error);
            }
        }
        failed
    }

    /// Puts on record what these people's readers are to be told.
    fn told(
        &mut self,
        source: &Source,
        (people, began): (&BTreeSet<Pseudonym>, Monotonic),
        through: &Through,
        stop: &Shutdown,
    ) -> Result<(), NoticesError> {
        settled(&source.bound, began, stop)?;
        self.notices.wait_caught_up(stop)?;
        let purpose = source.purpose.clone();
        let before = self.notices.ask(|book| book.through(&purpose));
        let now = self.notices.now();
        let (mut piece, mut looked) = (Piece::default(), false);
        for person in people {
            if stop.is_requested() {
                return Err(NoticesError::Stopped);
            }
            let causes = source.causes.of(person)?;
            if causes.is_empty() {
                continue;
            }
            looked = true;
            piece.person(*person, causes, &before);
            for (place, applied) in self.ledger.shown().of(person)? {
                piece.want(place, applied);
                if piece.wants_much() {
                    self.look_up(source, &mut piece, now, stop)?;
                }
            }
            // Only whole people are written: of one who was shown often each notice is one record.
            if piece.is_large() {
                self.look_up(source, &mut piece, now, stop)?;
                self.write(std::mem::take(&mut piece), now)?;
            }
        }
        self.look_up(source, &mut piece, now, stop)?;
        self.write(piece, now)?;
        if looked && before != *through {
            let topic = walbrook_eventlog::topics::shared(&purpose);
            let said = complete(purpose, &topic, through, now);
            self.notices.records().complete(&said, now)?;
        }
        Ok(())
    }

    /// Finds what there is to tell of the reads that a piece wants.
    fn look_up(
        &mut self,
        source: &Source,
        piece: &mut Piece,
        now: Instant,
        stop: &Shutdown,
    ) -> Result<(), NoticesError> {
        let (wanted, board) = (piece.wanted(), &self.board);
        self.answers
            .each(&wanted.places(), stop, &mut |place, read| {
                piece.meet(&wanted, (place, read), |person, cause, shown| {
                    notice(board, source, person, cause, shown, now)
                });
            })
    }

    /// Puts on record what a piece found and nobody has said.
    fn write(&self, piece: Piece, now: Instant) -> Result<(), NoticesError> {
        let found = piece.found.into_iter();
        let new = |book: &Book| found.filter_map(|(id, one)| news(book, id, one)).collect();
        let notices: Vec<Notice> = self.notices.ask(new);
        if !notices.is_empty() {
            self.notices.records().notices(&notices, now)?;
            self.metrics.notices_written(notices.len());
        }
        Ok(())
    }

    fn numbers(&self) {
        let now = self.notices.now();
        let (open, overdue) = self.notices.ask(|book| book.open(now));
        self.metrics.notices(open, overdue);
    }
}

/// What one read's organisation is to be told of one cause.
fn notice(
    board: &Board,
    source: &Source,
    person: &Pseudonym,
    (partition, offset, fallen): &Cause,
    Shown { read, row, under }: &Shown<'_>,
    now: Instant,
) -> Option<Notice> {
    let touched = fallen.touched(&row.events, under, |event, agreement| {
        source.stands(person, event, agreement)
    });
    if touched.is_empty() {
        return None;
    }
    let to = To {
        view: read.view.clone(),
        organisation: read.organisation.clone(),
        role: read.role.clone(),
    };
    let topic = walbrook_eventlog::topics::shared(&source.purpose);
    let id = notice::id((&topic, *partition, *offset), &to, person);
    let (days, view_sha256) = match board.view(&read.view) {
        Some(served) => (
            served.view.acknowledge_within_days,
            served.view.sha256.to_vec(),
        ),
        // A view that is served no more: its readers still hold what they were shown.
        None => (DAYS, Vec::new()),
    };
    Some(Notice {
        notice_id: id.to_string(),
        organisation: to.organisation,
        role: to.role,
        purpose: read.purpose.clone(),
        view: to.view,
        view_sha256,
        person_pseudonym: person.as_bytes().to_vec(),
        cause: notice::Cause::of(&fallen.reason).word().to_owned(),
        cause_topic: topic,
        cause_partition: *partition,
        cause_offset: *offset,
        event_ids: touched.iter().map(ToString::to_string).collect(),
        read_ids: vec![read.read_id.clone()],
        noticed_at: Some(clock::timestamp(now)),
        due_on: Date::from_days(notice::due_on(now, days).0),
    })
}

/// Waits until a round of the bound that began later is complete.
fn settled(bound: &Bound, began: Monotonic, stop: &Shutdown) -> Result<(), NoticesError> {
    let deadline = began + SETTLES_WITHIN;
    while Monotonic::now() < deadline && !stop.is_requested() {
        let through = bound.check(Monotonic::now());
        if through.is_ok_and(|through| through.monotonic >= began) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(NoticesError::Late)
}

fn through(applied: &[i64], reads_next: i64) -> Through {
    Through {
        applied: (0..).zip(applied.iter().copied()).collect(),
        reads_next,
    }
}

fn complete(purpose: String, topic: &str, through: &Through, now: Instant) -> NoticesComplete {
    let applied = through.applied.iter();
    NoticesComplete {
        purpose,
        applied: applied
            .map(|(partition, next_offset)| AppliedOffset {
                topic: topic.to_owned(),
                partition: *partition,
                next_offset: *next_offset,
            })
            .collect(),
        reads_next: through.reads_next,
        recorded_at: Some(clock::timestamp(now)),
    }
}

#[cfg(test)]
mod tests;
