use super::corrected::{Claim, CorrectedError, look_up};
use super::fold::{Entry, Fold, Owner, Wanted, follow};
use super::place::Place;
use bytes::Bytes;
use walbrook_domain::{EventId, Instant, Organisation};
use walbrook_event::raw::Rule;
use walbrook_event::{framing, headers};
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{Appender as _, Headers, Namespace, NewRecord, topics};
use walbrook_proto::audit::v1::{Quarantined, Resubmission};
use walbrook_proto::avro::AvroRecord;

const CAMDEN: &str = "GSS:E09000007";
const EVENT: &str = "5c1f8a30-97b1-4a63-9e59-0c4b7a6d2f11";

fn organisation(text: &str) -> Organisation {
    text.parse().unwrap()
}

fn owner(text: &str) -> Owner {
    text.parse().ok()
}

fn quarantined(organisation: &str, agency: &str, offset: i64) -> Quarantined {
    Quarantined {
        raw_topic: topics::raw(agency),
        partition: 2,
        offset,
        value_length: 11,
        value_sha256: vec![7; 32],
        rule_id: Rule::BadFraming.as_str().to_owned(),
        organisation: organisation.to_owned(),
        decided_at: Some(prost_types::Timestamp::default()),
        event_id: Some(EVENT.to_owned()),
        event_type: Some("housing.RentArrearsChanged".to_owned()),
    }
}

fn resubmission(organisation: &str, offset: i64) -> Resubmission {
    Resubmission {
        raw_topic: "raw.housing".to_owned(),
        partition: 2,
        offset,
        corrected_partition: 2,
        corrected_offset: 90,
        event_id: EVENT.to_owned(),
        organisation: organisation.to_owned(),
        by: "an-officer".to_owned(),
        recorded_at: Some(prost_types::Timestamp::default()),
    }
}

/// A log in memory with records of `quarantine.*`, followed to its end.
struct Town {
    log: MemoryLog,
    namespace: Namespace,
}

impl Town {
    fn new() -> Self {
        let namespace = Namespace::new("t");
        let table = topics::table(&namespace, 4);
        let names = table
            .iter()
            .map(|topic| (topic.name.as_str(), topic.partitions));
        let log = MemoryLog::new(names);
        Self { log, namespace }
    }

    fn append(&self, topic: &str, partition: i32, written: Headers, value: Vec<u8>) {
        let record = NewRecord {
            topic: self.namespace.name(topic).into(),
            partition: Some(partition),
            key: Some(Bytes::from_static(b"key")),
            value: Some(value.into()),
            headers: written,
            timestamp_ms: None,
        };
        let (done, outcome) = std::sync::mpsc::channel();
        self.log.append(
            vec![record],
            Box::new(move |result| done.send(result).unwrap()),
        );
        outcome.recv().unwrap().unwrap();
    }

    fn say<R: AvroRecord>(&self, agency: &str, record: &R) {
        let written = Headers::new().with(headers::TYPE, R::FULL_NAME);
        let value = framing::frame(1, &record.to_vec().unwrap());
        self.append(&topics::quarantine(agency), 0, written, value);
    }

    fn followed(&self) -> Fold {
        let fold = Fold::default();
        // Everything stands on the log: the second look at the clock finds it read.
        let looks = std::cell::Cell::new(0);
        let stopped = || {
            looks.set(looks.get() + 1);
            looks.get() > 2
        };
        follow(&mut self.log.reader(), &self.namespace, &fold, &stopped).unwrap();
        fold
    }
}

fn places(fold: &Fold, owner: &Owner, wanted: &Wanted<'_>) -> Vec<i64> {
    let listed = fold.list(owner, wanted);
    listed.entries.iter().map(|one| one.place.offset).collect()
}

fn all() -> Wanted<'static> {
    Wanted {
        most: 10,
        ..Wanted::default()
    }
}

#[test]
fn each_sees_its_own_newest_first_and_nobody_anothers() {
    let town = Town::new();
    for offset in [3, 5, 9] {
        town.say("housing", &quarantined(CAMDEN, "housing", offset));
    }
    town.say("health", &quarantined(CAMDEN, "health", 4));
    town.say("housing", &quarantined("ODS:RRV", "housing", 6));
    town.say("housing", &quarantined("", "housing", 7));
    let fold = town.followed();
    let camden = owner(CAMDEN);
    assert_eq!(places(&fold, &camden, &all()).len(), 4);
    let housing = Wanted {
        agency: Some("housing"),
        ..all()
    };
    assert_eq!(places(&fold, &camden, &housing), [9, 5, 3]);
    assert_eq!(places(&fold, &owner("ODS:RRV"), &all()), [6]);
    assert!(places(&fold, &owner("GSS:E09000019"), &all()).is_empty());
    assert_eq!(places(&fold, &None, &all()), [7], "an operator's");
    let nobody_elses = Place::new("raw.housing", 2, 6).unwrap();
    assert_eq!(fold.get(&camden, &nobody_elses), None);
    assert!(fold.get(&owner("ODS:RRV"), &nobody_elses).is_some());
}

#[test]
fn pages_join_without_gap_or_overlap() {
    let town = Town::new();
    for offset in 0..7 {
        town.say("housing", &quarantined(CAMDEN, "housing", offset));
    }
    let fold = town.followed();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let wanted = Wanted {
            most: 3,
            after: after.take(),
            ..all()
        };
        let listed = fold.list(&owner(CAMDEN), &wanted);
        assert_eq!((listed.open, listed.total), (7, 7));
        found.extend(listed.entries.iter().map(|one| one.place.offset));
        after = listed.entries.last().map(|one| one.place.clone());
        if !listed.more {
            break;
        }
    }
    assert_eq!(found, [6, 5, 4, 3, 2, 1, 0]);
}

