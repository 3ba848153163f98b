use super::*;
use crate::outcome::Reason;
use crate::state::Change;
use crate::testing::{Log, at, ground, org};
use walbrook_domain::{Day, Organisation};

const ONE: Handle = Handle::new([1; 16]);
const OTHER: Handle = Handle::new([2; 16]);
const CAMDEN: &str = "GSS:E09000007";
const HACKNEY: &str = "GSS:E09000012";
const TODAY: &str = "2026-06-01T12:00:00Z";

fn said(log: &mut Log, fact: GroundFact) -> GroundChange {
    match log.ground(fact).unwrap() {
        Change::Ground(change) => change,
        other => panic!("{other:?}"),
    }
}

fn limited(fact: GroundFact, purpose: Option<&str>, agreement: Option<&str>) -> GroundFact {
    let purpose = purpose.map(|one| one.parse().unwrap());
    let agreement = agreement.map(|one| one.parse().unwrap());
    GroundFact {
        ground_id: ground_id(
            &fact.handle,
            fact.kind,
            purpose.as_ref(),
            agreement.as_ref(),
            None,
        ),
        purpose,
        agreement,
        ..fact
    }
}

/// A consent to one authority, said on a day.
fn choosing(handle: Handle, authority: &str, day: u32, version: u32) -> GroundFact {
    GroundFact {
        chosen_authority: Some(org(authority)),
        stated_at: at(&format!("2026-05-{day:02}T10:00:00Z")),
        ..ground(handle, GroundKind::Consent, GroundState::Given, version)
    }
}

fn rough_sleeping() -> Purpose {
    "rough-sleeping".parse().unwrap()
}

fn chosen(log: &Log, members: &[Handle]) -> Option<Organisation> {
    let choice = log.state.grounds().choice(members, &rough_sleeping());
    choice.map(|choice| choice.authority)
}

fn referral(log: &Log, members: &[Handle]) -> Consent {
    let grounds = log.state.grounds();
    let under = grounds.under(&rough_sleeping(), &"duty-to-refer".parse().unwrap());
    grounds.referral(members, under, at(TODAY).london_day())
}

#[test]
fn grounds_are_versioned_and_their_states_follow() {
    let mut log = Log::new();
    use GroundKind::{Consent, Objection, SafetyHold};
    use GroundState::{Given, Off, On, Upheld, Withdrawn};
    said(&mut log, ground(ONE, Consent, Given, 1));
    assert!(matches!(
        log.ground(ground(ONE, Consent, Withdrawn, 1)),
        Err(Illegal::GroundVersion { current: 1, .. })
    ));
    let change = said(&mut log, ground(ONE, Consent, Withdrawn, 2));
    assert_eq!((change.before, change.after), (Some(Given), Withdrawn));
    for refused in [
        ground(ONE, SafetyHold, Off, 1),
        ground(ONE, Objection, Upheld, 1),
        ground(ONE, Objection, On, 1),
        ground(ONE, GroundKind::Recall, On, 1),
        ground(ONE, GroundKind::Erasure, Off, 1),
        ground(ONE, SafetyHold, On, 0),
        limited(
            ground(ONE, GroundKind::Erasure, On, 1),
            Some("rough-sleeping"),
            None,
        ),
        limited(
            ground(ONE, GroundKind::Restriction, On, 1),
            None,
            Some("duty-to-refer"),
        ),
    ] {
        let problem = log.ground(refused.clone());
        assert!(
            matches!(problem, Err(Illegal::Ground { .. })),
            "{refused:?}: {problem:?}"
        );
    }
    let mut renamed = ground(ONE, Objection, GroundState::Raised, 1);
    renamed.ground_id = "0".repeat(32);
    assert!(log.ground(renamed).is_err());
    assert_eq!(log.state.grounds().of(&ONE).len(), 1);
    said(&mut log, ground(ONE, SafetyHold, On, 1));
    said(&mut log, ground(ONE, SafetyHold, Off, 2));
    assert!(log.ground(ground(ONE, SafetyHold, Off, 3)).is_err());
    assert_eq!(log.state.grounds().of(&ONE).len(), 2);
    assert_eq!(log.state.grounds().handles(), 1);
}

