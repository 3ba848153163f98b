//! Single rules of the enforcement core, on one partition and a log in memory.

use crate::bench::{Bench, HANDLE, NOW_MS, PERSON, append};
use walbrook_broker::enforce::error::Stop;
use walbrook_broker::enforce::lane::LaneError;
use walbrook_broker::enforce::partition::Transaction;
use walbrook_domain::Instant;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::{NewRecord, topics};
use walbrook_policy::outcome::Reason;
use walbrook_proto::audit::v1::Quarantined;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::Heartbeat;
use walbrook_tests::records::{PURPOSE, event_id, ground};

fn reasons(transaction: &Transaction) -> Vec<(Reason, u64)> {
    transaction
        .reasons
        .iter()
        .map(|(reason, count)| (*reason, *count))
        .collect()
}

#[test]
fn an_event_without_a_link_stops_p_and_decides_nothing() {
    let mut bench = Bench::new();
    bench.send(bench.city.arrears(HANDLE, event_id(1), 100, None));
    let error = bench.decide().unwrap_err();
    assert!(matches!(
        error,
        LaneError::Stop(Stop::NoLink { offset: 0, .. })
    ));
    assert!(!error.may_pass());
    assert!(bench.pages().is_empty());
    assert!(
        !error.to_string().contains(&HANDLE.to_string()),
        "no handle in the message"
    );
}

#[test]
fn a_timestamp_ahead_of_the_clock_stops_p_until_it_has_passed() {
    let mut bench = Bench::linked();
    bench.log.set_now_ms(NOW_MS + 61_000);
    bench.send(bench.city.arrears(HANDLE, event_id(1), 100, None));
    let error = bench.decide().unwrap_err();
    assert!(matches!(
        error,
        LaneError::Stop(Stop::Ahead {
            ahead_seconds: 61,
            ..
        })
    ));
    assert!(error.may_pass());
}

#[test]
fn decision_time_never_goes_back() {
    let mut bench = Bench::linked();
    bench.send(bench.city.arrears(HANDLE, event_id(1), 100, None));
    bench.commit();
    bench.now_ms -= 5_000;
    bench.send(bench.city.arrears(HANDLE, event_id(2), 100, None));
    bench.commit();
    let times: Vec<_> = bench
        .pages()
        .iter()
        .map(|page| page.decided_at.unwrap().seconds)
        .collect();
    assert_eq!(times, [NOW_MS / 1_000, NOW_MS / 1_000]);
}

#[test]
fn unreadable_records_go_to_quarantine_as_coordinates_only() {
    let mut bench = Bench::linked();
    let good = bench.city.arrears(HANDLE, event_id(1), 100, None);
    let with = |change: &dyn Fn(&mut NewRecord)| {
        let mut record = good.clone();
        change(&mut record);
        record
    };
    let value = good.value.clone().unwrap();
    let (id, body) = unframe(Some(&value)).unwrap();
    let without =
        |record: &mut NewRecord, name: &str| record.headers.retain(|header| header.name != name);
    let replace = |record: &mut NewRecord, name: &str, text: &str| {
        record.headers.set(name, text);
    };
    for record in [
        with(&|record| record.value = Some(frame(999_999, body).into())),
        with(&|record| record.value = Some(vec![1, 2, 3].into())),
        with(&|record| record.value = None),
        with(&|record| record.value = Some(frame(id, &body[..body.len() - 1]).into())),
        with(&|record| without(record, headers::ID)),
        with(&|record| replace(record, headers::TIME, "yesterday")),
        with(&|record| replace(record, headers::TYPE, "police.MissingEpisode")),
        with(&|record| record.key = Some(vec![1; 15].into())),
    ] {
        let mut record = record;
        record.partition = Some(0);
        bench.send(record);
    }
    let transaction = bench.commit();
    assert_eq!(reasons(&transaction), [(Reason::Unreadable, 8)]);
    let quarantined: Vec<Quarantined> = bench
        .committed(&topics::quarantine("housing"))
        .iter()
        .map(|record| {
            Quarantined::decode_exact(unframe(record.value.as_deref()).unwrap().1).unwrap()
        })
        .collect();
    let rules: Vec<&str> = quarantined
        .iter()
        .map(|record| record.rule_id.as_str())
        .collect();
    assert_eq!(
        rules,
        [
            "unknown-schema",
            "bad-framing",
            "bad-framing",
            "truncated-avro",
            "missing-header",
            "bad-header",
            "wrong-topic",
            "bad-key"
        ]
    );
    let pages = bench.pages();
    assert_eq!(
        pages[0].entries.len(),
        1,
        "a run of records that are no events is one entry"
    );
    assert_eq!(pages[0].entries[0].offset_count, 8);
    // The readable event that follows is decided.
    bench.send(bench.city.arrears(HANDLE, event_id(2), 100, None));
    let transaction = bench.commit();
    assert!(transaction.reasons.contains_key(&Reason::Permitted));
}

