//! Everyone's rank, kept for each organisation's role that lists: so that the first page of a long list is not the work of the whole list. So are
//! the values of the few columns that its lists were last put in order or chosen by.
//!
//! Nothing else is kept. The rows of a page are computed as always, and one that says another thing than was kept sends the list back to being worked
//! out whole. What may have changed since the last list is looked at before each: people whom the follower marked, and those for whom time says so.
//! What is kept stands for an instant and holds until the first moment at which a row may turn; a list of an earlier instant or of another day than
//! today is worked out whole, and the first list by a column looks at everybody.

mod chosen;

use crate::book::Known as Agreements;
use crate::shelf::{Held, Shelf};
use crate::watch::{Marks, Touches, next};
use parking_lot::{Mutex, RwLockReadGuard};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Day, Instant, Pseudonym};
use walbrook_policy::state::AgreementBook;
use walbrook_view::condition::Condition;
use walbrook_view::order;
use walbrook_view::page::Page;
use walbrook_view::passing::Agenda;
use walbrook_view::query::Query;
use walbrook_view::row::{Asked, Row};
use walbrook_view::{IntegrityError, Known, Partition, Person, View, Viewer};

/// Ranks that nobody has asked for so long are let go.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Roles of which ranks are kept.
const MOST_ROLES: usize = 128;

/// Columns of which a role's values are kept.
const MOST_COLUMNS: usize = 8;

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
    /// Its condition.
    pub only: Option<&'a Condition>,
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
        let today = wanted.query.read_at;
        let now =
            asked.evaluated_at <= today && asked.evaluated_at.london_day() == today.london_day();
        if !now {
            return Ok(None);
        }
        let ranked = self.of(asked.view, wanted);
        ranked.lock().page(asked, wanted)
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
    people: BTreeMap<Pseudonym, Ranking>,
    places: BTreeSet<Place>,
    agenda: Agenda,
    /// What values are kept of, in the order in which they were first asked for.
    columns: Vec<String>,
}

/// What is kept of somebody.
#[derive(Debug, PartialEq, Eq)]
struct Ranking {
    points: i64,
    /// What the row says in each of the columns; where it says nothing of one, that nothing is known.
    values: Box<[Known]>,
}

impl Ranked {
    fn new(view: &View, shelf: &Arc<Shelf>) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            view: view.sha256,
            touched: shelf.touches(),
            basis: None,
            at: Instant(0),
            people: BTreeMap::new(),
            places: BTreeSet::new(),
            agenda: Agenda::default(),
            columns: Vec::new(),
        }
    }

    /// Sees to it that the values of these columns are kept; whether they were.
    fn keeps(&mut self, wanted: &BTreeSet<&str>) -> bool {
        let kept = |columns: &[String], one: &str| columns.iter().any(|column| column == one);
        if wanted.iter().all(|one| kept(&self.columns, one)) {
            return true;
        }
        self.columns
            .retain(|column| !wanted.contains(column.as_str()));
        let most = MOST_COLUMNS.saturating_sub(wanted.len());
        let over = self.columns.len().saturating_sub(most);
        self.columns.drain(..over);
        self.columns
            .extend(wanted.iter().map(|one| (*one).to_owned()));
        false
    }

    fn page(
        &mut self,
        asked: &Asked<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Listed>, IntegrityError> {
        let columns = wanted.columns();
        if columns.len() > MOST_COLUMNS {
            return Ok(None);
        }
        let basis = Basis {
            agreements: wanted.agreements.next_offset,
            day: wanted.query.read_at.london_day(),
        };
        let kept = self.keeps(&columns);
        let everyone = !kept || self.basis != Some(basis);
        if everyone {
            self.people.clear();
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
        let (chosen, total, more) = match wanted.from() {
            Some(from) => self.ranked(from, wanted.limit()),
            None => self.chosen(wanted),
        };
        let rows = self.rows(asked, &chosen, &guards)?;
        let applied = guards.iter().zip(0..);
        let listed = rows.map(|rows| Listed {
            page: Page { rows, total, more },
            applied: applied
                .map(|(held, number)| (number, held.next_offset))
                .collect(),
        });
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
            let ranked = self.people.keys().filter(here);
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
            let (ranking, turns) = match &one {
                None => (None, None),
                Some(one) => {
                    let row = stand.row(one)?;
                    let ranking = row.map(|row| self.ranking(&row));
                    (ranking, next(stand, one, book)?)
                }
            };
            self.agenda.set(person, turns);
            self.set(person, ranking);
        }
        Ok(())
    }

    fn ranking(&self, row: &Row) -> Ranking {
        let value = |column: &String| order::cell(row, column).unwrap_or(Known::NotKnown(None));
        Ranking {
            points: row.points_hundredths,
            values: self.columns.iter().map(value).collect(),
        }
    }

    fn set(&mut self, person: Pseudonym, ranking: Option<Ranking>) {
        let points = ranking.as_ref().map(|ranking| ranking.points);
        let before = match ranking {
            Some(ranking) => self.people.insert(person, ranking),
            None => self.people.remove(&person),
        };
        let before = before.map(|before| before.points);
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
}

#[cfg(test)]
mod tests;
