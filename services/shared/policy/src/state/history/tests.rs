use super::*;
use crate::state::{AgreementChange, Change, Illegal, PartyChange};
use crate::testing::{Log, org, shipped};
use walbrook_domain::control::{AgreementFact, ControlFact, StandingChange};

const PAN_LONDON: &str = "pan-london-rough-sleeping";
const CAMDEN: &str = "GSS:E09000007";
const ISLINGTON: &str = "GSS:E09000019";
const OPERATOR: &str = "WALBROOK:local";

fn document() -> String {
    let file = format!("{PAN_LONDON}.toml");
    let found = shipped().into_iter().find(|(name, _)| *name == file);
    found.unwrap().1
}

/// Both councils have signed version 1.
fn signed() -> Log {
    let mut log = Log::new();
    log.propose(&document()).unwrap();
    for party in [CAMDEN, ISLINGTON] {
        log.sign(PAN_LONDON, 1, party).unwrap();
    }
    log
}

fn say(
    log: &mut Log,
    party: Option<&str>,
    standing: Standing,
    by: &str,
) -> Result<Change, Illegal> {
    log.say(ControlFact::Agreement(AgreementFact::Standing(
        StandingChange {
            agreement: PAN_LONDON.parse().unwrap(),
            version: AgreementVersion(1),
            party: party.map(org),
            standing,
            reason: "incident".to_owned(),
            by_organisation: org(by),
            by: "dpo".to_owned(),
        },
    )))
}

fn history(log: &Log) -> &History {
    let id = PAN_LONDON.parse().unwrap();
    log.state.book().agreement(&id).unwrap()
}

fn standing(log: &Log, party: &str) -> StandingNow {
    history(log).standing(&org(party))
}

fn changed(change: Change) -> Vec<(String, StandingNow, StandingNow)> {
    let Change::Agreement(AgreementChange { parties, .. }) = change else {
        panic!("{change:?}");
    };
    let told = |one: PartyChange| (one.organisation.to_string(), one.before, one.after);
    parties.into_iter().map(told).collect()
}

const V1: AgreementVersion = AgreementVersion(1);
const V2: AgreementVersion = AgreementVersion(2);

#[test]
fn a_change_tells_who_stands_differently_and_nobody_else() {
    let mut log = Log::new();
    let proposed = log.propose(&document()).unwrap();
    assert_eq!(
        proposed,
        Change::Agreement(AgreementChange {
            agreement: PAN_LONDON.parse().unwrap(),
            proposed: Some(V1),
            parties: Vec::new(),
        })
    );
    let joined = log.sign(PAN_LONDON, 1, CAMDEN).unwrap();
    let camden = CAMDEN.to_owned();
    assert_eq!(
        changed(joined),
        [(
            camden.clone(),
            StandingNow::NotSigned,
            StandingNow::Signed(V1)
        )]
    );
    log.sign(PAN_LONDON, 1, ISLINGTON).unwrap();
    // Camden suspends itself; a suspension of all then changes only how Islington stands.
    say(&mut log, Some(CAMDEN), Standing::Suspended, CAMDEN).unwrap();
    let all = say(&mut log, None, Standing::Suspended, OPERATOR).unwrap();
    assert_eq!(
        changed(all),
        [(
            ISLINGTON.to_owned(),
            StandingNow::Signed(V1),
            StandingNow::Suspended(V1)
        )]
    );
    let resumed = say(&mut log, None, Standing::InForce, OPERATOR).unwrap();
    assert_eq!(changed(resumed).len(), 1);
    let resumed = say(&mut log, Some(CAMDEN), Standing::InForce, CAMDEN).unwrap();
    assert_eq!(
        changed(resumed),
        [(
            camden.clone(),
            StandingNow::Suspended(V1),
            StandingNow::Signed(V1)
        )]
    );
    let second = document().replacen("version = 1", "version = 2", 1);
    assert!(changed(log.propose(&second).unwrap()).is_empty());
    let amended = log.sign(PAN_LONDON, 2, CAMDEN).unwrap();
    assert_eq!(
        changed(amended),
        [(camden, StandingNow::Signed(V1), StandingNow::Signed(V2))]
    );
}