#[test]
fn a_later_event_takes_back_the_one_it_corrects_also_when_it_is_denied_itself() {
    let mut bench = Bench::linked();
    bench.send(bench.city.arrears(HANDLE, event_id(1), 100, None));
    bench.commit();
    assert_eq!(bench.shelf().contributions.len(), 1);
    append(
        &bench.log,
        vec![
            bench
                .city
                .control(&ground(HANDLE, GroundKind::SafetyHold, GroundState::On, 1)),
        ],
    );
    bench.commit();
    append(
        &bench.log,
        vec![
            bench
                .city
                .control(&ground(HANDLE, GroundKind::SafetyHold, GroundState::Off, 2)),
        ],
    );
    bench.commit();
    assert_eq!(
        bench.shelf().contributions.len(),
        1,
        "the hold is lifted and the event is back"
    );
    // Under a hold again, and corrected by an event that may not be released.
    append(
        &bench.log,
        vec![
            bench
                .city
                .control(&ground(HANDLE, GroundKind::SafetyHold, GroundState::On, 3)),
        ],
    );
    bench.send(
        bench
            .city
            .arrears(HANDLE, event_id(2), 200, Some(event_id(1))),
    );
    bench.commit();
    append(
        &bench.log,
        vec![
            bench
                .city
                .control(&ground(HANDLE, GroundKind::SafetyHold, GroundState::Off, 4)),
        ],
    );
    bench.commit();
    let shelf = bench.shelf();
    assert_eq!(
        shelf.contributions.len(),
        1,
        "only the correction comes back"
    );
}

#[test]
fn what_a_correction_replaces_is_never_released_when_it_arrives_later() {
    let mut bench = Bench::linked();
    bench.send(
        bench
            .city
            .arrears(HANDLE, event_id(2), 200, Some(event_id(1))),
    );
    bench.send(bench.city.arrears(HANDLE, event_id(1), 100, None));
    let transaction = bench.commit();
    assert_eq!(transaction.reasons.get(&Reason::Superseded), Some(&1));
    assert_eq!(bench.shelf().releases, 1);
}

#[test]
fn a_release_says_nothing_but_what_is_granted() {
    let mut bench = Bench::linked();
    bench.send(bench.city.arrears(HANDLE, event_id(1), 12_345, None));
    bench.commit();
    let records = bench.committed(&topics::shared(PURPOSE));
    let release = records
        .iter()
        .find(|record| record.headers.text(headers::TYPE) == Some("housing.RentArrearsChanged"))
        .unwrap();
    assert_eq!(
        release.timestamp_ms % 86_400_000,
        0,
        "the record's time is a day"
    );
    assert_eq!(release.headers.text(headers::PRECISION), Some("day"));
    let time = Instant::parse_rfc3339(release.headers.text(headers::TIME).unwrap()).unwrap();
    assert_eq!(time, time.london_day().start());
    assert_ne!(
        release.headers.text(headers::ID),
        Some(event_id(1).to_string().as_str())
    );
    for header in release.headers.iter() {
        let text = String::from_utf8_lossy(header.value).to_string();
        for secret in [
            HANDLE.to_string(),
            PERSON.to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            "raw.housing".to_owned(),
        ] {
            assert!(!text.contains(&secret), "{} shows {secret}", header.name);
        }
    }
    let body = unframe(release.value.as_deref()).unwrap().1;
    // tenancy_ref is not granted: null; landlord_type "LA" and the arrears are; the rest is null.
    assert_eq!(body, [0, 2, 4, b'L', b'A', 2, 0xf2, 0xc0, 0x01, 0, 0, 0, 0]);
}

