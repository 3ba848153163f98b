//! Scope by area: rows, lists and counts of whoever was last met in the reader's own area, as released to the reader, and of nobody else.

use super::rows::Setting;
use super::support::*;
use crate::cohort::{Groups, Table};
use crate::page;
use proptest::prelude::*;

const CAMDEN: &str = "E09000007";
const HACKNEY: &str = "E09000012";
const CONTACT: &str = "housing.RoughSleepingContact";
/// Who holds the records: not the reader.
const SOURCE: &str = "GSS:E09000012";

fn setting() -> Setting {
    let mut setting = Setting::new("rough_sleeping_risk", &[(SOURCE, CONTACT)]);
    setting.reading.by_area = true;
    setting
}

fn met(setting: &mut Setting, p: u8, e: u8, (place, on): (&str, &str)) {
    setting.add(subject_input(p, p, subject(SOURCE, Some("2010-01-01"))));
    setting.release(contribution(
        (p, p, e),
        CONTACT,
        on,
        &[("area", text(place))],
    ));
}

fn shown(setting: &Setting) -> Vec<u8> {
    let asked = setting.asked(setting.at.start());
    let mut rows = Vec::new();
    page::collect(&asked, &setting.partition, None, &mut rows).unwrap();
    rows.iter().map(|row| row.pseudonym.as_bytes()[0]).collect()
}

/// How many a count would tell of, were no group too small.
fn counted(setting: &Setting) -> u64 {
    let asked = setting.asked(setting.at.start());
    let mut groups = Groups::new(&setting.view.cohort);
    groups.collect(&asked, &setting.partition).unwrap();
    let told = Table::of(&groups, &[]);
    told.cells.iter().filter_map(|cell| cell.people).sum()
}

#[test]
fn whoever_was_last_met_in_the_readers_area_is_within_scope_and_nobody_else() {
    let mut setting = setting();
    met(&mut setting, 1, 1, (CAMDEN, "2026-05-20"));
    met(&mut setting, 2, 2, (HACKNEY, "2026-05-20"));
    met(&mut setting, 3, 3, ("BUS", "2026-05-20"));
    assert_eq!(shown(&setting), [1]);
    // Who moves on leaves, and who comes is there.
    met(&mut setting, 1, 4, (HACKNEY, "2026-05-25"));
    met(&mut setting, 2, 5, (CAMDEN, "2026-05-25"));
    assert_eq!(shown(&setting), [2]);
    // A contact without a place says nothing of where.
    setting.release(contribution((2, 2, 6), CONTACT, "2026-05-26", &[]));
    assert_eq!(shown(&setting), [2]);
    // City Hall's area is all of London, the buses too.
    setting.reading.reader = org("GSS:E12000007");
    assert_eq!(shown(&setting), [1, 2, 3]);
    setting.reading.reader = org("CHARITY:street-outreach");
    assert_eq!(shown(&setting), [0; 0]);
}

#[test]
fn what_is_not_released_says_nothing_and_a_row_of_another_day_brings_nobody_back() {
    let mut setting = setting();
    met(&mut setting, 1, 1, (CAMDEN, "2026-05-20"));
    met(&mut setting, 1, 2, (HACKNEY, "2026-05-25"));
    setting.reading.asked_at = Some(setting.at.start());
    // Stated for a day on which they were here.
    setting.at = day("2026-05-21");
    assert_eq!(shown(&setting), [0; 0]);
    setting.at = day("2026-05-31");
    met(&mut setting, 1, 3, (CAMDEN, "2026-05-27"));
    assert_eq!(shown(&setting), [1]);
    setting.at = day("2026-05-26");
    assert_eq!(shown(&setting), [1], "they are here now");
    // The place is not granted any more: nobody knows where they are.
    setting.at = day("2026-05-31");
    let types = setting.view.needs();
    let area = crate::file::catalogue()
        .event(&CONTACT.parse().unwrap())
        .and_then(|shape| shape.fields.iter().position(|field| field.name == "area"));
    assert!(types.contains_key(&CONTACT.parse().unwrap()));
    setting.reading.grant.fields = !(1 << area.unwrap());
    assert_eq!(shown(&setting), [0; 0]);
}

#[test]
fn counts_and_watches_go_by_the_same_scope() {
    let mut setting = setting();
    for p in 1..=12 {
        met(&mut setting, p, p, (CAMDEN, "2026-05-20"));
    }
    for p in 20..=40 {
        met(&mut setting, p, p, (HACKNEY, "2026-05-20"));
    }
    assert_eq!(counted(&setting), 10, "twelve are told as ten");
    // A watch looks again when a contact that is known becomes the last one.
    met(&mut setting, 1, 50, (HACKNEY, "2026-06-02"));
    let asked = setting.asked(setting.at.start());
    let one = setting.partition.person(&person(1)).unwrap();
    let next = asked.changes_at(&one).unwrap().unwrap();
    assert!(next <= day("2026-06-02").start());
    setting.at = day("2026-06-02");
    assert!(!shown(&setting).contains(&1));
    let one = setting.partition.person(&person(1)).unwrap();
    assert!(
        setting
            .asked(setting.at.start())
            .row(&one)
            .unwrap()
            .is_none()
    );
}

proptest! {
    /// Whatever contacts there are, in whatever order they come: a person is within scope exactly while the last place said is the reader's.
    #[test]
    fn the_last_place_decides(met_at in prop::collection::vec((1u8..4, 0usize..4, 1u32..29), 1..12)) {
        const PLACES: [Option<&str>; 4] = [Some(CAMDEN), Some(HACKNEY), Some("UNDERGROUND"), None];
        let mut setting = setting();
        let mut last: std::collections::BTreeMap<u8, (u32, u8, &str)> = Default::default();
        for ((p, place, on), e) in met_at.iter().zip(1u8..) {
            let day = format!("2026-05-{on:02}");
            match PLACES[*place] {
                None => {
                    setting.add(subject_input(*p, *p, subject(SOURCE, Some("2010-01-01"))));
                    setting.release(contribution((*p, *p, e), CONTACT, &day, &[]));
                }
                Some(place) => {
                    met(&mut setting, *p, e, (place, &day));
                    let said = last.entry(*p).or_insert((0, 0, ""));
                    // Of one day the later event by its id is the last.
                    if (*on, e) >= (said.0, said.1) {
                        *said = (*on, e, place);
                    }
                }
            }
        }
        let expected: Vec<u8> = last
            .iter()
            .filter(|(_, (_, _, place))| *place == CAMDEN)
            .map(|(p, _)| *p)
            .collect();
        prop_assert_eq!(shown(&setting), expected);
    }
}
