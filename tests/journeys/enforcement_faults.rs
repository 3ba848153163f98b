//! What the loop does when the log or the group fails it, on real Kafka: answers that get lost, members that come and go with work pending, a member
//! with another list of topics, records that no release would fit, a control log that is longer than one read of it.

use crate::standing;
use crate::town::Town;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use walbrook_broker::enforce::clients::Clients;
use walbrook_broker::enforce::start::KafkaClients;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{Handle, PersonId};
use walbrook_eventlog::{
    Ends, GroupEvent, GroupGeneration, InputPosition, LogError, NewRecord, Positions, Reader,
    Severity, TopicPartition, Transactor,
};
use walbrook_tests::records::{CONSENTED, DUTY, event_id, ground};

/// Clients whose commits lose their answers now and then.
struct Deaf {
    inner: KafkaClients,
    commits: Arc<AtomicI64>,
}

impl Clients for Deaf {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        self.inner.reader()
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(DeafTransactor(
            self.inner.transactor(id),
            Arc::clone(&self.commits),
        ))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        self.inner.ends()
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        self.inner.positions()
    }
}

struct DeafTransactor(Box<dyn Transactor>, Arc<AtomicI64>);

impl Transactor for DeafTransactor {
    fn init(&mut self) -> Result<(), LogError> {
        self.0.init()
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.0.begin()
    }

    fn send(&mut self, record: NewRecord) -> Result<(), LogError> {
        self.0.send(record)
    }

    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError> {
        self.0.drain()
    }

    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        self.0.send_positions(group, positions, generation)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        match self.1.fetch_add(1, Ordering::AcqRel) % 4 {
            // It happened, and nobody heard.
            1 => self.0.commit()?,
            // It did not happen, and nobody heard: the transaction stays open until the id is taken over.
            3 => {}
            _ => return self.0.commit(),
        }
        Err(LogError::new(
            Severity::OutcomeUnknown,
            "commit",
            "a transaction",
            "the answer got lost",
        ))
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.0.abort()
    }
}

/// A town with a handle in each of two partitions, whose people consent.
fn town_of_two(person: u8) -> (Town, [Handle; 2]) {
    let town = Town::new(2);
    let handles = [town.new_handle(0), town.new_handle(1)];
    for (handle, person) in handles.iter().zip(person..) {
        town.link(&[*handle], PersonId::new([person; 16]), 1);
    }
    town.control(&handles.map(|handle| ground(handle, GroundKind::Consent, GroundState::Given, 1)));
    (town, handles)
}

fn both(number: u128) -> usize {
    usize::try_from(2 * number).expect("a count")
}

#[test]
fn a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten() {
    let (town, handles) = town_of_two(40);
    let commits = Arc::new(AtomicI64::new(0));
    let _broker = town.start_with(Arc::new(Deaf {
        inner: town.clients(),
        commits: Arc::clone(&commits),
    }));
    let mut sent = 0;
    while commits.load(Ordering::Acquire) < 12 {
        town.send(handles[usize::from(sent % 2 == 1)], event_id(sent));
        sent += 1;
    }
    let shelf = town.wait("everything is decided", |shelf| {
        shelf.contributions.len() == both(sent)
    });
    assert_eq!(
        (shelf.releases, shelf.retractions),
        (shelf.contributions.len(), 0),
        "nothing was released twice"
    );
    town.check_pages();
}

#[test]
fn members_that_come_and_go_in_mid_stream_decide_every_event_once() {
    const EVENTS: u128 = 3_000;
    let (town, handles) = town_of_two(50);
    let _first = town.start_member();
    let mut second = None;
    for start in (0..EVENTS).step_by(100) {
        town.send_all(
            (start..start + 100)
                .map(|number| (handles[usize::from(number % 2 == 1)], event_id(number))),
        );
        // Work is pending in both partitions whenever the group changes.
        if start == 800 {
            second = Some(town.start_member());
        } else if start == 2_000 {
            town.wait("they are at work", |shelf| shelf.releases > 1_000);
            second = None;
        }
    }
    drop(second);
    let shelf = town.wait("everything is decided", |shelf| {
        shelf.contributions.len() == both(EVENTS)
    });
    assert_eq!(
        (shelf.releases, shelf.retractions),
        (shelf.contributions.len(), 0)
    );
    town.check_pages();
}

