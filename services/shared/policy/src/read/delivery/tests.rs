use super::*;
use crate::read::{ContributionFacts, Entitlement, Hidden, Viewer, entitlements_by};
use crate::testing::case::signed;
use crate::testing::{Log, org, shipped};
use walbrook_domain::control::Standing;
use walbrook_domain::{AgreementVersion, Precision};

const CAMDEN: &str = "GSS:E09000007";
const HOSPITAL: &str = "ODS:RRV";
const NHS: &str = "nhs-to-housing";
const LONDON: &str = "pan-london-rough-sleeping";
const OFFICER: &str = "housing-options-officer";
const VIEW: &str = "rough_sleeping_risk";

/// The next version of a shipped agreement, with a line in front of a reader's role.
fn next(id: &str, role: &str) -> String {
    let named = format!("{id}.toml");
    let (_, text) = shipped()
        .into_iter()
        .find(|(name, _)| *name == named)
        .unwrap();
    let line = format!("role = \"{role}\"");
    assert!(text.contains("version = 1\n") && text.contains(&line));
    text.replacen("version = 1\n", "version = 2\n", 1).replacen(
        &line,
        &format!("delivery = \"topic\"\n{line}"),
        1,
    )
}

fn stands(log: &Log, organisation: &str) -> Option<Delivered> {
    let purpose = "rough-sleeping".parse().unwrap();
    let today = log.clock.london_day();
    delivered(
        log.state.book(),
        &org(organisation),
        (&purpose, VIEW),
        today,
    )
}

fn entitled(log: &Log, by: Delivery) -> Vec<Entitlement> {
    let viewer = Viewer {
        organisation: &org(CAMDEN),
        reader: "view.rough_sleeping_risk.GSS-E09000007",
        role: OFFICER,
        purpose: &"rough-sleeping".parse().unwrap(),
        view: VIEW,
        mode: Mode::Case,
    };
    entitlements_by(log.state.book(), &viewer, by, log.clock)
}

#[test]
fn what_is_delivered_begins_and_ends_with_the_organisations_own_signature() {
    let mut log = signed();
    assert_eq!(stands(&log, CAMDEN), None);
    log.propose(&next(NHS, OFFICER)).unwrap();
    assert_eq!(stands(&log, CAMDEN), None);
    log.sign(NHS, 2, CAMDEN).unwrap();
    let officer = Some(Delivered::To(OFFICER.to_owned()));
    assert_eq!(stands(&log, CAMDEN), officer);
    assert_eq!(stands(&log, HOSPITAL), None);
    let of = ("rough-sleeping".parse().unwrap(), VIEW);
    let all = recipients(log.state.book(), (&of.0, of.1), log.clock);
    assert_eq!(
        all.into_iter().collect::<Vec<_>>(),
        [(org(CAMDEN), Delivered::To(OFFICER.to_owned()))]
    );
    for (standing, found) in [
        (Standing::Suspended, None),
        (Standing::InForce, officer),
        (Standing::Terminated, None),
    ] {
        log.stand(NHS, Some(CAMDEN), standing).unwrap();
        assert_eq!(stands(&log, CAMDEN), found);
        assert_eq!(
            recipients(log.state.book(), (&of.0, of.1), log.clock).is_empty(),
            found.is_none()
        );
    }
}

#[test]
fn nothing_is_delivered_where_agreements_name_different_roles() {
    let mut log = signed();
    log.propose(&next(NHS, OFFICER)).unwrap();
    log.sign(NHS, 2, CAMDEN).unwrap();
    let other = next(LONDON, OFFICER).replacen(
        "delivery = \"topic\"\nrole = \"housing-options-officer\"",
        "delivery = \"topic\"\nrole = \"adult-social-worker\"",
        1,
    );
    log.propose(&other).unwrap();
    log.sign(LONDON, 2, CAMDEN).unwrap();
    assert_eq!(stands(&log, CAMDEN), Some(Delivered::TwoRoles));
    log.stand(NHS, Some(CAMDEN), Standing::Suspended).unwrap();
    assert_eq!(
        stands(&log, CAMDEN),
        Some(Delivered::To("adult-social-worker".to_owned()))
    );
}

