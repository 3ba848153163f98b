//! One organisation's rows of one view in one partition, as they stand on its topic and as they ought to. Without I/O: what stands was read from the
//! topic, time and agreements are told, and what was written is told once it is committed.

use crate::answer::Served;
use crate::book::Known as Agreements;
use crate::watch::{Marks, next};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::{Day, Instant, Pseudonym, WorkingCalendar};
use walbrook_view::dispute::Disputes;
use walbrook_view::left::left;
pub use walbrook_view::left::why;
use walbrook_view::row::{Asked, Row};
use walbrook_view::{Agenda, BookReading, Partition, Viewer};

/// People looked at under one hold of the partition.
const MOST_LOOKED: usize = 500;

/// A row as it stands on the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The row's hash.
    pub row: [u8; 32],
    /// The last day on which any of it may be kept.
    pub until: Option<Day>,
}

/// From what a lane computes.
pub struct Given<'a> {
    /// The view with its state.
    pub served: &'a Served,
    /// The partition.
    pub number: i32,
    /// The agreements.
    pub agreements: &'a Arc<Agreements>,
    /// Whose rows they are; `None`: nothing is delivered.
    pub viewer: Option<&'a Viewer>,
    /// Working days.
    pub calendar: &'a WorkingCalendar,
    /// Now.
    pub now: Instant,
    /// What is disputed.
    pub disputes: &'a Disputes,
}

/// A change to be written.
#[derive(Debug)]
pub enum Change {
    /// A new or changed row.
    Row(Box<Row>, Standing),
    /// It left, and why.
    Left(Pseudonym, &'static str),
}

/// What one look found.
#[derive(Debug, Default)]
pub struct Step {
    /// To be written, by person.
    pub changes: Vec<Change>,
    /// Who was looked at, and when to look again.
    looked: Vec<(Pseudonym, Option<Instant>)>,
    /// Who waits for the bound.
    waits: Vec<Pseudonym>,
    /// Whether the bound was kept.
    kept: bool,
    /// Next unapplied offset of the shared partition.
    pub applied: i64,
    /// People of whom agreements disagree.
    pub disagree: u64,
}

/// What the last look at everybody stood on.
#[derive(Debug, PartialEq, Eq)]
struct Ground {
    agreements_next: i64,
    day: Day,
    role: Option<String>,
    view: [u8; 32],
}

/// The lane.
#[derive(Debug, Default)]
pub struct Lane {
    standing: BTreeMap<Pseudonym, Standing>,
    /// To be looked at; they stay until what was found is written.
    pending: BTreeSet<Pseudonym>,
    agenda: Agenda,
    ground: Option<Ground>,
    /// They have a row, or may have one: they wait for the bound.
    waits: BTreeSet<Pseudonym>,
    /// Everybody of this state was looked at under a bound that was kept: whoever has no row now has left.
    whole: bool,
    /// Disputes below this offset of `audit.reads` are looked at.
    marked: i64,
}

impl Lane {
    /// With what stands on the topic.
    pub fn new(standing: BTreeMap<Pseudonym, Standing>) -> Self {
        Self {
            standing,
            ..Self::default()
        }
    }

    /// Whether there is nobody to be looked at, with the bound or without it.
    pub fn is_idle(&self, kept: bool) -> bool {
        self.pending.is_empty() && (!kept || self.waits.is_empty())
    }

    /// Whether nobody waits for the bound.
    pub fn waits_for_nothing(&self) -> bool {
        self.waits.is_empty()
    }

    /// Whether somebody without a row has left for certain, though the bound is not shown: a state that is filled again comes to everybody in time.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The bound is kept: who waited for it is looked at again.
    pub fn resume(&mut self) {
        self.pending.append(&mut self.waits);
    }

    /// Everybody is looked at again: the state is another one.
    pub fn forget_ground(&mut self) {
        (self.ground, self.whole) = (None, false);
    }

    /// Takes in who may stand differently: those marked, those due, everybody when agreements, day, role or view are others.
    pub fn notice(&mut self, given: &Given<'_>, marks: &Marks) {
        let ground = Ground {
            agreements_next: given.agreements.next_offset,
            day: given.now.london_day(),
            role: given.viewer.map(|viewer| viewer.role.clone()),
            view: given.served.view.sha256,
        };
        let everyone = self.ground.as_ref() != Some(&ground);
        self.ground = Some(ground);
        let due = self.agenda.take_due(given.now);
        let disputed = std::mem::replace(&mut self.marked, given.disputes.as_of());
        if everyone {
            self.pending.extend(self.standing.keys().copied());
        }
        if given.viewer.is_none() {
            return;
        }
        self.pending.extend(due);
        self.pending.extend(&marks.people);
        let shelf = given.served.shelf.partitions();
        let at = usize::try_from(given.number).ok();
        let Some(held) = at.and_then(|at| shelf.get(at)) else {
            return;
        };
        let held = held.read();
        if everyone {
            self.pending
                .extend(held.state.people().map(|person| person.pseudonym));
            return;
        }
        for handle in given.disputes.touched_since(disputed) {
            self.pending.extend(held.state.homes(&handle));
        }
        if !marks.sources.is_empty() {
            let heard = |person: &&Pseudonym| {
                held.state.person(person).is_some_and(|one| {
                    let mut subjects = one.subjects();
                    subjects.any(|(_, facts)| marks.sources.contains(&facts.organisation))
                })
            };
            let standing = self.standing.keys().filter(heard).copied();
            self.pending.extend(standing);
        }
    }

