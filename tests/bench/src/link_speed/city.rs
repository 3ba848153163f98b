//! The records of the load, and how its links are judged.

use crate::{NoFigure, demand};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use walbrook_cli::city::residents::Residents;
use walbrook_cli::city::residents::records::{Held, Records};
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1::{Demographics, LinkItem, LinkRecord};

/// Every record, in the order of the services' first loads.
pub struct Load {
    items: Vec<LinkItem>,
    /// Whose each is.
    truth: Vec<u64>,
    /// SHA-256 over tokens and truth.
    pub hash: String,
}

/// A token as an agency makes one, here from the place of the record.
pub fn token(kind: &str, number: usize) -> Vec<u8> {
    Sha256::digest(format!("{kind}/{number}")).to_vec()
}

/// A count as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub fn number(count: usize) -> f64 {
    count as f64
}

impl Load {
    /// So many records of the city of a seed.
    ///
    /// # Errors
    /// When the generator gives fewer.
    pub fn new(count: usize, seed: u64) -> Result<Self, NoFigure> {
        let residents = Residents::new(seed, crate::town::today());
        let (mut items, mut truth) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut hash = Sha256::new();
        for (at, (held, whose)) in Records::new(residents, u64::try_from(count)?).enumerate() {
            hash.update(format!("{held:?} {}", whose.person));
            items.push(item(held, token("load", at)));
            truth.push(whose.person);
        }
        demand(items.len() == count, || format!("{} records", items.len()))?;
        Ok(Self {
            items,
            truth,
            hash: hex::encode(hash.finalize()),
        })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The same, to divide by.
    pub fn count(&self) -> f64 {
        number(self.len())
    }

    /// One of them.
    pub fn item(&self, at: usize) -> LinkItem {
        let at = at % self.items.len().max(1);
        self.items.get(at).cloned().unwrap_or_default()
    }

    /// All of them.
    pub fn items(&self) -> &[LinkItem] {
        &self.items
    }

    /// Whoever holds one.
    pub fn organisations(&self) -> BTreeSet<String> {
        let all = self.items.iter().map(|item| item.organisation.clone());
        all.collect()
    }

    /// Calls of up to so many items, each of one agency, in order.
    pub fn calls(&self, size: usize) -> Vec<Vec<LinkItem>> {
        let by_agency = self.items.chunk_by(|a, b| a.agency == b.agency);
        by_agency
            .flat_map(|items| items.chunks(size))
            .map(<[_]>::to_vec)
            .collect()
    }

    /// Up to so many new records that show nothing but the number of a record of the load, each number once.
    pub fn by_number(&self, kind: &str, most: usize) -> Vec<LinkItem> {
        let mut seen = BTreeSet::new();
        let mut items = Vec::new();
        for (at, known) in self.items.iter().enumerate() {
            let stated = known.demographics.clone().unwrap_or_default();
            if items.len() == most || stated.nhs_number.is_empty() {
                continue;
            }
            if seen.insert(stated.nhs_number.clone()) {
                let demographics = Some(Demographics {
                    nhs_number: stated.nhs_number,
                    ..Demographics::default()
                });
                items.push(LinkItem {
                    token: token(kind, at),
                    agency: "housing".to_owned(),
                    demographics,
                    ..known.clone()
                });
            }
        }
        items
    }
}

fn item(held: Held, token: Vec<u8>) -> LinkItem {
    let birth_date = held.birth_date.map(|day| {
        let (year, month, day) = day.ymd();
        Date { year, month, day }
    });
    LinkItem {
        token,
        organisation: held.organisation.to_owned(),
        agency: held.agency.to_owned(),
        id_scheme: held.id_scheme.to_owned(),
        demographics: Some(Demographics {
            given_name: held.given_name,
            family_name: held.family_name,
            birth_date,
            postcode: held.postcode,
            nhs_number: held.nhs_number,
            upn: held.upn,
            restricted: false,
            la_child_id: held.la_child_id,
            email: held.email,
            town: held.town,
            uprn: held.uprn,
        }),
        previous_token: Vec::new(),
    }
}

/// What a load came to.
pub struct Judged {
    /// Links on the log.
    pub links: usize,
    /// Persons.
    pub persons: usize,
    /// Of the pairs that were made one person, how many are.
    pub precision: f64,
    /// Of the pairs that are one person, how many were made one.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Judged {
    /// Compares the persons of the last link of each handle with the truth. `handles` are in the order of the records.
    ///
    /// # Errors
    /// When a handle has no link.
    pub fn of(
        links: &BTreeMap<Vec<u8>, LinkRecord>,
        handles: &[Vec<u8>],
        load: &Load,
    ) -> Result<Self, NoFigure> {
        let mut both: HashMap<(&[u8], u64), u64> = HashMap::new();
        let mut by_person: HashMap<&[u8], u64> = HashMap::new();
        let mut by_truth: HashMap<u64, u64> = HashMap::new();
        for (handle, whose) in handles.iter().zip(&load.truth) {
            let link = links
                .get(handle)
                .ok_or_else(|| NoFigure("a handle was answered and has no link".to_owned()))?;
            *both.entry((&link.person, *whose)).or_default() += 1;
            *by_person.entry(&link.person).or_default() += 1;
            *by_truth.entry(*whose).or_default() += 1;
        }
        let pairs = |counts: &mut dyn Iterator<Item = u64>| {
            let pairs: u64 = counts.map(|count| count * (count - 1) / 2).sum();
            number(usize::try_from(pairs).unwrap_or(usize::MAX))
        };
        let right = pairs(&mut both.into_values());
        let persons = by_person.len();
        let precision = right / pairs(&mut by_person.into_values()).max(1.0);
        let recall = right / pairs(&mut by_truth.into_values()).max(1.0);
        Ok(Self {
            links: links.len(),
            persons,
            precision,
            recall,
            f1: 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE),
        })
    }
}
