//! Random histories of a city: late, duplicate, corrected, recalled, withdrawn, decided again, merged, un-merged, erased, in any order that keeps
//! each handle's, with the store put back at any point. What the fold holds and what every row says must be what the source says, worked out
//! without a fold. Each of the planted faults must be found by the same check.

mod planted;
mod rows;
mod source;

use super::rows::Setting;
use super::support::*;
use crate::facts::Input;
use crate::state::Partition;
use planted::{Fault, Folded};
use proptest::prelude::*;
use source::{Act, City, Kept, PARTITIONS, act, kept};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A history: what happened, how handles were interleaved, and where the process died.
#[derive(Debug, Clone)]
struct History {
    acts: Vec<Act>,
    picks: Vec<prop::sample::Index>,
    deaths: Vec<prop::sample::Index>,
    kept: Kept,
}

fn history() -> impl Strategy<Value = History> {
    (
        prop::collection::vec(act(), 0..50),
        prop::collection::vec(any::<prop::sample::Index>(), 64),
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        kept(),
    )
        .prop_map(|(acts, picks, deaths, kept)| History {
            acts,
            picks,
            deaths,
            kept,
        })
}

fn setting() -> Setting {
    let sources = [source::CONTACT, source::ARREARS].map(|one| ("GSS:E09000007", one));
    let mut setting = Setting::new("rough_sleeping_risk", &sources);
    // What is not held against the source need not be computed a million times.
    let features = &mut setting.view.features;
    features.retain(|feature| rows::COLUMNS.contains(&feature.name.as_str()));
    setting.view.rules.clear();
    setting
}

/// Folds the log of each partition, dies and restores as the history says, and holds everything against the source.
fn run(setting: &mut Setting, history: &History, fault: Option<Fault>) -> Result<(), String> {
    let city = City::after(&history.acts);
    let mut folded = Vec::new();
    for log in city.log(&history.picks) {
        let deaths = history.deaths.iter().map(|at| at.index(log.len() + 1));
        let deaths: Vec<usize> = deaths.collect();
        folded.push(fold(&log, &deaths, &history.kept, fault)?);
    }
    stands(&folded, &city, &history.kept)?;
    rows::check(setting, folded, (&city, &history.kept))
}

fn fold(
    log: &[Input],
    deaths: &[usize],
    kept: &Kept,
    fault: Option<Fault>,
) -> Result<Partition, String> {
    let mut live = Folded::new(kept, fault);
    let today = |at: usize| {
        let to_come = i32::try_from(log.len() - at).unwrap_or(i32::MAX);
        day(source::TODAY).plus(if kept.swept { -to_come } else { 0 })
    };
    for (at, input) in log.iter().enumerate() {
        if deaths.contains(&at) {
            live.die()?;
            live.sweep(today(at))?;
        }
        live.apply(input.clone(), today(at))?;
    }
    if deaths.contains(&log.len()) {
        live.die()?;
    }
    live.sweep(today(log.len()))?;
    Ok(live.state)
}

/// What the partitions hold, item by item.
fn stands(folded: &[Partition], city: &City, kept: &Kept) -> Result<(), String> {
    let mut found = source::Standing::new();
    let mut known = BTreeMap::new();
    let (mut standing, subjects) = (city.standing(), city.known());
    // What may not be kept is gone, but that it corrects something.
    standing
        .retain(|(.., a), (_, version, one)| !kept.is_over(*a, *version, one) || one.of.is_some());
    for person in folded.iter().flat_map(Partition::people) {
        let p = person.pseudonym.as_bytes()[0];
        for (handle, facts) in person.subjects() {
            let h = handle.as_bytes()[0];
            if *facts != source::facts(h) || known.insert(h, p).is_some() {
                return Err(format!("the subject record of {h} stands wrongly"));
            }
        }
        for one in person.contributions() {
            let a = u8::from(one.key.agreement == source::named(1));
            let key = (one.key.handle.as_bytes()[0], one.key.event.as_bytes()[0], a);
            let Some(must) = standing.get(&key) else {
                return Err(format!("{key:?} stands and must not"));
            };
            let whole = source::contributed((must.0, key.0, key.1), a, must.1, &must.2);
            let bare = kept.is_over(a, must.1, &must.2);
            let says_so = match bare {
                true => {
                    one.is_bare() && one.fields.is_empty() && one.supersedes == whole.supersedes
                }
                false => one == whole,
            };
            if !says_so {
                return Err(format!("{key:?} says something else than was released"));
            }
            if found.insert(key, must.clone()).is_some() {
                return Err(format!("{key:?} stands twice"));
            }
        }
    }
    if found != standing {
        return Err(format!(
            "{} stand instead of {}",
            found.len(),
            standing.len()
        ));
    }
    if known != subjects {
        return Err(format!("subjects {known:?} instead of {subjects:?}"));
    }
    let heard = |one: &Partition| {
        let days: Vec<_> = one.heartbeats().map(|(_, on)| on).collect();
        days == [day(source::TODAY); 2]
    };
    if !folded.iter().all(heard) {
        return Err("a source was heard later than the view says".to_owned());
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_stands_and_every_row_is_what_the_source_says(history in history()) {
        thread_local!(static SETTING: RefCell<Setting> = RefCell::new(setting()));
        let ran = SETTING.with_borrow_mut(|setting| run(setting, &history, None));
        prop_assert_eq!(ran, Ok(()));
    }
}

#[test]
fn every_planted_fault_is_found() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    const HISTORIES: usize = 400;
    let mut runner = TestRunner::deterministic();
    let histories: Vec<History> = (0..HISTORIES)
        .map(|_| history().new_tree(&mut runner).unwrap().current())
        .collect();
    let mut setting = setting();
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let found = histories
            .iter()
            .find_map(|history| run(&mut setting, history, Some(fault)).err());
        match found {
            Some(broken) => println!("{fault:?}: {broken}"),
            None => missed.push(fault),
        }
    }
    assert!(
        missed.is_empty(),
        "not found in {HISTORIES} histories: {missed:?}"
    );
    assert_eq!(
        PARTITIONS, 2,
        "people of odd and of even numbers stand apart"
    );
}
