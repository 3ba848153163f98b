//! The state and how a command changes it. Nothing here reads a clock, draws a random number or does I/O.

use super::command::{Answer, Changes, Command, LinkItem, Refused, Rules, Turn, Who};
use super::demographics::{Stated, Strategy};
use super::holds::Approval;
use super::index::Index;
use super::record::{Found, PersonRecord, Token};
use super::said::Said;
use std::collections::BTreeSet;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, Instant, PersonId};
use walbrook_matching::Model;

/// The index, the rules and what the batch in work has changed.
#[derive(Debug)]
pub struct Core {
    pub(super) index: Index,
    pub(super) rules: Rules,
    /// Records whose person changed in this step.
    pub(super) touched: BTreeSet<Handle>,
    /// Records that changed in this step, in the order in which they did.
    changed: Vec<Handle>,
    /// What is not surely the same is compared with this.
    pub(super) model: Arc<Model>,
    /// Its name and version.
    pub(super) model_word: Arc<str>,
    changes: Changes,
    undo: Vec<Before>,
    /// The same of the batch before, while it is being written.
    sealed: Vec<Before>,
}

/// A record that was changed, as it was.
type Before = (Handle, Option<Arc<PersonRecord>>);

impl Default for Core {
    fn default() -> Self {
        Self::new(Index::default(), Rules::default())
    }
}

