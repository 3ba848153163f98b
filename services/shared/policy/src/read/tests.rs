use super::*;
use crate::agreement::{BeyondScope, Kind};
use crate::testing::case::signed;
use crate::testing::{Log, at, org, shipped};
use walbrook_domain::control::{AgreementFact, ControlFact, ReaderRevocation, Standing};

const CAMDEN: &str = "GSS:E09000007";

fn entitled(
    log: &Log,
    organisation: &str,
    role: &str,
    view: &str,
    purpose: &str,
    mode: Mode,
) -> Vec<Entitlement> {
    let viewer = Viewer {
        organisation: &org(organisation),
        reader: "p.green",
        role,
        purpose: &purpose.parse().unwrap(),
        view,
        mode,
    };
    entitlements(log.state.book(), &viewer, log.clock)
}

fn arrears<'a>(
    agreement: &'a AgreementId,
    event: &'a EventType,
    source: &'a Organisation,
    today: Day,
) -> ContributionFacts<'a> {
    ContributionFacts {
        chosen_authority: None,
        agreement,
        version: AgreementVersion(1),
        source,
        event_type: event,
        occurred_on: today,
        precision: Precision::Day,
        not_after: None,
    }
}

fn look(
    log: &Log,
    change: impl FnOnce(&mut ContributionFacts<'_>),
) -> Option<Result<Readable, Hidden>> {
    let (agreement, event, source) = (
        "pan-london-rough-sleeping".parse().unwrap(),
        "housing.RentArrearsChanged".parse().unwrap(),
        org(CAMDEN),
    );
    let mut contribution = arrears(&agreement, &event, &source, log.clock.london_day());
    change(&mut contribution);
    let found = entitled(
        log,
        CAMDEN,
        "housing-options-officer",
        "rough_sleeping_risk",
        "rough-sleeping",
        Mode::Case,
    );
    let entitlement = found
        .into_iter()
        .find(|one| *one.agreement() == agreement)?;
    Some(entitlement.readable(log.state.book(), &contribution))
}

#[test]
fn leaving_suspension_and_expiry_hide_at_once_and_rejoining_shows_again() {
    let id = "pan-london-rough-sleeping";
    let mut log = signed();
    let shown = look(&log, |_| {}).unwrap().unwrap();
    log.stand(id, Some(CAMDEN), Standing::Suspended).unwrap();
    assert_eq!(look(&log, |_| {}), None);
    log.stand(id, Some(CAMDEN), Standing::InForce).unwrap();
    assert_eq!(look(&log, |_| {}), Some(Ok(shown)));
    log.stand(id, Some(CAMDEN), Standing::Terminated).unwrap();
    assert_eq!(look(&log, |_| {}), None);
    log.sign(id, 1, CAMDEN).unwrap();
    assert_eq!(look(&log, |_| {}), Some(Ok(shown)));
    let charity = org("CHARITY:street-outreach");
    let contact = "housing.RoughSleepingContact".parse().unwrap();
    let of_charity = |log: &Log| {
        let found = entitled(
            log,
            CAMDEN,
            "housing-options-officer",
            "rough_sleeping_risk",
            "rough-sleeping",
            Mode::Case,
        );
        let entitlement = found
            .into_iter()
            .find(|one| one.agreement().as_str() == id)
            .unwrap();
        let id = id.parse().unwrap();
        entitlement.readable(
            log.state.book(),
            &arrears(&id, &contact, &charity, log.clock.london_day()),
        )
    };
    assert!(of_charity(&log).is_ok());
    log.stand(id, Some("CHARITY:street-outreach"), Standing::Terminated)
        .unwrap();
    assert_eq!(of_charity(&log), Err(Hidden::SourceNotInForce));
    log.clock = at("2031-01-01T00:00:00Z");
    assert_eq!(look(&log, |_| {}), None);
}

#[test]
fn retention_and_last_day_hide() {
    let log = signed();
    let today = log.clock.london_day();
    assert!(
        look(&log, |one| one.occurred_on = today.plus(-730))
            .unwrap()
            .is_ok()
    );
    assert_eq!(
        look(&log, |one| one.occurred_on = today.plus(-731)),
        Some(Err(Hidden::PastRetention))
    );
    assert!(
        look(&log, |one| one.not_after = Some(today))
            .unwrap()
            .is_ok()
    );
    assert_eq!(
        look(&log, |one| one.not_after = Some(today.plus(-1))),
        Some(Err(Hidden::PastLastDay))
    );
    assert_eq!(
        look(&log, |one| one.version = AgreementVersion(7)),
        Some(Err(Hidden::UnknownVersion))
    );
}

#[test]
fn a_revoked_reader_is_entitled_to_nothing() {
    let mut log = signed();
    let revoke = |revoked| {
        ControlFact::Agreement(AgreementFact::Reader(ReaderRevocation {
            organisation: org(CAMDEN),
            reader: "p.green".to_owned(),
            revoked,
            by: "operator".to_owned(),
        }))
    };
    log.say(revoke(true)).unwrap();
    assert_eq!(look(&log, |_| {}), None);
    log.say(revoke(false)).unwrap();
    assert!(look(&log, |_| {}).is_some());
}

#[test]
fn a_new_version_narrows_at_once_and_changed_conditions_hide_what_was_released_under_the_old_ones()
{
    let document = shipped()
        .into_iter()
        .find(|(name, _)| name == "pan-london-rough-sleeping.toml")
        .unwrap()
        .1;
    let next = document.replacen("version = 1", "version = 2", 1);
    let before = look(&signed(), |_| {}).unwrap().unwrap();
    let with = |text: &str| {
        let mut log = signed();
        log.propose(text).unwrap();
        log.sign("pan-london-rough-sleeping", 2, CAMDEN).unwrap();
        log
    };
    let narrowed = look(&with(&next.replacen("\"arrears_pence\", ", "", 1)), |_| {})
        .unwrap()
        .unwrap();
    assert_eq!(narrowed.field_mask, before.field_mask & !0b100);
    // Widening shows no more than was released: the release holds what version 1 granted.
    let wider = document.replacen("\"arrears_pence\", ", "", 1);
    let mut log = Log::new();
    log.propose(&wider).unwrap();
    log.sign("pan-london-rough-sleeping", 1, CAMDEN).unwrap();
    log.propose(&next).unwrap();
    log.sign("pan-london-rough-sleeping", 2, CAMDEN).unwrap();
    assert_eq!(
        look(&log, |_| {}).unwrap().unwrap().field_mask,
        before.field_mask & !0b100
    );
    let stricter = next.replacen("consent = \"not-objected\"", "consent = \"required\"", 1);
    assert_eq!(
        look(&with(&stricter), |_| {}),
        Some(Err(Hidden::ConditionsChanged))
    );
}

#[test]
fn sources_are_named_with_whom_to_ask_and_say_the_same_of_everybody() {
    let mut log = signed();
    log.stand("nhs-to-housing", Some("ODS:RRV"), Standing::Suspended)
        .unwrap();
    let found = entitled(
        &log,
        CAMDEN,
        "housing-options-officer",
        "rough_sleeping_risk",
        "rough-sleeping",
        Mode::Case,
    );
    let about = |id: &str| -> Vec<_> {
        let of = found.iter().filter(|one| one.agreement().as_str() == id);
        of.flat_map(|one| one.sources(log.state.book())).collect()
    };
    let mut lines = about("nhs-to-housing");
    lines.extend(about("pan-london-rough-sleeping"));
    let trust = |line: &&SourceLine| line.source == Who::Organisation(org("ODS:RRV"));
    assert!(lines.iter().filter(trust).count() == 3);
    assert!(
        lines
            .iter()
            .filter(trust)
            .all(|line| !line.in_force && line.ask.contains("Caldicott"))
    );
    assert!(
        lines
            .iter()
            .any(|line| line.in_force && line.source == Who::Organisation(org(CAMDEN)))
    );
}

#[test]
fn every_reader_of_a_shipped_sharing_agreement_has_a_scope() {
    for (name, text) in shipped() {
        let agreement = crate::Agreement::read(&text).unwrap();
        assert!(
            agreement
                .readers
                .iter()
                .all(|reader| !reader.scopes.is_empty()),
            "{name}"
        );
        assert_eq!(
            agreement.kind == Kind::Sharing,
            !agreement.readers.is_empty(),
            "{name}"
        );
        let beyond = agreement
            .readers
            .iter()
            .filter(|reader| reader.beyond_scope != BeyondScope::Never);
        assert!(
            beyond.into_iter().all(|reader| reader.mode == Mode::Case),
            "{name}"
        );
    }
}

/// What an officer of an authority may see of a trust's referral, by whom the person chose.
fn referred(authority: &str, chosen: Option<&str>) -> Option<Result<Readable, Hidden>> {
    let log = signed();
    let (agreement, event, source) = (
        "duty-to-refer".parse().unwrap(),
        "health.AccommodationStatusRecorded".parse().unwrap(),
        org("ODS:RRV"),
    );
    let chosen = chosen.map(org);
    let contribution = ContributionFacts {
        chosen_authority: chosen.as_ref(),
        ..arrears(&agreement, &event, &source, log.clock.london_day())
    };
    let found = entitled(
        &log,
        authority,
        "housing-options-officer",
        "rough_sleeping_risk",
        "rough-sleeping",
        Mode::Case,
    );
    let one = found.iter().find(|one| *one.agreement() == agreement)?;
    Some(one.readable(log.state.book(), &contribution))
}

#[test]
fn a_referral_is_readable_by_the_chosen_authority_alone() {
    const HACKNEY: &str = "GSS:E09000012";
    assert!(matches!(referred(CAMDEN, Some(CAMDEN)), Some(Ok(_))));
    for chosen in [None, Some(HACKNEY)] {
        assert_eq!(referred(CAMDEN, chosen), Some(Err(Hidden::NotChosen)));
    }
    // Another agreement's releases are not touched by the choice.
    let seen = look(&signed(), |contribution| {
        contribution.chosen_authority = None;
    });
    assert!(matches!(seen, Some(Ok(_))), "{seen:?}");
}

/// Trap 18 (domain reference §11): whoever may count may not see a row by the same agreement, and who sees rows may not count.
#[test]
fn trap_18_a_statistical_purpose_never_reaches_case_mode() {
    let (log, law) = (signed(), crate::testing::law_with(|_, text| text));
    let mut counted = 0;
    for (name, text) in shipped() {
        let agreement = crate::Agreement::read(&text).unwrap();
        let statistical = agreement.law.gateways.iter().any(|gateway| {
            law.gateway(gateway)
                .is_some_and(|gateway| gateway.statistical)
        });
        for reader in &agreement.readers {
            assert!(!statistical || reader.mode == Mode::Cohort, "{name}");
            for organisation in [CAMDEN, "GSS:E12000007", "ODS:RRV"] {
                if !reader.who.includes(&org(organisation)) {
                    continue;
                }
                let other = match reader.mode {
                    Mode::Case => Mode::Cohort,
                    Mode::Cohort => Mode::Case,
                };
                let by = |mode| {
                    let purpose = agreement.purpose.as_str();
                    let found = entitled(
                        &log,
                        organisation,
                        &reader.role,
                        &reader.view,
                        purpose,
                        mode,
                    );
                    found.iter().any(|one| *one.agreement() == agreement.id)
                };
                assert!(!by(other), "{name}: {} in {other:?}", reader.role);
                counted += usize::from(by(reader.mode));
            }
        }
    }
    assert!(counted > 5, "{counted} readers were entitled at all");
}

#[test]
fn a_longer_retention_does_not_reach_what_was_released_before_it() {
    let mut log = signed();
    let id = "pan-london-rough-sleeping";
    let files = shipped();
    let (_, text) = files.iter().find(|(name, _)| name.starts_with(id)).unwrap();
    let document = text
        .replace("\nversion = 1\n", "\nversion = 2\n")
        .replace("retention_days = 730", "retention_days = 1000");
    log.propose(&document).unwrap();
    log.sign(id, 2, CAMDEN).unwrap();
    let today = log.clock.london_day();
    let old = |version| {
        look(&log, |one| {
            one.version = AgreementVersion(version);
            one.occurred_on = today.plus(-731);
        })
    };
    assert_eq!(old(1), Some(Err(Hidden::PastRetention)));
    assert!(
        old(2).unwrap().is_ok(),
        "released again under the new version"
    );
}

#[test]
fn what_may_be_shown_changes_by_itself_on_a_turning_day_alone() {
    let mut log = signed();
    let first = log.clock.london_day();
    let (agreement, event, source): (AgreementId, EventType, Organisation) = (
        "pan-london-rough-sleeping".parse().unwrap(),
        "housing.RentArrearsChanged".parse().unwrap(),
        org(CAMDEN),
    );
    for not_after in [None, Some(first.plus(40))] {
        let contribution = ContributionFacts {
            not_after,
            ..arrears(&agreement, &event, &source, first)
        };
        let mut before: Option<(bool, Vec<Day>)> = None;
        let mut changes = 0;
        for ahead in 0..1_500 {
            log.clock = first.plus(ahead).start();
            let role = "housing-options-officer";
            let view = "rough_sleeping_risk";
            let found = entitled(&log, CAMDEN, role, view, "rough-sleeping", Mode::Case);
            let one = found.iter().find(|one| *one.agreement() == agreement);
            let book = log.state.book();
            let shown = one.is_some_and(|one| one.readable(book, &contribution).is_ok());
            let turns = one.map_or_else(Vec::new, |one| one.turning_days(book, &contribution));
            if let Some((was, foretold)) = before {
                if was != shown {
                    changes += 1;
                    assert!(
                        foretold.contains(&first.plus(ahead)),
                        "{}",
                        first.plus(ahead)
                    );
                }
                assert!(foretold.len() <= 10, "a few days, not every one");
            }
            before = Some((shown, turns));
        }
        assert_eq!(changes, 1, "{not_after:?}");
    }
}

#[test]
fn each_area_of_the_list_is_one_authoritys_at_most_and_all_are_city_halls() {
    let list = crate::testing::root().join("schemas/codelists/outreach_area.csv");
    let text = std::fs::read_to_string(list).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let places: Vec<&str> = rows.map(|row| row.split(',').next().unwrap()).collect();
    assert!(places.len() >= 36, "{places:?}");
    let authorities: Vec<Organisation> =
        (1..=33).map(|n| org(&format!("GSS:E0900{n:04}"))).collect();
    for place in &places {
        let own = authorities.iter().filter(|one| lies_in(one, place)).count();
        assert_eq!(own, usize::from(place.starts_with("E09")), "{place}");
        assert!(lies_in(&org("GSS:E12000007"), place), "{place}");
        for nobody in [
            "CHARITY:street-outreach",
            "ODS:RRV",
            "POLICE_FORCE:metropolitan",
        ] {
            assert!(!lies_in(&org(nobody), place), "{nobody} {place}");
        }
    }
    for elsewhere in ["E08000025", "", "LONDON", "E09000034"] {
        assert!(!lies_in(&org("GSS:E12000007"), elsewhere), "{elsewhere}");
    }
}

#[test]
fn the_area_is_asked_about_only_where_it_decides_and_lets_nobody_past_a_restriction() {
    let log = signed();
    let found = entitled(
        &log,
        "GSS:E12000007",
        "statistician",
        "rough_sleeping_risk",
        "rough-sleeping",
        Mode::Cohort,
    );
    let [one] = found.as_slice() else {
        panic!("one agreement: {found:?}");
    };
    let handle = |organisation: &str, restricted| HandleFacts {
        organisation: org(organisation),
        responsible_authority: None,
        chosen_authority: None,
        restricted,
    };
    for (restricted, in_area, expected) in [
        (false, true, Admission::Inside),
        (false, false, Admission::Outside),
        (true, true, Admission::Outside),
    ] {
        let handles = [handle(CAMDEN, restricted)];
        let admission = one.admits(&SubjectFacts(&handles), &|| in_area);
        assert_eq!(admission, expected);
    }
    let asked = std::cell::Cell::new(0);
    let own = entitled(
        &log,
        CAMDEN,
        "housing-options-officer",
        "rough_sleeping_risk",
        "rough-sleeping",
        Mode::Case,
    );
    for entitlement in &own {
        let handles = [handle(CAMDEN, false)];
        entitlement.admits(&SubjectFacts(&handles), &|| {
            asked.set(asked.get() + 1);
            true
        });
    }
    assert_eq!(asked.get(), 0);
}