#[test]
fn a_suspension_is_lifted_by_the_side_that_imposed_it() {
    let mut log = signed();
    say(&mut log, Some(CAMDEN), Standing::Suspended, CAMDEN).unwrap();
    assert!(matches!(
        say(&mut log, Some(CAMDEN), Standing::InForce, OPERATOR),
        Err(Illegal::Standing { .. })
    ));
    say(&mut log, Some(CAMDEN), Standing::Suspended, OPERATOR).unwrap();
    assert!(
        say(&mut log, Some(CAMDEN), Standing::Suspended, OPERATOR).is_err(),
        "suspended by the operator already"
    );
    say(&mut log, Some(CAMDEN), Standing::InForce, CAMDEN).unwrap();
    assert_eq!(standing(&log, CAMDEN), StandingNow::Suspended(V1));
    assert!(say(&mut log, Some(CAMDEN), Standing::InForce, CAMDEN).is_err());
    // Leaving and signing again is no way around the operator's suspension.
    say(&mut log, Some(CAMDEN), Standing::Terminated, CAMDEN).unwrap();
    assert_eq!(standing(&log, CAMDEN), StandingNow::Terminated);
    log.sign(PAN_LONDON, 1, CAMDEN).unwrap();
    assert_eq!(standing(&log, CAMDEN), StandingNow::Suspended(V1));
    say(&mut log, Some(CAMDEN), Standing::InForce, OPERATOR).unwrap();
    assert_eq!(standing(&log, CAMDEN), StandingNow::Signed(V1));
    assert_eq!(standing(&log, ISLINGTON), StandingNow::Signed(V1));
}

#[test]
fn the_difference_of_two_versions_is_that_of_the_organisations_own_flows() {
    let mut log = signed();
    let amended = document()
        .replacen("version = 1", "version = 2", 1)
        .replacen("expiry = 2030-03-31", "expiry = 2031-03-31", 1)
        .replacen("\"owed_weeks\", ", "", 1);
    log.propose(&amended).unwrap();
    let difference = history(&log).difference(&org(CAMDEN), V1, V2);
    assert!(difference.end_moved);
    let flows: Vec<_> = difference.flows.iter().map(|one| one.as_str()).collect();
    assert_eq!(flows, ["housing.RentArrearsChanged"]);
    let of_police = history(&log).difference(&org("POLICE_FORCE:metropolitan"), V1, V2);
    assert_eq!((of_police.end_moved, of_police.flows.len()), (true, 0));
    let same = history(&log).difference(&org(CAMDEN), V1, V1);
    assert_eq!(same, Difference::default());
}

#[test]
fn an_agreement_lapses_on_the_day_after_its_last_without_a_record() {
    let log = signed();
    let book = log.state.book();
    let word = |day: Day| book.party_state(history(&log), &org(CAMDEN), day).word;
    let expiry = history(&log).latest().unwrap().agreement.period.expiry;
    let effective = history(&log).latest().unwrap().agreement.period.effective;
    let words = [
        word(effective.plus(-1)),
        word(effective),
        word(expiry),
        word(expiry.plus(1)),
    ];
    assert_eq!(words, ["NOT_YET", "IN_FORCE", "IN_FORCE", "EXPIRED"]);
}

#[test]
fn the_whole_past_is_told_in_order() {
    let mut log = signed();
    say(&mut log, None, Standing::Suspended, OPERATOR).unwrap();
    say(&mut log, Some(CAMDEN), Standing::Terminated, CAMDEN).unwrap();
    let past: Vec<_> = history(&log)
        .acts()
        .into_iter()
        .map(|act| (act.word, act.version.0, act.party))
        .collect();
    let camden = Some(org(CAMDEN));
    let expected = [
        ("PROPOSED", 1, None),
        ("SIGNED", 1, camden.clone()),
        ("SIGNED", 1, Some(org(ISLINGTON))),
        ("SUSPENDED", 1, None),
        ("TERMINATED", 1, camden),
    ];
    assert_eq!(past, expected);
}
