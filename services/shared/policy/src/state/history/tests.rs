use super::*;
use crate::state::{AgreementChange, Change, Illegal, PartyChange};
use crate::testing::{Log, org, shipped};
use walbrook_domain::control::{AgreementCommenced, AgreementFact, ControlFact, StandingChange};

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

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Version 2 has its effective day ahead of its signature.
fn signed_ahead() -> Log {
    let mut log = signed();
    let first = document();
    let effective = history(&log).latest().unwrap().agreement.period.effective;
    let line = format!("effective = {effective}");
    assert!(first.contains(&line));
    let second = first.replacen("version = 1", "version = 2", 1).replacen(
        &line,
        "effective = 2026-12-01",
        1,
    );
    log.propose(&second).unwrap();
    log.sign(PAN_LONDON, 2, CAMDEN).unwrap();
    log
}

#[test]
fn until_its_effective_day_a_signed_version_leaves_the_one_before_it_in_force() {
    let log = signed_ahead();
    let (camden, history) = (org(CAMDEN), history(&log));
    assert_eq!(standing(&log, CAMDEN), StandingNow::Signed(V2));
    let version = |on| {
        history
            .in_force(&camden, day(on))
            .map(|(of, _)| of.version())
    };
    assert_eq!(version("2026-11-30"), Ok(V1));
    assert_eq!(version("2026-12-01"), Ok(V2));
    let (_, since) = history.in_force(&camden, day("2026-12-05")).unwrap();
    assert_eq!(since, day("2026-12-01").start(), "not since the signature");
    let at = |on: &str| {
        history
            .in_force_at(&camden, day(on).start())
            .unwrap()
            .version()
    };
    assert_eq!((at("2026-11-30"), at("2026-12-01")), (V1, V2));
    // Who has not signed it goes on under the first.
    let other = history.in_force(&org(ISLINGTON), day("2026-12-05"));
    assert_eq!(other.map(|(of, _)| of.version()), Ok(V1));
}

#[test]
fn a_version_signed_ahead_commences_once_on_its_day_and_tells_for_whom() {
    let mut log = signed_ahead();
    let noon = |on: &str| Instant(day(on).start().0 + 12 * 3_600_000_000);
    assert!(history(&log).to_commence(noon("2026-11-30")).is_empty());
    assert_eq!(history(&log).to_commence(noon("2026-12-01")), [V2]);
    let commenced = || {
        ControlFact::Agreement(AgreementFact::Commenced(AgreementCommenced {
            agreement: PAN_LONDON.parse().unwrap(),
            version: V2,
        }))
    };
    let told = changed(log.say(commenced()).unwrap());
    let (before, after) = (StandingNow::Signed(V1), StandingNow::Signed(V2));
    assert_eq!(told, [(CAMDEN.to_owned(), before, after)]);
    assert!(history(&log).to_commence(noon("2026-12-01")).is_empty());
    assert!(matches!(
        log.say(commenced()),
        Err(Illegal::CommencedAlready { .. })
    ));
    let acts = history(&log).acts();
    assert_eq!(acts.last().map(|act| act.word), Some("COMMENCED"));
}

#[test]
fn what_was_signed_on_its_effective_day_or_later_has_nothing_to_commence() {
    let log = signed();
    let late = Instant(day("2027-06-01").start().0);
    assert!(history(&log).to_commence(late).is_empty());
}

#[test]
fn a_resumed_version_counts_from_when_it_was_resumed_and_so_does_the_one_before_it() {
    let mut log = signed_ahead();
    say(&mut log, Some(CAMDEN), Standing::Suspended, CAMDEN).unwrap();
    let before = history(&log).in_force(&org(CAMDEN), day("2026-11-30"));
    assert_eq!(before.map(|(of, _)| of.version()), Err(Reason::Suspended));
    say(&mut log, Some(CAMDEN), Standing::InForce, CAMDEN).unwrap();
    let resumed = log.state.next_offset();
    assert!(resumed > 0);
    let (first, since) = history(&log)
        .in_force(&org(CAMDEN), day("2026-11-30"))
        .unwrap();
    let last = history(&log).acts().last().unwrap().at;
    assert_eq!(
        (first.version(), since),
        (V1, last.max(first.effective_from))
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
