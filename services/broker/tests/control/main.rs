//! The control plane's writer on a real Kafka and registry: one writer at a time, whole transactions, nothing forgotten.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod calendar;
mod generations;
mod house;
mod schedules;

use crate::house::{consent, draft, house, now, org, sign_everything, wait};
use walbrook_broker::control::core::Receipt;
use walbrook_broker::error::ControlError;
use walbrook_domain::Handle;
use walbrook_domain::control::{AgreementFact, ControlFact, GroundKind, GroundState, PinKind};
use walbrook_eventlog::topics;
use walbrook_policy::state::{Illegal, ground_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_on_the_log_with_its_copy_and_a_repeated_call_gets_the_first_receipt() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let (proposed, signed) = sign_everything(&writer.desk).await;
    assert!(signed.offset > proposed.offset);
    let given = writer
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    let repeated = writer
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    assert_eq!(
        repeated,
        Receipt {
            repeated: true,
            ..given.clone()
        }
    );
    let reused = writer
        .desk
        .submit(draft(consent(1, GroundState::Withdrawn, 2), "give"))
        .await;
    assert!(matches!(reused, Err(ControlError::KeyReused)));
    let stale = writer
        .desk
        .submit(draft(consent(1, GroundState::Withdrawn, 1), "late"))
        .await;
    assert!(matches!(
        stale,
        Err(ControlError::Illegal(Illegal::GroundVersion {
            current: 1,
            ..
        }))
    ));

    let policy = house.records(topics::POLICY);
    let at = |offset: i64| {
        policy
            .iter()
            .find(|record| record.offset == offset)
            .map(|record| &record.fact)
    };
    assert!(
        matches!(at(given.offset), Some(ControlFact::Ground(fact)) if fact.state == GroundState::Given)
    );
    assert!(matches!(
        at(signed.offset),
        Some(ControlFact::Agreement(AgreementFact::Signed(_)))
    ));
    // The copy holds the agreement half and the view files, in the same order, and nothing about anybody.
    let copied: Vec<_> = house
        .records(topics::AGREEMENTS)
        .into_iter()
        .map(|record| record.fact)
        .collect();
    let expected: Vec<_> = policy
        .iter()
        .map(|record| record.fact.clone())
        .filter(|fact| match fact {
            ControlFact::Agreement(_) => true,
            ControlFact::Ground(_) => false,
            ControlFact::Pin(pin) => pin.kind == PinKind::ViewFile,
        })
        .collect();
    assert!(copied.len() >= 5, "{copied:?}");
    assert_eq!(copied, expected);
    writer.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_at_once_are_each_acknowledged_at_their_own_offset() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let calls = (0..100u8).map(|handle| {
        let desk = writer.desk.clone();
        tokio::spawn(async move {
            desk.submit(draft(
                consent(handle, GroundState::Given, 1),
                &format!("c{handle}"),
            ))
            .await
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut offsets = std::collections::BTreeSet::new();
    for (handle, call) in calls.into_iter().enumerate() {
        let receipt = call.await.unwrap().unwrap();
        assert!(offsets.insert(receipt.offset));
        let handle = Handle::new([u8::try_from(handle).unwrap(); 16]);
        assert_eq!(
            receipt.id,
            ground_id(&handle, GroundKind::Consent, None, None, None)
        );
    }
    let policy = house.records(topics::POLICY);
    for offset in offsets {
        assert!(policy.iter().any(|record| record.offset == offset));
    }
    writer.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_writer_goes_another_takes_over_and_knows_everything() {
    let house = house().await;
    let first = house.start();
    wait("the first writer", || first.serves());
    sign_everything(&first.desk).await;
    let given = first
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    let pins = house
        .records(topics::POLICY)
        .iter()
        .filter(|record| matches!(record.fact, ControlFact::Pin(_)))
        .count();
    assert_eq!(pins, house.pins.len());

    let second = house.start();
    // Range assignment of one partition leaves one owner; wherever it is, the other one says so.
    first.stop();
    wait("the second writer", || second.serves());
    let repeated = second
        .desk
        .submit(draft(consent(1, GroundState::Given, 1), "give"))
        .await
        .unwrap();
    assert_eq!((repeated.offset, repeated.repeated), (given.offset, true));
    let withdrawn = second
        .desk
        .submit(draft(consent(1, GroundState::Withdrawn, 2), "withdraw"))
        .await
        .unwrap();
    assert_eq!(withdrawn.version, 2);
    let in_force = second.desk.read(|state| {
        let id = "nhs-to-housing".parse().unwrap();
        let history = state.book().agreement(&id).unwrap();
        history
            .in_force(&org("ODS:RRV"), now().london_day())
            .is_ok()
    });
    assert!(in_force.unwrap());
    let again = house
        .records(topics::POLICY)
        .iter()
        .filter(|record| matches!(record.fact, ControlFact::Pin(_)))
        .count();
    assert_eq!(again, pins, "pins that hold are not written again");
    second.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_writes_and_the_other_says_so() {
    let house = house().await;
    let (first, second) = (house.start(), house.start());
    // A rebalance between the look and the calls may swap them, and while it lasts neither writes: then look again.
    for _ in 0..20 {
        wait("one writer", || first.serves() != second.serves());
        let (writer, other) = if first.serves() {
            (&first, &second)
        } else {
            (&second, &first)
        };
        let refused = other
            .desk
            .submit(draft(consent(1, GroundState::Given, 1), ""))
            .await;
        let written = writer
            .desk
            .submit(draft(consent(1, GroundState::Given, 1), ""))
            .await;
        let refused = matches!(refused, Err(ControlError::NotTheWriter));
        let passed_on = matches!(written, Err(ControlError::NotTheWriter));
        assert!(refused || passed_on, "both wrote");
        if refused && !passed_on {
            first.stop();
            second.stop();
            return;
        }
    }
    panic!("in twenty looks there was never one that writes beside one that says so");
}