#[test]
fn an_erasure_is_of_one_record_and_for_ever() {
    let mut log = Log::new();
    let order = ground(ONE, GroundKind::Erasure, GroundState::On, 1);
    let change = said(&mut log, order.clone());
    assert!(change.falls() && change.takes_subject(ONE) && !change.takes_subject(OTHER));
    assert_eq!(change.retraction(), "ERASURE");
    let book = log.state.book();
    let release = (
        &rough_sleeping(),
        &"nhs-to-housing".parse().unwrap(),
        &EventId::new(uuid::Uuid::from_u128(1)),
    );
    assert!(change.takes(book, ONE, release));
    assert!(!change.takes(book, OTHER, release));
    let grounds = log.state.grounds();
    assert!(grounds.erased(&ONE) && !grounds.erased(&OTHER));
    assert_eq!(
        grounds.subject(&ONE, &[ONE, OTHER], &rough_sleeping()),
        None
    );
    assert!(
        grounds
            .subject(&OTHER, &[ONE, OTHER], &rough_sleeping())
            .is_some()
    );
    // Nothing about the person: another record of theirs is as free as before.
    assert!(grounds.of(&ONE).is_empty());
    assert!(log.ground(order.clone()).is_err());
    assert!(
        log.ground(GroundFact {
            version: 2,
            ..order
        })
        .is_err()
    );
}

#[test]
fn a_recall_is_of_one_event_and_can_be_given_back() {
    let mut log = Log::new();
    let event = EventId::new(uuid::Uuid::from_u128(7));
    let recall = |state, version| GroundFact {
        ground_id: ground_id(&ONE, GroundKind::Recall, None, None, Some(&event)),
        event: Some(event),
        ..ground(ONE, GroundKind::Recall, state, version)
    };
    said(&mut log, recall(GroundState::On, 1));
    assert!(log.state.grounds().recalled(&ONE, &event));
    assert!(!log.state.grounds().recalled(&OTHER, &event));
    assert!(log.ground(recall(GroundState::Off, 1)).is_err());
    let change = said(&mut log, recall(GroundState::Off, 2));
    assert!(!change.falls());
    assert!(!log.state.grounds().recalled(&ONE, &event));
    assert_eq!(log.state.grounds().version(&recall(GroundState::On, 1)), 2);
}

#[test]
fn a_restriction_on_any_record_restricts_the_person() {
    let mut log = Log::new();
    said(
        &mut log,
        ground(ONE, GroundKind::Restriction, GroundState::On, 1),
    );
    let restricted = |log: &Log, members: &[Handle]| {
        let subject = log
            .state
            .grounds()
            .subject(&OTHER, members, &rough_sleeping());
        subject.unwrap().restricted
    };
    assert!(restricted(&log, &[ONE, OTHER]));
    assert!(!restricted(&log, &[OTHER]));
    said(
        &mut log,
        ground(ONE, GroundKind::Restriction, GroundState::Off, 2),
    );
    assert!(!restricted(&log, &[ONE, OTHER]));
}

#[test]
fn the_newest_choice_is_the_one_authority() {
    let mut log = Log::new();
    assert_eq!(chosen(&log, &[ONE, OTHER]), None);
    let change = said(&mut log, choosing(ONE, CAMDEN, 3, 1));
    assert!(change.choice_moved && change.falls());
    assert_eq!(change.retraction(), "CHOSEN_AUTHORITY");
    assert_eq!(chosen(&log, &[ONE, OTHER]), Some(org(CAMDEN)));
    // Said again about the same authority: nothing falls.
    assert!(!said(&mut log, choosing(ONE, CAMDEN, 4, 2)).falls());
    // Another service records a newer choice on its own record of the person.
    let elsewhere = limited(choosing(OTHER, HACKNEY, 5, 1), Some("rough-sleeping"), None);
    assert!(said(&mut log, elsewhere).falls());
    assert_eq!(chosen(&log, &[ONE, OTHER]), Some(org(HACKNEY)));
    assert_eq!(chosen(&log, &[OTHER, ONE]), Some(org(HACKNEY)));
    assert_eq!(chosen(&log, &[ONE]), Some(org(CAMDEN)));
    // An older statement that arrives late does not win.
    said(&mut log, choosing(ONE, CAMDEN, 2, 3));
    assert_eq!(chosen(&log, &[ONE, OTHER]), Some(org(HACKNEY)));
    assert_eq!(referral(&log, &[ONE, OTHER]), Consent::Given(None));
}