    /// Looks at some of those that wait, at most so many changes; without the bound only at who left.
    pub fn look(&self, given: &Given<'_>, most: usize, kept: bool) -> Step {
        let mut step = Step {
            kept,
            ..Step::default()
        };
        let shelf = given.served.shelf.partitions();
        let at = usize::try_from(given.number).ok();
        let Some(held) = at.and_then(|at| shelf.get(at)) else {
            return step;
        };
        let held = held.read();
        step.applied = held.next_offset;
        let sight = given.viewer.map(|viewer| Sight::new(given, viewer));
        for person in self.pending.iter().take(MOST_LOOKED) {
            if step.changes.len() >= most {
                break;
            }
            let stands = self.standing.get(person);
            if !kept && stands.is_none() {
                step.waits.push(*person);
                continue;
            }
            let until = stands.and_then(|stands| stands.until);
            let found = match &sight {
                Some(sight) => sight.look(given, &held.state, (person, until)),
                None => Found::nothing(why::GRANT_ENDED),
            };
            step.disagree += u64::from(found.why == why::DISAGREE);
            if !kept && found.row.is_some() {
                step.waits.push(*person);
                continue;
            }
            match (found.row, stands) {
                (Some((_, now)), Some(before)) if *before == now => {}
                (Some((row, now)), _) => step.changes.push(Change::Row(Box::new(row), now)),
                (None, Some(_)) => step.changes.push(Change::Left(*person, found.why)),
                (None, None) => {}
            }
            step.looked.push((*person, found.next));
        }
        step
    }

    /// What a look found is written, or needed no writing.
    pub fn done(&mut self, step: Step) {
        for person in step.waits {
            self.pending.remove(&person);
            self.waits.insert(person);
        }
        for (person, next) in step.looked {
            self.pending.remove(&person);
            self.agenda.set(person, next);
        }
        for change in step.changes {
            match change {
                Change::Row(row, now) => {
                    self.standing.insert(row.pseudonym, now);
                }
                Change::Left(person, _) => {
                    self.standing.remove(&person);
                }
            }
        }
        self.whole |= step.kept && self.pending.is_empty();
    }
}

/// What was found of one person.
struct Found {
    row: Option<(Row, Standing)>,
    next: Option<Instant>,
    /// Why there is no row.
    why: &'static str,
}

impl Found {
    const fn nothing(why: &'static str) -> Self {
        Self {
            row: None,
            next: None,
            why,
        }
    }
}

struct Sight<'a> {
    reading: BookReading<'a>,
}

impl<'a> Sight<'a> {
    fn new(given: &Given<'a>, viewer: &Viewer) -> Self {
        let (book, view) = (&given.agreements.book, &given.served.view);
        Self {
            reading: BookReading::delivered(book, viewer, view, given.now),
        }
    }

    fn look(
        &self,
        given: &Given<'_>,
        state: &Partition,
        (person, until): (&Pseudonym, Option<Day>),
    ) -> Found {
        let lapses = (until, given.now.london_day());
        let Some(one) = state.person(person) else {
            return Found::nothing(left(&self.reading, None, lapses));
        };
        let asked = Asked {
            view: &given.served.view,
            reading: &self.reading,
            evaluated_at: given.now,
            case_named: false,
            glass_broken: false,
            disputes: Some(given.disputes.marks(given.disputes.as_of())),
            calendar: given.calendar,
        };
        let row = asked.row(&one);
        let due = next(&asked, &one, &given.agreements.book);
        match (row, due) {
            (Ok(Some(row)), Ok(next)) => {
                let standing = Standing {
                    row: row.sha256(),
                    until: self.reading.keep_until(&one),
                };
                Found {
                    row: Some((row, standing)),
                    next,
                    why: "",
                }
            }
            (Ok(None), Ok(next)) => Found {
                row: None,
                next,
                why: left(&self.reading, Some(&one), lapses),
            },
            _ => Found::nothing(why::DISAGREE),
        }
    }
}
