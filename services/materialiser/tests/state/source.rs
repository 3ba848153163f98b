//! What the log says of its people, worked out without a fold, and what a process shows, stores and states held against it.

use crate::common::running::Running;
use crate::common::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walbrook_domain::Pseudonym;
use walbrook_eventlog::{Namespace, topics};
use walbrook_materialiser::setup;
use walbrook_materialiser::store::Store;
use walbrook_materialiser::versions::{Files, Versions};
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::Retraction;
use walbrook_proto::view::v1::*;
use walbrook_view::{Contribution, Partition};

/// Enough that two of them stand in each partition.
pub const PEOPLE: u8 = 8;
pub const PURPOSE: &str = "rough-sleeping";

/// What stands on the log about a person.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Contact { person: u8, event: u8, day: u8 },
    Withdrew { person: u8 },
}

impl Step {
    pub fn person(self) -> u8 {
        match self {
            Self::Contact { person, .. } | Self::Withdrew { person } => person,
        }
    }
}

/// The partition a person's records stand in.
pub fn partition_of(person: u8) -> i32 {
    walbrook_eventlog::murmur2_partition(&[person; 16], PARTITIONS)
}

/// The people of the log, each met by nobody yet.
pub fn peopled(place: &mut Place) {
    let mut records = place.heartbeats(CAMDEN);
    records.extend((1..=PEOPLE).map(|person| place.subject(person, CAMDEN)));
    place.commit(records);
}

pub fn append(place: &mut Place, steps: &[Step]) {
    let record = |step: &Step| match step {
        Step::Contact { person, event, day } => place.contact(*person, *event, *day, CAMDEN),
        Step::Withdrew { person } => place.retraction(*person),
    };
    let records = steps.iter().map(record).collect();
    place.commit(records);
}

/// A person's contacts after these steps, by event: of each the last word since the last withdrawal.
fn contacts(steps: &[Step], person: u8) -> BTreeMap<u8, u8> {
    let withdrew = |step: &Step| matches!(step, Step::Withdrew { person: of } if *of == person);
    let since = steps.iter().rposition(withdrew).map_or(0, |at| at + 1);
    let mut last = BTreeMap::new();
    for step in &steps[since..] {
        if let Step::Contact {
            person: of,
            event,
            day,
        } = step
            && *of == person
        {
            last.insert(*event, *day);
        }
    }
    last
}

/// Who has something to be shown at the end.
pub fn shown_people(steps: &[Step]) -> Vec<u8> {
    let mut all: Vec<u8> = (1..=PEOPLE).collect();
    all.retain(|person| must(steps, *person).is_some());
    all
}

/// Contacts in 28 days and in a year, and days since the last one; `None`: nothing to show.
type Shown = Option<[i64; 3]>;

fn must(steps: &[Step], person: u8) -> Shown {
    let days: Vec<u8> = contacts(steps, person).into_values().collect();
    let last = *days.iter().max()?;
    let count = |from: u8| i64::try_from(days.iter().filter(|day| **day >= from).count()).unwrap();
    Some([count(4), count(1), i64::from(31 - last)])
}

fn shown(answer: &ListRowsResponse, person: u8) -> Result<Shown, String> {
    let mut rows = answer.rows.iter();
    let mut rows = rows.by_ref().filter(|row| row.pseudonym[0] == person);
    let Some(row) = rows.next() else {
        return Ok(None);
    };
    if rows.next().is_some() {
        return Err(format!("two rows of {person}"));
    }
    let number = |column: &str| {
        let cell = row.cells.iter().find(|cell| cell.column == column).unwrap();
        match cell.value {
            Some(cell::Value::Number(number)) => Ok(number),
            ref other => Err(format!("{column} of {person} is no number: {other:?}")),
        }
    };
    Ok(Some([
        number("contacts_28d")?,
        number("contacts_365d")?,
        number("days_since_contact")?,
    ]))
}

/// That each row is that of some moment of the log.
pub fn is_of_a_moment(answer: &ListRowsResponse, steps: &[Step]) -> Result<(), String> {
    for person in 1..=PEOPLE {
        let found = shown(answer, person)?;
        let ever = (0..=steps.len()).any(|to| must(&steps[..to], person) == found);
        if !ever {
            return Err(format!("{person} was never {found:?}"));
        }
    }
    Ok(())
}

/// That the rows are those of the whole log.
pub fn is_of_the_end(answer: &ListRowsResponse, steps: &[Step]) -> Result<(), String> {
    for person in 1..=PEOPLE {
        let (found, must) = (shown(answer, person)?, must(steps, person));
        if found != must {
            return Err(format!("{person} is {must:?} and not {found:?}"));
        }
    }
    Ok(())
}

/// The first answer that is given.
pub async fn first_answer(running: &Running) -> ListRowsResponse {
    running.list_until(CAMDEN, "it answers", |_| true).await
}

