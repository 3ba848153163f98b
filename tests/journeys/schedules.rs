//! What an organisation publishes: its gateway refuses everything else, and a new schedule takes effect while everything runs.

use crate::{reason, violations};
use tonic::Code;
use walbrook_proto::control::v1::{ListSchedulesRequest, PublishScheduleRequest, ScheduleEntry};
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, arrears, event_id};

const CONTACTS: &str = "housing.RoughSleepingContact";

#[test]
fn a_gateway_refuses_what_is_outside_the_schedule_and_takes_it_once_it_is_inside() {
    journey(async {
        let services = ["identity", "broker", "housing"];
        let backbone = Backbone::start(Options::only(&services)).await;
        let person = Person::number(351);
        let publish = |event| backbone.publish(CAMDEN, event);
        publish(arrears(&event_id(), &person, 100))
            .await
            .expect("in the shipped schedule");

        let narrowed = backbone
            .publish_schedule("housing", CAMDEN, 1, &[CONTACTS])
            .await
            .expect("its own");
        assert_eq!((narrowed.version, narrowed.id.as_str()), (2, CAMDEN));
        let refused = publish(arrears(&event_id(), &person, 200)).await;
        let refused = refused.expect_err("no longer published");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "NOT_IN_PUBLICATION_SCHEDULE")
        );
        assert_eq!(
            violations(&refused),
            [("body".to_owned(), "not-in-publication-schedule".to_owned())]
        );
        for part in [
            CAMDEN,
            "housing.RentArrearsChanged",
            "version 2",
            "walbrook schedule publish",
        ] {
            assert!(refused.message().contains(part), "{refused}");
        }
        publish(contact(&event_id(), &person, 5))
            .await
            .expect("still published");
        backbone
            .publish(ISLINGTON, arrears(&event_id(), &person, 1))
            .await
            .expect("another council's schedule is its own");

        // A gateway that starts now refuses the same from its first call on.
        backbone.stop("housing");
        backbone.restart("housing");
        let refused = publish(arrears(&event_id(), &person, 300)).await;
        assert_eq!(
            refused.expect_err("folded at start").code(),
            Code::FailedPrecondition
        );
        let both = [CONTACTS, "housing.RentArrearsChanged"];
        backbone
            .publish_schedule("housing", CAMDEN, 2, &both)
            .await
            .expect("wider");
        publish(arrears(&event_id(), &person, 400))
            .await
            .expect("taken without a restart");
        backbone.decided().await;
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn an_organisation_publishes_for_itself_in_versions() {
    journey(async {
        let backbone = crate::river().await;
        let landlord = "LANDLORD:L1234";
        let entry = |event_type: &str| ScheduleEntry {
            event_type: event_type.into(),
            controller: landlord.into(),
            reason: "the landlord's own tenancies".into(),
            retention_days: 30,
        };
        let request = |expected_version: u32, key: &str| PublishScheduleRequest {
            organisation: landlord.into(),
            entries: vec![entry("housing.RentArrearsChanged")],
            expected_version,
            idempotency_key: key.into(),
        };
        let refused = backbone
            .control(CAMDEN)
            .publish_schedule(request(0, ""))
            .await;
        assert_eq!(
            refused.expect_err("another's").code(),
            Code::PermissionDenied
        );
        let first = backbone
            .control(landlord)
            .publish_schedule(request(0, "s1"))
            .await;
        let first = first.expect("its own").into_inner();
        assert_eq!(first.version, 1);
        let again = backbone
            .control(landlord)
            .publish_schedule(request(0, "s1"))
            .await;
        let again = again.expect("known by its key").into_inner();
        assert_eq!((again.offset, again.repeated_call), (first.offset, true));
        let stale = backbone
            .control(landlord)
            .publish_schedule(request(0, "s2"))
            .await;
        let stale = stale.expect_err("version 1 is current");
        assert_eq!(
            (stale.code(), reason(&stale).as_str()),
            (Code::FailedPrecondition, "VERSION_STALE")
        );
        let mut faulty = request(1, "");
        faulty.entries = vec![entry("housing.Nothing")];
        let faulty = backbone
            .operator()
            .publish_schedule(faulty)
            .await
            .expect_err("no such type");
        assert_eq!(
            violations(&faulty),
            [("entries[0].event_type".to_owned(), "NOT_IN_LIST".to_owned())]
        );
        let mut nothing = request(1, "");
        nothing.entries.clear();
        let second = backbone.operator().publish_schedule(nothing).await;
        assert_eq!(second.expect("the operator may").into_inner().version, 2);
        let request = ListSchedulesRequest {
            organisation: Some(landlord.into()),
        };
        let listed = backbone.operator().list_schedules(request).await;
        let listed = listed.expect("listed").into_inner().schedules;
        assert_eq!(
            (listed.len(), listed[0].version, listed[0].entries.len()),
            (1, 2, 0)
        );
    });
}