#[test]
fn a_member_without_the_same_partitions_of_every_topic_decides_nothing_and_says_so() {
    let (town, handles) = town_of_two(60);
    let broker = town.start_member();
    town.send(handles[0], event_id(1));
    town.wait("the first event is decided", |shelf| {
        standing(shelf, DUTY) == 1
    });

    // Another build, with another list of raw topics, joins the group.
    let mut stranger = town.stranger();
    let leaving = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !leaving.load(Ordering::Acquire) {
                let mut assigned = false;
                let wait = Duration::from_millis(20);
                let polled = stranger.poll(1, wait, &mut Vec::new(), &mut |event| {
                    assigned |= matches!(event, GroupEvent::Assigned(_));
                });
                polled.expect("polled");
                if assigned {
                    stranger.start(&[]).expect("nothing is read");
                }
            }
            drop(stranger);
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        let says_so = || {
            let missing = broker.readiness.missing();
            missing
                .iter()
                .any(|(_, because)| because.contains("the same partitions of every raw topic"))
        };
        while !says_so() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let said = says_so();
        for handle in handles {
            town.send(handle, event_id(2));
        }
        let decided = standing(&town.shelf(), DUTY);
        leaving.store(true, Ordering::Release);
        assert!(said, "{:?}", broker.readiness.missing());
        assert_eq!(decided, 1, "it decided with partitions that are not whole");
    });
    town.wait("alone again, it decides", |shelf| {
        standing(shelf, DUTY) == 3
    });
    town.check_pages();
}

#[test]
fn a_record_that_no_release_would_fit_is_quarantined_and_what_follows_is_decided() {
    let (town, handles) = town_of_two(70);
    let _broker = town.start_member();
    town.send_too_large(handles[0], event_id(1));
    town.send(handles[0], event_id(2));
    town.wait("the next event is decided", |shelf| {
        standing(shelf, DUTY) == 1 && standing(shelf, CONSENTED) == 1
    });
    assert_eq!(town.quarantined(), ["too-large"]);
    town.check_pages();
}

#[test]
fn a_record_that_unpacks_to_thirty_times_what_a_topic_takes_is_quarantined_like_any_other() {
    let (town, handles) = town_of_two(75);
    let _broker = town.start_member();
    town.send_unpacking_to(handles[0], event_id(1), 32 << 20);
    town.send(handles[0], event_id(2));
    town.wait("the next event is decided", |shelf| {
        standing(shelf, DUTY) == 1 && standing(shelf, CONSENTED) == 1
    });
    assert_eq!(town.quarantined(), ["too-large"]);
    town.check_pages();
}

#[test]
fn a_control_log_longer_than_one_read_governs_what_was_accepted_after_it() {
    // The feed takes 5,000 records at once.
    const WORDS: u32 = 12_000;
    let (town, handles) = town_of_two(80);
    let mut words = Vec::new();
    for version in 2..=WORDS {
        let state = if version == WORDS || version % 2 == 0 {
            GroundState::Withdrawn
        } else {
            GroundState::Given
        };
        words.push(ground(handles[0], GroundKind::Consent, state, version));
        if words.len() == 1_000 || version == WORDS {
            town.control(&std::mem::take(&mut words));
        }
    }
    for handle in handles {
        town.send(handle, event_id(1));
    }
    let _broker = town.start_member();
    let shelf = town.wait("both are decided", |shelf| standing(shelf, DUTY) == 2);
    assert_eq!(standing(&shelf, CONSENTED), 1, "the last word holds");
    assert!(
        !town
            .released_ever(CONSENTED)
            .contains(&town.local(handles[0], event_id(1))),
        "not for a moment"
    );
    town.check_pages();
}