pub fn fingerprint(place: &Place, views: &Path) -> [u8; 32] {
    let files = setup::views(views, &Files::new()).unwrap();
    let namespace: &Namespace = &place.namespace;
    setup::fingerprint(namespace, &topics::shared(PURPOSE), &setup::needs(&files))
}

/// The store of the version that serves, below a folder of data.
pub fn serving_store(data: &Path) -> PathBuf {
    let versions = Versions::open(&data.join("views").join(PURPOSE)).unwrap();
    versions.serving().unwrap().unwrap().store()
}

/// That the store holds what the log says and nothing else, each person's in the person's partition.
pub fn store_holds(store: &Store, steps: &[Step]) -> Result<(), String> {
    for partition in 0..PARTITIONS {
        let (state, next) = store
            .restore(partition)
            .map_err(|error| error.to_string())?;
        if next <= 0 {
            return Err(format!("partition {partition} was never filled"));
        }
        partition_holds(&state, partition, steps)
            .map_err(|problem| format!("partition {partition}: {problem}"))?;
    }
    Ok(())
}

fn partition_holds(state: &Partition, partition: i32, steps: &[Step]) -> Result<(), String> {
    let heard: Vec<String> = state
        .heartbeats()
        .map(|((organisation, kind), day)| format!("{organisation} {kind} {day}"))
        .collect();
    if heard != [format!("{CAMDEN} housing.RoughSleepingContact 2026-05-31")] {
        return Err(format!("it heard {heard:?}"));
    }
    let mut found: BTreeMap<u8, BTreeMap<u8, u8>> = BTreeMap::new();
    for one in state.people().flat_map(|person| {
        let all = person.contributions().map(|one| one.to_owned());
        all.collect::<Vec<Contribution>>()
    }) {
        let (event, day) = (one.key.event.to_string(), one.occurred_at.london_day());
        let of = found.entry(one.person.as_bytes()[0]).or_default();
        of.insert(
            event[..2].parse().unwrap(),
            day.to_string()[8..].parse().unwrap(),
        );
    }
    for person in (1..=PEOPLE).filter(|person| partition_of(*person) == partition) {
        let (must, held) = (contacts(steps, person), found.remove(&person));
        if held.clone().unwrap_or_default() != must {
            return Err(format!("of {person} it holds {held:?} and not {must:?}"));
        }
        let known = state.person(&Pseudonym::new([person; 16]));
        if known.is_none_or(|known| known.subjects().count() != 1) {
            return Err(format!("it does not know who {person} is"));
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(format!("it holds others: {found:?}")),
    }
}

/// Removals that must be on record: where each withdrawal stands that took something, and how many contributions.
pub type Taken = BTreeMap<(i32, i64), i64>;

/// The steps with the places they stand at on the log.
pub fn places(place: &Place, steps: &[Step]) -> Vec<(Step, (i32, i64))> {
    let mut placed = vec![None; steps.len()];
    for partition in 0..PARTITIONS {
        let records = place.records_of(&topics::shared(PURPOSE), partition);
        let mut offsets = records.iter().filter_map(|record| {
            let kind = record.headers.text("ce_type").unwrap_or_default();
            let counts = kind.starts_with("housing.") || kind == Retraction::FULL_NAME;
            counts.then_some(record.offset)
        });
        for (step, at) in steps.iter().zip(&mut placed) {
            if partition_of(step.person()) == partition {
                *at = Some((*step, (partition, offsets.next().unwrap())));
            }
        }
        assert_eq!(offsets.next(), None, "the log holds more than was written");
    }
    placed.into_iter().flatten().collect()
}

pub fn taken(place: &Place, steps: &[Step]) -> Taken {
    let mut taken = Taken::new();
    for (number, (step, at)) in places(place, steps).into_iter().enumerate() {
        if let Step::Withdrew { person } = step {
            let count = contacts(&steps[..number], person).len();
            if count > 0 {
                taken.insert(at, i64::try_from(count).unwrap());
            }
        }
    }
    taken
}

/// What was stated to have left because somebody withdrew.
pub fn removals(place: &Place) -> Vec<Removal> {
    let all = place.read::<Removal>(topics::REMOVALS).into_iter();
    all.filter(|one| one.reason == "WITHDRAWAL").collect()
}

/// That each withdrawal which took something is on record, and that what was stated after the first `from` says what it took.
pub fn removals_say(said: &[Removal], from: usize, taken: &Taken) -> Result<(), String> {
    let cause = |one: &Removal| (one.cause_partition, one.cause_offset);
    for at in taken.keys() {
        if !said.iter().any(|one| cause(one) == *at) {
            return Err(format!(
                "what the withdrawal at {at:?} took is not on record"
            ));
        }
    }
    for one in &said[from..] {
        let must = taken.get(&cause(one));
        if must != Some(&one.contributions) {
            let (at, count) = (cause(one), one.contributions);
            return Err(format!(
                "the withdrawal at {at:?} took {must:?} and not {count}"
            ));
        }
    }
    Ok(())
}
