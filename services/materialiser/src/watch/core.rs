//! The rows of a hub and how they changed, without I/O: time and agreements are told.

use super::touched::{Marks, Touches};
use crate::answer::Served;
use crate::book::Known as Agreements;
use crate::bound::Through;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use walbrook_domain::{AgreementId, Day, Instant, Pseudonym, WorkingCalendar};
use walbrook_policy::state::AgreementBook;
use walbrook_view::dispute::Disputes;
use walbrook_view::passing::Agenda;
use walbrook_view::row::{Asked, Row};
use walbrook_view::{BookReading, IntegrityError, Partition, Person, Source, Viewer};

/// That somebody's row left is remembered for so long: a stream that comes back later is told everything again.
const REMEMBERED_MICROS: i64 = 600_000_000;

/// Where somebody's row stands in the order in which rows changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The look that it came with.
    pub version: u64,
    /// Whose it is.
    pub person: Pseudonym,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last that it was told.
    pub place: Place,
    /// The look at which it began to be told everything: of whoever had left by then it knows nothing.
    pub began: u64,
}

/// What all rows of a hub stand on.
#[derive(Debug)]
pub struct Basis {
    /// The agreements.
    pub agreements: Arc<Agreements>,
    /// How far each partition was applied.
    pub applied: Vec<(i32, i64)>,
    /// The instant the rows are stated for, and by which the agreements were asked.
    pub at: Instant,
    /// Every source under the agreements as they were on that day.
    pub sources: Arc<[Source]>,
    /// Next offset of `audit.reads` that marks of disputed cells do not stand on.
    pub reads_next: i64,
    /// Through when grounds were applied when the look began; `None`: that was not shown then.
    pub through: Option<Through>,
}

/// What came after a place.
#[derive(Debug)]
pub struct Delta {
    /// Everything is told again: nothing is known of the place.
    pub whole: bool,
    /// New and changed rows.
    pub rows: Vec<Arc<Row>>,
    /// People whose row left.
    pub left: Vec<Pseudonym>,
    /// There is more.
    pub more: bool,
    /// Where to go on.
    pub cursor: Cursor,
}

impl Delta {
    /// Whose row left, as bytes.
    pub fn left_bytes(&self) -> Vec<Vec<u8>> {
        let left = self.left.iter();
        left.map(|one| one.as_bytes().to_vec()).collect()
    }
}

#[derive(Debug)]
struct Seen {
    /// `None`: it left.
    row: Option<Arc<Row>>,
    version: u64,
}

/// The rows.
#[derive(Debug, Default)]
pub struct Core {
    people: BTreeMap<Pseudonym, Seen>,
    order: BTreeSet<Place>,
    /// Who left with which look, and when.
    gone: VecDeque<(Instant, Place)>,
    /// The last place of somebody who left and is forgotten: what came before it is not known any more.
    floor: Option<Place>,
    version: u64,
    agenda: Agenda,
    basis: Option<Arc<Basis>>,
}

/// For whom, and from what, a hub computes.
pub struct Look<'a> {
    /// The view with its state.
    pub served: &'a Served,
    /// What was touched.
    pub touched: &'a Touches,
    /// The organisation and role.
    pub viewer: &'a Viewer,
    /// Working days.
    pub calendar: &'a WorkingCalendar,
    /// The agreements.
    pub agreements: Arc<Agreements>,
    /// Now.
    pub now: Instant,
    /// Who is to be looked at because time passed.
    pub due: Vec<Pseudonym>,
    /// What is disputed.
    pub disputes: Arc<Disputes>,
    /// Through when grounds are applied.
    pub through: Option<Through>,
}

/// What was found.
pub struct Looked {
    basis: Basis,
    found: Vec<(Pseudonym, Option<Row>, Option<Instant>)>,
}

impl Core {
    /// Who is to be looked at because time passed. They are not due again before [`Core::take`].
    pub fn due(&mut self, now: Instant) -> Vec<Pseudonym> {
        self.agenda.take_due(now)
    }

