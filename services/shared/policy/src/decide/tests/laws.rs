//! Laws that hold for any case: consent, protection and the unknown only ever act one way, and nothing is permitted without a ground.
//!
//! A law is a function of a case and of a decider, so that each is shown to fail on a decider that breaks it.

use super::*;
use crate::testing::case::{cases, referral};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use walbrook_domain::control::GroundFact;

/// Everything released: organisation and event type, agreement, fields.
type Releases = BTreeSet<(String, String, u64)>;
type Decider = fn(&Case) -> Releases;
type Law = fn(&Case, Decider) -> Result<(), String>;

fn releases(case: &Case) -> Releases {
    let mut found = Releases::new();
    for organisation in ORGANISATIONS {
        for shape in catalogue().events() {
            for decision in case.decide(&org(organisation), &shape.event_type, shape.subject) {
                if decision.outcome() == Outcome::Permit {
                    let agreement = decision.agreement().unwrap().to_string();
                    let what = format!("{organisation}/{}", shape.event_type);
                    found.insert((what, agreement, decision.field_mask));
                } else {
                    assert_eq!(decision.field_mask, 0);
                }
            }
        }
    }
    found
}

fn signed_once() -> &'static Log {
    static SIGNED: OnceLock<Log> = OnceLock::new();
    SIGNED.get_or_init(signed)
}

/// Fails with what `less` has and `more` has not.
fn within(less: &Releases, more: &Releases) -> Result<(), String> {
    match less.difference(more).next() {
        None => Ok(()),
        Some(extra) => Err(format!("{extra:?}")),
    }
}

/// The case after one more state of the ground, whatever its version is; `None` where that is no legal change.
fn after(case: &Case, mut fact: GroundFact) -> Option<Case> {
    fact.version = 1 + case.log.state.grounds().version(&fact);
    let mut after = case.clone();
    after.log.ground(fact).ok().map(|_| after)
}

fn people(releases: &Releases) -> Releases {
    let catalogue = catalogue();
    let of_person = |what: &str| {
        let (_, event) = what.split_once('/').unwrap();
        let shape = catalogue.event(&event.parse().unwrap()).unwrap();
        shape.subject == SubjectKind::Person
    };
    let of_people = releases.iter().filter(|(what, _, _)| of_person(what));
    of_people.cloned().collect()
}

fn adding_a_consent_removes_nothing(case: &Case, decide: Decider) -> Result<(), String> {
    for handle in [OWN, OTHER] {
        let on_record = case.log.state.grounds().of(&handle);
        if on_record.iter().any(|one| one.kind == GroundKind::Consent) {
            // A withdrawal or refusal stands: giving again is another law.
            continue;
        }
        let given = ground(handle, GroundKind::Consent, GroundState::Given, 1);
        if let Some(given) = after(case, given) {
            within(&decide(case), &decide(&given))?;
        }
    }
    Ok(())
}

fn withdrawing_adds_nothing(case: &Case, decide: Decider) -> Result<(), String> {
    for handle in [OWN, OTHER] {
        for state in [GroundState::Withdrawn, GroundState::Refused] {
            let fact = ground(handle, GroundKind::Consent, state, 1);
            if let Some(withdrawn) = after(case, fact) {
                within(&decide(&withdrawn), &decide(case))?;
            }
        }
    }
    Ok(())
}

fn protection_only_takes_away(case: &Case, decide: Decider) -> Result<(), String> {
    for (kind, state) in [
        (GroundKind::Objection, GroundState::Raised),
        (GroundKind::NationalDataOptOut, GroundState::On),
        (GroundKind::SafetyHold, GroundState::On),
        (GroundKind::Restriction, GroundState::On),
        (GroundKind::Erasure, GroundState::On),
    ] {
        for handle in [OWN, OTHER] {
            let Some(held) = after(case, ground(handle, kind, state, 1)) else {
                continue;
            };
            let left = decide(&held);
            within(&left, &decide(case))?;
            let of_the_person = kind == GroundKind::SafetyHold;
            if of_the_person || (kind == GroundKind::Erasure && handle == OWN) {
                within(&people(&left), &Releases::new())?;
            }
        }
    }
    Ok(())
}