#[test]
fn a_referral_rests_on_a_consent_to_the_chosen_authority() {
    let mut log = Log::new();
    assert_eq!(referral(&log, &[ONE]), Consent::Not(Reason::ConsentMissing));
    said(
        &mut log,
        ground(ONE, GroundKind::Consent, GroundState::Given, 1),
    );
    assert_eq!(
        referral(&log, &[ONE]),
        Consent::Not(Reason::NoChosenAuthority)
    );
    let end = at(TODAY).london_day().plus(10);
    said(
        &mut log,
        GroundFact {
            not_after: Some(end),
            ..choosing(ONE, CAMDEN, 3, 2)
        },
    );
    assert_eq!(referral(&log, &[ONE]), Consent::Given(Some(end)));
    // A newer choice under another agreement: what was agreed for Camden is not Hackney's, and Camden's time is over.
    let other = limited(choosing(OTHER, HACKNEY, 4, 1), None, Some("other-referral"));
    said(&mut log, other.clone());
    assert_eq!(
        referral(&log, &[ONE, OTHER]),
        Consent::Not(Reason::NoChosenAuthority)
    );
    // Taken back, the choice before it holds again.
    said(
        &mut log,
        GroundFact {
            state: GroundState::Withdrawn,
            chosen_authority: None,
            version: 2,
            ..other
        },
    );
    assert_eq!(chosen(&log, &[ONE, OTHER]), Some(org(CAMDEN)));
    assert_eq!(referral(&log, &[ONE, OTHER]), Consent::Given(Some(end)));
    // A refusal for all of it leaves no choice.
    said(
        &mut log,
        ground(OTHER, GroundKind::Consent, GroundState::Refused, 1),
    );
    assert_eq!(chosen(&log, &[ONE, OTHER]), None);
    assert_eq!(
        referral(&log, &[ONE, OTHER]),
        Consent::Not(Reason::ConsentRefused)
    );
}

#[test]
fn a_lapsed_choice_brings_no_older_one_back() {
    let mut log = Log::new();
    said(&mut log, choosing(ONE, CAMDEN, 3, 1));
    let over = GroundFact {
        not_after: Some(Day(at(TODAY).london_day().0 - 1)),
        ..limited(choosing(ONE, HACKNEY, 4, 1), Some("rough-sleeping"), None)
    };
    said(&mut log, over);
    assert_eq!(chosen(&log, &[ONE]), Some(org(HACKNEY)));
    assert_eq!(
        referral(&log, &[ONE]),
        Consent::Not(Reason::NoChosenAuthority)
    );
}

