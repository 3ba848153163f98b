//! What the model says: whom a record is compared with, and how sure it is.

use super::command::{MatchingCover, Turn};
use super::demographics::Strategy;
use super::index::{Index, Row};
use super::record::{Found, PersonRecord};
use super::search::Lead;
use super::step::Core;
use super::table::Slot;
use foldhash::fast::RandomState;
use std::collections::HashSet;
use walbrook_domain::Organisation;
use walbrook_matching::{
    BlockKey, Brief, Frequencies, Glance, Outcome, Waterfall, blocks, explain,
};

/// What the cover says of one organisation and the others, by their numbers, asked once for each.
struct ByNumber<'a> {
    organisation: &'a Organisation,
    cover: &'a dyn MatchingCover,
    strategy: Strategy,
    known: Vec<Option<bool>>,
}

impl<'a> ByNumber<'a> {
    fn new(
        organisation: &'a Organisation,
        cover: &'a dyn MatchingCover,
        strategy: Strategy,
    ) -> Self {
        Self {
            organisation,
            cover,
            strategy,
            known: Vec::new(),
        }
    }

    /// Whether records of the organisation of this number may be compared.
    fn with(&mut self, number: u32, index: &Index) -> bool {
        let at = number as usize;
        if let Some(Some(may)) = self.known.get(at) {
            return *may;
        }
        let may = index.organisation(number).is_some_and(|other| {
            other == self.organisation || self.cover.allows(self.organisation, other, self.strategy)
        });
        if self.known.len() <= at {
            self.known.resize(at + 1, None);
        }
        if let Some(place) = self.known.get_mut(at) {
            *place = Some(may);
        }
        may
    }
}

impl Core {
    /// The records that the model thinks are, or may be, the same person. Bounded: keys that too many records share are left out, and no more
    /// than so many records are compared, those of the rarest keys first. Pairs that wait already are compared whatever has become of their keys.
    pub(super) fn likely_leads(&self, record: &PersonRecord, turn: &Turn<'_>) -> Vec<Lead> {
        let strategy = Strategy::FellegiSunter;
        let mut comparable = ByNumber::new(&record.organisation, turn.cover, strategy);
        let frequencies = self.index.besides(record);
        let mine = *record.features();
        let glance = self.model.glance(&mine, &frequencies);
        let mut leads = Vec::new();
        for (slot, row) in self.rows_to_look_at(record, &glance) {
            let brief = self.index.brief(slot);
            if !comparable.with(row.organisation, &self.index)
                || !brief.is_some_and(|other| glance.may_be_spelt(other, &row.spelling))
            {
                continue;
            }
            let Some(other) = self.index.in_slot(slot) else {
                continue;
            };
            if other.person == record.person {
                continue;
            }
            let Some(scored) = glance.candidate(other.features()) else {
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

    /// The records that one is compared with, each once, but for those that a glance puts aside. Each has to be fetched from afar, and a processor fetches
    /// many at once where nothing else is done meanwhile: first the briefs of all, then the rows of those that are left.
    fn rows_to_look_at(
        &self,
        record: &PersonRecord,
        glance: &Glance<'_, impl Frequencies>,
    ) -> Vec<(Slot, Row)> {
        let mut slots = self.comparisons(record);
        let fetched = slots.iter().map(|slot| self.index.brief(*slot).copied());
        let briefs: Vec<Brief> = fetched.map(Option::unwrap_or_default).collect();
        let mut briefs = briefs.iter();
        slots.retain(|_| briefs.next().is_some_and(|other| glance.may_be(other)));
        let own = self.index.slot_of(record.handle);
        let mut once: Vec<Slot> = Vec::with_capacity(slots.len());
        for slot in slots {
            if Some(slot) != own && !once.contains(&slot) {
                once.push(slot);
            }
        }
        let rows = once
            .into_iter()
            .filter_map(|slot| Some((slot, *self.index.row(slot)?)));
        rows.collect()
    }

    /// The slots of the records that one is compared with. Where they are so few that none is left out, one that is found in several ways, and the record
    /// itself, may stand there several times.
    fn comparisons(&self, record: &PersonRecord) -> Vec<Slot> {
        let waiting = record.candidates.iter().map(|candidate| candidate.other);
        let waiting: Vec<Slot> = waiting
            .chain(self.index.waiting().because_of(record.handle))
            .filter_map(|other| self.index.slot_of(other))
            .collect();
        let mut keys: Vec<(usize, BlockKey, &[Slot])> = blocks(record.features())
            .iter()
            .map(|key| (*key, self.index.block(*key)))
            .map(|(key, slots)| (slots.len(), key, slots))
            .filter(|(records, ..)| *records <= self.rules.block_records)
            .collect();
        keys.sort_unstable_by_key(|(records, key, _)| (*records, *key));
        let most = waiting.len() + keys.iter().map(|(records, ..)| records).sum::<usize>();
        let mut all = Vec::with_capacity(most);
        if most <= self.rules.comparisons {
            all.extend(waiting);
            keys.iter().for_each(|(_, _, slots)| all.extend(*slots));
            return all;
        }
        let mut seen: HashSet<Slot, RandomState> =
            HashSet::with_capacity_and_hasher(most, RandomState::default());
        seen.extend(self.index.slot_of(record.handle));
        all.extend(waiting.into_iter().filter(|slot| seen.insert(*slot)));
        for (_, _, slots) in keys {
            let from = all.len();
            all.extend(slots.iter().filter(|slot| seen.insert(**slot)));
            if all.len() > self.rules.comparisons {
                self.oldest(&mut all, from);
                return all;
            }
        }
        all
    }

    /// Leaves so many comparisons as there may be. Of the last key's records the oldest stay: slots are given anew with each start, and whom a record is
    /// compared with must not depend on that.
    fn oldest(&self, all: &mut Vec<Slot>, from: usize) {
        let place = |slot: &Slot| self.index.in_slot(*slot).map(|record| record.sequence);
        if let Some(last) = all.get_mut(from..) {
            last.sort_unstable_by_key(place);
        }
        all.truncate(self.rules.comparisons.max(from));
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
