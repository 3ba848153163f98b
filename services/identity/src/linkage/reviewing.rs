//! What reviewers ask and decide, and what an operator's merge and un-merge do to it.

use super::command::{Answer, Refused, Turn, Who};
use super::demographics::{Contradiction, Stated, Strategy};
use super::joining::Why;
use super::record::{Found, Join, PersonRecord};
use super::review::{Candidate, Decision, ReviewAct, never_same, record_act};
use super::step::Core;
use super::waiting::Place;
use std::sync::Arc;
use walbrook_domain::{Handle, Organisation, PersonId};
use walbrook_matching::Waterfall;

/// Pairs looked at for one page at most: a page may be shorter than asked, and there may be more behind it.
const LOOKED_AT: usize = 20_000;

/// Two records that wait; the later one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The later record, which carries the item.
    pub record: Handle,
    /// The earlier one.
    pub candidate: Handle,
}

/// Who reviews: nobody but the system's own reviewers sees what organisations hold of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// Only pairs of which this organisation holds both records; `None` for the system's own reviewers.
    pub within: Option<Organisation>,
    /// Organisation and subject, for the log.
    pub by: String,
}

impl Reviewer {
    fn may_see(&self, a: &PersonRecord, b: &PersonRecord) -> bool {
        let holds = |organisation: &Organisation| {
            &a.organisation == organisation && &b.organisation == organisation
        };
        self.within.as_ref().is_none_or(holds)
    }
}

/// Which pairs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Who asks.
    pub reviewer: Reviewer,
    /// The last place of the page before.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
    /// Only these outcomes; all when empty.
    pub outcomes: Vec<Found>,
    /// Only pairs in which this organisation holds a record.
    pub organisation: Option<Organisation>,
}

/// A pair that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The two records.
    pub pair: Pair,
    /// The organisations that hold them.
    pub organisations: (Organisation, Organisation),
    /// What is known of the pair.
    pub candidate: Candidate,
}

/// One page of pairs that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Those that wait longest first.
    pub items: Vec<Item>,
    /// Where the next page goes on.
    pub next: Option<Place>,
    /// All that wait and that the reviewer may see.
    pub waiting: usize,
}

/// A pair with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The item.
    pub item: Item,
    /// What each organisation said.
    pub stated: (Stated, Stated),
    /// What the model says of each field.
    pub waterfall: Waterfall,
    /// Why the rules may not join the two whatever the score.
    pub obstacle: Option<Found>,
}

/// What a reviewer decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The pair.
    pub pair: Pair,
    /// `Same` or `NeverSame`.
    pub decision: Decision,
    /// From a closed list.
    pub reason: String,
    /// Who decides.
    pub reviewer: Reviewer,
    /// The pair was shown without its score.
    pub blind: bool,
}

impl Core {
    /// One page of what waits.
    pub(super) fn list(&self, wanted: &Wanted, turn: &Turn<'_>) -> Page {
        let mut page = Page::default();
        let waiting = self.index.waiting();
        page.waiting = match &wanted.reviewer.within {
            None => waiting.len(),
            Some(_) => {
                let all = waiting.after(None).filter_map(|place| self.item(*place));
                all.filter(|(_, a, b)| wanted.reviewer.may_see(a, b))
                    .count()
            }
        };
        for (looked_at, place) in waiting.after(wanted.after).enumerate() {
            if page.items.len() == wanted.limit || looked_at == LOOKED_AT {
                return page;
            }
            let more = waiting.after(Some(*place)).next().is_some();
            page.next = more.then_some(*place);
            let Some((item, a, b)) = self.item(*place) else {
                continue;
            };
            let of = |organisation: &Organisation| {
                &item.organisations.0 == organisation || &item.organisations.1 == organisation
            };
            let listed = wanted.reviewer.may_see(a, b)
                && (wanted.outcomes.is_empty() || wanted.outcomes.contains(&item.candidate.found))
                && wanted.organisation.as_ref().is_none_or(of)
                && self.may_compare(a, b, item.candidate.strategy, turn);
            if listed {
                page.items.push(item);
            }
        }
        page
    }

