//! Whoever follows the shared topic from its first generation and whoever begins in its last hold the same, and every copy is one.

use crate::copies::{LAST, partitions};
use crate::world::{Broken, PARTITIONS, World};
use crate::written::Written;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Record, chain};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{GenerationBegun, GenerationEnded, Heartbeat};
use walbrook_tests::records::PURPOSE;
use walbrook_tests::shelf::Shelf;

fn is<R: AvroRecord>(record: &Record) -> bool {
    record.headers.text(headers::TYPE) == Some(R::FULL_NAME)
}

/// Whether a record says where a generation begins or ends.
pub fn is_mark(record: &Record) -> bool {
    is::<GenerationBegun>(record) || is::<GenerationEnded>(record)
}

/// Heartbeats count by what they say: the last day of each source.
fn heard(records: &[&Record]) -> BTreeMap<(String, String), i32> {
    let mut heard = BTreeMap::new();
    for record in records.iter().filter(|record| is::<Heartbeat>(record)) {
        let (_, body) = unframe(record.value.as_deref()).expect("framed");
        let beat = Heartbeat::decode_exact(body).expect("a heartbeat");
        let day = beat
            .last_accepted_on
            .and_then(|date| date.days())
            .expect("a day");
        let last = heard
            .entry((beat.organisation, beat.event_type))
            .or_insert(day);
        *last = day.max(*last);
    }
    heard
}

fn fold(records: &[&Record]) -> (Shelf, BTreeMap<(String, String), i32>) {
    let mut shelf = Shelf::of(records.iter().copied());
    (shelf.releases, shelf.retractions) = (0, 0);
    (shelf, heard(records))
}

/// Everything that must hold of generations once the world is at rest.
///
/// # Errors
/// The first that does not.
pub fn check(world: &World) -> Result<(), Broken> {
    for number in 0..PARTITIONS {
        check_partition(world, number).map_err(|broken| format!("shared[{number}]: {broken}"))?;
    }
    Ok(())
}

fn check_partition(world: &World, number: i32) -> Result<(), Broken> {
    let of = |generation| -> Vec<Record> {
        let topic = &partitions(world, generation)[0].topic;
        let all = world.log.committed_records(topic);
        all.into_iter()
            .filter(|one| one.at.partition == number)
            .collect()
    };
    let generations: Vec<Vec<Record>> = (1..=LAST).map(of).collect();
    let mut followed: Vec<&Record> = Vec::new();
    for (place, all) in generations.iter().enumerate() {
        let end = all.iter().position(is::<GenerationEnded>);
        if end.is_some_and(|end| end + 1 < all.len()) {
            return Err("something stands behind the end of a generation".to_owned());
        }
        if place > 0 && !all.is_empty() {
            copied(&generations[place - 1], all)?;
            let fresh: Vec<&Record> = all.iter().filter(|one| !is_mark(one)).collect();
            let direct = all.iter().filter(|one| chain::copied_from(one).is_none());
            followed.extend(direct.filter(|one| !is_mark(one)));
            if fold(&fresh) != fold(&followed) {
                return Err(
                    "who begins in a generation holds another state than who came to it".to_owned(),
                );
            }
        } else {
            followed.extend(all.iter().filter(|one| !is_mark(one)));
        }
    }
    Ok(())
}

/// The copies in a generation are of the one before, each once, in order; of what was looked through only what stood.
fn copied(source: &[Record], target: &[Record]) -> Result<(), Broken> {
    if !is::<GenerationBegun>(&target[0]) || target[1..].iter().any(is::<GenerationBegun>) {
        return Err("a generation begins with its mark, once".to_owned());
    }
    let (_, body) = unframe(target[0].value.as_deref()).expect("framed");
    let begun = GenerationBegun::decode_exact(body).expect("a mark");
    let copies: Vec<i64> = target.iter().filter_map(chain::copied_from).collect();
    if !copies.is_sorted_by(|one, next| one < next) {
        return Err("copies are doubled, or in another order".to_owned());
    }
    let below = |one: &&Record| one.offset < begun.source_end && !is_mark(one);
    let before: Vec<&Record> = source.iter().filter(below).collect();
    let of = |offset: &i64| source.iter().find(|one| one.offset == *offset);
    let kept: Vec<&Record> = copies
        .iter()
        .filter(|offset| **offset < begun.source_end)
        .filter_map(of)
        .collect();
    let (stood, heard) = fold(&before);
    let items = stood.contributions.len() + stood.subjects.len() + heard.len();
    if fold(&kept) != (stood, heard) {
        return Err("what stood is not what was copied".to_owned());
    }
    if kept.len() != items {
        return Err(format!(
            "{} records are copied for {items} that stood",
            kept.len()
        ));
    }
    let tail = source
        .iter()
        .filter(|one| one.offset >= begun.source_end && !is_mark(one));
    let tail: Vec<i64> = tail.map(|one| one.offset).collect();
    let rest: Vec<i64> = copies
        .into_iter()
        .filter(|offset| *offset >= begun.source_end)
        .collect();
    if tail != rest {
        return Err("what came after is not copied whole".to_owned());
    }
    Ok(())
}

/// What a transaction writes stands on the generation that its pages and its position name, and that is in force at its epoch.
///
/// # Errors
/// When something is of another.
pub fn of_transaction(written: &Written, in_force: u32) -> Result<(), Broken> {
    let of_page = |page: &DecisionPage| {
        let of = page.generations.iter().find(|one| one.purpose == PURPOSE);
        of.map_or(chain::FIRST, |one| one.generation)
    };
    let of_position = |metadata: &str| {
        let committed: Position = metadata.parse().expect("a position");
        committed.generations.of(PURPOSE)
    };
    let pages = written.pages.iter().map(of_page);
    let records = written
        .shared
        .iter()
        .map(|record| chain::split(record.offset).0);
    let positions = written.positions.iter().map(|one| one.metadata.as_str());
    let positions = positions
        .filter(|metadata| !metadata.is_empty())
        .map(of_position);
    let named: BTreeSet<u32> = pages.chain(records).chain(positions).collect();
    if named.iter().eq([&in_force]) {
        Ok(())
    } else {
        Err(format!(
            "generation: {named:?} where {in_force} is in force"
        ))
    }
}