#[test]
fn stored_grounds_come_back_exactly_and_damaged_ones_not_at_all() {
    let mut log = Log::new();
    for number in 0..200u8 {
        let handle = Handle::new([number; 16]);
        said(
            &mut log,
            ground(handle, GroundKind::Consent, GroundState::Given, 1),
        );
    }
    said(
        &mut log,
        limited(choosing(ONE, CAMDEN, 3, 1), Some("rough-sleeping"), None),
    );
    let until = GroundFact {
        not_after: Some(Day(21_000)),
        ..limited(choosing(ONE, HACKNEY, 4, 1), None, Some("duty-to-refer"))
    };
    said(&mut log, until);
    said(
        &mut log,
        ground(OTHER, GroundKind::Erasure, GroundState::On, 1),
    );
    let event = EventId::new(uuid::Uuid::from_u128(7));
    let recall = GroundFact {
        ground_id: ground_id(&ONE, GroundKind::Recall, None, None, Some(&event)),
        event: Some(event),
        ..ground(ONE, GroundKind::Recall, GroundState::On, 1)
    };
    said(&mut log, recall.clone());
    let grounds = log.state.grounds();
    let head = grounds.stored_head();
    let body: Vec<u8> = grounds.stored_body().flatten().collect();
    let mut restored = Grounds::from_stored_head(&head).unwrap();
    restored.restore(&body).unwrap();
    for number in 0..=255u8 {
        let handle = Handle::new([number; 16]);
        assert_eq!(restored.of(&handle), grounds.of(&handle));
        assert_eq!(restored.erased(&handle), grounds.erased(&handle));
    }
    assert_eq!(restored.handles(), grounds.handles());
    assert_eq!(restored.version(&recall), 1);
    assert!(restored.recalled(&ONE, &event));
    let choice = |grounds: &Grounds| grounds.choice(&[ONE], &rough_sleeping());
    assert_eq!(choice(&restored), choice(grounds));
    assert!(choice(&restored).is_some());
    // What follows is the same, too.
    let next = ground(ONE, GroundKind::Consent, GroundState::Withdrawn, 2);
    assert_eq!(
        restored.apply(&next).unwrap(),
        log.state.grounds().clone().apply(&next).unwrap()
    );

    assert!(Grounds::from_stored_head(&head[..head.len() - 1]).is_err());
    let mut longer = head.clone();
    longer.push(0);
    assert!(Grounds::from_stored_head(&longer).is_err());
    let fresh = || Grounds::from_stored_head(&head).unwrap();
    assert!(fresh().restore(&body[..body.len() - 1]).is_err());
    assert!(
        fresh()
            .restore(&[body.clone(), body.clone()].concat())
            .is_err()
    );
    let mut wrong_kind = body.clone();
    wrong_kind[38] = 99;
    assert!(fresh().restore(&wrong_kind).is_err());
    let mut wrong_name = body.clone();
    wrong_name[32..34].copy_from_slice(&900u16.to_le_bytes());
    assert!(fresh().restore(&wrong_name).is_err());
}

#[test]
fn copies_of_a_state_share_what_neither_changes() {
    let mut log = Log::new();
    said(
        &mut log,
        ground(ONE, GroundKind::Consent, GroundState::Given, 1),
    );
    let copy = log.state.grounds().clone();
    said(
        &mut log,
        ground(ONE, GroundKind::Consent, GroundState::Withdrawn, 2),
    );
    assert_eq!(copy.of(&ONE)[0].state, GroundState::Given);
    assert_eq!(
        log.state.grounds().of(&ONE)[0].state,
        GroundState::Withdrawn
    );
}

#[test]
fn only_a_consent_given_names_an_authority_and_only_a_housing_one() {
    let mut log = Log::new();
    for refused in [
        GroundFact {
            chosen_authority: Some(org("ODS:RRV")),
            ..choosing(ONE, CAMDEN, 3, 1)
        },
        GroundFact {
            state: GroundState::Refused,
            ..choosing(ONE, CAMDEN, 3, 1)
        },
        GroundFact {
            chosen_authority: Some(org(CAMDEN)),
            ..ground(ONE, GroundKind::Objection, GroundState::Raised, 1)
        },
    ] {
        assert!(matches!(log.ground(refused), Err(Illegal::Ground { .. })));
    }
}

#[test]
fn bringing_grounds_near_tells_how_many_have_any_and_changes_nothing() {
    const NOBODY: Handle = Handle::new([9; 16]);
    let mut log = Log::new();
    said(
        &mut log,
        ground(ONE, GroundKind::Consent, GroundState::Given, 1),
    );
    said(
        &mut log,
        ground(ONE, GroundKind::Objection, GroundState::Raised, 1),
    );
    let grounds = log.state.grounds();
    assert_eq!(grounds.warm([&ONE, &NOBODY, &ONE]), 2);
    assert_eq!(grounds.warm([&NOBODY]), 0);
    assert_eq!(grounds.handles(), 1);
    assert_eq!(grounds.of(&ONE).len(), 2);
}
