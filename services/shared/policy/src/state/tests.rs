use super::*;
use crate::testing::{Log, at, org, shipped};
use walbrook_domain::control::{AgreementFact, AgreementSigned, ControlFact, PinFact, Standing};
use walbrook_domain::{AgreementVersion, Instant};

const NHS: &str = "nhs-to-housing";
const TRUST: &str = "ODS:RRV";

fn document(name: &str) -> String {
    shipped()
        .into_iter()
        .find(|(file, _)| file == name)
        .unwrap()
        .1
}

fn proposed() -> Log {
    let mut log = Log::new();
    log.propose(&document("nhs-to-housing.toml")).unwrap();
    log
}

fn second_version(log: &mut Log) {
    let text = document("nhs-to-housing.toml").replacen("version = 1", "version = 2", 1);
    log.propose(&text).unwrap();
}

fn standing(log: &Log, party: &str) -> StandingNow {
    log.state
        .book()
        .agreement(&NHS.parse().unwrap())
        .unwrap()
        .standing(&org(party))
}

fn in_force_at(log: &Log, party: &str, instant: Instant) -> Option<u32> {
    let history = log.state.book().agreement(&NHS.parse().unwrap()).unwrap();
    history
        .in_force_at(&org(party), instant)
        .map(|edition| edition.version().0)
}

#[test]
fn an_agreement_is_in_force_for_a_party_from_its_signature_and_for_nobody_else() {
    let mut log = proposed();
    assert_eq!(standing(&log, TRUST), StandingNow::NotSigned);
    let before = log.clock;
    log.sign(NHS, 1, TRUST).unwrap();
    assert_eq!(
        standing(&log, TRUST),
        StandingNow::Signed(AgreementVersion(1))
    );
    assert_eq!(standing(&log, "ODS:RJ1"), StandingNow::NotSigned);
    assert_eq!(in_force_at(&log, TRUST, before), None);
    assert_eq!(in_force_at(&log, TRUST, log.clock), Some(1));
    assert!(matches!(
        log.sign(NHS, 1, TRUST),
        Err(Illegal::SignedAlready { .. })
    ));
}

#[test]
fn a_new_version_binds_a_party_only_once_it_signs_it() {
    let mut log = proposed();
    log.sign(NHS, 1, TRUST).unwrap();
    second_version(&mut log);
    assert_eq!(
        standing(&log, TRUST),
        StandingNow::Signed(AgreementVersion(1))
    );
    let before = log.clock;
    log.sign(NHS, 2, TRUST).unwrap();
    assert_eq!(
        standing(&log, TRUST),
        StandingNow::Signed(AgreementVersion(2))
    );
    assert_eq!(in_force_at(&log, TRUST, before), Some(1));
    assert!(matches!(
        log.sign(NHS, 1, TRUST),
        Err(Illegal::VersionPast { .. })
    ));
}

#[test]
fn suspension_of_all_or_of_one_holds_until_resumed_and_termination_until_signed_again() {
    let mut log = proposed();
    log.sign(NHS, 1, TRUST).unwrap();
    log.sign(NHS, 1, "GSS:E09000007").unwrap();
    log.stand(NHS, None, Standing::Suspended).unwrap();
    let suspended = log.clock;
    assert!(matches!(standing(&log, TRUST), StandingNow::Suspended(_)));
    log.stand(NHS, Some(TRUST), Standing::Suspended).unwrap();
    log.stand(NHS, None, Standing::InForce).unwrap();
    assert!(matches!(standing(&log, TRUST), StandingNow::Suspended(_)));
    assert!(matches!(
        standing(&log, "GSS:E09000007"),
        StandingNow::Signed(_)
    ));
    log.stand(NHS, Some(TRUST), Standing::InForce).unwrap();
    assert!(matches!(standing(&log, TRUST), StandingNow::Signed(_)));
    assert_eq!(in_force_at(&log, TRUST, suspended), None);
    log.stand(NHS, Some(TRUST), Standing::Terminated).unwrap();
    assert_eq!(standing(&log, TRUST), StandingNow::Terminated);
    assert!(log.stand(NHS, Some(TRUST), Standing::InForce).is_err());
    log.sign(NHS, 1, TRUST).unwrap();
    assert!(matches!(standing(&log, TRUST), StandingNow::Signed(_)));
}

#[test]
fn termination_for_all_ends_every_version_so_far() {
    let mut log = proposed();
    log.sign(NHS, 1, TRUST).unwrap();
    log.stand(NHS, None, Standing::Terminated).unwrap();
    assert_eq!(standing(&log, TRUST), StandingNow::Terminated);
    assert_eq!(standing(&log, "ODS:RJ1"), StandingNow::Terminated);
    assert!(matches!(
        log.sign(NHS, 1, TRUST),
        Err(Illegal::VersionPast { .. })
    ));
    assert!(log.stand(NHS, None, Standing::InForce).is_err());
    second_version(&mut log);
    log.sign(NHS, 2, TRUST).unwrap();
    assert_eq!(
        standing(&log, TRUST),
        StandingNow::Signed(AgreementVersion(2))
    );
    // Suspending is possible again, and the older termination does not come back with it.
    log.stand(NHS, None, Standing::Suspended).unwrap();
    log.stand(NHS, None, Standing::InForce).unwrap();
    assert_eq!(
        standing(&log, TRUST),
        StandingNow::Signed(AgreementVersion(2))
    );
}

