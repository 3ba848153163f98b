//! The next generation of a purpose's topic begins by itself where enough is superseded, once, and is switched to once it is copied.

use crate::house::{DEADLINE, House, house, wait};
use std::sync::Arc;
use walbrook_broker::control::writer::Desk;
use walbrook_broker::error::ControlError;
use walbrook_broker::generations::keeper::{self, Keeper, Places};
use walbrook_broker::generations::look::Rule;
use walbrook_broker::generations::metrics::GenerationMetrics;
use walbrook_broker::generations::state::GROUP;
use walbrook_domain::control::{ControlFact, PinKind};
use walbrook_eventlog::chain::{self, Generations};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{InputPosition, NewRecord, TopicPartition, Transactor, topics};
use walbrook_runtime::metrics::Metrics;

const PURPOSE: &str = "rough-sleeping";
const RULE: Rule = Rule {
    percent: 50,
    least_offsets: 150,
};

/// Writes to the first generation as p does, and commits as p and as the copier.
struct Town<'a> {
    house: &'a House,
    places: Arc<Places>,
}

impl<'a> Town<'a> {
    async fn new(house: &'a House) -> Self {
        let namespace = &house.format.namespace;
        let mut table = topics::table(namespace, 1);
        table.retain(|topic| topic.plain == topics::shared(PURPOSE));
        let admin = house.kafka.admin().unwrap();
        admin.create(&table, 1, 1).await.unwrap();
        let places = Places {
            kafka: house.kafka.clone(),
            namespace: namespace.clone(),
            partitions: 1,
            copies: (1, 1),
        };
        Self {
            house,
            places: Arc::new(places),
        }
    }

    fn keeper(&self, desk: &Desk) -> Keeper {
        let metrics = GenerationMetrics::new(&Metrics::new());
        Keeper::new(desk.clone(), Arc::clone(&self.places), RULE, metrics)
    }

    fn at(&self, plain: &str) -> TopicPartition {
        TopicPartition::new(self.house.format.namespace.name(plain), 0)
    }

    /// So many records in one transaction, which takes one offset more.
    fn write(&self, records: usize, group: &str, position: InputPosition) {
        let id = self.house.format.namespace.name("p");
        let mut transactor = self.house.kafka.transactor(&id, DEADLINE);
        transactor.init().unwrap();
        transactor.begin().unwrap();
        let at = self.at(&topics::shared(PURPOSE));
        for _ in 0..records {
            let record = NewRecord {
                topic: Arc::clone(&at.topic),
                partition: Some(0),
                key: Some(vec![0; 16].into()),
                value: None,
                headers: walbrook_eventlog::Headers::new(),
                timestamp_ms: None,
            };
            transactor.send(record).unwrap();
        }
        transactor.drain().unwrap();
        let group = self.house.format.namespace.name(group);
        transactor
            .send_positions(&group, &[position], None)
            .unwrap();
        transactor.commit().unwrap();
    }

    /// p wrote so many records, and so many of all stand; it writes to this generation.
    fn decided(&self, records: usize, live: u64, generation: u32) {
        let mut generations = Generations::default();
        generations.set(PURPOSE, generation);
        let position = Position {
            policy_next: 1,
            next_page: 1,
            cursor: None,
            generations,
        };
        let position = InputPosition {
            at: self.at(topics::LINKS),
            next_offset: 1,
            metadata: format!("{position} live={PURPOSE}:{live}"),
        };
        self.write(records, "broker", position);
    }

    /// The copier is at this offset.
    fn copied(&self, next_offset: i64, metadata: &str) {
        let position = InputPosition {
            at: self.at(&topics::shared(PURPOSE)),
            next_offset,
            metadata: metadata.to_owned(),
        };
        self.write(0, GROUP, position);
    }

    /// What is pinned of generations, all of it.
    fn pinned(&self) -> Vec<String> {
        let records = self.house.records(topics::POLICY).into_iter();
        let pins = records.filter_map(|record| match record.fact {
            ControlFact::Pin(pin) if pin.kind == PinKind::Generation => Some(pin.content),
            _ => None,
        });
        pins.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_begins_by_itself_where_enough_is_superseded_once_and_is_switched_to_once() {
    let house = house().await;
    let town = Town::new(&house).await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    let (mut one, mut other) = (town.keeper(&writer.desk), town.keeper(&writer.desk));

    // 160 offsets, of which half stand: that is not more than half. Then less stands, but of a topic that is too small for another rule.
    town.decided(159, 80, 1);
    one.turn(PURPOSE, true).await.unwrap();
    assert!(town.pinned().is_empty(), "{:?}", town.pinned());
    town.decided(0, 79, 1);
    let metrics = GenerationMetrics::new(&Metrics::new());
    let patient = Rule {
        least_offsets: 161,
        ..RULE
    };
    let places = Arc::clone(&town.places);
    let mut patient = Keeper::new(writer.desk.clone(), places, patient, metrics);
    patient.turn(PURPOSE, true).await.unwrap();
    assert!(town.pinned().is_empty(), "{:?}", town.pinned());
    // It is due only now and then.
    one.turn(PURPOSE, false).await.unwrap();
    assert!(town.pinned().is_empty(), "{:?}", town.pinned());

    // Two who look at the same time begin it once; whoever looks again finds it begun.
    let (first, second) = tokio::join!(one.turn(PURPOSE, true), other.turn(PURPOSE, true));
    assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
    for _ in 0..3 {
        one.turn(PURPOSE, true).await.unwrap();
        other.turn(PURPOSE, true).await.unwrap();
    }
    assert_eq!(town.pinned(), ["filling 2"]);
    let asked = keeper::begin((&writer.desk, &town.places), (PURPOSE, 1), String::new());
    assert!(matches!(asked.await, Err(ControlError::UnderWay)));

    // It is switched to when it is copied, not while what is live is looked through.
    town.copied(80, "v1 source_end=160");
    one.turn(PURPOSE, false).await.unwrap();
    assert_eq!(town.pinned(), ["filling 2"]);
    town.copied(160, "v1 source_end=160");
    for _ in 0..3 {
        one.turn(PURPOSE, false).await.unwrap();
    }
    assert_eq!(town.pinned(), ["filling 2", "in force 2 from 0"]);
    let asked = keeper::begin((&writer.desk, &town.places), (PURPOSE, 1), String::new());
    let asked = asked.await;
    assert!(
        matches!(
            asked,
            Err(ControlError::Generation {
                expected: 1,
                current: 2
            })
        ),
        "{asked:?}"
    );
    let asked = keeper::begin((&writer.desk, &town.places), (PURPOSE, 2), String::new());
    assert!(matches!(asked.await, Err(ControlError::UnderWay)));

    // Everything has gone over: the new one is small, and what the old one holds counts no more.
    town.decided(0, 1, 2);
    town.copied(165, "v1 source_end=160 ended");
    one.turn(PURPOSE, true).await.unwrap();
    other.turn(PURPOSE, true).await.unwrap();
    assert_eq!(town.pinned().len(), 2);
    assert_eq!(chain::topic(PURPOSE, 2), "shared.rough-sleeping.g2");
    let asked = keeper::begin((&writer.desk, &town.places), (PURPOSE, 2), String::new());
    asked.await.unwrap();
    assert_eq!(town.pinned().last().unwrap(), "filling 3");
    writer.stop();
}
