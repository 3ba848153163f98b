//! What the model says: whom a record is compared with, and how sure it is.

use super::command::Turn;
use super::demographics::Strategy;
use super::record::{Found, PersonRecord};
use super::search::{Comparable, Lead};
use super::step::Core;
use std::collections::BTreeSet;
use std::sync::Arc;
use walbrook_domain::Handle;
use walbrook_matching::{BlockKey, Outcome, Waterfall, blocks, explain};

impl Core {
    /// The records that the model thinks are, or may be, the same person. Bounded: keys that too many records share are left out, and no more
    /// than so many records are compared, those of the rarest keys first. Pairs that wait already are compared whatever has become of their keys.
    pub(super) fn likely_leads(&self, record: &PersonRecord, turn: &Turn<'_>) -> Vec<Lead> {
        let strategy = Strategy::FellegiSunter;
        let mut comparable = Comparable::new(&record.organisation, turn.cover, strategy);
        let frequencies = self.index.besides(record);
        let mut leads = Vec::new();
        for other in self.comparisons(record) {
            if other.person == record.person || !comparable.with(&other.organisation) {
                continue;
            }
            let (mine, theirs) = (record.features(), other.features());
            let Some(scored) = self.model.candidate(mine, theirs, &frequencies) else {
                continue;
            };
            let found = match self.model.outcome(&scored) {
                Outcome::NoMatch => continue,
                Outcome::LowConfidenceMatch => Found::LowConfidenceMatch,
                Outcome::PotentialMatch | Outcome::ManyMatch => Found::PotentialMatch,
                Outcome::Match => Found::Match,
            };
            leads.push(Lead {
                other: other.handle,
                person: other.person,
                sequence: other.sequence,
                strategy,
                score: scored.probability_ten_thousandths,
                found,
            });
        }
        leads
    }

    /// The records that one is compared with, each once.
    fn comparisons(&self, record: &PersonRecord) -> Vec<&Arc<PersonRecord>> {
        let mut seen: BTreeSet<Handle> = BTreeSet::from([record.handle]);
        let mut all = Vec::new();
        let waiting = record.candidates.iter().map(|candidate| candidate.other);
        for other in waiting.chain(self.index.waiting().because_of(record.handle)) {
            if seen.insert(other) {
                all.extend(self.index.record(other));
            }
        }
        let mut keys: Vec<(usize, BlockKey)> = blocks(record.features())
            .iter()
            .map(|key| (self.index.block_len(*key), *key))
            .filter(|(records, _)| *records <= self.rules.block_records)
            .collect();
        keys.sort_unstable();
        for (_, key) in keys {
            for other in self.index.with_block(key) {
                if all.len() >= self.rules.comparisons {
                    return all;
                }
                if seen.insert(other.handle) {
                    all.push(other);
                }
            }
        }
        all
    }

    /// How the model's score of a pair comes about now.
    pub(super) fn waterfall(&self, record: &PersonRecord, other: &PersonRecord) -> Waterfall {
        let frequencies = self.index.besides(record);
        explain(
            &self.model,
            record.features(),
            other.features(),
            &frequencies,
        )
    }
}
