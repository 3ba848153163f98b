//! Past events decided again because an agreement says so: lifted suspensions, and amendments that reach back.

use walbrook_proto::common::v1::Date;
use walbrook_proto::control::v1::SetStandingRequest;
use walbrook_tests::acts::{agreement_text, contact, number};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, days_ago, event_id};

const AGREEMENT: &str = "pan-london-rough-sleeping";
const HACKNEY: &str = "GSS:E09000012";

async fn stand(backbone: &Backbone, standing: &str) {
    let request = SetStandingRequest {
        agreement_id: AGREEMENT.into(),
        version: 1,
        party: None,
        standing: standing.into(),
        reason: "incident".into(),
        idempotency_key: String::new(),
    };
    let answer = backbone.operator().set_standing(request).await;
    answer.expect("acknowledged");
}

async fn report(backbone: &Backbone, organisation: &str, person: &Person, days: i32) {
    let sent = backbone.publish(organisation, contact(&event_id(), person, days));
    sent.await.expect("a receipt");
}

async fn contacts(backbone: &Backbone, organisation: &str, person: &Person) -> i64 {
    let row = backbone.row(organisation, &person.local_id).await;
    let row = row.expect("an answer");
    row.and_then(|row| number(&row, "contacts_28d"))
        .unwrap_or(0)
}

/// The shipped agreement as version 2 that reaches back to a day.
fn reaching_back(day: &Date) -> String {
    let mut document: toml::Table = agreement_text(AGREEMENT).parse().expect("TOML");
    document.insert("version".into(), 2.into());
    let text = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
    let day: toml::value::Datetime = text.parse().expect("a date");
    let period = document
        .get_mut("period")
        .and_then(toml::Value::as_table_mut);
    period
        .expect("a period")
        .insert("backfill_from".into(), day.into());
    toml::to_string(&document).expect("TOML")
}

#[test]
fn what_is_lifted_shows_again_and_what_was_accepted_meanwhile_only_where_the_parties_reach_back() {
    journey(async {
        let backbone = Backbone::start(Options::river()).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN, ISLINGTON]).await;
        let (plain, changed) = (Person::number(811), Person::number(812));
        for person in [&plain, &changed] {
            report(&backbone, CAMDEN, person, 9).await;
            report(&backbone, CAMDEN, person, 8).await;
            backbone.await_contacts(CAMDEN, person, 2).await;
        }

        stand(&backbone, "SUSPENDED").await;
        for person in [&plain, &changed] {
            assert_eq!(contacts(&backbone, CAMDEN, person).await, 0, "at once");
        }
        // Under the suspension one person takes the consent back and gives it again: what stood of that person falls, and may not come back yet.
        for (version, state) in [(0, "WITHDRAWN"), (1, "GIVEN")] {
            let said = backbone.consent(CAMDEN, &changed, state, version).await;
            said.expect("acknowledged");
        }
        for person in [&plain, &changed] {
            report(&backbone, CAMDEN, person, 3).await;
        }
        backbone.decided().await;
        backbone.nothing_queued().await;

        stand(&backbone, "IN_FORCE").await;
        assert_eq!(contacts(&backbone, CAMDEN, &plain).await, 2, "at once");
        // From the queue.
        backbone.await_contacts(CAMDEN, &changed, 2).await;
        backbone.nothing_queued().await;
        for person in [&plain, &changed] {
            let shown = contacts(&backbone, CAMDEN, person).await;
            assert_eq!(shown, 2, "what was accepted meanwhile stays untold");
        }
        backbone.assert_audit_is_clean();

        // The parties sign that the next version reaches back ten days.
        let days = days_ago(10);
        let early = Person::number(813);
        report(&backbone, HACKNEY, &early, 20).await;
        report(&backbone, HACKNEY, &early, 5).await;
        backbone.register_key(HACKNEY).await;
        let amended = backbone.propose(&reaching_back(&days), 1).await;
        backbone.sign(&amended, CAMDEN).await;
        // The suspension's own days are within the ten.
        for person in [&plain, &changed] {
            backbone.await_contacts(CAMDEN, person, 3).await;
        }
        backbone.sign(&amended, HACKNEY).await;
        backbone.await_contacts(HACKNEY, &early, 1).await;
        backbone.nothing_queued().await;
        assert_eq!(
            contacts(&backbone, HACKNEY, &early).await,
            1,
            "accepted before it joined, and happened before the day"
        );
        backbone.assert_audit_is_clean();
    });
}
