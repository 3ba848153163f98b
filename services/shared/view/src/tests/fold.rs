//! The fold: order between handles does not matter, retraction is exact, a replay and a restored store equal the live state.

use super::support::*;
use crate::facts::{Contribution, Input, Retraction};
use crate::item::Touched;
use crate::state::{Change, Partition};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn apply(partition: &mut Partition, input: Input) -> (Vec<Change>, Option<crate::Removed>) {
    let mut changes = Vec::new();
    let removed = partition.apply(input, &mut changes);
    (changes, removed)
}

/// One step about one handle; people 1 and 2 share handles now and then, as in a merge.
#[derive(Debug, Clone)]
enum Step {
    Release {
        person: u8,
        event: u8,
        agreement: u8,
    },
    Retract {
        event: Option<u8>,
        agreement: Option<u8>,
        subject_too: bool,
    },
    Subject {
        person: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..3, 1u8..5, 0u8..2)
            .prop_map(|(person, event, agreement)| Step::Release { person, event, agreement }),
        2 => (proptest::option::of(1u8..5), proptest::option::of(0u8..2), any::<bool>())
            .prop_map(|(event, agreement, subject_too)| Step::Retract { event, agreement, subject_too }),
        1 => (1u8..3).prop_map(|person| Step::Subject { person }),
    ]
}

fn name(agreement: u8) -> &'static str {
    ["one", "two"][usize::from(agreement)]
}

fn input(h: u8, step: &Step) -> Input {
    match step {
        Step::Release {
            person,
            event: e,
            agreement: a,
        } => {
            let mut one = contribution(
                (*person, h, *e),
                "housing.RentArrearsChanged",
                "2026-05-01",
                &[],
            );
            one.key.agreement = agreement(name(*a));
            Input::Release(one)
        }
        Step::Retract {
            event: e,
            agreement: a,
            subject_too,
        } => Input::Retraction(Retraction {
            agreements: a.iter().map(|a| agreement(name(*a))).collect(),
            event: e.map(event),
            subject_too: *subject_too,
            ..retraction(h)
        }),
        Step::Subject { person } => subject_input(*person, h, subject("GSS:E09000007", None)),
    }
}

/// What must stand, by a model that knows nothing of people, homes or indexes: the last word on each (handle, event, agreement).
fn model(history: &[(u8, Step)]) -> BTreeMap<(u8, u8, u8), u8> {
    let mut standing = BTreeMap::new();
    for (h, step) in history {
        match step {
            Step::Release {
                person,
                event,
                agreement,
            } => {
                standing.insert((*h, *event, *agreement), *person);
            }
            Step::Retract {
                event, agreement, ..
            } => standing.retain(|(other, e, a), _| {
                *other != *h
                    || event.is_some_and(|only| only != *e)
                    || agreement.is_some_and(|only| only != *a)
            }),
            Step::Subject { .. } => {}
        }
    }
    standing
}

fn stands(partition: &Partition) -> BTreeMap<(u8, u8, u8), u8> {
    let all = partition.people().flat_map(|person| {
        person
            .contributions()
            .map(move |one: Contribution| {
                assert_eq!(one.person, person.pseudonym);
                let a = u8::from(one.key.agreement.as_str() == "two");
                let key = (one.key.handle.as_bytes()[0], one.key.event.as_bytes()[0], a);
                (key, one.person.as_bytes()[0])
            })
            .collect::<Vec<_>>()
    });
    all.collect()
}

fn replay(history: &[(u8, Step)]) -> Partition {
    let mut partition = Partition::default();
    for (h, step) in history {
        apply(&mut partition, input(*h, step));
    }
    partition
}