    /// All that is known of a pair that waits.
    pub(super) fn explain(
        &self,
        pair: Pair,
        reviewer: &Reviewer,
        turn: &Turn<'_>,
    ) -> Result<Answer, Refused> {
        let (item, record, candidate) = self.open_item(pair, reviewer, turn)?;
        let doubted = item.candidate.found == Found::Disputed;
        let obstacle = self.obstacle(record.person, candidate.person, turn);
        let explained = Explained {
            item,
            stated: (
                record.said.stated().unwrap_or_default(),
                candidate.said.stated().unwrap_or_default(),
            ),
            waterfall: self.waterfall(record, candidate),
            obstacle: obstacle.filter(|_| !doubted),
        };
        Ok(Answer::Explained(Box::new(explained)))
    }

    /// Writes down what a reviewer decided, and does it.
    pub(super) fn decide(
        &mut self,
        verdict: &Verdict,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Refused> {
        let (item, record, candidate) = self.open_item(verdict.pair, &verdict.reviewer, turn)?;
        let doubted = item.candidate.found == Found::Disputed;
        let (mine, theirs) = (record.person, candidate.person);
        if verdict.decision == Decision::Same && !doubted {
            self.may_merge(mine, theirs, turn)?;
            if self.apart(mine, theirs) {
                return Err(Refused::Apart);
            }
        }
        let act = ReviewAct {
            other: verdict.pair.candidate,
            decision: verdict.decision,
            reason: verdict.reason.clone(),
            by: verdict.reviewer.by.clone(),
            blind: verdict.blind,
            at: turn.now,
        };
        let handle = verdict.pair.record;
        self.change(handle, |record| record_act(&mut record.acts, act));
        if doubted {
            self.settle_doubt(verdict, turn);
        } else if verdict.decision == Decision::Same {
            let (survivor, joining) = self.by_weight(handle, verdict.pair.candidate);
            let decided = (verdict.reviewer.by.as_str(), verdict.reason.as_str());
            self.join(survivor, joining, Why::said_by(decided), turn);
        } else {
            for member in self.members_with(&[handle, verdict.pair.candidate]) {
                self.forget_decided(member);
            }
        }
        let person = self
            .index
            .record(handle)
            .map_or(mine, |record| record.person);
        Ok(Answer::Person(person))
    }

    /// An operator says that two records are the same person. Evidence is theirs to judge; cover, the cap and what one person cannot have are
    /// not: such a pair waits for review.
    pub(super) fn merge(
        &mut self,
        survivor: Who,
        other: Who,
        decided: (&str, &str),
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Refused> {
        let (survivor, other) = (self.find(survivor)?, self.find(other)?);
        if let Err(refused) = self.may_merge(survivor.person, other.person, turn) {
            if let Some(found) = refused.waits_as() {
                self.ask(survivor.handle, other.handle, found, turn);
            }
            return Err(refused);
        }
        self.lift(survivor.person, other.person, decided, turn);
        let (survivor, other) = (survivor.handle, other.handle);
        self.join(survivor, other, Why::said_by(decided), turn);
        let person = self.index.record(survivor).map(|record| record.person);
        person.map(Answer::Person).ok_or(Refused::UnknownRecord)
    }

    /// Undoes the latest join that names a record: what was before it is restored, what a reviewer said before it too.
    pub(super) fn unmerge(
        &mut self,
        record: Who,
        reason: &str,
        by: &str,
        turn: &Turn<'_>,
    ) -> Result<Answer, Refused> {
        let record = self.find(record)?;
        let naming = self.index.joins_naming(record.handle);
        let (joining, join) = naming.last().ok_or(Refused::NotJoined)?;
        let together = self.undo(&[(*joining, join.sequence)], reason, by, turn);
        for handle in together {
            self.set_back(handle, join, (by, reason), turn);
        }
        let person = self.index.record(record.handle);
        Ok(Answer::Person(
            person.map_or(record.person, |record| record.person),
        ))
    }

    /// Cover, what one person cannot have, and the cap hold for people's decisions too.
    fn may_merge(&self, a: PersonId, b: PersonId, turn: &Turn<'_>) -> Result<(), Refused> {
        if a == b {
            return Err(Refused::SamePerson);
        }
        if !self.covered(a, b, turn) {
            return Err(Refused::NotCovered);
        }
        match self.far_apart(a, b) {
            Some(Contradiction::TwoNhsNumbers) => return Err(Refused::TwoNhsNumbers),
            Some(Contradiction::BirthsFar) => return Err(Refused::BirthsFar),
            // Names change, and a caseworker knows why.
            Some(Contradiction::NamesFar) | None => {}
        }
        if self.full(a, b) {
            return Err(Refused::Full {
                cap: self.rules.members_cap,
            });
        }
        Ok(())
    }

    /// Sets aside, on record, what reviewers said of records that an operator now brings together.
    fn lift(&mut self, a: PersonId, b: PersonId, decided: (&str, &str), turn: &Turn<'_>) {
        let mut lifted: Vec<(Handle, Handle)> = Vec::new();
        for (from, to) in [(a, b), (b, a)] {
            for member in self.index.members(from) {
                let others = never_same(&member.acts).filter(|other| {
                    let other = self.index.record(*other);
                    other.is_some_and(|other| other.person == to)
                });
                lifted.extend(others.map(|other| (member.handle, other)));
            }
        }
        for (handle, other) in lifted {
            self.write_act(handle, other, Decision::Lifted, decided, turn);
        }
    }

    /// What a merge set aside holds again when the merge is undone.
    fn set_back(&mut self, handle: Handle, merge: &Join, decided: (&str, &str), turn: &Turn<'_>) {
        let Some(record) = self.index.record(handle) else {
            return;
        };
        let last_word = |act: &&ReviewAct| {
            let later = record
                .acts
                .iter()
                .rev()
                .find(|later| later.other == act.other);
            later == Some(*act)
        };
        let lifted = record.acts.iter().filter(|act| {
            act.decision == Decision::Lifted
                && act.at == merge.made_at
                && act.by == merge.decided_by
        });
        let others: Vec<Handle> = lifted.filter(last_word).map(|act| act.other).collect();
        for other in others {
            self.write_act(handle, other, Decision::NeverSame, decided, turn);
        }
    }

    fn write_act(
        &mut self,
        handle: Handle,
        other: Handle,
        decision: Decision,
        (by, reason): (&str, &str),
        turn: &Turn<'_>,
    ) {
        let act = ReviewAct {
            other,
            decision,
            reason: reason.to_owned(),
            by: by.to_owned(),
            blind: false,
            at: turn.now,
        };
        self.change(handle, |record| record_act(&mut record.acts, act));
    }

    fn item(&self, (_, record, other): Place) -> Option<(Item, &PersonRecord, &PersonRecord)> {
        let record: &Arc<PersonRecord> = self.index.record(record)?;
        let candidate = self.index.record(other)?;
        let found = record
            .candidates
            .iter()
            .find(|found| found.other == other)?;
        let item = Item {
            pair: Pair {
                record: record.handle,
                candidate: other,
            },
            organisations: (record.organisation.clone(), candidate.organisation.clone()),
            candidate: found.clone(),
        };
        Some((item, record, candidate))
    }

    /// The item of a pair in either order. One that this reviewer may not see is as one that is not there.
    fn open_item(
        &self,
        pair: Pair,
        reviewer: &Reviewer,
        turn: &Turn<'_>,
    ) -> Result<(Item, &PersonRecord, &PersonRecord), Refused> {
        let record = self.index.record(pair.record);
        let waits = record
            .and_then(|record| {
                let mut all = record.candidates.iter();
                all.find(|found| found.other == pair.candidate)
            })
            .map(|found| (found.since, pair.record, pair.candidate));
        waits
            .and_then(|place| self.item(place))
            .filter(|(item, a, b)| {
                reviewer.may_see(a, b) && self.may_compare(a, b, item.candidate.strategy, turn)
            })
            .ok_or(Refused::NotWaiting)
    }

    /// Whether the kind of evidence that brought two records up may still be looked at for them.
    fn may_compare(
        &self,
        a: &PersonRecord,
        b: &PersonRecord,
        strategy: Strategy,
        turn: &Turn<'_>,
    ) -> bool {
        let (one, other) = (&a.organisation, &b.organisation);
        let allowed = match strategy {
            Strategy::Manual => turn.cover.covers(one, other),
            _ => turn.cover.allows(one, other, strategy),
        };
        (one == other || allowed) && self.covered(a.person, b.person, turn)
    }
}
