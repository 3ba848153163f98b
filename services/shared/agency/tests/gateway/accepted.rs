//! Identity is told which subjects have an accepted event: after the receipt, once, and in the end whatever happens. And what it is shown while an
//! agency's key is being rotated.

use std::time::{Duration, Instant};

use walbrook_domain::{Handle, Organisation};
use walbrook_event::{Key, lookup_token};

use crate::house::{CAMDEN, House, event, publish};

const DEADLINE: Duration = Duration::from_secs(20);

async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn handle(number: u8) -> Handle {
    Handle::new([number; 16])
}

#[tokio::test]
async fn identity_is_told_once_and_only_of_accepted_events() {
    let house = House::open().await;
    let mut client = house.client();
    house.log.set_down(true);
    publish(&mut client, event(1, "P-1"))
        .await
        .expect_err("linked, but not accepted");
    house.log.set_down(false);
    publish(&mut client, event(2, "P-2"))
        .await
        .expect("receipt");
    until("the second subject is told", || {
        !house.people.accepted.lock().is_empty()
    })
    .await;
    assert_eq!(*house.people.accepted.lock(), [handle(2)]);

    for number in 3..20 {
        publish(&mut client, event(number, "P-2"))
            .await
            .expect("receipt");
    }
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("receipt");
    until("the first subject is told", || {
        house.people.accepted.lock().len() > 1
    })
    .await;
    assert_eq!(*house.people.accepted.lock(), [handle(2), handle(1)]);
}

#[tokio::test]
async fn what_identity_did_not_hear_is_said_again_and_holds_no_receipt_up() {
    let house = House::open().await;
    let mut client = house.client();
    house.people.set_deaf(true);
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("receipt");
    publish(&mut client, event(2, "P-2"))
        .await
        .expect("receipt");
    house.people.set_deaf(false);
    until("both are told", || house.people.accepted.lock().len() >= 2).await;
    let mut told = house.people.accepted.lock().clone();
    told.sort_unstable();
    assert_eq!(told, [handle(1), handle(2)]);
}

#[tokio::test]
async fn while_a_key_is_rotated_identity_sees_both_tokens() {
    let before = Key::new([6; 32]);
    let house = House::rotating(before.clone()).await;
    publish(&mut house.client(), event(1, "P-1"))
        .await
        .expect("receipt");
    let asked = house.people.asked.lock();
    let organisation: Organisation = CAMDEN.parse().expect("an organisation");
    let token = |key: &Key| lookup_token(key, &organisation, "LOCAL", "P-1").to_vec();
    assert_eq!(asked[0].token, token(&Key::new([7; 32])));
    assert_eq!(asked[0].previous_token, token(&before));
}