proptest! {
    #[test]
    fn what_stands_is_the_last_word_on_each_key(history in prop::collection::vec((1u8..5, step()), 0..60)) {
        prop_assert_eq!(stands(&replay(&history)), model(&history));
    }

    #[test]
    fn any_order_that_keeps_each_handles_order_gives_the_same_state(
        history in prop::collection::vec((1u8..5, step()), 0..60),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let mut queues: BTreeMap<u8, std::collections::VecDeque<Step>> = BTreeMap::new();
        for (h, step) in &history {
            queues.entry(*h).or_default().push_back(step.clone());
        }
        let mut shuffled = Vec::new();
        for pick in picks.iter().take(history.len()) {
            let waiting: Vec<u8> = queues.iter().filter(|(_, queue)| !queue.is_empty()).map(|(h, _)| *h).collect();
            let h = waiting[pick.index(waiting.len())];
            shuffled.push((h, queues.get_mut(&h).unwrap().pop_front().unwrap()));
        }
        prop_assert_eq!(replay(&shuffled), replay(&history));
    }

    #[test]
    fn a_store_that_follows_the_changes_restores_the_same_state(history in prop::collection::vec((1u8..5, step()), 0..60)) {
        let mut live = Partition::default();
        let mut store = BTreeMap::new();
        for (h, step) in &history {
            for change in apply(&mut live, input(*h, step)).0 {
                match change {
                    Change::Put(key, value) => { store.insert(key, value); }
                    Change::Drop(key) => { prop_assert!(store.remove(&key).is_some(), "dropped what was not there"); }
                }
            }
        }
        let mut restored = Partition::default();
        for (key, value) in &store {
            restored.restore(key, value).unwrap();
        }
        prop_assert_eq!(restored, live);
    }

    #[test]
    fn a_record_applied_twice_in_a_row_changes_nothing(history in prop::collection::vec((1u8..5, step()), 0..40)) {
        let twice: Vec<_> = history.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
        prop_assert_eq!(replay(&twice), replay(&history));
    }
}

#[test]
fn a_retraction_says_how_much_it_took_and_from_how_many_people() {
    let mut partition = Partition::default();
    for (e, a) in [(1, 0), (1, 1), (2, 0)] {
        let step = Step::Release {
            person: 1,
            event: e,
            agreement: a,
        };
        apply(&mut partition, input(1, &step));
    }
    apply(
        &mut partition,
        input(
            2,
            &Step::Release {
                person: 1,
                event: 9,
                agreement: 0,
            },
        ),
    );
    let one = Step::Retract {
        event: Some(1),
        agreement: Some(1),
        subject_too: false,
    };
    let (_, removed) = apply(&mut partition, input(1, &one));
    assert_eq!(removed.map(|r| (r.contributions, r.people)), Some((1, 0)));
    let all = Step::Retract {
        event: None,
        agreement: None,
        subject_too: false,
    };
    let (_, removed) = apply(&mut partition, input(1, &all));
    // The person keeps what the other handle contributed.
    assert_eq!(removed.map(|r| (r.contributions, r.people)), Some((2, 0)));
    assert_eq!(
        apply(&mut partition, input(1, &all)).1,
        None,
        "nothing was left to take"
    );
    let (_, removed) = apply(&mut partition, input(2, &all));
    assert_eq!(removed.map(|r| (r.contributions, r.people)), Some((1, 1)));
    assert_eq!(
        partition,
        Partition::default(),
        "nothing of the past is kept"
    );
}

#[test]
fn a_release_after_a_retraction_stands_and_one_before_does_not() {
    let release = Step::Release {
        person: 1,
        event: 1,
        agreement: 0,
    };
    let all = Step::Retract {
        event: None,
        agreement: None,
        subject_too: false,
    };
    assert!(stands(&replay(&[(1, release.clone()), (1, all.clone())])).is_empty());
    assert_eq!(stands(&replay(&[(1, all), (1, release)])).len(), 1);
}

#[test]
fn stored_bytes_of_another_form_are_refused() {
    let mut partition = Partition::default();
    let (changes, _) = apply(&mut partition, input(1, &Step::Subject { person: 1 }));
    let Some(Change::Put(key, value)) = changes.first() else {
        panic!("a subject record is stored");
    };
    let mut restored = Partition::default();
    assert!(restored.restore(key, &value[1..]).is_err());
    assert!(restored.restore(&key[1..], value).is_err());
    restored.restore(key, value).unwrap();
}

#[test]
fn every_change_says_whose_rows_it_may_change() {
    let mut state = Partition::default();
    let mut touched = |input: Input| -> Vec<Touched> {
        let mut changes = Vec::new();
        state.apply(input, &mut changes);
        changes.iter().filter_map(Change::touches).collect()
    };
    let of = |p: u8| Touched::Person(person(p));
    let facts = subject("GSS:E09000007", None);
    assert_eq!(touched(subject_input(1, 7, facts)), [of(1)]);
    let contact = |p: u8| {
        let contact = contribution((p, 7, 9), "housing.RoughSleepingContact", "2026-05-01", &[]);
        Input::Release(contact)
    };
    assert_eq!(touched(contact(1)), [of(1)]);
    assert_eq!(
        touched(contact(2)),
        [of(1), of(2)],
        "it moved to another person"
    );
    let heard = heartbeat(
        "GSS:E09000007",
        "housing.RoughSleepingContact",
        "2026-05-02",
    );
    assert_eq!(touched(heard), [Touched::Source(org("GSS:E09000007"))]);
    assert_eq!(touched(Input::Retraction(retraction(7))), [of(2)]);
}