    /// Computes what may have changed, partition by partition.
    ///
    /// # Errors
    /// When two agreements disagree about an event.
    pub fn look(&self, look: &Look<'_>) -> Result<Looked, IntegrityError> {
        let view = &look.served.view;
        let mut reading = BookReading::new(&look.agreements.book, look.viewer, view, look.now);
        if let Some(before) = &self.basis
            && before.agreements.next_offset == look.agreements.next_offset
            && before.at.london_day() == look.now.london_day()
            && !before.sources.is_empty()
        {
            reading = reading.with_sources(Arc::clone(&before.sources));
        }
        let asked = Asked {
            view,
            reading: &reading,
            evaluated_at: look.now,
            case_named: false,
            glass_broken: false,
            disputes: Some(look.disputes.marks(look.disputes.as_of())),
            calendar: look.calendar,
        };
        // Expiry and effective days of agreements take no record: on another day everything is asked again.
        let everyone = self.basis.as_ref().is_none_or(|basis| {
            let days = (basis.at.london_day(), look.now.london_day());
            basis.agreements.next_offset != look.agreements.next_offset
                || terms_turned(&basis.agreements.book, days)
        });
        let (mut applied, mut found) = (Vec::new(), Vec::new());
        for (held, number) in look.served.shelf.partitions().iter().zip(0..) {
            let held = held.read();
            // Taken while nothing can be applied: what the state has is marked.
            let marks = look.touched.take(number);
            for person in self.wanted(look, &held.state, number, marks, everyone) {
                let one = held.state.person(&person);
                let (row, next) = match &one {
                    None => (None, None),
                    Some(one) => {
                        let (row, at) = asked.row_until(one)?;
                        (row, lapses(at, &asked, one, &look.agreements.book))
                    }
                };
                found.push((person, row, next));
            }
            applied.push((number, held.next_offset));
        }
        let basis = Basis {
            agreements: Arc::clone(&look.agreements),
            applied,
            at: look.now,
            sources: reading.shared_sources(),
            reads_next: look.disputes.as_of(),
            through: look.through,
        };
        Ok(Looked { basis, found })
    }

    /// Who is to be looked at in one partition.
    fn wanted(
        &self,
        look: &Look<'_>,
        state: &Partition,
        number: i32,
        marks: Marks,
        everyone: bool,
    ) -> BTreeSet<Pseudonym> {
        let here = |person: &&Pseudonym| {
            let place = look.served.shelf.of(person);
            place.is_some_and(|(at, _)| at == number)
        };
        let shown = || {
            let shown = self.people.iter().filter(|(_, seen)| seen.row.is_some());
            shown.map(|(person, _)| person).filter(here)
        };
        let mut people = marks.people;
        if everyone {
            people.extend(state.people().map(|person| person.pseudonym));
            people.extend(shown());
            return people;
        }
        people.extend(look.due.iter().filter(here));
        let marked = self.basis.as_ref().map_or(0, |basis| basis.reads_next);
        for handle in look.disputes.touched_since(marked) {
            people.extend(state.homes(&handle));
        }
        if !marks.sources.is_empty() {
            people.extend(shown().filter(|person| {
                let heard = |one: Person<'_>| {
                    let mut subjects = one.subjects();
                    subjects.any(|(_, facts)| marks.sources.contains(&facts.organisation))
                };
                state.person(person).is_some_and(heard)
            }));
        }
        people
    }
}

/// When a person's row is to be looked at again although nothing arrives: what the view says, and the last days of what agreements release.
///
/// # Errors
/// When two agreements disagree about an event of the person.
pub fn next(
    asked: &Asked<'_>,
    person: &Person<'_>,
    book: &AgreementBook,
) -> Result<Option<Instant>, IntegrityError> {
    let next = asked.changes_at(person)?;
    Ok(lapses(next, asked, person, book))
}

/// The earlier of a moment and the first after a last day.
fn lapses(
    mut next: Option<Instant>,
    asked: &Asked<'_>,
    person: &Person<'_>,
    book: &AgreementBook,
) -> Option<Instant> {
    let today = asked.evaluated_at.london_day();
    let mut lapses = |last: Day| {
        let at = last.plus(1).start();
        if last >= today && next.is_none_or(|next| at < next) {
            next = Some(at);
        }
    };
    for one in person.contributions() {
        if let Some(last) = one.not_after {
            lapses(last);
        }
        for days in retentions(book, &one.key.agreement) {
            lapses(one.occurred_at.london_day().plus(days));
        }
    }
    for (_, facts) in person.subjects() {
        if let Some(last) = facts.chosen_until {
            lapses(last);
        }
    }
    next
}

/// The retention of every version: which of them counts is for whom it is in force.
fn retentions<'b>(
    book: &'b AgreementBook,
    agreement: &AgreementId,
) -> impl Iterator<Item = i32> + use<'b> {
    let editions = book.agreement(agreement).into_iter();
    editions
        .flat_map(|history| history.editions())
        .map(|edition| i32::try_from(edition.agreement.retention_days).unwrap_or(i32::MAX))
}

