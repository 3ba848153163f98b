//! Publication schedules on record.

use crate::house::{draft, house, org, wait};
use walbrook_broker::control::core::Receipt;
use walbrook_broker::error::ControlError;
use walbrook_domain::control::{AgreementFact, ControlFact, PublicationSchedule, ScheduleEntry};
use walbrook_eventlog::topics;
use walbrook_policy::state::Illegal;

fn schedule(version: u32, event_types: &[&str]) -> ControlFact {
    let trust = org("ODS:RRV");
    let entry = |event_type: &&str| ScheduleEntry {
        event_type: event_type.parse().unwrap(),
        controller: trust.clone(),
        reason: "the trust's own duty".to_owned(),
        retention_days: 30,
    };
    ControlFact::Agreement(AgreementFact::Schedule(PublicationSchedule {
        version,
        entries: event_types.iter().map(entry).collect(),
        by_organisation: trust.clone(),
        by: "information-governance".to_owned(),
        organisation: trust,
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_on_record_with_its_copy_in_versions_that_follow_one_another() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let attendances = ["health.EdAttendance"];
    let first = writer
        .desk
        .submit(draft(schedule(1, &attendances), "s"))
        .await;
    let first = first.unwrap();
    assert_eq!((first.version, first.id.as_str()), (1, "ODS:RRV"));
    let again = writer
        .desk
        .submit(draft(schedule(1, &attendances), "s"))
        .await;
    assert_eq!(
        again.unwrap(),
        Receipt {
            repeated: true,
            ..first
        }
    );
    let stale = writer.desk.submit(draft(schedule(1, &[]), "")).await;
    assert!(matches!(
        stale,
        Err(ControlError::Illegal(Illegal::ScheduleVersion {
            current: 1,
            ..
        }))
    ));
    let twice = [attendances, attendances].concat();
    let faulty = writer.desk.submit(draft(schedule(2, &twice), "")).await;
    assert!(matches!(
        faulty,
        Err(ControlError::Illegal(Illegal::Schedule { .. }))
    ));
    writer
        .desk
        .submit(draft(schedule(2, &[]), ""))
        .await
        .unwrap();
    let copied = house.records(topics::AGREEMENTS);
    let versions: Vec<u32> = copied
        .iter()
        .filter_map(|record| match &record.fact {
            ControlFact::Agreement(AgreementFact::Schedule(fact)) => Some(fact.version),
            _ => None,
        })
        .collect();
    assert_eq!(versions, [1, 2]);
    let entries = writer.desk.read(|state| {
        let schedules = state.book().schedules();
        schedules
            .of(&org("ODS:RRV"))
            .unwrap()
            .schedule
            .entries
            .len()
    });
    assert_eq!(entries.unwrap(), 0);
    let told = house.metrics.text();
    for line in [
        "walbrook_control_writer 1",
        "walbrook_control_schedules 1",
        "walbrook_control_commit_seconds_count",
        "walbrook_control_parties{standing=\"IN_FORCE\"} 0",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    writer.stop();
}