#[test]
fn transitions_without_cause_are_refused_and_change_nothing() {
    let mut log = proposed();
    assert!(matches!(
        log.stand(NHS, Some(TRUST), Standing::Suspended),
        Err(Illegal::NotAParty { .. })
    ));
    assert!(matches!(
        log.stand(NHS, None, Standing::InForce),
        Err(Illegal::Standing { .. })
    ));
    assert!(matches!(
        log.propose(&document("nhs-to-housing.toml")),
        Err(Illegal::VersionNotNext { .. })
    ));
    assert!(matches!(
        log.sign(NHS, 2, TRUST),
        Err(Illegal::UnknownVersion { .. })
    ));
    assert!(matches!(
        log.sign(NHS, 1, "TFL:tfl"),
        Err(Illegal::NotAParty { .. })
    ));
    let moved = document("nhs-to-housing.toml")
        .replacen("version = 1", "version = 2", 1)
        .replace("rough-sleeping", "children-in-care");
    assert!(matches!(
        log.propose(&moved),
        Err(Illegal::PurposeChanged { .. })
    ));
    assert_eq!(standing(&log, TRUST), StandingNow::NotSigned);
}

#[test]
fn nobody_signs_for_another_and_a_forged_text_is_refused() {
    let mut log = proposed();
    log.key(&org(TRUST));
    log.key(&org("ODS:RJ1"));
    let id = NHS.parse().unwrap();
    let hash = log
        .state
        .book()
        .edition(&id, AgreementVersion(1))
        .unwrap()
        .sha256;
    let signed = |party: &str, by: &str, hash: [u8; 32]| {
        use ed25519_dalek::Signer;
        ControlFact::Agreement(AgreementFact::Signed(AgreementSigned {
            agreement: NHS.parse().unwrap(),
            version: AgreementVersion(1),
            party: org(party),
            key_id: "k1".to_owned(),
            signature: crate::testing::key_of(&org(by)).sign(&hash).to_bytes(),
            text_sha256: hash,
        }))
    };
    assert!(matches!(
        log.say(signed(TRUST, "ODS:RJ1", hash)),
        Err(Illegal::Signature { .. })
    ));
    assert!(matches!(
        log.say(signed(TRUST, TRUST, [9; 32])),
        Err(Illegal::Text { .. })
    ));
    log.say(signed(TRUST, TRUST, hash)).unwrap();
    let text = document("nhs-to-housing.toml");
    let canonical = crate::Agreement::read(&text)
        .unwrap()
        .canonical_text()
        .replacen("version = 1", "version = 2", 1);
    for (text, hash) in [
        (canonical.clone(), [0; 32]),
        (
            format!("# note\n{canonical}"),
            crate::agreement::sha256(&format!("# note\n{canonical}")),
        ),
    ] {
        let fact = walbrook_domain::control::AgreementProposed {
            agreement: NHS.parse().unwrap(),
            version: AgreementVersion(2),
            text,
            text_sha256: hash,
            by_organisation: org(TRUST),
            by: String::new(),
        };
        let refused = log.say(ControlFact::Agreement(AgreementFact::Proposed(fact)));
        assert!(matches!(refused, Err(Illegal::Text { .. })), "{refused:?}");
    }
}

#[test]
fn pins_keep_a_schema_id_for_one_text() {
    let mut log = Log::new();
    let pin = |id, content: &str| {
        ControlFact::Pin(PinFact {
            kind: PinKind::Schema,
            name: "walbrook.police.v1.MissingEpisode".to_owned(),
            schema_id: id,
            sha256: crate::agreement::sha256(content),
            content: content.to_owned(),
        })
    };
    log.say(pin(3, "a")).unwrap();
    assert!(log.say(pin(3, "b")).is_err());
    log.say(pin(4, "b")).unwrap();
    assert!(log.state.pins().schema(3).is_some());
    assert_eq!(log.state.pins().epoch(), log.state.next_offset());
    assert_eq!(log.state.pins().rules_version(), None);
}

#[test]
fn matching_needs_both_signatures() {
    let mut log = Log::new();
    log.propose(&document("london-matching.toml")).unwrap();
    log.sign("london-matching", 1, "GSS:E09000007").unwrap();
    let today = at("2026-06-01T00:00:00Z").london_day();
    let (camden, trust) = (org("GSS:E09000007"), org(TRUST));
    assert!(log.state.book().matching(&camden, &trust, today).is_empty());
    log.sign("london-matching", 1, TRUST).unwrap();
    assert!(
        log.state
            .book()
            .matching(&camden, &trust, today)
            .contains("nhs-number")
    );
    log.stand("london-matching", None, Standing::Suspended)
        .unwrap();
    assert!(log.state.book().matching(&camden, &trust, today).is_empty());
}
