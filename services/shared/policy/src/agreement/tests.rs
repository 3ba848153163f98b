use super::*;
use crate::testing::{catalogue, shipped};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

mod faults;

#[test]
fn every_shipped_agreement_is_a_sound_proposal_and_reads_back_from_its_canonical_text() {
    let catalogue = catalogue();
    let documents = shipped();
    assert!(
        documents.len() >= 12,
        "deploy/agreements holds too few documents"
    );
    let today = crate::testing::at("2026-01-05T09:00:00Z").london_day();
    for (name, text) in documents {
        let agreement = Agreement::propose_on(&text, &catalogue, today)
            .unwrap_or_else(|faults| panic!("{name}: {faults}"));
        assert_eq!(format!("{}.toml", agreement.id), name);
        let canonical = agreement.canonical_text();
        let again = Agreement::propose(&canonical, &catalogue)
            .unwrap_or_else(|faults| panic!("{name}: {faults}"));
        assert_eq!(again, agreement, "{name}");
        assert_eq!(again.canonical_text(), canonical, "{name}");
    }
}

#[test]
fn the_shipped_agreements_rest_on_what_the_domain_reference_asks_for() {
    let law = crate::testing::law();
    let all: Vec<_> = shipped()
        .into_iter()
        .map(|(_, text)| Agreement::read(&text).unwrap())
        .collect();
    let any = |what: &str, holds: &dyn Fn(&Agreement) -> bool| {
        assert!(all.iter().any(holds), "no shipped agreement {what}");
    };
    let rests = |agreement: &Agreement, holds: fn(&crate::law::Gateway) -> bool| {
        let mut ids = agreement.flows.iter().flat_map(|flow| &flow.gateways);
        ids.any(|id| holds(law.gateway(id).unwrap()))
    };
    let by = |agreement: &Agreement, mode: Mode| {
        !agreement.readers.is_empty() && agreement.readers.iter().all(|one| one.mode == mode)
    };
    any("is of matching", &|one| {
        matches!(one.kind, Kind::Matching { .. })
    });
    any("refers under s213B", &|one| {
        rests(one, |gateway| gateway.referral)
    });
    any("rests on s251", &|one| {
        rests(one, |gateway| gateway.opt_out)
            && one
                .flows
                .iter()
                .all(|flow| flow.conditions.person.unwrap().opt_out_applies)
    });
    any("is statistical", &|one| {
        rests(one, |gateway| gateway.statistical && !gateway.opt_out) && by(one, Mode::Cohort)
    });
    any("is for a person's own care", &|one| {
        rests(one, |gateway| gateway.direct_care)
    });
    let classes = Who::Class(crate::class::Class::LondonAuthority);
    any("is of all 33 authorities", &|one| {
        one.parties.iter().any(|party| party.who == classes)
            && classes.includes(&"GSS:E09000033".parse().unwrap())
    });
    // Each views' gateways of domain reference §10.1 and §10.2 are used, but for the one that has not commenced.
    for id in [
        "ha1996-part7",
        "ha1996-s213",
        "ha1996-s213b",
        "dea2017-s35",
        "gla1999-s30",
        "care2014-s42",
        "nhsa2006-s251",
        "ca1989-s22",
        "ca1989-s26",
        "ca1989-s47",
        "ca2004-s10",
        "ca2004-s11",
        "cda1998-s115",
        "cpr2010-r7",
        "hsca2012-s251b",
    ] {
        let cited = |one: &&Agreement| {
            one.flows
                .iter()
                .any(|flow| flow.gateways.contains(&id.to_owned()))
        };
        assert!(all.iter().any(|one| cited(&one)), "nothing rests on {id}");
    }
}

fn document(name: &str) -> String {
    shipped()
        .into_iter()
        .find(|(file, _)| file == name)
        .unwrap()
        .1
}

#[test]
fn one_changed_byte_voids_the_signature() {
    let text = Agreement::read(&document("nhs-to-housing.toml"))
        .unwrap()
        .canonical_text();
    let key = SigningKey::from_bytes(&[7; 32]);
    let signature = key.sign(&sha256(&text)).to_bytes();
    let public = key.verifying_key().to_bytes();
    assert_eq!(verify(&public, &sha256(&text), &signature), Ok(()));
    for at in [0, text.len() / 2, text.len() - 1] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(
            verify(&public, &sha256(&changed), &signature),
            Err(SignatureError::Mismatch)
        );
    }
    let other = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
    assert_eq!(
        verify(&other, &sha256(&text), &signature),
        Err(SignatureError::Mismatch)
    );
    assert_eq!(
        verify(&[0; 32], &sha256(&text), &signature),
        Err(SignatureError::Key)
    );
}

proptest! {
    #[test]
    fn any_text_survives_its_canonical_form(title in "\\PC{1,40}", summary in "[\\n\\t\"\\\\ a-z\u{1}-\u{1f}\u{7f}]{0,30}", contact in "\\PC{1,20}") {
        prop_assume!(!title.trim().is_empty() && !contact.trim().is_empty());
        let mut agreement = Agreement::read(&document("nhs-to-housing.toml")).unwrap();
        agreement.title = title;
        agreement.summary = format!("x{summary}");
        agreement.parties[0].contact = contact;
        prop_assert_eq!(Agreement::read(&agreement.canonical_text()), Ok(agreement));
    }

    #[test]
    fn any_document_is_read_or_refused(text in "[a-z\\[\\]=\"0-9\\n .-]{0,200}") {
        let _ = Agreement::propose(&text, &catalogue());
    }
}
