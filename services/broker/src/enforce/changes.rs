//! What changed on `control.policy` and may be a cause, by offset, 32 bytes each: from where the p that has come least far may ask for it.

use super::control_view::{GroundChange, PolicyCause, PolicyChange};
use std::collections::BTreeMap;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{AgreementId, EventId, Handle, Purpose};

/// Changes in one block: a list of blocks grows without being copied, and without room that nobody fills.
const BLOCK: usize = 65_536;

/// A ground's change. Names are numbers in the lists below, 0 for none.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    handle: Handle,
    purpose: u16,
    agreement: u16,
    kind: GroundKind,
    before: Option<GroundState>,
    after: GroundState,
    moved: u8,
}

const _: () = assert!(size_of::<Entry>() == 32);

const END_MOVED: u8 = 1;
const CHOICE_MOVED: u8 = 2;

/// Every change, in the order of offsets.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    grounds: Vec<Vec<Entry>>,
    /// Recalls name an event; few.
    events: BTreeMap<i64, EventId>,
    purposes: Vec<Purpose>,
    agreements: Vec<AgreementId>,
    /// Offsets at which something about agreements changed; few.
    of_agreements: Vec<i64>,
    /// Changes below were forgotten.
    from: i64,
}

impl Changes {
    /// Something about agreements changed.
    pub fn agreement(&mut self, offset: i64) {
        self.of_agreements.push(offset);
    }

    /// A ground changed.
    pub fn ground(&mut self, offset: i64, change: &GroundChange) {
        if let Some(event) = change.event {
            self.events.insert(offset, event);
        }
        let entry = Entry {
            offset,
            handle: change.handle,
            purpose: number(&mut self.purposes, change.purpose.as_ref()),
            agreement: number(&mut self.agreements, change.agreement.as_ref()),
            kind: change.kind,
            before: change.before,
            after: change.after,
            moved: (u8::from(change.end_moved) * END_MOVED)
                | (u8::from(change.choice_moved) * CHOICE_MOVED),
        };
        match self.grounds.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(entry),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(entry);
                self.grounds.push(block);
            }
        }
    }

    /// Changes below are not known here.
    pub const fn from(&self) -> i64 {
        self.from
    }

    /// Says that changes below `offset` are not known here.
    pub fn begins_at(&mut self, offset: i64) {
        self.from = self.from.max(offset);
    }

    /// How many changes of grounds are held.
    pub fn grounds(&self) -> usize {
        self.grounds.iter().map(Vec::len).sum()
    }

    /// Forgets changes of grounds below `offset`, whole blocks of them: nobody will ask for them again.
    pub fn forget_below(&mut self, offset: i64) {
        let older = |block: &Vec<Entry>| block.last().is_none_or(|entry| entry.offset < offset);
        let blocks = self.grounds.partition_point(older);
        let last = blocks
            .checked_sub(1)
            .and_then(|at| self.grounds.get(at)?.last());
        if let Some(next) = last.map(|last| last.offset + 1) {
            self.grounds.drain(..blocks);
            self.begins_at(next);
            self.events = self.events.split_off(&self.from);
        }
    }

    /// Whether anything changed at `from` or later.
    pub fn any_since(&self, from: i64) -> bool {
        let last = self.grounds.last().and_then(|block| block.last());
        last.is_some_and(|entry| entry.offset >= from)
            || self.of_agreements.last().is_some_and(|at| *at >= from)
    }

    /// Visits the changes at `from` and later: those about agreements, then the grounds, each in the order of offsets.
    pub fn each_since(&self, from: i64, visit: &mut dyn FnMut(PolicyCause)) {
        let first = self.of_agreements.partition_point(|at| *at < from);
        for offset in self.of_agreements.get(first..).unwrap_or_default() {
            visit(PolicyCause {
                offset: *offset,
                change: PolicyChange::Agreement,
            });
        }
        let older = |block: &Vec<Entry>| block.last().is_none_or(|entry| entry.offset < from);
        let blocks = self.grounds.get(self.grounds.partition_point(older)..);
        for entry in blocks.unwrap_or_default().iter().flatten() {
            if entry.offset >= from {
                visit(PolicyCause {
                    offset: entry.offset,
                    change: PolicyChange::Ground(self.change(entry)),
                });
            }
        }
    }

    fn change(&self, entry: &Entry) -> GroundChange {
        GroundChange {
            handle: entry.handle,
            kind: entry.kind,
            purpose: name(&self.purposes, entry.purpose),
            agreement: name(&self.agreements, entry.agreement),
            event: self.events.get(&entry.offset).copied(),
            before: entry.before,
            after: entry.after,
            end_moved: entry.moved & END_MOVED != 0,
            choice_moved: entry.moved & CHOICE_MOVED != 0,
        }
    }
}

