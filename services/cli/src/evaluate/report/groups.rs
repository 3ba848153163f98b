//! Figures by band and by group, as far as they may be shown.

use super::{AtDay, Group, Tool, Whom};
use crate::evaluate::measure::{Case, Tally};
use crate::evaluate::truth::{GROUPS, Truth};
use crate::identity::evaluate::groups as small;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_view::View;

/// Sums of one group, and who is in it: somebody on several index days is one person.
#[derive(Default)]
struct Members {
    tallies: [Tally; 2],
    people: BTreeSet<u64>,
    met: BTreeSet<u64>,
}

/// Groups of one kind, as they may be shown. `order` comes first.
fn told(kind: &str, mut members: BTreeMap<String, Members>, order: &[String]) -> Vec<Group> {
    let names: Vec<String> = order
        .iter()
        .cloned()
        .chain(members.keys().filter(|name| !order.contains(name)).cloned())
        .collect();
    let sorted: Vec<(String, Members)> = names
        .into_iter()
        // A band that nobody is in has no line: it would have others hidden with it.
        .filter_map(|name| members.remove(&name).map(|of| (name, of)))
        .collect();
    let count = |of: fn(&Members) -> usize| -> Vec<u64> {
        let counts = sorted.iter().map(|(_, members)| of(members));
        counts
            .map(|count| u64::try_from(count).unwrap_or(u64::MAX))
            .collect()
    };
    let people = small::shown(&count(|of| of.people.len()));
    let met = small::shown(&count(|of| of.met.len()));
    sorted
        .into_iter()
        .zip(people.into_iter().zip(met))
        .map(|((group, members), (shown, next_shown))| {
            let [score, simple] = members.tallies.map(|tally| shown.then_some(tally));
            Group {
                kind: kind.to_owned(),
                group,
                score,
                simple,
                next_shown: shown && next_shown,
            }
        })
        .collect()
}

fn add(to: &mut BTreeMap<String, Members>, name: String, person: u64, tool: usize, case: Case) {
    let members = to.entry(name).or_default();
    if let Some(tally) = members.tallies.get_mut(tool) {
        tally.add(case);
    }
    members.people.insert(person);
    if case.next {
        members.met.insert(person);
    }
}

/// Calibration: of everybody in a band, met next.
pub(super) fn bands(days: &[AtDay<'_>], view: &View, capacity: u32, within: u32) -> Vec<Group> {
    const NO_ROW: &str = "no row";
    let mut members = BTreeMap::new();
    for day in days {
        for (place, tool) in Tool::ALL.into_iter().enumerate() {
            for (person, case) in day.cases(Whom::Everybody, tool, capacity, within) {
                let row = day.points(Tool::Score, person);
                let band = row.map_or(NO_ROW, |row| row.band.as_str());
                add(&mut members, band.to_owned(), person, place, case);
            }
        }
    }
    let mut order: Vec<String> = view.bands.iter().map(|band| band.name.clone()).collect();
    order.push(NO_ROW.to_owned());
    told("band", members, &order)
}

/// Errors by group, of those not yet on the street.
pub(super) fn groups(days: &[AtDay<'_>], truth: &Truth, capacity: u32, within: u32) -> Vec<Group> {
    let mut kinds: Vec<BTreeMap<String, Members>> =
        GROUPS.iter().map(|_| BTreeMap::new()).collect();
    for day in days {
        for (place, tool) in Tool::ALL.into_iter().enumerate() {
            for (person, case) in day.cases(Whom::NotYet, tool, capacity, within) {
                let groups = truth.groups(person, day.day);
                for (members, group) in kinds.iter_mut().zip(groups) {
                    add(members, group, person, place, case);
                }
            }
        }
    }
    let of_kinds = GROUPS.iter().zip(kinds);
    of_kinds
        .flat_map(|(kind, members)| told(kind, members, &[]))
        .collect()
}
