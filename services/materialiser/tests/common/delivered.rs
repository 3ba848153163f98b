//! What stands on a topic of an organisation's own, held against what was disclosed.

use super::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub fn records(place: &Place, topic: &str) -> Vec<Record> {
    let full = place.namespace.name(topic);
    let found = place.kafka.admin().unwrap().partitions(WAIT).unwrap();
    if !found.contains_key(&full) {
        return Vec::new();
    }
    let partitions = 0..PARTITIONS;
    partitions
        .flat_map(|number| place.records_of(topic, number))
        .collect()
}

/// What stands, by the first byte of the pseudonym, with the hash of the row.
pub fn fold(records: &[Record]) -> BTreeMap<u8, Vec<u8>> {
    let mut stands = BTreeMap::new();
    for record in records {
        let person = record.key.as_ref().unwrap()[0];
        match &record.value {
            None => stands.remove(&person),
            Some(_) => stands.insert(person, record.headers.get("wb_row").unwrap().to_vec()),
        };
    }
    stands
}

pub fn people(records: &[Record]) -> Vec<u8> {
    fold(records).into_keys().collect()
}

pub fn until(place: &Place, topic: &str, expected: &[u8]) -> Vec<Record> {
    eventually(&format!("{topic} holds {expected:?}"), || {
        let records = records(place, topic);
        (people(&records) == expected).then_some(records)
    })
}

pub fn reasons(records: &[Record]) -> Vec<&str> {
    let left = records.iter().filter(|record| record.value.is_none());
    let mut left: Vec<&str> = left
        .map(|one| one.headers.text("wb_left").unwrap())
        .collect();
    left.dedup();
    left
}

/// Every record on a topic pairs with what one disclosure says of it, in order, and nothing is disclosed that is not there.
pub fn are_disclosed(place: &Place, topic: &str, found: &[Record]) {
    let reads = place.read::<ReadRecord>(topics::READS);
    let mut disclosed = Vec::new();
    let mut number_of = BTreeMap::new();
    for read in reads.iter().filter(|read| read.topic() == topic) {
        assert_eq!(read.operation, "DELIVER");
        assert_eq!(read.reader, topic);
        assert_eq!(read.left.len(), read.left_reasons.len());
        number_of.insert(read.read_id.clone(), read.topic_partition());
        for (row, value) in read.answered.iter().zip(&read.value_sha256) {
            let key = row.person_pseudonym.clone();
            disclosed.push((
                read.read_id.clone(),
                key,
                row.row_sha256.clone(),
                value.clone(),
            ));
        }
        for (person, why) in read.left.iter().zip(&read.left_reasons) {
            let why = why.as_bytes().to_vec();
            disclosed.push((read.read_id.clone(), person.clone(), why, Vec::new()));
        }
    }
    let mut stood: Vec<_> = found
        .iter()
        .map(|record| {
            let id = record.headers.text("wb_read").unwrap().to_owned();
            assert_eq!(number_of.get(&id), Some(&record.at.partition));
            let key = record.key.as_ref().unwrap().to_vec();
            match record.value.as_deref() {
                None => (
                    id,
                    key,
                    record.headers.get("wb_left").unwrap().to_vec(),
                    Vec::new(),
                ),
                Some(value) => {
                    let (_, body) = framing::unframe(Some(value)).unwrap();
                    let row = record.headers.get("wb_row").unwrap().to_vec();
                    (id, key, row, Sha256::digest(body).to_vec())
                }
            }
        })
        .collect();
    stood.sort();
    disclosed.sort();
    assert_eq!(stood, disclosed);
}
