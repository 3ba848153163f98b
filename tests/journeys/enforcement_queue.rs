//! What agreements widen, from the queue, on real Kafka: through kill -9 and with positions that the group forgot.

use crate::town::Town;
use walbrook_domain::PersonId;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_policy::Agreement;
use walbrook_tests::records::{CAMDEN, CONSENTED, DUTY, event_id, ground, proposed, signed};
use walbrook_tests::shelf::Shelf;

/// Events of each of two handles; a slice is far less.
const EVENTS: u128 = 1_500;
const SLICE: i64 = 100;

/// A town whose handles, persons and events are the same in every run.
fn town() -> Town {
    let town = Town::new(2);
    let mut grounds = Vec::new();
    for number in 0..2 {
        let handle = town.same_handle(number);
        let of = u8::try_from(number).expect("small");
        town.link(&[handle], PersonId::new([40 + of; 16]), 1);
        grounds.push(ground(handle, GroundKind::Consent, GroundState::Given, 1));
    }
    town.control(&grounds);
    town.send_all((0..EVENTS).flat_map(|number| {
        [0, 1].map(|of| {
            (
                town.same_handle(of),
                event_id(2 * number + u128::from(of != 0)),
            )
        })
    }));
    town
}

/// The version after this one, with fewer fields.
fn narrower(agreement: &Agreement) -> Agreement {
    let mut next = agreement.clone();
    next.version.0 += 1;
    next.flows[0].fields = vec!["landlord_type".to_owned()];
    next
}

fn all_released(shelf: &Shelf) -> bool {
    shelf.contributions.len() == usize::try_from(4 * EVENTS).expect("a count")
}

/// Both agreements amended and signed; returns the position after the last signature.
fn amend(town: &Town) -> i64 {
    let facts: Vec<_> = [CONSENTED, DUTY]
        .iter()
        .flat_map(|id| {
            let next = narrower(&town.agreement(id));
            [proposed(&next), signed(&next, CAMDEN)]
        })
        .collect();
    town.control(&facts)
}

#[test]
fn kill_9_in_mid_queue_comes_to_the_rows_of_an_undisturbed_run() {
    let calm = {
        let town = town();
        let mut broker = town.start_process_with(SLICE);
        town.wait("everything is released", all_released);
        town.wait_through(amend(&town));
        let shelf = town.shelf();
        town.check_pages();
        broker.kill().expect("killed");
        shelf
    };
    let town = town();
    let mut broker = town.start_process_with(SLICE);
    let wide = town.wait("everything is released", all_released);
    let amended = amend(&town);
    for _ in 0..3 {
        // The queue is under way in some p: its owner dies there, and the next one goes on.
        town.wait_queued();
        broker.kill().expect("killed");
        broker = town.start_process_with(SLICE);
    }
    // A person's ground waits for no queue, in whatever state the takeover found it.
    let withdrawn = town.control(&[ground(
        town.same_handle(0),
        GroundKind::Consent,
        GroundState::Withdrawn,
        2,
    )]);
    town.wait_decided(withdrawn);
    let given = town.control(&[ground(
        town.same_handle(0),
        GroundKind::Consent,
        GroundState::Given,
        3,
    )]);
    town.wait_through(given.max(amended));
    let shelf = town.shelf();
    assert_eq!(shelf.contributions.len(), calm.contributions.len());
    assert!(shelf.contributions == calm.contributions, "the rows differ");
    assert!(
        shelf.contributions != wide.contributions,
        "narrower than before"
    );
    town.check_pages();
    broker.kill().expect("killed");
}

#[test]
fn positions_that_the_group_forgot_come_from_the_last_page_with_the_queue() {
    let town = town();
    {
        let _broker = town.start_member();
        town.wait("everything is released", all_released);
    }
    let amended = amend(&town);
    let mut broker = town.start_process_with(SLICE);
    town.wait_queued();
    broker.kill().expect("killed");
    town.forget_positions();
    // Another slice and the same queue: what is left of it is on the last page.
    let _broker = town.start_member();
    town.wait_through(amended);
    let shelf = town.shelf();
    assert_eq!(
        shelf.contributions.len(),
        usize::try_from(4 * EVENTS).expect("a count")
    );
    assert_eq!(shelf.retractions, 0);
    assert_eq!(
        shelf.releases,
        2 * shelf.contributions.len(),
        "each once wide and once narrow: nothing was decided twice"
    );
    town.check_pages();
}