#[test]
fn a_proposal_that_would_have_a_view_delivered_in_another_role_is_told_of_the_other() {
    let mut log = signed();
    let today = log.clock.london_day();
    let officer = next(NHS, OFFICER);
    let worker = officer.replacen(OFFICER, "adult-social-worker", 1);
    let read = |text: &str| Agreement::read(text).unwrap();
    let of_london = |text: &str| read(&text.replacen(NHS, LONDON, 1));
    let other = |log: &Log, proposal: &Agreement, day: Day| {
        other_role(log.state.book(), proposal, day)
            .map(|one| (one.agreement.to_string(), one.other))
    };
    assert_eq!(
        other(&log, &of_london(&worker), today),
        None,
        "nobody delivers yet"
    );
    log.propose(&officer).unwrap();
    let found = Some((NHS.to_owned(), OFFICER.to_owned()));
    assert_eq!(other(&log, &of_london(&worker), today), found);
    // The same role, the agreement's own next version, calls alone, and what has expired are no matter.
    assert_eq!(other(&log, &of_london(&officer), today), None);
    assert_eq!(other(&log, &read(&worker), today), None);
    let calls = worker.replacen("delivery = \"topic\"\n", "", 1);
    assert_eq!(other(&log, &of_london(&calls), today), None);
    let expiry = read(&officer).period.expiry;
    assert_eq!(other(&log, &of_london(&worker), expiry), found);
    assert_eq!(other(&log, &of_london(&worker), expiry.plus(1)), None);
    // One of a class overlaps with it, another class does not.
    let mut named = of_london(&worker);
    named.readers[0].who = crate::class::Who::Organisation(org(CAMDEN));
    assert_eq!(other(&log, &named, today), found);
    named.readers[0].who = crate::class::Who::Organisation(org(HOSPITAL));
    assert_eq!(other(&log, &named, today), None);
}

#[test]
fn a_topic_is_granted_nothing_by_an_agreement_that_grants_calls_alone() {
    let mut log = signed();
    log.propose(&next(NHS, OFFICER)).unwrap();
    log.sign(NHS, 2, CAMDEN).unwrap();
    let ids = |by| -> Vec<String> {
        let found = entitled(&log, by);
        found
            .iter()
            .map(|one| one.agreement().to_string())
            .collect()
    };
    assert!(ids(Delivery::Calls).contains(&LONDON.to_owned()));
    assert_eq!(ids(Delivery::Topic), [NHS]);
}

#[test]
fn a_source_that_agreed_to_calls_alone_stands_on_no_topic() {
    let mut log = signed();
    log.propose(&next(NHS, OFFICER)).unwrap();
    log.sign(NHS, 2, CAMDEN).unwrap();
    let (id, source) = (NHS.parse().unwrap(), org(HOSPITAL));
    let event = "health.EdAttendance".parse().unwrap();
    let look = |log: &Log, by| {
        let facts = ContributionFacts {
            agreement: &id,
            version: AgreementVersion(1),
            source: &source,
            event_type: &event,
            occurred_on: log.clock.london_day(),
            precision: Precision::Day,
            not_after: None,
            chosen_authority: None,
        };
        let found = entitled(log, by);
        let one = found.iter().find(|one| *one.agreement() == id).unwrap();
        one.readable(log.state.book(), &facts)
    };
    assert!(look(&log, Delivery::Calls).is_ok());
    assert_eq!(look(&log, Delivery::Topic), Err(Hidden::NotForReader));
    log.sign(NHS, 2, HOSPITAL).unwrap();
    assert!(look(&log, Delivery::Topic).is_ok());
}
