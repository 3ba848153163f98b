//! Streams that come and go see, in the end, the rows that stand; and are told of nobody's leaving who had left before they came.

use super::*;
use proptest::prelude::*;
use walbrook_policy::Catalogue;
use walbrook_policy::state::Pins;
use walbrook_view::row::Row;

fn agreements() -> Arc<Agreements> {
    Arc::new(Agreements {
        book: AgreementBook::new(Arc::new(Catalogue::new(Vec::new()))),
        pins: Pins::default(),
        view_files: Default::default(),
        next_offset: 0,
    })
}

fn person(n: u8) -> Pseudonym {
    Pseudonym::new([n; 16])
}

fn row(n: u8, points: i64) -> Row {
    Row {
        pseudonym: person(n),
        cells: Vec::new(),
        reasons: Vec::new(),
        points_hundredths: points,
        band: String::new(),
        sources: Vec::new(),
        rests_on: walbrook_view::RestsOn::default(),
    }
}

fn looked(at: Instant, found: Vec<(u8, Option<i64>)>) -> Looked {
    let found = found.into_iter();
    Looked {
        basis: Basis {
            agreements: agreements(),
            applied: Vec::new(),
            at,
            sources: Arc::default(),
            reads_next: 0,
            through: None,
        },
        found: found
            .map(|(n, points)| (person(n), points.map(|points| row(n, points)), None))
            .collect(),
    }
}

/// A client, with what it holds and who it was ever told of.
#[derive(Default)]
struct Client {
    cursor: Option<Cursor>,
    rows: BTreeMap<Pseudonym, i64>,
    began: bool,
}

impl Client {
    fn take(&mut self, core: &Core, most: usize) -> bool {
        let Some((delta, _)) = core.since(self.cursor, most) else {
            return false;
        };
        if delta.whole {
            self.rows.clear();
            self.began = true;
        }
        for row in &delta.rows {
            self.rows.insert(row.pseudonym, row.points_hundredths);
        }
        for person in &delta.left {
            self.rows.remove(person);
        }
        self.cursor = Some(delta.cursor);
        delta.more
    }
}

fn stands(core: &Core) -> BTreeMap<Pseudonym, i64> {
    let rows = core.people.iter();
    rows.filter_map(|(person, seen)| Some((*person, seen.row.as_ref()?.points_hundredths)))
        .collect()
}

#[derive(Debug, Clone)]
enum Step {
    Look(Vec<(u8, Option<i64>)>),
    /// A client asks for the next so many people.
    Take(usize, usize),
    /// A client that holds nothing comes in its place.
    Anew(usize),
    Minutes(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0..8u8, prop::option::of(0..3i64));
    prop_oneof![
        4 => prop::collection::vec(change, 0..4).prop_map(Step::Look),
        4 => (0..3usize, 1..4usize).prop_map(|(client, most)| Step::Take(client, most)),
        1 => (0..3usize).prop_map(Step::Anew),
        1 => (1..12i64).prop_map(Step::Minutes),
    ]
}

proptest! {
    #[test]
    fn clients_hold_what_stands_once_they_have_read_to_the_end(steps in prop::collection::vec(step(), 0..60)) {
        let mut core = Core::default();
        let mut now = Instant(0);
        let mut clients: [Client; 3] = Default::default();
        for step in steps {
            match step {
                Step::Look(mut found) => {
                    found.sort_by_key(|(n, _)| *n);
                    found.dedup_by_key(|(n, _)| *n);
                    core.take(looked(now, found));
                }
                Step::Take(client, most) => {
                    clients[client].take(&core, most);
                }
                Step::Anew(client) => clients[client] = Client::default(),
                Step::Minutes(minutes) => now = Instant(now.micros() + minutes * 60_000_000),
            }
        }
        core.take(looked(now, Vec::new()));
        for client in &mut clients {
            for most in [1, 500] {
                let ended = (0..200).any(|_| !client.take(&core, most));
                prop_assert!(ended, "it is told the same again and again");
            }
            prop_assert_eq!(&client.rows, &stands(&core));
        }
        // Nothing new: nothing is told, and nobody begins again.
        for client in &clients {
            let (delta, _) = core.since(client.cursor, 500).unwrap();
            prop_assert!(!delta.whole && delta.rows.is_empty() && delta.left.is_empty());
        }
    }
}

#[test]
fn whoever_comes_later_is_told_nothing_of_those_who_had_left() {
    let mut core = Core::default();
    core.take(looked(Instant(0), vec![(1, Some(1)), (2, Some(1))]));
    let mut early = Client::default();
    early.take(&core, 500);
    core.take(looked(Instant(1), vec![(1, None)]));
    let (delta, _) = core.since(None, 500).unwrap();
    assert!(delta.whole && delta.left.is_empty());
    assert_eq!(delta.rows.len(), 1);
    let late = delta.cursor;
    let (delta, _) = core.since(early.cursor, 500).unwrap();
    assert_eq!(delta.left, [person(1)], "the earlier one is");
    core.take(looked(Instant(2), vec![(2, None)]));
    let (delta, _) = core.since(Some(late), 500).unwrap();
    assert_eq!((delta.whole, delta.left), (false, vec![person(2)]));
}

#[test]
fn a_client_that_stays_is_not_told_everything_again_when_those_who_left_are_forgotten() {
    let mut core = Core::default();
    core.take(looked(Instant(0), vec![(1, Some(1)), (2, Some(1))]));
    let (mut stays, mut away) = (Client::default(), Client::default());
    away.take(&core, 500);
    core.take(looked(Instant(1), vec![(1, None)]));
    stays.take(&core, 500);
    core.take(looked(Instant(REMEMBERED_MICROS + 2), Vec::new()));
    assert!(!core.since(stays.cursor, 500).unwrap().0.whole);
    assert!(
        core.since(away.cursor, 500).unwrap().0.whole,
        "it could not be told of the one who left"
    );
}

#[test]
fn a_row_that_says_the_same_is_told_to_nobody_again_and_to_newcomers_on_its_newest_events() {
    let resting_on = |events: &[u64], at: i64| Looked {
        found: vec![(
            person(1),
            Some(Row {
                rests_on: walbrook_view::RestsOn(events.to_vec()),
                ..row(1, 100)
            }),
            None,
        )],
        ..looked(Instant(at), Vec::new())
    };
    let mut core = Core::default();
    core.take(resting_on(&[5], 1));
    let (first, _) = core.since(None, 10).unwrap();
    core.take(resting_on(&[5, 6], 2));
    let (again, _) = core.since(Some(first.cursor), 10).unwrap();
    assert!(again.rows.is_empty() && !again.whole);
    let (newcomer, _) = core.since(None, 10).unwrap();
    assert_eq!(newcomer.rows[0].rests_on.0, [5, 6]);
}