fn the_unknown_takes_its_protective_value(case: &Case, decide: Decider) -> Result<(), String> {
    let of = |change: fn(&mut Case)| decide(&case.clone().with(change));
    // An unsure link is no link; an unknown age is a minor's, who is no adult for an adults' flow.
    within(
        &people(&of(|case| case.status = LinkStatus::PotentialMatch)),
        &Releases::new(),
    )?;
    let unknown = of(|case| case.adult = None);
    within(&unknown, &of(|case| case.adult = Some(false)))?;
    let of_adults = [
        "pan-london-rough-sleeping",
        "nhs-to-housing",
        "duty-to-refer",
    ];
    if let Some(found) = unknown
        .iter()
        .find(|(_, one, _)| of_adults.contains(&one.as_str()))
    {
        return Err(format!("{found:?} for an unknown age"));
    }
    // A condition over a field that cannot be read is no condition met.
    within(&of(|case| case.fields.0.clear()), &decide(case))?;
    // A word that nobody knows in the link is a restriction.
    within(
        &of(|case| case.restrictions = vec![Restriction::Restricted]),
        &decide(case),
    )?;
    // No state at all.
    let nothing = PolicyState::new(std::sync::Arc::new(catalogue()));
    let empty = case.clone().with(|case| case.log.state = nothing);
    within(&decide(&empty), &Releases::new())
}

/// A ground is an agreement in force on the day, the source's own signature, and a flow that grants these fields.
fn a_permit_needs_a_ground(case: &Case, decide: Decider) -> Result<(), String> {
    let book = case.log.state.book();
    let today = case.log.clock.london_day();
    let catalogue = catalogue();
    for (what, id, mask) in decide(case) {
        let (source, event) = what.split_once('/').unwrap();
        let (source, event): (walbrook_domain::Organisation, walbrook_domain::EventType) =
            (source.parse().unwrap(), event.parse().unwrap());
        let fault = |problem: &str| Err(format!("{what} under {id}: {problem}"));
        let Some(history) = book.agreement(&id.parse().unwrap()) else {
            return fault("there is no agreement");
        };
        let crate::state::StandingNow::Signed(_) = history.standing(&source) else {
            return fault("its source has not signed, or not any more");
        };
        let own = |act: &crate::state::PastAct| {
            act.word == "SIGNED" && act.party.as_ref() == Some(&source)
        };
        let signed = history.acts().into_iter().filter(own);
        let signed = signed.map(|act| &history.edition(act.version).unwrap().agreement);
        let Some(agreement) = signed.filter(|one| one.period.effective <= today).last() else {
            return fault("no version that it signed has come to its day");
        };
        if agreement.period.expiry < today {
            return fault("not in force on the day");
        }
        let granted = agreement.flow(&source, &event).map_or(0, |flow| {
            let shape = catalogue.event(&event).unwrap();
            shape.mask(flow.fields.iter().map(String::as_str))
        });
        if mask == 0 || mask & !granted != 0 {
            return fault("no flow grants these fields");
        }
    }
    Ok(())
}

const LAWS: [Law; 5] = [
    adding_a_consent_removes_nothing,
    withdrawing_adds_nothing,
    protection_only_takes_away,
    the_unknown_takes_its_protective_value,
    a_permit_needs_a_ground,
];

fn has(case: &Case, kind: GroundKind, state: GroundState) -> bool {
    let grounds = case.log.state.grounds();
    let mut all = grounds.of(&OWN).iter().chain(grounds.of(&OTHER));
    all.any(|ground| (ground.kind, ground.state) == (kind, state))
}

