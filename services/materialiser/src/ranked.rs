//! Everyone's rank, kept for each organisation's role that lists: so that the first page of a long list is not the work of the whole list.
//!
//! Only ranks are kept. The rows of a page are computed as always, and one that has another rank than was kept sends the list back to being worked
//! out whole. What may have changed since the last list is looked at before each: people whom the follower marked, and those for whom time says so.
//! Ranks stand for an instant and hold until the first moment at which one of them may turn; a list of an earlier instant, of another day than
//! today, in another order or under a condition is worked out whole.

use crate::book::Known as Agreements;
use crate::shelf::{Held, Shelf};
use crate::watch::{Marks, Touches, next};
use parking_lot::{Mutex, RwLockReadGuard};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Day, Instant, Pseudonym};
use walbrook_policy::state::AgreementBook;
use walbrook_view::order::Order;
use walbrook_view::page::Page;
use walbrook_view::passing::Agenda;
use walbrook_view::query::{After, Query};
use walbrook_view::row::Asked;
use walbrook_view::{IntegrityError, Partition, Person, Value, View, Viewer};

/// Ranks that nobody has asked for so long are let go.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Roles of which ranks are kept.
const MOST_ROLES: usize = 128;

/// A place in the list: most points first, then by person.
type Place = (Reverse<i64>, Pseudonym);
/// Of a view, an organisation, a role.
type Key = (String, String, String);

/// The ranks of all who list.
#[derive(Default)]
pub struct Ranks(Mutex<HashMap<Key, Kept>>);

struct Kept {
    ranked: Arc<Mutex<Ranked>>,
    asked: Monotonic,
}

/// The list that is asked for.
pub struct Wanted<'a> {
    /// The state of the view's purpose.
    pub shelf: &'a Arc<Shelf>,
    /// The agreements.
    pub agreements: &'a Agreements,
    /// Who lists.
    pub viewer: &'a Viewer,
    /// The question.
    pub query: &'a Query,
}

/// A page, and how far each partition was applied.
pub struct Listed {
    /// The page.
    pub page: Page,
    /// Next offset of each partition.
    pub applied: Vec<(i32, i64)>,
}

impl Ranks {
    /// The page that is asked for; `None`: it is to be worked out whole.
    ///
    /// # Errors
    /// When two agreements disagree about one event of anybody: nothing of the list is shown.
    pub fn page(
        &self,
        asked: &Asked<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Listed>, IntegrityError> {
        let order = &wanted.query.order;
        let today = wanted.query.read_at;
        let plain = *order == Order::default() && wanted.query.only.is_empty();
        let now =
            asked.evaluated_at <= today && asked.evaluated_at.london_day() == today.london_day();
        if !plain || !now {
            return Ok(None);
        }
        let Some(from) = from(wanted.query.after.as_ref()) else {
            return Ok(None);
        };
        let ranked = self.of(asked.view, wanted);
        ranked.lock().page(asked, wanted, from)
    }

    fn of(&self, view: &View, wanted: &Wanted<'_>) -> Arc<Mutex<Ranked>> {
        let viewer = wanted.viewer;
        let key = (
            view.name.clone(),
            viewer.organisation.to_string(),
            viewer.role.clone(),
        );
        let mut all = self.0.lock();
        all.retain(|_, kept| kept.asked.elapsed() < KEPT_FOR);
        if all.len() >= MOST_ROLES && !all.contains_key(&key) {
            let longest = all.iter().min_by_key(|(_, kept)| kept.asked);
            if let Some(longest) = longest.map(|(key, _)| key.clone()) {
                all.remove(&longest);
            }
        }
        let kept = all.entry(key).or_insert_with(|| Kept {
            ranked: Arc::new(Mutex::new(Ranked::new(view, wanted.shelf))),
            asked: Monotonic::now(),
        });
        kept.asked = Monotonic::now();
        let ranked = Arc::clone(&kept.ranked);
        let same = {
            let ranked = ranked.lock();
            Arc::ptr_eq(&ranked.shelf, wanted.shelf) && ranked.view == view.sha256
        };
        if same {
            return ranked;
        }
        // Another version of the view serves by now.
        kept.ranked = Arc::new(Mutex::new(Ranked::new(view, wanted.shelf)));
        Arc::clone(&kept.ranked)
    }
}

/// Where a page begins; `None`: not at a rank.
fn from(after: Option<&After>) -> Option<Bound<Place>> {
    match after {
        None => Some(Bound::Unbounded),
        Some(After {
            key: Some(Value::Int(points)),
            pseudonym,
        }) => Some(Bound::Excluded((Reverse(*points), *pseudonym))),
        Some(_) => None,
    }
}

/// What all ranks stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Basis {
    /// Next offset of the agreements.
    agreements: i64,
    /// Expiry, retention and effective days take no record: on another day everything is asked again.
    day: Day,
}

/// The ranks of one organisation's role.
struct Ranked {
    shelf: Arc<Shelf>,
    view: [u8; 32],
    touched: Arc<Touches>,
    basis: Option<Basis>,
    /// The instant the ranks stand for.
    at: Instant,
    points: BTreeMap<Pseudonym, i64>,
    places: BTreeSet<Place>,
    agenda: Agenda,
}