#[test]
fn a_source_is_heard_once_a_day_in_every_partition_and_a_handle_has_one_subject_record() {
    let mut bench = Bench::linked();
    for number in 0..3 {
        bench.send(bench.city.arrears(HANDLE, event_id(number), 100, None));
        bench.commit();
    }
    let count = |bench: &Bench, name: &str| {
        let records = bench.committed(&topics::shared(PURPOSE));
        records
            .iter()
            .filter(|record| record.headers.text(headers::TYPE) == Some(name))
            .count()
    };
    assert_eq!(count(&bench, "walbrook.shared.v1.Heartbeat"), 1);
    assert_eq!(count(&bench, "walbrook.shared.v1.SubjectRecord"), 1);
    bench.now_ms += 86_400_000;
    bench.log.set_now_ms(bench.now_ms);
    bench.send(bench.city.arrears(HANDLE, event_id(9), 100, None));
    bench.commit();
    assert_eq!(count(&bench, "walbrook.shared.v1.Heartbeat"), 2);
    assert_eq!(count(&bench, "walbrook.shared.v1.SubjectRecord"), 1);
}

#[test]
fn a_source_with_nothing_to_report_is_heard_of_its_own_types_only() {
    let mut bench = Bench::linked();
    let heard = |bench: &Bench| {
        let records = bench.committed(&topics::shared(PURPOSE));
        let beats = records.iter().filter(|record| {
            record.headers.text(headers::TYPE) == Some("walbrook.shared.v1.Heartbeat")
        });
        let beats = beats.map(|record| {
            let (_, body) = unframe(record.value.as_deref()).unwrap();
            Heartbeat::decode_exact(body).unwrap().event_type
        });
        beats.collect::<Vec<_>>()
    };
    // Another agency's types are not for this topic to speak of, and nothing is shared of a type without a flow.
    for (number, event_type) in [
        (1, "social_care.ReviewHeld"),
        (2, "housing.HostelStay"),
        (3, "no type"),
    ] {
        bench.send(bench.city.nothing(event_id(number), event_type));
        let transaction = bench.commit();
        assert_eq!(reasons(&transaction), [(Reason::NoAgreement, 1)]);
        assert!(heard(&bench).is_empty(), "{event_type}");
    }
    for number in [4, 5, 5] {
        let word = bench
            .city
            .nothing(event_id(number), "housing.RentArrearsChanged");
        bench.send(word);
        bench.commit();
    }
    assert_eq!(heard(&bench), ["housing.RentArrearsChanged"], "once a day");
    let records = bench.committed(&topics::quarantine("housing"));
    assert!(records.is_empty(), "it is an event like another");
}

#[test]
fn positions_are_committed_when_only_control_moved() {
    let mut bench = Bench::linked();
    let transaction = bench.commit();
    assert_eq!(transaction.events, 0);
    let page = bench.pages().pop().unwrap();
    assert_eq!((page.kind.as_str(), page.links_next), ("POSITION", 1));
    assert!(!bench.lane.behind(&*bench.feed.read()));
}

#[test]
fn a_long_stretch_fills_several_pages_that_join() {
    let mut bench = Bench::linked();
    let events: Vec<NewRecord> = (0..5_000)
        .map(|number| bench.city.arrears(HANDLE, event_id(number), 100, None))
        .collect();
    append(&bench.log, events);
    bench.commit();
    let pages = bench.pages();
    assert!(pages.len() > 1);
    let mut next = 0;
    for page in &pages {
        assert_eq!((page.kind.as_str(), page.first_offset), ("LIVE", next));
        next = page.last_offset + 1;
        let size = page.to_vec().unwrap().len();
        assert!(
            size < 900_000,
            "a page of {size} bytes does not fit a record"
        );
    }
    assert_eq!(next, 5_000);
    assert_eq!(
        pages
            .last()
            .unwrap()
            .raw_cut
            .iter()
            .find(|cut| cut.topic == "raw.housing")
            .unwrap()
            .next_offset,
        5_000
    );
    let again = bench.adopt().unwrap();
    assert_eq!(
        again.partition.standing(),
        bench.lane.partition().standing()
    );
}

#[test]
fn a_tampered_page_stops_p_when_it_is_taken_over() {
    let mut bench = Bench::linked();
    bench.send(bench.city.arrears(HANDLE, event_id(1), 100, None));
    bench.commit();
    // A page that nobody decided, after the last one.
    let mut forged = bench.committed(topics::DECISIONS).pop().unwrap();
    forged.headers = walbrook_eventlog::Headers::new();
    bench.send(NewRecord {
        topic: forged.at.topic.clone(),
        partition: Some(0),
        key: forged.key.clone(),
        value: forged.value.clone(),
        headers: forged.headers,
        timestamp_ms: None,
    });
    let error = bench.adopt().err().unwrap();
    assert!(
        matches!(error, LaneError::Stop(Stop::Integrity { .. })),
        "{error}"
    );
}
