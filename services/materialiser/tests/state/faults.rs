//! What can be wrong with a store that comes back after a kill -9, and what looks as bad and costs nothing but time.

use crate::common::PARTITIONS;
use walbrook_materialiser::store::Store;
use walbrook_view::{Contribution, ContributionKey, Input, Partition};

/// What is wrong with a store that comes back after a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its last batches are lost, and the offset behind them stands.
    BatchesLost,
    /// The offset stands behind a record that the state lacks.
    RecordSkipped,
    /// The state stands further than the offset: its last batches are applied twice.
    BatchesAppliedTwice,
    /// It still holds what a retraction took.
    RetractionSkipped,
    /// It holds the release that was corrected, not the last one.
    FirstReleaseStands,
    /// What was put last is not there.
    LastPutLost,
    /// Who somebody is, is not there.
    SubjectLost,
    /// When a source was last heard is not there.
    HeartbeatLost,
    /// One contribution stands in a second partition too.
    StandsTwice,
    /// Each partition holds the other's state.
    PartitionsSwapped,
    /// A partition's state is gone, and its offset stands.
    PartitionEmptied,
}

impl Fault {
    pub const ALL: [(Self, &str); 11] = [
        (Self::BatchesLost, "batches-lost"),
        (Self::RecordSkipped, "record-skipped"),
        (Self::BatchesAppliedTwice, "batches-applied-twice"),
        (Self::RetractionSkipped, "retraction-skipped"),
        (Self::FirstReleaseStands, "first-release-stands"),
        (Self::LastPutLost, "last-put-lost"),
        (Self::SubjectLost, "subject-lost"),
        (Self::HeartbeatLost, "heartbeat-lost"),
        (Self::StandsTwice, "stands-twice"),
        (Self::PartitionsSwapped, "partitions-swapped"),
        (Self::PartitionEmptied, "partition-emptied"),
    ];
}

/// What happens to a store and costs nothing but time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harmless {
    /// Nothing.
    Untouched,
    /// Its last batches are lost together with their offsets.
    EndLost,
    /// A partition is lost together with its offset.
    PartitionLost,
}

impl Harmless {
    pub const ALL: [(Self, &str); 3] = [
        (Self::Untouched, "untouched"),
        (Self::EndLost, "end-lost"),
        (Self::PartitionLost, "partition-lost"),
    ];
}

/// What a store holds: of each partition what its state is made of, and the next offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    state: Vec<Vec<Input>>,
    next: Vec<i64>,
}

impl Kept {
    pub fn of(store: &Store) -> Self {
        let (mut all, mut offsets) = (Vec::new(), Vec::new());
        for partition in 0..PARTITIONS {
            let (state, next) = store.restore(partition).unwrap();
            all.push(inputs_of(&state));
            offsets.push(next);
        }
        Self {
            state: all,
            next: offsets,
        }
    }

    /// As a store holds it.
    pub fn write(&self, store: Store, fingerprint: &[u8; 32]) {
        let store = store.emptied(fingerprint).unwrap();
        for ((inputs, next), partition) in self.state.iter().zip(&self.next).zip(0..) {
            let (mut state, mut changes) = (Partition::default(), Vec::new());
            for input in inputs.clone() {
                state.apply(input, &mut changes);
            }
            store.commit(partition, *next, changes, Vec::new()).unwrap();
        }
    }

    fn contributions(&self, partition: usize) -> impl Iterator<Item = &Contribution> {
        self.state[partition].iter().filter_map(released)
    }

    /// The one of this key.
    fn contribution(&self, partition: usize, key: &ContributionKey) -> Option<&Contribution> {
        self.contributions(partition).find(|one| one.key == *key)
    }

    /// Without the first of these in the first partition.
    fn without(&self, wanted: impl Fn(&Input) -> bool) -> Self {
        let mut kept = self.clone();
        let at = kept.state[0].iter().position(wanted).unwrap();
        kept.state[0].remove(at);
        kept
    }
}

fn released(input: &Input) -> Option<&Contribution> {
    match input {
        Input::Release(one) => Some(one),
        _ => None,
    }
}

/// What an empty partition has to be told to be like this one.
fn inputs_of(state: &Partition) -> Vec<Input> {
    let mut inputs = Vec::new();
    for person in state.people() {
        let pseudonym = person.pseudonym;
        inputs.extend(person.subjects().map(|(handle, facts)| Input::Subject {
            person: pseudonym,
            handle,
            facts: facts.clone(),
        }));
        let all = person.contributions();
        inputs.extend(all.map(|one| Input::Release(one.to_owned())));
    }
    let heard = state.heartbeats();
    inputs.extend(heard.map(|((organisation, kind), day)| Input::Heartbeat {
        organisation: organisation.clone(),
        event_type: kind.clone(),
        last_accepted_on: day,
    }));
    inputs
}

/// A store as it stood at two moments of the log.
pub struct Moments {
    pub earlier: Kept,
    pub later: Kept,
    /// Where the first record of the first partition stands that the earlier one lacks.
    pub next_record: i64,
}

impl Moments {
    pub fn with(&self, fault: Fault) -> Kept {
        let (earlier, mut kept) = (&self.earlier, self.later.clone());
        match fault {
            Fault::BatchesLost => kept.state.clone_from(&earlier.state),
            Fault::BatchesAppliedTwice => kept.next.clone_from(&earlier.next),
            Fault::RecordSkipped => {
                kept = earlier.clone();
                kept.next[0] = self.next_record + 1;
            }
            Fault::RetractionSkipped => {
                let gone = earlier.contributions(0).cloned();
                let gone = gone.filter(|one| self.later.contribution(0, &one.key).is_none());
                kept.state[0].extend(gone.map(Input::Release));
            }
            Fault::FirstReleaseStands => {
                for input in &mut kept.state[0] {
                    if let Input::Release(one) = input
                        && let Some(first) = earlier.contribution(0, &one.key)
                    {
                        *one = first.clone();
                    }
                }
            }
            Fault::LastPutLost => {
                let is_new = |one: &Contribution| earlier.contribution(0, &one.key).is_none();
                return kept.without(|input| released(input).is_some_and(is_new));
            }
            Fault::SubjectLost => {
                return kept.without(|input| matches!(input, Input::Subject { .. }));
            }
            Fault::HeartbeatLost => {
                return kept.without(|input| matches!(input, Input::Heartbeat { .. }));
            }
            Fault::StandsTwice => {
                let one = self.later.contributions(0).next().unwrap();
                kept.state[1].push(Input::Release(one.clone()));
            }
            Fault::PartitionsSwapped => kept.state.swap(0, 1),
            Fault::PartitionEmptied => kept.state[0].clear(),
        }
        kept
    }

    pub fn after(&self, harmless: Harmless) -> Kept {
        let mut kept = self.later.clone();
        match harmless {
            Harmless::Untouched => {}
            Harmless::EndLost => kept.clone_from(&self.earlier),
            Harmless::PartitionLost => {
                kept.state[0].clear();
                kept.next[0] = 0;
            }
        }
        kept
    }
}