#[test]
fn a_resubmission_is_noted_for_its_owner_once() {
    let town = Town::new();
    town.say("housing", &quarantined(CAMDEN, "housing", 3));
    town.say("housing", &quarantined(CAMDEN, "housing", 4));
    town.say("housing", &resubmission("ODS:RRV", 3));
    town.say("housing", &resubmission(CAMDEN, 4));
    let fold = town.followed();
    let camden = owner(CAMDEN);
    let open = Wanted {
        open_only: true,
        ..all()
    };
    assert_eq!(places(&fold, &camden, &open), [3]);
    let listed = fold.list(&camden, &all());
    assert_eq!((listed.open, listed.total), (1, 2));
    let second = Resubmission {
        by: "somebody-else".to_owned(),
        ..resubmission(CAMDEN, 4)
    };
    fold.correct(&second, Instant(5));
    let place = Place::new("raw.housing", 2, 4).unwrap();
    let corrected = fold.get(&camden, &place).unwrap().corrected.unwrap();
    assert_eq!(
        (corrected.by.as_str(), corrected.place.offset),
        ("an-officer", 90)
    );
}

#[test]
fn what_is_no_record_of_ours_is_passed_over() {
    let town = Town::new();
    let named = |name| Headers::new().with(headers::TYPE, name);
    town.append(
        "quarantine.housing",
        0,
        named(Quarantined::FULL_NAME),
        vec![9; 4],
    );
    town.append(
        "quarantine.housing",
        0,
        Headers::new(),
        framing::frame(1, &[]),
    );
    let mut foreign = quarantined(CAMDEN, "housing", 1);
    foreign.raw_topic = "elsewhere".to_owned();
    town.say("housing", &foreign);
    foreign = quarantined(CAMDEN, "housing", 1);
    foreign.rule_id = "no-such-rule".to_owned();
    town.say("housing", &foreign);
    assert!(places(&town.followed(), &owner(CAMDEN), &all()).is_empty());
}

#[test]
fn places_read_as_they_are_written() {
    let place = Place::new("raw.social-care", 3, 12).unwrap();
    assert_eq!(place.to_string(), "raw.social-care/3/12");
    assert_eq!(place.to_string().parse::<Place>(), Ok(place.clone()));
    assert_eq!(place.agency(), "social-care");
    for text in [
        "",
        "raw.housing",
        "raw.housing/1",
        "raw.none/1/2",
        "raw.housing/-1/2",
        "raw.housing/1/2/3",
        "raw.housing/x/2",
    ] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

fn claim() -> Claim {
    Claim {
        entry: Entry {
            place: Place::new("raw.housing", 2, 10).unwrap(),
            rule: Rule::BadFraming,
            value_length: 1,
            value_sha256: vec![0; 32],
            event: Some(EVENT.parse().unwrap()),
            event_type: None,
            quarantined_at: Instant(0),
            corrected: None,
        },
        organisation: organisation(CAMDEN),
        place: Place::new("raw.housing", 2, 11).unwrap(),
        event: EVENT.parse().unwrap(),
    }
}

#[test]
fn a_claim_must_be_of_the_same_topic_later_and_the_same_event() {
    assert!(claim().check().is_ok());
    let at = |topic: &str, partition, offset| Claim {
        place: Place::new(topic, partition, offset).unwrap(),
        ..claim()
    };
    assert!(matches!(
        at("raw.health", 2, 11).check(),
        Err(CorrectedError::OtherTopic { .. })
    ));
    assert!(matches!(
        at("raw.housing", 2, 10).check(),
        Err(CorrectedError::NotLater)
    ));
    assert!(
        at("raw.housing", 0, 1).check().is_ok(),
        "another partition numbers by itself"
    );
    let other = Claim {
        event: EventId::new(uuid::Uuid::from_u128(1)),
        ..claim()
    };
    assert!(matches!(other.check(), Err(CorrectedError::OtherEvent(..))));
}

#[test]
fn the_corrected_event_is_looked_up_on_the_log_and_held_against_the_claim() {
    let town = Town::new();
    let written = |organisation: &str, event: &str| {
        Headers::new()
            .with(headers::ID, event)
            .with(headers::ORGANISATION, organisation)
    };
    town.append("raw.housing", 2, written(CAMDEN, EVENT), vec![0]);
    town.append("raw.housing", 2, written("ODS:RRV", EVENT), vec![0]);
    let found = |offset| {
        let place = Place::new("raw.housing", 2, offset).unwrap();
        let (mut reader, mut ends) = (town.log.reader(), town.log.clone());
        look_up(&mut reader, &mut ends, &town.namespace, &place).unwrap()
    };
    assert!(claim().hold(found(0).as_ref()).is_ok());
    assert!(matches!(
        claim().hold(found(1).as_ref()),
        Err(CorrectedError::OtherEvent(..))
    ));
    assert!(found(2).is_none());
    assert!(matches!(claim().hold(None), Err(CorrectedError::Absent(_))));
}

#[test]
fn every_rule_says_what_is_wrong_how_to_put_it_right_and_whom_to_ask() {
    for rule in Rule::ALL {
        assert_eq!(Rule::of_word(rule.as_str()), Some(rule));
        for words in [rule.sentence(), rule.fix()] {
            assert!(
                words.ends_with('.') && words.len() > 30,
                "{rule:?}: {words}"
            );
        }
        assert!(rule.ask().starts_with("the "), "{rule:?}");
    }
}