/// There are few names: the newest are looked at first. The state refuses a ground that would be the first to name too many.
fn number<T: PartialEq + Clone>(names: &mut Vec<T>, name: Option<&T>) -> u16 {
    let Some(name) = name else { return 0 };
    let known = names.iter().rposition(|one| one == name);
    let place = known.unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    });
    u16::try_from(place + 1).unwrap_or(u16::MAX)
}

fn name<T: Clone>(names: &[T], number: u16) -> Option<T> {
    names.get(usize::from(number).checked_sub(1)?).cloned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use walbrook_domain::control::GroundState;

    fn change(number: u8, purpose: Option<&str>) -> GroundChange {
        GroundChange {
            handle: Handle::new([number; 16]),
            kind: GroundKind::Consent,
            purpose: purpose.map(|one| one.parse().unwrap()),
            agreement: (number.is_multiple_of(3)).then(|| "duty-to-refer".parse().unwrap()),
            event: None,
            before: (number.is_multiple_of(2)).then_some(GroundState::Given),
            after: GroundState::Withdrawn,
            end_moved: number.is_multiple_of(5),
            choice_moved: number.is_multiple_of(7),
        }
    }

    fn since(changes: &Changes, from: i64) -> Vec<PolicyCause> {
        let mut found = Vec::new();
        changes.each_since(from, &mut |cause| found.push(cause));
        found
    }

    #[test]
    fn every_change_comes_back_as_it_was() {
        let mut changes = Changes::default();
        assert!(!changes.any_since(0));
        let mut wanted = Vec::new();
        for number in 0..100u8 {
            let purpose = ["rough-sleeping", "children-in-care"].get(usize::from(number % 4));
            let recall = GroundChange {
                kind: GroundKind::Recall,
                event: Some(EventId::new(uuid::Uuid::from_u128(u128::from(number)))),
                ..change(number, None)
            };
            let ground = if number % 10 == 9 {
                recall
            } else {
                change(number, purpose.copied())
            };
            let offset = i64::from(number) * 2;
            changes.ground(offset, &ground);
            wanted.push(PolicyCause {
                offset,
                change: PolicyChange::Ground(ground),
            });
        }
        changes.agreement(77);
        assert_eq!(since(&changes, 78), wanted.split_off(39));
        assert_eq!(since(&changes, 77).len(), 62);
        assert!(changes.any_since(198) && !changes.any_since(199));
    }

    #[test]
    fn what_nobody_asks_for_again_is_forgotten_and_nothing_else() {
        let mut changes = Changes::default();
        let block = i64::try_from(BLOCK).unwrap();
        for offset in 0..3 * block + 5 {
            let mut one = change(1, None);
            if offset % 1_000 == 0 {
                one.event = Some(EventId::new(uuid::Uuid::from_u128(9)));
            }
            changes.ground(offset * 2, &one);
        }
        let all = since(&changes, 0);
        for below in [0, 2 * block - 2, 2 * block - 1, 5 * block, 7 * block] {
            changes.forget_below(below);
            assert!(changes.from() <= below, "{below}");
            let kept = changes.from().max(below);
            let wanted: Vec<_> = all
                .iter()
                .filter(|one| one.offset >= kept)
                .cloned()
                .collect();
            assert_eq!(since(&changes, kept), wanted);
            assert!(changes.grounds() < 2 * BLOCK + 5 + wanted.len());
        }
        // What had come after the last that anybody may ask for: one block at most, and the next ones join.
        assert_eq!(changes.grounds(), 0);
        changes.ground(8 * block, &change(1, None));
        assert_eq!(since(&changes, 8 * block).len(), 1);
    }

    #[test]
    fn blocks_join() {
        let mut changes = Changes::default();
        let one = change(1, None);
        let most = i64::try_from(BLOCK).unwrap() + 10;
        for offset in 0..most {
            changes.ground(offset, &one);
        }
        assert_eq!(since(&changes, 0).len(), BLOCK + 10);
        assert_eq!(since(&changes, most - 11).len(), 11);
        assert_eq!(since(&changes, most - 10).len(), 10);
        assert!(since(&changes, most).is_empty());
    }
}
