use super::*;
use walbrook_domain::control::{GroundFact, GroundKind, GroundState, ReaderRevocation};
use walbrook_domain::{Handle, Organisation};
use walbrook_policy::state::ground_id;

fn core() -> Core {
    Core::new(Arc::new(Catalogue::default()))
}

fn trust() -> Organisation {
    "ODS:RRV".parse().unwrap()
}

fn ground(handle: u8, version: u32, by: &str, stated_at: i64) -> ControlFact {
    let handle = Handle::new([handle; 16]);
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, GroundKind::Objection, None, None, None),
        version,
        handle,
        kind: GroundKind::Objection,
        state: GroundState::Raised,
        purpose: None,
        agreement: None,
        event: None,
        not_after: None,
        stated_at: Instant(stated_at),
        chosen_authority: None,
        by_organisation: trust(),
        by: by.to_owned(),
    })
}

fn draft(fact: ControlFact, key: &str) -> Draft {
    Draft {
        fact,
        idempotency_key: key.to_owned(),
    }
}

fn revoked(reader: usize) -> Draft {
    let fact = AgreementFact::Reader(ReaderRevocation {
        organisation: trust(),
        reader: format!("reader-{reader}"),
        revoked: true,
        by: "operator".to_owned(),
    });
    draft(ControlFact::Agreement(fact), &format!("key-{reader}"))
}

#[test]
fn a_repeated_call_is_known_by_its_key_whoever_holds_the_keyboard() {
    let mut core = core();
    let first = draft(ground(1, 1, "nurse", 5), "k");
    assert!(matches!(core.step(&first, Instant(9)), Ok(Step::Write)));
    let receipts = core.settled(&[(first, 7, Instant(9))]);
    let again = draft(ground(1, 1, "another nurse", 6), "k");
    let Ok(Step::Repeated(receipt)) = core.step(&again, Instant(20)) else {
        panic!("not known again");
    };
    let expected = Receipt {
        repeated: true,
        ..receipts[0].clone()
    };
    assert_eq!(receipt, expected);
    assert_eq!((receipt.offset, receipt.recorded_at), (7, Instant(9)));
    let other = draft(ground(2, 1, "nurse", 5), "k");
    assert!(matches!(
        core.step(&other, Instant(20)),
        Err(ControlError::KeyReused)
    ));
    // Without a key nothing is known again: the version says that it was done.
    let keyless = draft(ground(1, 1, "nurse", 5), "");
    assert!(matches!(
        core.step(&keyless, Instant(20)),
        Err(ControlError::Illegal(Illegal::GroundVersion { .. }))
    ));
}

#[test]
fn only_the_newest_calls_are_kept() {
    let mut core = core();
    core.calls = Calls::at_most(3);
    for reader in 0..=3 {
        let record = ControlRecord {
            offset: i64::try_from(reader).unwrap(),
            appended_at: Instant(0),
            idempotency_key: format!("key-{reader}"),
            fact: revoked(reader).fact,
        };
        core.remember(&record, Instant(0));
    }
    assert_eq!((core.calls.by_key.len(), core.calls.in_order.len()), (3, 3));
    // The oldest is forgotten, and written again where that is legal; the next one is known.
    assert!(matches!(
        core.step(&revoked(0), Instant(1)),
        Ok(Step::Write)
    ));
    assert!(matches!(
        core.step(&revoked(2), Instant(1)),
        Ok(Step::Repeated(_))
    ));
}
