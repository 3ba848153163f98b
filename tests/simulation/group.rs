//! The coordinator of the simulated consumer group, and what each member reads through it: eager rebalances with range assignment, generations,
//! members that are thrown out without knowing it.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{GroupEvent, Reader, Record, TopicPartition, topics};
use walbrook_tests::records::City;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It waits for the others.
    Joined,
    /// It has its assignment.
    Stable,
    /// It has to give up what it has, and does not know it yet.
    MustRejoin,
    /// It was thrown out, and does not know it yet.
    ThrownOut,
}

struct Seat {
    state: State,
    generation: u32,
    assigned: Vec<i32>,
    events: VecDeque<GroupEvent>,
    /// Next offset and whether it is paused, of each partition assigned.
    reading: BTreeMap<TopicPartition, (i64, bool)>,
}

/// The group.
pub struct Group {
    log: MemoryLog,
    raw: Vec<String>,
    partitions: i32,
    generation: u32,
    members: BTreeMap<u64, Seat>,
}

impl Group {
    pub fn new(log: &MemoryLog, city: &City) -> Self {
        Self {
            log: log.clone(),
            raw: topics::RAW.iter().map(|plain| city.topic(plain)).collect(),
            partitions: city.partitions,
            generation: 0,
            members: BTreeMap::new(),
        }
    }

    /// A new member.
    pub fn join(&mut self, member: u64) {
        self.members.insert(
            member,
            Seat {
                state: State::Joined,
                generation: 0,
                assigned: Vec::new(),
                events: VecDeque::new(),
                reading: BTreeMap::new(),
            },
        );
        self.rebalance();
    }

    /// The session of a member that died has timed out.
    pub fn expire(&mut self, member: u64) {
        if self.members.remove(&member).is_some() {
            self.rebalance();
        }
    }

    /// The group takes a living member for dead.
    pub fn throw_out(&mut self, member: u64) {
        if let Some(seat) = self.members.get_mut(&member)
            && seat.state == State::Stable
        {
            seat.state = State::ThrownOut;
            self.rebalance();
        }
    }

    /// Everybody gives up what it has.
    pub fn rebalance(&mut self) {
        for seat in self.members.values_mut() {
            if seat.state == State::Stable {
                seat.state = State::MustRejoin;
            }
        }
        self.complete();
    }

    /// Once all have joined, everybody has its part.
    fn complete(&mut self) {
        let mut there = self
            .members
            .iter_mut()
            .filter(|(_, seat)| seat.state != State::ThrownOut)
            .collect::<Vec<_>>();
        if there.is_empty() || there.iter().any(|(_, seat)| seat.state != State::Joined) {
            return;
        }
        self.generation += 1;
        let members = i32::try_from(there.len()).expect("few");
        let mut next = 0;
        for (place, (_, seat)) in (0..).zip(&mut there) {
            let share = self.partitions / members + i32::from(place < self.partitions % members);
            seat.assigned = (next..next + share).collect();
            next += share;
            seat.state = State::Stable;
            seat.generation = self.generation;
            let partitions = seat
                .assigned
                .iter()
                .flat_map(|number| {
                    self.raw
                        .iter()
                        .map(|topic| TopicPartition::new(topic.as_str(), *number))
                })
                .collect();
            seat.events.push_back(GroupEvent::Assigned(partitions));
        }
    }

    /// What a member hears, and otherwise some records.
    pub fn poll(
        &mut self,
        member: u64,
        most: usize,
        chance: &mut ChaCha8Rng,
    ) -> (Vec<GroupEvent>, Vec<Record>) {
        let Some(seat) = self.members.get_mut(&member) else {
            return (Vec::new(), Vec::new());
        };
        if let Some(event) = seat.events.pop_front() {
            if let GroupEvent::Assigned(partitions) = &event {
                seat.reading = partitions
                    .iter()
                    .map(|at| (at.clone(), (0, true)))
                    .collect();
            }
            return (vec![event], Vec::new());
        }
        let gone: Vec<TopicPartition> = seat.reading.keys().cloned().collect();
        match seat.state {
            State::MustRejoin | State::ThrownOut => {
                let lost = seat.state == State::ThrownOut;
                seat.state = State::Joined;
                seat.assigned.clear();
                seat.reading.clear();
                if lost {
                    self.rebalance();
                    return (vec![GroupEvent::Lost(gone)], Vec::new());
                }
                self.complete();
                (vec![GroupEvent::Revoked(gone)], Vec::new())
            }
            State::Joined => (Vec::new(), Vec::new()),
            State::Stable => (Vec::new(), read(&self.log, seat, most, chance)),
        }
    }

    /// The generation a member believes in.
    pub fn generation_of(&self, member: u64) -> Option<u32> {
        self.members.get(&member).map(|seat| seat.generation)
    }

    /// Whether the group would take positions from this member.
    pub fn accepts(&self, member: u64, generation: u32) -> bool {
        self.members
            .get(&member)
            .is_some_and(|seat| seat.state != State::ThrownOut && generation == self.generation)
    }

    pub fn start(&mut self, member: u64, starts: &[(TopicPartition, i64)]) {
        if let Some(seat) = self.members.get_mut(&member) {
            for (at, from) in starts {
                if let Some(reading) = seat.reading.get_mut(at) {
                    *reading = (*from, false);
                }
            }
        }
    }

    pub fn pause(&mut self, member: u64, partitions: &[TopicPartition]) {
        if let Some(seat) = self.members.get_mut(&member) {
            for at in partitions {
                if let Some(reading) = seat.reading.get_mut(at) {
                    reading.1 = true;
                }
            }
        }
    }

    /// Whether every member has its part and knows it.
    pub fn is_stable(&self) -> bool {
        self.members
            .values()
            .all(|seat| seat.state == State::Stable && seat.events.is_empty())
    }
}

/// Some records of what the member reads, its partitions in any order: topics overtake each other.
fn read(log: &MemoryLog, seat: &mut Seat, most: usize, chance: &mut ChaCha8Rng) -> Vec<Record> {
    let mut at: Vec<TopicPartition> = seat
        .reading
        .iter()
        .filter(|(_, (_, paused))| !paused)
        .map(|(at, _)| at.clone())
        .collect();
    let mut records = Vec::new();
    while !at.is_empty() && records.len() < most {
        let at = at.swap_remove(chance.random_range(0..at.len()));
        let Some((position, _)) = seat.reading.get_mut(&at) else {
            continue;
        };
        let mut reader = log.reader();
        reader
            .assign(&[(at.clone(), *position)])
            .expect("a partition");
        let max = chance.random_range(0..6).min(most - records.len());
        reader
            .poll(max, Duration::ZERO, &mut records)
            .expect("records");
        *position = reader.position(&at).unwrap_or(*position);
    }
    records
}