/// Deciders that break one law each, in the order of [`LAWS`].
const WRONG: [Decider; 5] = [
    // Takes a consent for a refusal.
    |case| match has(case, GroundKind::Consent, GroundState::Given) {
        true => Releases::new(),
        false => releases(case),
    },
    // Takes a withdrawal for a consent.
    |case| match has(case, GroundKind::Consent, GroundState::Withdrawn) {
        true => {
            releases(&Case::new(signed_once()).on(OWN, GroundKind::Consent, GroundState::Given))
        }
        false => releases(case),
    },
    // Does not see a safety hold.
    |case| match has(case, GroundKind::SafetyHold, GroundState::On) {
        true => releases(&Case::new(signed_once())),
        false => releases(case),
    },
    // Takes whom it does not know for an adult.
    |case| releases(&case.clone().with(|case| case.adult = Some(true))),
    // Does not ask who signed.
    |_| releases(&Case::new(signed_once())),
];

#[test]
fn each_law_holds_in_every_case_of_the_golden_table_and_fails_for_a_decider_that_breaks_it() {
    let cases = cases();
    for (number, (law, wrong)) in LAWS.iter().zip(WRONG).enumerate() {
        for (name, case) in &cases {
            let held = law(case, releases);
            assert_eq!(held, Ok(()), "law {number}, {name}");
        }
        let broken = cases.iter().any(|(_, case)| law(case, wrong).is_err());
        assert!(broken, "law {number} does not see its planted fault");
    }
}

fn any_ground() -> impl Strategy<Value = GroundFact> {
    use GroundKind::{Consent, Erasure, NationalDataOptOut, Objection, Restriction, SafetyHold};
    let states = vec![
        (Consent, GroundState::Given),
        (Consent, GroundState::Refused),
        (Consent, GroundState::Withdrawn),
        (Objection, GroundState::Raised),
        (NationalDataOptOut, GroundState::On),
        (SafetyHold, GroundState::On),
        (Restriction, GroundState::On),
        (Erasure, GroundState::On),
    ];
    let plain = (
        prop::sample::select(vec![OWN, OTHER]),
        prop::sample::select(states),
    )
        .prop_map(|(handle, (kind, state))| ground(handle, kind, state, 1));
    let authorities = vec!["GSS:E09000007", "GSS:E09000033"];
    let chosen = (
        prop::sample::select(vec![OWN, OTHER]),
        prop::sample::select(authorities),
        1..9,
    )
        .prop_map(|(handle, authority, day)| {
            referral(handle, authority, &format!("2026-01-0{day}T00:00:00Z"))
        });
    prop_oneof![3 => plain, 1 => chosen]
}

/// A state with some grounds, at most one of a kind on a handle.
fn any_case() -> impl Strategy<Value = Case> {
    let adult = prop::sample::select(vec![None, Some(true), Some(false)]);
    let status = prop::sample::select(LinkStatus::ALL.to_vec());
    let grounds = prop::collection::vec(any_ground(), 0..4);
    (grounds, adult, status, any::<bool>(), any::<bool>()).prop_map(
        |(grounds, adult, status, restricted, child)| {
            let log = signed_once();
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
            for fact in grounds {
                // The same ground twice would need the next version; one of each kind on a handle is enough.
                let _ = case.log.ground(fact);
            }
            case
        },
    )
}

/// Control records that may stand in any order: signatures, and grounds that are not one another's next version.
#[derive(Debug, Clone)]
enum Act {
    Sign(String, &'static str),
    Ground(GroundFact),
}

impl Act {
    fn on(&self, log: &mut Log) {
        match self {
            Act::Sign(agreement, party) => drop(log.sign(agreement, 1, party).unwrap()),
            Act::Ground(fact) => drop(log.ground(fact.clone()).unwrap()),
        }
    }
}

fn proposed_once() -> &'static Log {
    static PROPOSED: OnceLock<Log> = OnceLock::new();
    PROPOSED.get_or_init(|| {
        let mut log = Log::new();
        for (_, text) in shipped() {
            log.propose(&text).unwrap();
        }
        for organisation in ORGANISATIONS {
            log.key(&org(organisation));
        }
        log
    })
}

