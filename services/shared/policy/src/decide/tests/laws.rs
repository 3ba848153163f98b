//! Laws that hold for any case: consent, protection and the unknown only ever act one way.

use super::*;
use proptest::prelude::*;
use walbrook_domain::Handle;

fn permits(case: &Case) -> Vec<(String, String, u64)> {
    let catalogue = catalogue();
    let mut found = Vec::new();
    for organisation in ORGANISATIONS {
        for shape in catalogue.events() {
            for decision in case.decide(&org(organisation), &shape.event_type, shape.subject) {
                if decision.outcome() == Outcome::Permit {
                    assert!(
                        decision.field_mask != 0 && decision.edition.is_some(),
                        "a permit without a ground"
                    );
                    let agreement = decision.agreement().unwrap().to_string();
                    found.push((
                        format!("{organisation}/{}", shape.event_type),
                        agreement,
                        decision.field_mask,
                    ));
                } else {
                    assert_eq!(decision.field_mask, 0);
                }
            }
        }
    }
    found
}

fn subset(less: &[(String, String, u64)], more: &[(String, String, u64)]) -> bool {
    less.iter().all(|one| more.contains(one))
}

fn state_of(kind: GroundKind) -> BoxedStrategy<GroundState> {
    let first = match kind {
        GroundKind::Consent => vec![
            GroundState::Given,
            GroundState::Refused,
            GroundState::Withdrawn,
        ],
        GroundKind::Objection => vec![GroundState::Raised],
        _ => vec![GroundState::On],
    };
    prop::sample::select(first).boxed()
}

fn any_ground() -> impl Strategy<Value = (Handle, GroundKind, GroundState)> {
    let kinds = vec![
        GroundKind::Consent,
        GroundKind::Objection,
        GroundKind::NationalDataOptOut,
        GroundKind::SafetyHold,
    ];
    prop::sample::select(kinds).prop_flat_map(|kind| {
        (
            prop::sample::select(vec![OWN, OTHER]),
            Just(kind),
            state_of(kind),
        )
    })
}

/// A state with some grounds, at most one of a kind on a handle.
fn any_case() -> impl Strategy<Value = Case> {
    let adult = prop::sample::select(vec![None, Some(true), Some(false)]);
    let status = prop::sample::select(LinkStatus::ALL.to_vec());
    (
        prop::collection::vec(any_ground(), 0..4),
        adult,
        status,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(grounds, adult, status, restricted, child)| {
            let log = SIGNED.get_or_init(signed);
            let mut case = if child {
                Case::child(log)
            } else {
                Case::new(log)
            };
            case.adult = adult;
            case.status = status;
            if restricted {
                case.restrictions = vec![Restriction::Restricted];
            }
            for (handle, kind, state) in grounds {
                // The same ground twice would need the next version; one of each kind on a handle is enough.
                let _ = case.log.ground(ground(handle, kind, state, 1));
            }
            case
        })
}

static SIGNED: std::sync::OnceLock<Log> = std::sync::OnceLock::new();

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn giving_a_consent_never_removes_a_release_and_taking_one_back_never_adds_one(case in any_case(), on_other in any::<bool>()) {
        let handle = if on_other { OTHER } else { OWN };
        let before = permits(&case);
        let fresh = case.log.state.grounds().of(&handle).iter().all(|one| one.kind != GroundKind::Consent);
        if fresh {
            let given = case.clone().on(handle, GroundKind::Consent, GroundState::Given);
            prop_assert!(subset(&before, &permits(&given)));
            let mut withdrawn = given.clone();
            withdrawn.log.ground(ground(handle, GroundKind::Consent, GroundState::Withdrawn, 2)).unwrap();
            prop_assert!(subset(&permits(&withdrawn), &before));
        }
        let version = 1 + case.log.state.grounds().version(&ground(handle, GroundKind::Consent, GroundState::Withdrawn, 1));
        let mut withdrawn = case.clone();
        withdrawn.log.ground(ground(handle, GroundKind::Consent, GroundState::Withdrawn, version)).unwrap();
        prop_assert!(subset(&permits(&withdrawn), &before));
    }

    #[test]
    fn every_protective_ground_only_takes_away(case in any_case(), on_other in any::<bool>()) {
        let handle = if on_other { OTHER } else { OWN };
        let before = permits(&case);
        for (kind, state) in [
            (GroundKind::Objection, GroundState::Raised),
            (GroundKind::NationalDataOptOut, GroundState::On),
            (GroundKind::SafetyHold, GroundState::On),
        ] {
            let mut held = case.clone();
            let _ = held.log.ground(ground(handle, kind, state, 1));
            prop_assert!(subset(&permits(&held), &before));
        }
        let held = case.clone().with(|case| { let _ = case.log.ground(ground(OWN, GroundKind::SafetyHold, GroundState::On, 1)); });
        prop_assert!(permits(&held).iter().all(|(what, _, _)| what.ends_with("tfl.LineStatusChanged")));
    }

    #[test]
    fn what_is_unknown_or_unsure_takes_the_protective_answer(case in any_case()) {
        let unsure = case.clone().with(|case| case.status = LinkStatus::PotentialMatch);
        prop_assert!(permits(&unsure).iter().all(|(what, _, _)| what.ends_with("tfl.LineStatusChanged")));
        let unknown = case.clone().with(|case| case.adult = None);
        prop_assert!(permits(&unknown).iter().all(|(_, agreement, _)| agreement != "pan-london-rough-sleeping" && agreement != "nhs-to-housing"));
        let nobody = permits(&case.clone().with(|case| case.log.state = PolicyState::new(std::sync::Arc::new(catalogue()))));
        prop_assert!(nobody.is_empty());
    }
}
