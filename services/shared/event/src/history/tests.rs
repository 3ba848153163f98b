use super::*;
use proptest::prelude::*;
use walbrook_domain::Handle;

const DAY: i64 = 24 * 3_600 * 1_000_000;

fn entry(offset: i64, at: i64, event: u128, hash: u8) -> Entry {
    Entry {
        offset,
        accepted_at_micros: at,
        organisation: "GSS:E09000007".parse().unwrap(),
        subject: Subject::Handle(Handle::new([1; 16])),
        event: format!("{event:032x}").parse().unwrap(),
        content_hash: [hash; 16],
        supersedes: None,
    }
}

fn superseding(offset: i64, at: i64, event: u128, earlier: u128) -> Entry {
    Entry {
        supersedes: Some(format!("{earlier:032x}").parse().unwrap()),
        ..entry(offset, at, event, 0)
    }
}

fn history(entries: &[Entry]) -> History {
    let mut history = History::new();
    entries
        .iter()
        .cloned()
        .for_each(|entry| history.observe(entry));
    history
}

#[test]
fn a_retry_within_the_window_is_a_duplicate_and_other_bytes_conflict() {
    let all = [
        entry(0, 0, 1, 7),
        entry(1, DAY, 1, 7),
        entry(2, DAY, 1, 8),
        entry(9, 20 * DAY, 1, 7),
    ];
    let history = history(&all);
    let standings: Vec<_> = all
        .iter()
        .map(|entry| history.standing(entry, entry.offset))
        .collect();
    assert_eq!(
        standings,
        [
            Standing::Counts,
            Standing::Duplicate,
            Standing::Conflicting,
            Standing::Counts
        ]
    );
}

#[test]
fn the_same_event_id_of_another_handle_or_organisation_is_another_event() {
    let first = entry(0, 0, 1, 7);
    let handle = Entry {
        subject: Subject::Handle(Handle::new([2; 16])),
        ..entry(1, 0, 1, 7)
    };
    let organisation = Entry {
        organisation: "GSS:E09000001".parse().unwrap(),
        ..entry(2, 0, 1, 7)
    };
    let history = history(&[first, handle.clone(), organisation.clone()]);
    assert_eq!(history.standing(&handle, 1), Standing::Counts);
    assert_eq!(history.standing(&organisation, 2), Standing::Counts);
}

#[test]
fn superseding_acts_in_either_order_of_arrival_and_only_below_the_cut() {
    let all = [
        entry(0, 0, 1, 1),
        superseding(1, 0, 2, 1),
        superseding(2, 0, 4, 3),
        entry(3, 0, 3, 3),
    ];
    let history = history(&all);
    assert_eq!(history.standing(&all[0], 0), Standing::Counts);
    assert_eq!(history.standing(&all[0], 1), Standing::Counts);
    assert_eq!(history.standing(&all[0], 2), Standing::Superseded);
    assert_eq!(history.standing(&all[3], 3), Standing::Superseded);
}

#[test]
fn a_conflicting_record_supersedes_nothing_and_none_supersedes_itself() {
    let mut conflicting = superseding(2, 0, 2, 1);
    conflicting.content_hash = [9; 16];
    let all = [
        entry(0, 0, 1, 1),
        entry(1, 0, 2, 2),
        conflicting,
        superseding(3, 0, 5, 5),
    ];
    let history = history(&all);
    assert_eq!(history.standing(&all[0], 10), Standing::Counts);
    assert_eq!(history.standing(&all[3], 10), Standing::Counts);
}

proptest! {
    /// An index that is ahead answers every look-up like one that stops at the record being decided.
    #[test]
    fn running_ahead_changes_no_answer(
        steps in prop::collection::vec((0..4u128, 0..3u8, prop::option::of(0..4u128), 0..4 * DAY), 1..24)
    ) {
        let mut at = 0;
        let all: Vec<Entry> = steps.iter().enumerate().map(|(offset, (event, hash, earlier, gap))| {
            at += gap;
            let mut made = entry(i64::try_from(offset).unwrap(), at, *event, *hash);
            made.supersedes = earlier.map(|earlier| format!("{earlier:032x}").parse().unwrap());
            made
        }).collect();
        let ahead = history(&all);
        for (index, entry) in all.iter().enumerate() {
            let exact = history(&all[..index]);
            prop_assert_eq!(ahead.standing(entry, entry.offset), exact.standing(entry, entry.offset));
        }
    }
}

#[test]
fn events_of_a_subject_come_in_order_and_a_place_is_no_person() {
    let place = |offset, event| Entry {
        subject: Subject::Key("area:BUS".into()),
        ..entry(offset, 0, event, 0)
    };
    let all = [
        entry(0, 0, 1, 1),
        place(2, 1),
        entry(3, 0, 2, 1),
        superseding(7, 0, 3, 1),
        place(8, 2),
    ];
    let history = history(&all);
    let person = &all[0].subject;
    let offsets = |subject, below| {
        let events = history.events(subject, below);
        events.map(|entry| entry.offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(person, 100), [0, 3, 7]);
    assert_eq!(offsets(person, 7), [0, 3]);
    assert_eq!(offsets(&all[1].subject, 100), [2, 8]);
    assert!(history.has_event(person, 1) && !history.has_event(person, 0));
    for one in &all {
        assert_eq!(
            history.event_at(&one.subject, one.offset).as_ref(),
            Some(one)
        );
        assert_eq!(history.at(one.offset).as_ref(), Some(one));
    }
    assert_eq!(history.event_at(person, 2), None);
    assert_eq!(history.at(4), None);
    assert_eq!(history.last().as_ref(), Some(&all[4]));
}

proptest! {
    /// What a copy keeps is enough, also when it is taken and the index goes on.
    #[test]
    fn an_index_made_again_of_its_records_answers_alike(
        steps in prop::collection::vec(
            (0..4u128, 0..3u8, prop::option::of(0..4u128), 0..4 * DAY, 0..3u8, any::<bool>()), 1..24),
        copied in 0..24usize,
    ) {
        let mut at = 0;
        let all: Vec<Entry> = steps.iter().enumerate().map(|(offset, (event, hash, earlier, gap, who, place))| {
            at += gap;
            let mut made = entry(i64::try_from(offset).unwrap() * 2, at, *event, *hash);
            made.supersedes = earlier.map(|earlier| format!("{earlier:032x}").parse().unwrap());
            made.subject = if *place {
                Subject::Key(format!("area:{who}").into())
            } else {
                Subject::Handle(Handle::new([*who; 16]))
            };
            made
        }).collect();
        let copied = copied.min(all.len());
        let mut going_on = history(&all[..copied]);
        let records = going_on.records().clone();
        all[copied..].iter().cloned().for_each(|entry| going_on.observe(entry));
        prop_assert_eq!(records.iter().collect::<Vec<_>>(), &all[..copied]);
        let mut again = History::new();
        records.iter().for_each(|entry| again.observe(entry));
        all[copied..].iter().cloned().for_each(|entry| again.observe(entry));
        for entry in &all {
            for below in [entry.offset, entry.offset + 1, 100] {
                prop_assert_eq!(again.standing(entry, below), going_on.standing(entry, below));
            }
            let events = |history: &History| history.events(&entry.subject, 100).collect::<Vec<_>>();
            prop_assert_eq!(events(&again), events(&going_on));
        }
    }
}