impl Ranked {
    fn new(view: &View, shelf: &Arc<Shelf>) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            view: view.sha256,
            touched: shelf.touches(),
            basis: None,
            at: Instant(0),
            points: BTreeMap::new(),
            places: BTreeSet::new(),
            agenda: Agenda::default(),
        }
    }

    fn page(
        &mut self,
        asked: &Asked<'_>,
        wanted: &Wanted<'_>,
        from: Bound<Place>,
    ) -> Result<Option<Listed>, IntegrityError> {
        let basis = Basis {
            agreements: wanted.agreements.next_offset,
            day: wanted.query.read_at.london_day(),
        };
        let everyone = self.basis != Some(basis);
        if everyone {
            self.points.clear();
            self.places.clear();
            self.agenda = Agenda::default();
            self.at = asked.evaluated_at;
        } else if asked.evaluated_at < self.at {
            return Ok(None);
        }
        // Until all that is marked is looked at, what is kept may lack some of it.
        self.basis = None;
        let due = self.agenda.take_due(asked.evaluated_at);
        if !due.is_empty() {
            self.at = asked.evaluated_at;
        }
        let stand = Asked {
            evaluated_at: self.at,
            disputes: None,
            ..*asked
        };
        let shelf = Arc::clone(&self.shelf);
        // Most of it partition by partition, so that the follower waits for none of it long; then what came meanwhile, of all at one moment.
        for (held, number) in shelf.partitions().iter().zip(0..) {
            let held = held.read();
            let people = self.wanted(&held.state, number, &due, everyone);
            self.look(&stand, &held.state, people, &wanted.agreements.book)?;
        }
        let guards: Vec<RwLockReadGuard<'_, Held>> =
            shelf.partitions().iter().map(|held| held.read()).collect();
        for (held, number) in guards.iter().zip(0..) {
            let people = self.wanted(&held.state, number, &[], false);
            self.look(&stand, &held.state, people, &wanted.agreements.book)?;
        }
        // Something that came may have happened behind the instant that ranks stood for: whoever it is about is due by now.
        let due = self.agenda.take_due(asked.evaluated_at);
        if !due.is_empty() {
            self.at = asked.evaluated_at;
            let stand = Asked {
                evaluated_at: self.at,
                ..stand
            };
            for (held, number) in guards.iter().zip(0..) {
                let people = self.wanted(&held.state, number, &due, false);
                self.look(&stand, &held.state, people, &wanted.agreements.book)?;
            }
        }
        let listed = self.cut(asked, (from, wanted.query.limit), &guards)?;
        self.basis = listed.is_some().then_some(basis);
        Ok(listed)
    }

    /// Who is to be looked at in one partition; called while it is held, so that what the state has is marked.
    fn wanted(
        &self,
        state: &Partition,
        number: i32,
        due: &[Pseudonym],
        everyone: bool,
    ) -> BTreeSet<Pseudonym> {
        let Marks {
            mut people,
            sources,
        } = self.touched.take(number);
        if everyone {
            people.extend(state.people().map(|person| person.pseudonym));
            return people;
        }
        let here = |person: &&Pseudonym| {
            let place = self.shelf.of(person);
            place.is_some_and(|(at, _)| at == number)
        };
        people.extend(due.iter().filter(here));
        if !sources.is_empty() {
            let heard = |one: Person<'_>| {
                let mut subjects = one.subjects();
                subjects.any(|(_, facts)| sources.contains(&facts.organisation))
            };
            let ranked = self.points.keys().filter(here);
            people.extend(ranked.filter(|one| state.person(one).is_some_and(heard)));
        }
        people
    }

    fn look(
        &mut self,
        stand: &Asked<'_>,
        state: &Partition,
        people: BTreeSet<Pseudonym>,
        book: &AgreementBook,
    ) -> Result<(), IntegrityError> {
        for person in people {
            let one = state.person(&person);
            let (points, turns) = match &one {
                None => (None, None),
                Some(one) => {
                    let row = stand.row(one)?;
                    let points = row.map(|row| row.points_hundredths);
                    (points, next(stand, one, book)?)
                }
            };
            self.agenda.set(person, turns);
            self.set(person, points);
        }
        Ok(())
    }

    fn set(&mut self, person: Pseudonym, points: Option<i64>) {
        let before = match points {
            Some(points) => self.points.insert(person, points),
            None => self.points.remove(&person),
        };
        if before == points {
            return;
        }
        if let Some(before) = before {
            self.places.remove(&(Reverse(before), person));
        }
        if let Some(points) = points {
            self.places.insert((Reverse(points), person));
        }
    }

    /// The rows of the page; `None` when one does not have the rank that was kept.
    fn cut(
        &self,
        asked: &Asked<'_>,
        (from, limit): (Bound<Place>, u32),
        guards: &[RwLockReadGuard<'_, Held>],
    ) -> Result<Option<Listed>, IntegrityError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut places = self.places.range((from, Bound::Unbounded));
        let mut rows = Vec::new();
        for (points, person) in places.by_ref().take(limit) {
            let held = self
                .shelf
                .of(person)
                .and_then(|(number, _)| guards.get(usize::try_from(number).ok()?));
            let one = held.and_then(|held| held.state.person(person));
            let row = match &one {
                Some(one) => asked.row(one)?,
                None => None,
            };
            match row.filter(|row| row.points_hundredths == points.0) {
                Some(row) => rows.push(row),
                None => {
                    tracing::error!(
                        "a row has another rank than was kept; the list is worked out whole"
                    );
                    return Ok(None);
                }
            }
        }
        let more = places.next().is_some();
        let applied = guards.iter().zip(0..);
        Ok(Some(Listed {
            page: Page {
                rows,
                total: self.places.len(),
                more,
            },
            applied: applied
                .map(|(held, number)| (number, held.next_offset))
                .collect(),
        }))
    }
}

#[cfg(test)]
mod tests;
