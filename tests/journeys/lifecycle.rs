//! An agreement's life with 33 authorities: each in force from its own signature, leaving and coming back without a restart, with
//! only its own data and readers affected; and what an amendment narrows and widens.

use std::collections::BTreeSet;
use tonic::Code;
use walbrook_proto::control::v1::{
    AgreementSummary, GetAgreementRequest, ListAgreementsRequest, ProposeRequest,
    SetStandingRequest,
};
use walbrook_tests::acts::{CONTACT, agreement_text, contact, number};
use walbrook_tests::backbone::{Backbone, Options, Party, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, event_id};

use crate::reason;

const AGREEMENT: &str = "pan-london-rough-sleeping";

/// The 33 London local authorities.
fn authorities() -> Vec<String> {
    (1..=33)
        .map(|number| format!("GSS:E09{number:06}"))
        .collect()
}

/// The one client of an authority in these journeys: another person for each.
fn client_of(authority: &str) -> Person {
    let number: u32 = authority[authority.len() - 2..].parse().expect("a number");
    Person::number(400 + number)
}

/// An outreach contact with an authority's client, reported by the authority.
async fn report(backbone: &Backbone, authority: &str, days: i32) {
    let event = contact(&event_id(), &client_of(authority), days);
    let sent = backbone.publish(authority, event).await;
    sent.unwrap_or_else(|refused| panic!("{authority}: {refused}"));
}

/// The contacts in the authority's own row of its client, as shown now; `None`: no row.
async fn contacts(backbone: &Backbone, authority: &str) -> Option<i64> {
    let row = backbone
        .until("an answer", || async {
            let asked = backbone
                .row(authority, &client_of(authority).local_id)
                .await;
            asked.map_err(|refused| refused.to_string())
        })
        .await;
    row.as_ref()
        .map(|row| number(row, "contacts_28d").unwrap_or(0))
}

fn standing(party: Option<&str>, standing: &str) -> SetStandingRequest {
    SetStandingRequest {
        agreement_id: AGREEMENT.into(),
        version: 1,
        party: party.map(str::to_owned),
        standing: standing.into(),
        reason: "party-leaves".into(),
        idempotency_key: String::new(),
    }
}

async fn summary(backbone: &Backbone) -> AgreementSummary {
    let mut operator = backbone.operator();
    let listed = operator.list_agreements(ListAgreementsRequest {}).await;
    let listed = listed.expect("listed").into_inner().agreements;
    listed
        .into_iter()
        .find(|one| one.agreement_id == AGREEMENT)
        .expect("on record")
}

/// How the agreement stands for a party, with the version it is bound by.
async fn stands(backbone: &Backbone, party: &str) -> (String, u32) {
    let summary = summary(backbone).await;
    let found = summary.parties.iter().find(|one| one.organisation == party);
    found.map_or(("NOT_SIGNED".to_owned(), 0), |one| {
        (one.standing.clone(), one.signed_version)
    })
}

/// The shipped agreement as another version, with or without the councils' own outreach contacts among its flows.
fn version(number: i64, with_contacts: bool) -> String {
    let mut document: toml::Table = agreement_text(AGREEMENT).parse().expect("TOML");
    document.insert("version".into(), number.into());
    if let (false, Some(toml::Value::Array(flows))) = (with_contacts, document.get_mut("flow")) {
        let before = flows.len();
        flows.retain(|flow| {
            let says = |name: &str| flow.get(name).and_then(toml::Value::as_str);
            (says("class"), says("event")) != (Some("london-authority"), Some(CONTACT))
        });
        assert_eq!(flows.len(), before - 1, "the councils' own contacts");
    }
    toml::to_string(&document).expect("TOML")
}

async fn proposed() -> (Backbone, Party) {
    let backbone = Backbone::start(Options::river()).await;
    for authority in authorities() {
        backbone.register_key(&authority).await;
    }
    let agreed = backbone.propose(&agreement_text(AGREEMENT), 0).await;
    (backbone, agreed)
}

