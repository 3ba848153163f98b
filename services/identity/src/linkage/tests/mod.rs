//! The core's tests. All people are invented; NHS numbers are from the 999 range.

mod agreement_of_records;
mod doubts;
mod laws;
mod likely;
mod lives;
mod reviews;
mod traps;
mod undisturbed;

use super::demographics::Stated;
use super::*;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Day, Handle, Instant, Organisation, PersonId};
use walbrook_proto::identity::v1::LinkRecord;

pub(super) const CAMDEN: &str = "GSS:E09000007";
pub(super) const ISLINGTON: &str = "GSS:E09000019";
pub(super) const HACKNEY: &str = "GSS:E09000012";

/// Counts up: deterministic ids.
pub(super) struct Counting(u128);

impl Entropy for Counting {
    fn id(&mut self) -> [u8; 16] {
        self.0 += 1;
        // Spread, so that handle order is not creation order.
        (self
            .0
            .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
        .to_be_bytes()
    }
}

/// Covers the organisations of one agreement.
#[derive(Clone, Default)]
pub(super) struct Signed {
    parties: BTreeSet<String>,
    /// Strategies that it does not name.
    pub without: Vec<String>,
}

impl Signed {
    pub fn by(parties: &[&str]) -> Self {
        Self {
            parties: parties.iter().map(ToString::to_string).collect(),
            without: Vec::new(),
        }
    }
}

impl MatchingCover for Signed {
    fn covers(&self, a: &Organisation, b: &Organisation) -> bool {
        self.parties.contains(&a.to_string()) && self.parties.contains(&b.to_string())
    }

    fn allows(&self, a: &Organisation, b: &Organisation, strategy: demographics::Strategy) -> bool {
        self.covers(a, b) && !self.without.iter().any(|word| word == strategy.name())
    }
}

pub(super) struct World {
    pub core: Core,
    pub entropy: Counting,
    pub cover: Signed,
    pub now: Instant,
}

impl World {
    pub fn new() -> Self {
        Self {
            core: Core::default(),
            entropy: Counting(0),
            cover: Signed::by(&[CAMDEN, ISLINGTON, HACKNEY]),
            now: day("2026-06-01").start(),
        }
    }

    pub fn step(&mut self, command: Command) -> Result<Answer, Refused> {
        let turn = Turn {
            now: self.now,
            entropy: &mut self.entropy,
            cover: &self.cover,
        };
        self.core.step(command, turn)
    }

    pub fn link(&mut self, organisation: &str, id: &str, stated: Stated) -> Handle {
        let item = LinkItem {
            token: token(organisation, id),
            organisation: organisation.parse().unwrap(),
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            stated: Some(stated),
            previous: None,
        };
        match self.step(Command::Link(item)) {
            Ok(Answer::Linked(handle)) => handle,
            other => panic!("not linked: {other:?}"),
        }
    }

    pub fn merge(&mut self, survivor: Handle, other: Handle) -> Result<Answer, Refused> {
        self.step(Command::Merge {
            survivor: Who::Handle(survivor),
            other: Who::Handle(other),
            reason: "reviewed-same-person".into(),
            by: "GSS:E09000007/op".into(),
        })
    }

    pub fn unmerge(&mut self, record: Handle) -> Result<Answer, Refused> {
        self.step(Command::Unmerge {
            record: Who::Handle(record),
            reason: "reviewed-different-people".into(),
            by: "GSS:E09000007/op".into(),
        })
    }

    pub fn reviewer(organisation: &str) -> Reviewer {
        Reviewer {
            within: (!organisation.starts_with("WALBROOK")).then(|| organisation.parse().unwrap()),
            by: format!("{organisation}/reviewer"),
        }
    }

    pub fn page(&mut self, organisation: &str, after: Option<Place>, limit: usize) -> Page {
        let wanted = Wanted {
            reviewer: Self::reviewer(organisation),
            after,
            limit,
            outcomes: Vec::new(),
            organisation: None,
        };
        match self.step(Command::List(Box::new(wanted))) {
            Ok(Answer::Listed(page)) => *page,
            other => panic!("not listed: {other:?}"),
        }
    }

    pub fn list(&mut self, organisation: &str) -> Page {
        self.page(organisation, None, 100)
    }

    pub fn verdict(
        &mut self,
        organisation: &str,
        (record, candidate): (Handle, Handle),
        decision: Decision,
    ) -> Result<Answer, Refused> {
        self.step(Command::Decide(Box::new(Verdict {
            pair: Pair { record, candidate },
            decision,
            reason: "reviewed".into(),
            reviewer: Self::reviewer(organisation),
            blind: false,
        })))
    }

    pub fn review_all(&mut self) {
        let mut after = 0;
        while let Ok(Answer::Reviewed(Some(last))) = self.step(Command::Review { after, limit: 3 })
        {
            after = last;
        }
    }

    pub fn same(&self, a: Handle, b: Handle) -> bool {
        self.person(a) == self.person(b)
    }

    pub fn person(&self, handle: Handle) -> PersonId {
        self.core.index().record(handle).unwrap().person
    }

    pub fn found(&self, handle: Handle) -> Found {
        self.core.index().record(handle).unwrap().found
    }

    pub fn link_record(&self, handle: Handle) -> LinkRecord {
        wire::link_record(self.core.index(), handle).unwrap()
    }

    /// Person → members.
    pub fn persons(&self) -> BTreeMap<PersonId, BTreeSet<Handle>> {
        let mut persons: BTreeMap<PersonId, BTreeSet<Handle>> = BTreeMap::new();
        for record in self.core.index().records() {
            persons
                .entry(record.person)
                .or_default()
                .insert(record.handle);
        }
        persons
    }

    /// The state rebuilt from what would stand on the compacted topic, through the messages and their Avro form.
    pub fn rebuilt(&self) -> Index {
        use walbrook_proto::avro::AvroRecord;
        let mut index = Index::default();
        // In the order of handles, which is no order: the topic is compacted.
        let mut records: Vec<_> = self.core.index().records().collect();
        records.sort_by_key(|record| record.handle);
        for record in records {
            let body = wire::identity_record(record).to_vec().unwrap();
            let message =
                walbrook_proto::identity::v1::IdentityRecord::decode_exact(&body).unwrap();
            index.put(wire::person_record(message).unwrap().into());
        }
        index
    }
}

pub(super) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(super) fn token(organisation: &str, id: &str) -> Token {
    use sha2::{Digest, Sha256};
    Token(Sha256::digest(format!("{organisation}/{id}")).into())
}

/// A ten-digit number of the 999 range with its check digit; `None` where the check digit would be ten.
pub(super) fn nhs(serial: u32) -> Option<String> {
    let nine = format!("999{:06}", serial % 1_000_000);
    let sum: u32 = nine
        .chars()
        .zip((2..=10).rev())
        .map(|(digit, weight)| digit.to_digit(10).unwrap() * weight)
        .sum();
    match 11 - sum % 11 {
        11 => Some(format!("{nine}0")),
        10 => None,
        check => Some(format!("{nine}{check}")),
    }
}

pub(super) fn person(given: &str, family: &str, born: &str, postcode: &str) -> Stated {
    Stated {
        given_name: given.into(),
        family_name: family.into(),
        birth_date: Some(day(born)),
        postcode: postcode.into(),
        ..Stated::default()
    }
}

pub(super) fn amara() -> Stated {
    person("Amara", "Okafor", "1990-05-17", "NW1 2DB")
}

pub(super) fn with_nhs(stated: Stated, serial: u32) -> Stated {
    Stated {
        nhs_number: nhs(serial).unwrap(),
        ..stated
    }
}