/// Some acts, each ground once, and the same acts in another order.
fn acts_twice() -> impl Strategy<Value = (Vec<Act>, Vec<Act>)> {
    let parties = [
        ("pan-london-rough-sleeping", "GSS:E09000007"),
        ("pan-london-rough-sleeping", "CHARITY:street-outreach"),
        ("nhs-to-housing", "ODS:RRV"),
        ("duty-to-refer", "ODS:RRV"),
        ("duty-to-refer", "GSS:E09000007"),
        ("nhs-planning-cohort", "ODS:RRV"),
    ];
    let signatures = prop::sample::subsequence(parties.to_vec(), 1..=parties.len());
    (signatures, prop::collection::vec(any_ground(), 0..6))
        .prop_map(|(signatures, grounds)| {
            let mut acts: Vec<_> = signatures
                .into_iter()
                .map(|(agreement, party)| Act::Sign(agreement.to_owned(), party))
                .collect();
            let mut seen = BTreeSet::new();
            for fact in grounds {
                if seen.insert(fact.ground_id.clone()) {
                    acts.push(Act::Ground(fact));
                }
            }
            acts
        })
        .prop_flat_map(|acts| (Just(acts.clone()), Just(acts).prop_shuffle()))
}

fn released_after<'a>(acts: impl IntoIterator<Item = &'a Act>) -> Releases {
    let mut log = proposed_once().clone();
    for act in acts {
        act.on(&mut log);
    }
    // The same decision time, however many records came before.
    log.clock = at("2026-01-20T09:00:00Z");
    releases(&Case::new(&log))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_law_holds_in_any_case(case in any_case()) {
        for (number, law) in LAWS.iter().enumerate() {
            prop_assert_eq!(law(&case, releases), Ok(()), "law {}", number);
        }
    }

    #[test]
    fn the_order_of_control_records_with_the_same_final_state_does_not_matter((acts, shuffled) in acts_twice()) {
        prop_assert_eq!(released_after(&acts), released_after(&shuffled));
    }

    #[test]
    fn the_way_to_the_same_final_state_does_not_matter(case in any_case()) {
        // A consent withdrawn and given again is a consent; an objection raised and rejected is none.
        let given = ground(OWN, GroundKind::Consent, GroundState::Given, 1);
        let withdrawn = ground(OWN, GroundKind::Consent, GroundState::Withdrawn, 1);
        let straight = after(&case, given.clone());
        let detour = after(&case, withdrawn).and_then(|case| after(&case, given));
        let of = |case: Option<Case>| case.map(|case| releases(&case));
        prop_assert_eq!(of(straight), of(detour));
    }
}

#[test]
fn the_order_of_records_would_be_seen_to_matter_if_it_did() {
    let (camden, nhs) = ("GSS:E09000007", "ODS:RRV");
    let sign = |agreement: &str, party| Act::Sign(agreement.to_owned(), party);
    let acts = [
        sign("pan-london-rough-sleeping", camden),
        sign("nhs-to-housing", nhs),
        Act::Ground(ground(OWN, GroundKind::Consent, GroundState::Given, 1)),
        Act::Ground(ground(OTHER, GroundKind::Objection, GroundState::Raised, 1)),
    ];
    // A fold that loses its last record gives another answer in another order.
    let forgets = |acts: &[Act]| released_after(acts.iter().take(acts.len() - 1));
    let mut turned = acts.to_vec();
    turned.reverse();
    assert_ne!(forgets(&acts), forgets(&turned));
    assert_eq!(released_after(&acts), released_after(&turned));
    assert!(!released_after(&acts[..3]).is_empty());
}