impl Core {
    /// Takes in what was found; returns the newest version.
    pub fn take(&mut self, looked: Looked) -> u64 {
        let (version, now) = (self.version + 1, looked.basis.at);
        for (person, row, next) in looked.found {
            self.agenda.set(person, next);
            self.put(person, row, version, now);
        }
        self.forget(now);
        self.basis = Some(Arc::new(looked.basis));
        self.version
    }

    fn put(&mut self, person: Pseudonym, row: Option<Row>, version: u64, now: Instant) {
        let before = self.people.get(&person);
        let same = match (before.and_then(|seen| seen.row.as_deref()), &row) {
            (Some(before), Some(row)) => before == row,
            (None, None) => true,
            _ => false,
        };
        if same {
            // It says the same and may rest on other events: whoever is told it now is told on the newest.
            if let Some(row) = row
                && let Some(seen) = self.people.get_mut(&person)
                && seen
                    .row
                    .as_ref()
                    .is_some_and(|seen| seen.rests_on.0 != row.rests_on.0)
            {
                seen.row = Some(Arc::new(row));
            }
            return;
        }
        if let Some(before) = before {
            let version = before.version;
            self.order.remove(&Place { version, person });
        }
        let place = Place { version, person };
        self.order.insert(place);
        if row.is_none() {
            self.gone.push_back((now, place));
        }
        let row = row.map(Arc::new);
        self.people.insert(person, Seen { row, version });
        self.version = version;
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, place)) = self.gone.front().copied() {
            if at.micros() + REMEMBERED_MICROS > now.micros() {
                break;
            }
            self.gone.pop_front();
            let seen = self.people.get(&place.person);
            // Who came back since is not forgotten.
            if seen.is_some_and(|seen| seen.row.is_none() && seen.version == place.version) {
                self.people.remove(&place.person);
                self.order.remove(&place);
                self.floor = self.floor.max(Some(place));
            }
        }
    }

    /// When time alone next changes something.
    pub fn next(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// What came after a cursor, at most so many people, in the order in which it came; and what all of it stands on.
    pub fn since(&self, cursor: Option<Cursor>, most: usize) -> Option<(Delta, Arc<Basis>)> {
        let basis = Arc::clone(self.basis.as_ref()?);
        let known = cursor.filter(|cursor| {
            // Who began later than somebody left was never told of them.
            let missed = self
                .floor
                .is_some_and(|floor| cursor.place < floor && cursor.began < floor.version);
            !missed && cursor.place.version <= self.version
        });
        let mut delta = Delta {
            whole: known.is_none(),
            rows: Vec::new(),
            left: Vec::new(),
            more: false,
            cursor: known.unwrap_or(Cursor {
                place: Place {
                    version: 0,
                    person: Pseudonym::new([0; 16]),
                },
                began: self.version,
            }),
        };
        let after = (Bound::Excluded(delta.cursor.place), Bound::Unbounded);
        let mut after = self.order.range(after);
        // Of whoever had left before the stream began it is told nothing.
        let told = |place: &Place, began: u64| {
            let seen = self.people.get(&place.person)?;
            (seen.row.is_some() || place.version > began).then_some(seen)
        };
        let began = delta.cursor.began;
        for place in after.by_ref() {
            match told(place, began).map(|seen| &seen.row) {
                None => continue,
                Some(None) => delta.left.push(place.person),
                Some(Some(row)) => delta.rows.push(Arc::clone(row)),
            }
            delta.cursor.place = *place;
            if delta.rows.len() + delta.left.len() >= most {
                break;
            }
        }
        delta.more = after.any(|place| told(place, began).is_some());
        if !delta.more {
            // All is told: what is forgotten from now on is nothing that would be missed.
            let last = Place {
                version: self.version,
                person: Pseudonym::new([u8::MAX; 16]),
            };
            delta.cursor.place = delta.cursor.place.max(last);
            // Whoever leaves from now on leaves after it: streams that began at different looks stand at one place.
            delta.cursor.began = delta.cursor.place.version;
        }
        Some((delta, basis))
    }
}

/// Whether some version of an agreement comes into force, or expires, between two days.
fn terms_turned(book: &AgreementBook, (before, today): (Day, Day)) -> bool {
    before != today
        && book.agreements().any(|(_, history)| {
            history.editions().any(|edition| {
                let period = &edition.agreement.period;
                let turned = |day: Day| before < day && day <= today;
                turned(period.effective) || turned(period.expiry.plus(1))
            })
        })
}

#[cfg(test)]
mod tests;