impl Core {
    /// A core over an index that was read from the log.
    pub fn new(index: Index, rules: Rules) -> Self {
        Self {
            index,
            touched: BTreeSet::new(),
            changed: Vec::new(),
            model_word: rules.model.word().into(),
            model: Arc::clone(&rules.model),
            rules,
            changes: Changes::default(),
            undo: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// A core with a model of one's own.
    pub fn with_model(index: Index, rules: Rules, model: Arc<Model>) -> Self {
        Self::new(index, Rules { model, ..rules })
    }

    /// The state, with what the batch in work changed.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The state. Nothing may be in work.
    pub fn into_index(self) -> Index {
        self.index
    }

    /// What the batch in work has changed so far.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The batch in work is handed over to be written, and another one begins. None may be being written.
    pub fn seal(&mut self) -> Changes {
        self.sealed = std::mem::take(&mut self.undo);
        std::mem::take(&mut self.changes)
    }

    /// The batch that was handed over is on the log.
    pub fn settled(&mut self) {
        self.sealed.clear();
    }

    /// The batch in work is on the log.
    pub fn committed(&mut self) -> Changes {
        let changes = self.seal();
        self.settled();
        changes
    }

    /// The batch that was handed over is not on the log: everything that it changed is as before, and what the batch in work changed, which rests on it.
    pub fn rolled_back(&mut self) {
        let sealed = std::mem::take(&mut self.sealed);
        let all = sealed.into_iter().chain(std::mem::take(&mut self.undo));
        for (handle, before) in all.rev() {
            match before {
                Some(record) => drop(self.index.put(record)),
                None => drop(self.index.remove(handle)),
            }
        }
        self.changes = Changes::default();
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// When it is refused: then nothing was changed.
    pub fn step(&mut self, command: Command, mut turn: Turn<'_>) -> Result<Answer, Refused> {
        let answer = match command {
            Command::Link(item) => self.link(item, &mut turn),
            Command::Merge {
                survivor,
                other,
                reason,
                by,
            } => self.merge(survivor, other, (&by, &reason), &mut turn),
            Command::Unmerge { record, reason, by } => self.unmerge(record, &reason, &by, &turn),
            Command::Accepted { handles } => Ok(self.accepted(&handles, turn.now)),
            Command::Approve {
                tokens,
                reader,
                by,
                reason,
                days,
            } => {
                let approval = Approval {
                    reader,
                    approved_by: by,
                    reason,
                    at: turn.now,
                    expires_on: Day(turn.now.london_day().0.saturating_add(days)),
                };
                Ok(self.approve(&tokens, approval))
            }
            Command::List(wanted) => Ok(Answer::Listed(Box::new(self.list(&wanted, &turn)))),
            Command::Explain(pair, reviewer) => self.explain(pair, &reviewer, &turn),
            Command::Decide(verdict) => self.decide(&verdict, &mut turn),
            Command::Doubt(doubt) => self.doubt(&doubt, &turn),
            Command::ComeOfAge { limit } => Ok(self.come_of_age(limit, turn.now.london_day())),
            Command::Review { after, limit } => Ok(self.review(after, limit, &mut turn)),
        };
        self.settle(turn.now);
        answer
    }

    pub(super) fn find(&self, who: Who) -> Result<Arc<PersonRecord>, Refused> {
        let record = match who {
            Who::Handle(handle) => self.index.record(handle),
            Who::Token(token) => self.index.by_token(token),
        };
        record.cloned().ok_or(Refused::UnknownRecord)
    }

    fn link(&mut self, item: LinkItem, turn: &mut Turn<'_>) -> Result<Answer, Refused> {
        // A record of another organisation never takes a token over.
        let held = |token: &Token| {
            let record = self.index.by_token(*token);
            record.is_some_and(|record| record.organisation == item.organisation)
        };
        let previous = item.previous.filter(held);
        if let Some(known) = self.known_by(item.token, previous) {
            if known.organisation != item.organisation {
                return Err(Refused::WrongOrganisation);
            }
            if let Some(stated) = item.stated.filter(|stated| !known.said.says(stated)) {
                self.restate(&known, stated, turn);
            }
            return Ok(Answer::Linked(known.handle));
        }
        if item.stated.is_none() && !self.rules.without_demographics.contains(&item.agency) {
            return Ok(Answer::DemographicsNeeded);
        }
        let handle = Handle::new(turn.entropy.id());
        let own_person = PersonId::new(turn.entropy.id());
        let mut record = PersonRecord {
            token: item.token,
            handle,
            organisation: item.organisation,
            agency: item.agency.into(),
            id_scheme: item.id_scheme.into(),
            said: Said::default(),
            sequence: self.index.next_sequence(),
            own_person,
            person: own_person,
            joins: Vec::new(),
            restrictions: Vec::new(),
            adult_from: None,
            revision: 1,
            found: Found::NoMatch,
            candidates: Vec::new(),
            acts: Vec::new(),
            accepted_at: None,
            approvals: Vec::new(),
            first_seen_at: turn.now,
            recorded_at: turn.now,
        };
        if let Some(stated) = item.stated {
            record.state(stated);
        }
        let birth = record.features().birth_date().map(Day::adult_from);
        record.adult_from = birth.filter(|day| *day <= turn.now.london_day());
        self.index.intern(&mut record);
        self.put(record);
        // Its link record stands as it is, unless the search finds its person.
        self.changes.links.insert(handle);
        self.search(handle, turn);
        Ok(Answer::Linked(handle))
    }

    /// An organisation says something new of a known subject. A join of the rules does not survive a contradiction between the two records, nor
    /// any what one person cannot have; a move to another address is no contradiction.
    fn restate(&mut self, before: &PersonRecord, stated: Stated, turn: &mut Turn<'_>) {
        let handle = before.handle;
        self.change(handle, |record| record.state(stated));
        let Some(record) = self.index.record(handle).cloned() else {
            return;
        };
        if record.restrictions != before.restrictions
            || record.features().birth_date() != before.features().birth_date()
        {
            self.touched.insert(handle);
        }
        let naming = self.index.joins_naming(handle);
        let of_rules = naming
            .into_iter()
            .filter(|(_, join)| join.decided_by.is_empty());
        let features = record.features();
        let far_apart = self
            .index
            .members(record.person)
            .any(|other| other.features().far_apart(features).is_some());
        let broken: Vec<(Handle, i64)> = of_rules
            .filter(|(joining, join)| {
                let other = if *joining == handle {
                    join.survivor
                } else {
                    *joining
                };
                far_apart || self.denies(&record, other, join.strategy)
            })
            .map(|(joining, join)| (joining, join.sequence))
            .collect();
        if broken.is_empty() {
            self.search(handle, turn);
            return;
        }
        for other in self.undo(&broken, "evidence-changed", "", turn) {
            self.search(other, turn);
        }
    }

    /// Whether what two records say now speaks against the rule that joined them.
    fn denies(&self, record: &PersonRecord, other: Handle, strategy: Strategy) -> bool {
        let Some(other) = self.index.record(other) else {
            return true;
        };
        let (mine, theirs) = (record.features(), other.features());
        match strategy {
            // The model weighed names and dates, and a person may move.
            Strategy::FellegiSunter => false,
            _ => mine.contradicts(theirs) || mine.differs(theirs, strategy),
        }
    }

    fn come_of_age(&mut self, limit: usize, today: Day) -> Answer {
        let mut persons: BTreeSet<PersonId> = BTreeSet::new();
        for handle in self.index.grown_up(today) {
            if persons.len() >= limit {
                break;
            }
            let person = self.index.record(handle).map(|record| record.person);
            persons.extend(person.filter(|person| self.adult_from(*person, today).is_some()));
        }
        for person in &persons {
            let first = self
                .index
                .members(*person)
                .next()
                .map(|record| record.handle);
            self.touched.extend(first);
        }
        Answer::CameOfAge(persons.len())
    }

    fn review(&mut self, after: i64, limit: usize, turn: &mut Turn<'_>) -> Answer {
        let records = self.index.after(after, limit);
        let last = records.last().map(|(at, _)| *at);
        for (_, handle) in records {
            for parted in self.part_uncovered(handle, turn) {
                self.search(parted, turn);
            }
            self.search(handle, turn);
        }
        Answer::Reviewed(last)
    }

    /// The day from which a person counts as adult, if it has come: the latest that any member's birth date says (of two dates the one that
    /// makes a child longer). Unknown without a birth date: the protective answer.
    fn adult_from(&self, person: PersonId, today: Day) -> Option<Day> {
        let births = self
            .index
            .members(person)
            .filter_map(|record| record.features().birth_date());
        births
            .map(Day::adult_from)
            .max()
            .filter(|day| *day <= today)
    }

    /// Writes the link of every member of each person that the step touched. Of their records one carries what only counts up, and the others stay as they
    /// are on the log, unless something else of theirs changed.
    fn settle(&mut self, now: Instant) {
        let changed = std::mem::take(&mut self.changed);
        let touched = std::mem::take(&mut self.touched);
        let persons: BTreeSet<PersonId> = touched
            .iter()
            .filter_map(|handle| self.index.record(*handle).map(|record| record.person))
            .collect();
        for person in persons {
            let adult_from = self.adult_from(person, now.london_day());
            let members: Vec<Handle> = self
                .index
                .members(person)
                .map(|record| record.handle)
                .collect();
            let revision = self.index.revision(person).saturating_add(1);
            let carries = members.iter().find(|member| changed.contains(member));
            let carries = carries.or(members.first()).copied();
            for member in members {
                self.forget_decided(member);
                self.change(member, |record| {
                    record.adult_from = adult_from;
                    if carries == Some(member) {
                        record.revision = revision;
                        record.recorded_at = now;
                    }
                });
                self.changes.links.insert(member);
            }
        }
    }

    /// Changes a record and notes what it was.
    pub(super) fn change(&mut self, handle: Handle, edit: impl FnOnce(&mut PersonRecord)) {
        let Some(before) = self.index.record(handle) else {
            return;
        };
        let mut after = PersonRecord::clone(before);
        edit(&mut after);
        if after != **before {
            self.put(after);
        }
    }

    /// Nothing stands under a token any more.
    pub(super) fn forget(&mut self, token: Token) {
        self.changes.forgotten.insert(token);
    }

    fn put(&mut self, record: PersonRecord) {
        let handle = record.handle;
        let before = self.index.put(Arc::new(record));
        self.changed.push(handle);
        // What it was before the batch counts, not what it was between two of its changes.
        if self.changes.identity.insert(handle) {
            self.undo.push((handle, before));
        }
    }
}