#[test]
fn thirty_three_authorities_join_leave_and_come_back_each_for_itself() {
    journey(async {
        let (backbone, agreed) = proposed().await;
        let all = authorities();
        for authority in &all {
            report(&backbone, authority, 9).await;
        }
        backbone.decided().await;
        assert!(backbone.releases("rough-sleeping", CONTACT).is_empty());

        // One after the other; each is in force from its own signature, with those before it and without those after it.
        let (first, last) = all.split_at(20);
        for authority in first {
            backbone.sign(&agreed, authority).await;
        }
        for authority in &all {
            report(&backbone, authority, 6).await;
        }
        backbone.decided().await;
        for authority in first {
            let client = client_of(authority);
            // What was accepted before its signature stays where it is.
            backbone.await_contacts(authority, &client, 1).await;
        }
        for authority in last {
            assert_eq!(contacts(&backbone, authority).await, None, "{authority}");
            backbone.sign(&agreed, authority).await;
            report(&backbone, authority, 3).await;
        }
        for authority in last {
            let client = client_of(authority);
            backbone.await_contacts(authority, &client, 1).await;
        }
        let summary = summary(&backbone).await;
        let in_force: BTreeSet<&str> = summary
            .parties
            .iter()
            .filter(|party| party.standing == "IN_FORCE" && party.signed_version == 1)
            .map(|party| party.organisation.as_str())
            .collect();
        assert_eq!(in_force, all.iter().map(String::as_str).collect());

        // Two leave: at once they show nothing, and nobody else shows less.
        let gone = [CAMDEN, "GSS:E09000033"];
        for party in gone {
            let left = backbone
                .control(party)
                .set_standing(standing(Some(party), "TERMINATED"))
                .await;
            left.expect("acknowledged");
            assert_eq!(contacts(&backbone, party).await, None, "{party}");
            report(&backbone, party, 2).await;
        }
        for authority in all.iter().filter(|one| !gone.contains(&one.as_str())) {
            assert_eq!(contacts(&backbone, authority).await, Some(1), "{authority}");
        }
        backbone.decided().await;

        // Back: what was released before is shown again at once; what came while it was away is not.
        backbone.sign(&agreed, CAMDEN).await;
        assert_eq!(contacts(&backbone, CAMDEN).await, Some(1));
        report(&backbone, CAMDEN, 1).await;
        backbone.await_contacts(CAMDEN, &client_of(CAMDEN), 2).await;
        assert_eq!(contacts(&backbone, "GSS:E09000033").await, None);
        let (word, version) = stands(&backbone, "GSS:E09000033").await;
        assert_eq!((word.as_str(), version), ("TERMINATED", 0));
        backbone.decided().await;
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn only_who_may_changes_a_standing_and_a_suspension_is_lifted_by_who_imposed_it() {
    journey(async {
        let (backbone, agreed) = proposed().await;
        for party in [CAMDEN, ISLINGTON] {
            backbone.sign(&agreed, party).await;
        }
        let of = |party: &'static str| backbone.control(party);
        let refused = of(CAMDEN).set_standing(standing(None, "SUSPENDED")).await;
        let refused = refused.expect_err("all parties' is an operator's");
        assert_eq!(reason(&refused), "NOT_ALLOWED");
        let refused = of(CAMDEN)
            .set_standing(standing(Some(ISLINGTON), "TERMINATED"))
            .await
            .expect_err("another party's");
        assert_eq!(refused.code(), Code::PermissionDenied);

        let suspended = standing(Some(CAMDEN), "SUSPENDED");
        of(CAMDEN)
            .set_standing(suspended.clone())
            .await
            .expect("its own");
        let refused = backbone
            .operator()
            .set_standing(standing(Some(CAMDEN), "IN_FORCE"))
            .await
            .expect_err("not the operator's to lift");
        assert_eq!(reason(&refused), "CHANGE_ILLEGAL");
        backbone
            .operator()
            .set_standing(suspended)
            .await
            .expect("the operator may suspend a party too");
        let resumed = standing(Some(CAMDEN), "IN_FORCE");
        of(CAMDEN)
            .set_standing(resumed.clone())
            .await
            .expect("its own");
        assert_eq!(stands(&backbone, CAMDEN).await, ("SUSPENDED".to_owned(), 1));
        let refused = of(CAMDEN).set_standing(resumed.clone()).await;
        assert_eq!(
            reason(&refused.expect_err("the operator's")),
            "CHANGE_ILLEGAL"
        );
        backbone
            .operator()
            .set_standing(resumed)
            .await
            .expect("lifted");
        assert_eq!(stands(&backbone, CAMDEN).await, ("IN_FORCE".to_owned(), 1));
        assert_eq!(
            stands(&backbone, ISLINGTON).await,
            ("IN_FORCE".to_owned(), 1)
        );

        let all = standing(None, "SUSPENDED");
        backbone
            .operator()
            .set_standing(all)
            .await
            .expect("for all");
        for party in [CAMDEN, ISLINGTON] {
            assert_eq!(stands(&backbone, party).await.0, "SUSPENDED");
        }
        let all = standing(None, "TERMINATED");
        backbone
            .operator()
            .set_standing(all)
            .await
            .expect("for all");
        for party in [CAMDEN, ISLINGTON] {
            assert_eq!(stands(&backbone, party).await.0, "TERMINATED");
        }
        // The whole history is on record, in order.
        let asked = GetAgreementRequest {
            agreement_id: AGREEMENT.into(),
            version: 0,
        };
        let found = backbone.operator().get_agreement(asked).await;
        let acts: Vec<(String, Option<String>)> = found
            .expect("on record")
            .into_inner()
            .acts
            .into_iter()
            .map(|act| (act.act, act.party))
            .collect();
        let one = |act: &str, party: Option<&str>| (act.to_owned(), party.map(str::to_owned));
        let expected = [
            one("PROPOSED", None),
            one("SIGNED", Some(CAMDEN)),
            one("SIGNED", Some(ISLINGTON)),
            one("SUSPENDED", Some(CAMDEN)),
            one("SUSPENDED", Some(CAMDEN)),
            one("IN_FORCE", Some(CAMDEN)),
            one("IN_FORCE", Some(CAMDEN)),
            one("SUSPENDED", None),
            one("TERMINATED", None),
        ];
        assert_eq!(acts, expected);
    });
}

#[test]
fn an_amendment_narrows_at_once_and_widens_only_what_comes_after_it() {
    journey(async {
        let (backbone, agreed) = proposed().await;
        for party in [CAMDEN, ISLINGTON] {
            backbone.sign(&agreed, party).await;
            report(&backbone, party, 9).await;
        }
        for party in [CAMDEN, ISLINGTON] {
            backbone.await_contacts(party, &client_of(party), 1).await;
        }
        // The same version again, or one too far ahead, is refused with what is current.
        let ahead = ProposeRequest {
            document: version(2, false),
            expected_version: 0,
            idempotency_key: String::new(),
        };
        let ahead = backbone.operator().propose(ahead).await;
        assert_eq!(reason(&ahead.expect_err("stale")), "VERSION_STALE");

        let narrower = backbone.propose(&version(2, false), 1).await;
        assert_eq!(
            contacts(&backbone, CAMDEN).await,
            Some(1),
            "a proposal binds nobody"
        );
        backbone.sign(&narrower, CAMDEN).await;
        // No waiting: the row is computed under what is in force now. Who has not signed the amendment is bound by version 1.
        assert_eq!(contacts(&backbone, CAMDEN).await.unwrap_or(0), 0);
        assert_eq!(contacts(&backbone, ISLINGTON).await, Some(1));
        assert_eq!(stands(&backbone, CAMDEN).await, ("IN_FORCE".to_owned(), 2));
        assert_eq!(
            stands(&backbone, ISLINGTON).await,
            ("IN_FORCE".to_owned(), 1)
        );
        report(&backbone, CAMDEN, 6).await;
        report(&backbone, ISLINGTON, 6).await;
        backbone
            .await_contacts(ISLINGTON, &client_of(ISLINGTON), 2)
            .await;
        backbone.decided().await;
        assert_eq!(contacts(&backbone, CAMDEN).await.unwrap_or(0), 0);

        // Wider again: what version 1 released is granted again; what was accepted under version 2 is not reached.
        let wider = backbone.propose(&version(3, true), 2).await;
        backbone.sign(&wider, CAMDEN).await;
        report(&backbone, CAMDEN, 3).await;
        backbone.await_contacts(CAMDEN, &client_of(CAMDEN), 2).await;
        backbone.decided().await;
        assert_eq!(
            contacts(&backbone, CAMDEN).await,
            Some(2),
            "the one in between stays denied"
        );
        for (asked, expected) in [(1, true), (2, false), (3, true)] {
            let request = GetAgreementRequest {
                agreement_id: AGREEMENT.into(),
                version: asked,
            };
            let found = backbone.operator().get_agreement(request).await;
            let text = found.expect("on record").into_inner().text;
            let parsed = walbrook_policy::Agreement::read(&text).expect("canonical");
            let flows = parsed
                .flows
                .iter()
                .filter(|flow| flow.event_type.as_str() == CONTACT)
                .count();
            assert_eq!(flows == 3, expected, "version {asked}");
        }
        backbone.assert_audit_is_clean();
    });
}
