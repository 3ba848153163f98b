//! Cohort mode: what is told of a group, that no question tells more, and who is counted at all.

use super::support::*;
use crate::Input;
use crate::cohort::{CountQuery, Groups, LEAST, ROUNDED_TO, Table, stated_for};
use crate::model::View;
use crate::row::Asked;
use crate::state::Partition;
use crate::value::Value;
use proptest::prelude::*;
use std::collections::BTreeMap;
use walbrook_domain::{Instant, Precision, WorkingCalendar};

const CAMDEN: &str = "GSS:E09000007";
const CONTACT: &str = "housing.RoughSleepingContact";

/// Two dimensions of three and four categories, in a file of its own.
fn two_dimensions() -> View {
    let text = r#"
name = "counted"
title = "Counted"
purpose = "rough-sleeping"
population = "adults"
modes = ["cohort"]

[[source]]
event = "housing.RoughSleepingContact"
silent_after_days = 14

[[feature]]
name = "met"
kind = "count"
event = "housing.RoughSleepingContact"

[[feature]]
name = "status"
kind = "last"
event = "housing.RoughSleepingContact"
field = "derived_status"

[[column]]
output = "met"
label = "Met"
meaning = "How often."

[[column]]
output = "status"
label = "Status"
meaning = "Flow or not."

[[cohort]]
name = "met"
label = "Met"
meaning = "How often."
output = "met"
from = [1, 2, 5]

[[cohort]]
name = "status"
label = "Status"
meaning = "Flow or not."
output = "status"
values = ["FLOW", "STOCK"]
"#;
    crate::file::read("counted.toml", text, &catalogue())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

/// Every question that can be asked of the table.
fn questions() -> [Vec<String>; 4] {
    let both = ["met".to_owned(), "status".to_owned()];
    [
        Vec::new(),
        vec![both[0].clone()],
        vec![both[1].clone()],
        both.to_vec(),
    ]
}

/// Everything that anybody can be told of these people.
fn told(view: &View, people: &[u64]) -> Vec<Table> {
    let groups = Groups::with(&view.cohort, people);
    questions()
        .iter()
        .map(|by| Table::of(&groups, by))
        .collect()
}

fn size(view: &View) -> usize {
    view.cohort.iter().map(|one| one.categories.len()).product()
}

#[test]
fn groups_under_ten_are_not_told_and_others_are_multiples_of_five() {
    let view = two_dimensions();
    let mut people = vec![0; size(&view)];
    people[..6].copy_from_slice(&[9, 10, 12, 13, 17, 18]);
    let tables = told(&view, &people);
    let finest: Vec<Option<u64>> = tables[3]
        .cells
        .iter()
        .take(6)
        .map(|cell| cell.people)
        .collect();
    assert_eq!(
        finest,
        [None, Some(10), Some(10), Some(15), Some(15), Some(20)]
    );
    // Nobody and few look the same, and so do all cells in which every group is small.
    assert!(
        tables[3].cells[6..]
            .iter()
            .all(|cell| cell.people.is_none() && cell.withheld == 1)
    );
    assert_eq!(tables[0].cells[0].people, Some(70));
    assert_eq!(
        usize::try_from(tables[0].cells[0].withheld).unwrap(),
        size(&view) - 5
    );
}

/// What somebody learns of each finest group who takes every shown total apart: a total less its other shown parts.
fn differenced(
    finest: &Table,
    coarser: &[Table],
    totals: impl Fn(&Table, usize) -> Option<u64>,
) -> BTreeMap<usize, u64> {
    let mut learned = BTreeMap::new();
    for table in coarser {
        for (at, cell) in table.cells.iter().enumerate() {
            let parts: Vec<usize> = (0..finest.cells.len())
                .filter(|part| {
                    let of = &finest.cells[*part].categories;
                    let mut kept = table.kept.iter().zip(&cell.categories);
                    kept.all(|(dimension, category)| of[*dimension] == *category)
                })
                .collect();
            let hidden: Vec<usize> = parts
                .iter()
                .copied()
                .filter(|part| finest.cells[*part].people.is_none())
                .collect();
            let shown: u64 = parts
                .iter()
                .filter_map(|part| finest.cells[*part].people)
                .sum();
            if let ([only], Some(total)) = (hidden.as_slice(), totals(table, at)) {
                learned.insert(*only, total - shown);
            }
        }
    }
    learned
}

#[test]
fn the_attack_by_differences_works_on_true_margins_and_learns_nothing_here() {
    let view = two_dimensions();
    // Multiples of five, so that rounding gives the attacker no trouble; one small group among them.
    let mut people = vec![20; size(&view)];
    people[7] = 3;
    let groups = Groups::with(&view.cohort, &people);
    let tables = told(&view, &people);
    let true_total = |table: &Table, at: usize| -> Option<u64> {
        let of = |part: usize| {
            let categories = &tables[3].cells[part].categories;
            let cell = &table.cells[at];
            table
                .kept
                .iter()
                .zip(&cell.categories)
                .all(|(dimension, category)| categories[*dimension] == *category)
        };
        Some(
            (0..people.len())
                .filter(|part| of(*part))
                .map(|part| people[part])
                .sum(),
        )
    };
    assert_eq!(
        differenced(&tables[3], &tables[..3], true_total),
        [(7, 3)].into(),
        "with true margins"
    );
    let learned = differenced(&tables[3], &tables[..3], |table, at| table.cells[at].people);
    assert_eq!(learned, [(7, 0)].into(), "zero, whatever it holds");
    for hidden in 0..LEAST {
        let mut other = people.clone();
        other[7] = hidden;
        assert_eq!(told(&view, &other), tables, "{hidden} people");
    }
    assert_eq!(groups, Groups::with(&view.cohort, &people));
}

fn people() -> impl Strategy<Value = Vec<u64>> {
    let group = prop_oneof![4 => 0_u64..10, 3 => 8_u64..30, 1 => 0_u64..2_000];
    proptest::collection::vec(group, size(&two_dimensions()))
}

proptest! {
    /// The rule, exactly: whatever is asked, all small groups together may hold any numbers from 0 to 9.
    #[test]
    fn no_answer_and_no_difference_of_answers_tells_of_a_small_group(people in people(), others in proptest::collection::vec(0_u64..10, 64)) {
        let view = two_dimensions();
        let mut other = people.clone();
        for (place, people) in other.iter_mut().enumerate() {
            if *people < LEAST {
                *people = others[place % others.len()];
            }
        }
        prop_assert_eq!(told(&view, &people), told(&view, &other));
    }

    /// Two states that differ in one person: nothing is told of it but where its own group comes into sight or steps to the next multiple.
    #[test]
    fn one_person_more_moves_nothing_but_its_own_group_s_step(people in people(), at in any::<prop::sample::Index>()) {
        let view = two_dimensions();
        let at = at.index(people.len());
        let mut more = people.clone();
        more[at] += 1;
        let (before, after) = (told(&view, &people), told(&view, &more));
        let steps = more[at] == LEAST || more[at] > LEAST && more[at] % ROUNDED_TO == 3;
        prop_assert_eq!(before != after, steps);
        for (before, after) in before[3].cells.iter().zip(&after[3].cells).enumerate().filter(|(place, _)| *place != at).map(|(_, pair)| pair) {
            prop_assert_eq!(before, after);
        }
    }

    /// Every coarser cell is the sum of what is told of its finest groups, and each group of the table is in it once.
    #[test]
    fn coarser_tables_are_sums_of_what_is_told(people in people()) {
        let view = two_dimensions();
        let tables = told(&view, &people);
        let sum = |table: &Table| table.cells.iter().filter_map(|cell| cell.people).sum::<u64>();
        let groups = |table: &Table| table.cells.iter().map(|cell| (cell.groups, cell.withheld)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        for table in &tables {
            prop_assert_eq!(sum(table), sum(&tables[3]));
            prop_assert_eq!(groups(table), groups(&tables[3]));
        }
    }
}

/// A partition with so many adults in Camden, each met once on a day.
fn met(people: u8, on: &str) -> Partition {
    let mut partition = Partition::default();
    for p in 1..=people {
        partition.apply(
            subject_input(p, p, subject(CAMDEN, Some("2010-01-01"))),
            &mut Vec::new(),
        );
        let fields = [
            ("bedded_down", Value::Bool(true)),
            ("derived_status", text("FLOW")),
        ];
        partition.apply(
            Input::Release(contribution((p, p, p), CONTACT, on, &fields)),
            &mut Vec::new(),
        );
    }
    partition
}

fn counted(view: &View, partition: &Partition, at: Instant) -> Table {
    let reading = granted(&[(CAMDEN, CONTACT)]);
    let calendar = WorkingCalendar::new([]);
    let asked = Asked {
        view,
        reading: &reading,
        evaluated_at: stated_for(at),
        case_named: false,
        glass_broken: false,
        disputes: None,
        calendar: &calendar,
    };
    let mut groups = Groups::new(&view.cohort);
    groups.collect(&asked, partition).unwrap();
    Table::of(&groups, &questions()[3])
}

#[test]
fn a_table_is_stated_for_the_end_of_the_last_whole_london_month() {
    for (now, stated) in [
        ("2026-05-31T22:59:59Z", "2026-04-30T22:59:59.999999Z"),
        ("2026-05-31T23:00:00Z", "2026-05-31T22:59:59.999999Z"),
        ("2026-01-01T00:00:00Z", "2025-12-31T23:59:59.999999Z"),
    ] {
        let now = Instant::parse_rfc3339(now).unwrap();
        assert_eq!(stated_for(now).rfc3339(), stated);
    }
}

#[test]
fn what_happens_this_month_changes_no_answer_this_month() {
    let view = two_dimensions();
    let at = day("2026-05-20").start();
    let before = met(12, "2026-04-30");
    let table = counted(&view, &before, at);
    assert_eq!(
        table
            .cells
            .iter()
            .filter_map(|cell| cell.people)
            .collect::<Vec<_>>(),
        [10]
    );
    let mut after = before.clone();
    for p in 1..=9 {
        let fields = [("derived_status", text("STOCK"))];
        let mut met = contribution((p, p, 100 + p), CONTACT, "2026-05-01", &fields);
        met.precision = Precision::Day;
        after.apply(Input::Release(met), &mut Vec::new());
    }
    assert_eq!(counted(&view, &after, at).sha256(), table.sha256());
    assert_ne!(
        counted(&view, &after, day("2026-06-01").start()).sha256(),
        table.sha256()
    );
    // A withdrawal is not put off: it counts in the next answer, and shows where a group steps.
    after.apply(Input::Retraction(retraction(1)), &mut Vec::new());
    after.apply(Input::Retraction(retraction(2)), &mut Vec::new());
    after.apply(Input::Retraction(retraction(3)), &mut Vec::new());
    assert!(counted(&view, &after, at).is_empty());
}

#[test]
fn children_and_unknown_ages_are_not_counted() {
    let view = two_dimensions();
    let at = day("2026-05-20").start();
    let mut partition = met(12, "2026-04-30");
    for (p, adult_from) in [(1, None), (2, Some("2026-05-01")), (3, None)] {
        partition.apply(
            subject_input(p, p, subject(CAMDEN, adult_from)),
            &mut Vec::new(),
        );
    }
    assert!(counted(&view, &partition, at).is_empty());
}

#[test]
fn the_question_of_a_count_is_read_back() {
    for by in questions() {
        let query = CountQuery {
            read_at: day("2026-05-20").start(),
            by,
        };
        assert_eq!(query.to_string().parse(), Ok(query));
    }
    assert!(
        "v1 read_at=2026-05-20T00:00:00Z limit=1 after=-"
            .parse::<CountQuery>()
            .is_err()
    );
}

/// What a view file says of cohort mode when `from` in it is replaced.
fn faults(from: &str, to: &str) -> String {
    let text = two_dimensions().text;
    assert!(text.contains(from), "{from}");
    let read = crate::file::read("counted.toml", &text.replacen(from, to, 1), &catalogue());
    read.map_or_else(|faults| faults.to_string(), |_| String::new())
}

#[test]
fn a_table_is_checked_when_its_file_is_read() {
    for (from, to, said) in [
        (
            "modes = [\"cohort\"]",
            "modes = [\"case\"]",
            "not read in cohort mode",
        ),
        ("values = [\"FLOW\", \"STOCK\"]", "", "name its `values`"),
        ("from = [1, 2, 5]", "from = [2, 1]", "ascending"),
        ("from = [1, 2, 5]", "", "ascending"),
        (
            "output = \"status\"\nvalues",
            "output = \"other\"\nvalues",
            "no column that every role sees",
        ),
        (
            "meaning = \"Flow or not.\"\n",
            "meaning = \"Flow or not.\"\nroles = [\"officer\"]\n",
            "no column that every role sees",
        ),
        (
            "name = \"status\"\nlabel = \"Status\"\nmeaning = \"Flow or not.\"\noutput",
            "name = \"met\"\nlabel = \"Status\"\nmeaning = \"Flow or not.\"\noutput",
            "stands twice",
        ),
        (
            "event = \"housing.RoughSleepingContact\"\nsilent",
            "event = \"tfl.OutreachNotified\"\nsilent",
            "never enters a person's row",
        ),
    ] {
        let found = faults(from, to);
        assert!(found.contains(said), "{to}: {found}");
    }
    let many: Vec<String> = (0..200).map(|number| format!("\"C{number}\"")).collect();
    let found = faults("[\"FLOW\", \"STOCK\"]", &format!("[{}]", many.join(", ")));
    assert!(found.contains("at most 600"), "{found}");
}

#[test]
fn the_shipped_view_has_a_table_and_the_children_s_views_have_none() {
    assert_eq!(view("rough_sleeping_risk").cohort.len(), 3);
    for name in ["children_in_care", "ssda903_return"] {
        assert!(view(name).cohort.is_empty(), "{name}");
    }
}
