//! Faults that the simulation plants, one at a time, to see that its checker catches them.
//!
//! Without the feature `planted-faults` every question below is answered *no* when the program is compiled, and the branch behind it is not there.

/// A fault that could have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlantedFault {
    /// The ends of the control topics are asked for before the events are read.
    BarrierBeforePoll,
    /// The barrier takes the last stable offset for the end.
    LastStableOffset,
    /// Events read after a barrier's question was sent are decided with its answer.
    JoinedInFlight,
    /// The position committed is the last offset decided.
    OffsetNotPlusOne,
    /// The commit does not wait until every record is acknowledged.
    CommitBeforeDrain,
    /// The control plane moves between fixing the epoch and the end of deciding.
    DecidedOutsideGuard,
    /// How far `control.policy` was carried out is kept once for the process.
    PositionPerProcess,
    /// A position past a cause is committed before its retractions.
    PositionBeforeRetractions,
    /// The index is asked for everything it has seen.
    IndexLooksAhead,
    /// Past events are not decided again when a person is taken apart.
    UnmergeForgotten,
    /// A past event is decided again as if it were accepted now.
    OldDisclosureWidened,
    /// Decision time follows the clock wherever it goes.
    ClockRunsBackwards,
    /// A commit whose outcome is not known is taken for done.
    UnknownTakenForDone,
    /// What was decided before a suspension and bears a later time is left standing.
    TailLeftStanding,
    /// p is kept on disk as it will be once its transaction is committed.
    SnapshotBeforeCommit,
    /// A snapshot that is newer than what is committed is used.
    SnapshotTakenAtItsWord,
    /// p writes to the next generation before what it wrote to the one before is copied.
    SwitchedWithoutWaiting,
    /// p goes on writing to the generation before.
    WrittenToTheOldGeneration,
    /// A live record is not copied.
    CopyLacksOne,
    /// Something that fell is copied.
    CopyOfWhatFell,
    /// What is copied is committed without how far that was.
    CopyWithoutPosition,
}

impl PlantedFault {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::BarrierBeforePoll,
        Self::LastStableOffset,
        Self::JoinedInFlight,
        Self::OffsetNotPlusOne,
        Self::CommitBeforeDrain,
        Self::DecidedOutsideGuard,
        Self::PositionPerProcess,
        Self::PositionBeforeRetractions,
        Self::IndexLooksAhead,
        Self::UnmergeForgotten,
        Self::OldDisclosureWidened,
        Self::ClockRunsBackwards,
        Self::UnknownTakenForDone,
        Self::TailLeftStanding,
        Self::SnapshotBeforeCommit,
        Self::SnapshotTakenAtItsWord,
        Self::SwitchedWithoutWaiting,
        Self::WrittenToTheOldGeneration,
        Self::CopyLacksOne,
        Self::CopyOfWhatFell,
        Self::CopyWithoutPosition,
    ];
}

#[cfg(feature = "planted-faults")]
mod switch {
    use super::PlantedFault;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<PlantedFault>> = const { Cell::new(None) };
    }

    /// Plants a fault in everything this thread does from now on; `None` takes it out again.
    pub fn plant(fault: Option<PlantedFault>) {
        PLANTED.set(fault);
    }

    /// Whether this fault is planted.
    pub fn planted(fault: PlantedFault) -> bool {
        PLANTED.get() == Some(fault)
    }
}

#[cfg(feature = "planted-faults")]
pub use switch::{plant, planted};

/// Whether this fault is planted: never.
#[cfg(not(feature = "planted-faults"))]
#[inline]
pub const fn planted(_fault: PlantedFault) -> bool {
    false
}

// A build without the feature has no fault: the compiler says so.
#[cfg(not(feature = "planted-faults"))]
const _: () = assert!(!planted(PlantedFault::BarrierBeforePoll));
