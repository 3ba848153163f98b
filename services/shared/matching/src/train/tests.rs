use super::*;
use crate::demographics::Stated;
use crate::features::mix;
use crate::level::Field;
use crate::model::Outcome;
use std::collections::BTreeMap;
use walbrook_domain::Day;

const GIVEN: [&str; 12] = [
    "AMARA", "PETER", "ZOE", "IMRAN", "LUKASZ", "JOY", "HANNAH", "OLIVER", "FATIMA", "GEORGE",
    "NADIA", "WEI",
];
const FAMILY: [&str; 12] = [
    "OKAFOR",
    "LINDQVIST",
    "OBRIEN",
    "RAHMAN",
    "WOJCIK",
    "BENNETT",
    "MARSH",
    "TAYLOR",
    "HUSSAIN",
    "COLE",
    "PETROV",
    "CHEN",
];

/// Two records of each of some invented people; every fourth second record with a slip of the pen.
fn people(count: u64) -> Vec<Features> {
    let pick = |names: &[&str; 12], turn: u64| {
        format!(
            "{}{}",
            names[(turn % 12) as usize],
            ["", "N", "A", "S"][(turn / 12 % 4) as usize]
        )
    };
    let record = |person: u64, slip: bool| {
        let random = mix(person);
        let mut family = pick(&FAMILY, random >> 8);
        if slip {
            family.truncate(family.len() - 1);
        }
        Stated {
            given_name: pick(&GIVEN, random),
            family_name: family,
            birth_date: Some(Day((random >> 16 & 0x3FFF) as i32 + u64_day(slip))),
            postcode: format!("N{} {}AB", 1 + (random >> 40) % 20, (random >> 50) % 10),
            ..Stated::default()
        }
        .features()
    };
    (0..count)
        .flat_map(|person| [record(person, false), record(person, person % 4 == 0)])
        .collect()
}

fn u64_day(slip: bool) -> i32 {
    i32::from(slip)
}

fn plan() -> Plan {
    Plan {
        name: "test".into(),
        version: 1,
        on: "invented".into(),
        day: "2026-11-23".into(),
        least_records: 0,
        seed: 7,
        rounds: 20,
    }
}

#[test]
fn the_same_records_and_seed_give_the_same_file() {
    let records = people(300);
    let first = train(&records, &plan()).unwrap().to_text();
    assert_eq!(first, train(&records, &plan()).unwrap().to_text());
    assert_eq!(
        crate::Model::read(&first).unwrap().to_text(),
        first,
        "what is written is what is read"
    );
}

#[test]
fn less_alike_never_says_more() {
    // All pairs, and pairs by key and draw.
    for count in [300, 760] {
        let model = train(&people(count), &plan()).unwrap();
        for field in Field::ALL {
            let weights: Vec<i32> = (0..field.ordered())
                .filter_map(|level| model.weight(field, level))
                .collect();
            assert!(
                weights.windows(2).all(|pair| pair[0] >= pair[1]),
                "{field:?}: {weights:?}"
            );
        }
        assert!(model.weight(Field::Birth, 0).unwrap() > 5_000);
        assert_eq!(
            model.weight(Field::Email, 0),
            None,
            "a field that no record has is not compared"
        );
        assert!(model.automatic() >= 9_500);
    }
}

#[test]
fn what_is_trained_finds_its_people_and_nobody_else() {
    let records = people(300);
    let model = train(&records, &plan()).unwrap();
    let mut counts = crate::Counts::default();
    records.iter().for_each(|record| counts.add(record));
    let (mut right, mut wrong) = (0, 0);
    for (j, b) in records.iter().enumerate() {
        for (i, a) in records.iter().enumerate().take(j) {
            if model.outcome(&model.compare(a, b, &counts.besides(b))) == Outcome::Match {
                if i / 2 == j / 2 {
                    right += 1
                } else {
                    wrong += 1
                }
            }
        }
    }
    assert!(right >= 290 && wrong <= 2, "{right} right, {wrong} wrong");
}

#[test]
fn too_few_records_are_refused() {
    assert_eq!(train(&people(20), &plan()), Err(TrainError::TooFew(40)));
    assert_eq!(
        train(&vec![Features::NOTHING; 2_000], &plan()),
        Err(TrainError::NoPairs)
    );
}

#[test]
fn pairs_put_together_weigh_as_each_of_them_does() {
    // Few given names and families, so that many pairs look the same; all pairs, and pairs by key.
    for count in [150, 760] {
        let mut records = people(count);
        for record in records.iter_mut().step_by(5) {
            record.town_hash = 1 + u64::from(record.birth % 3);
            record.uprn = 1 + u64::from(record.birth % 7);
        }
        let model = untrained("usual");
        let pairs = pairs::Pairs::of(&records, 7);
        let mut together: BTreeMap<(i32, i32), u64> = BTreeMap::new();
        for alike in &pairs.candidates {
            let (nothing, common) = (&Features::NOTHING, pairs.common(alike));
            let odds = model.odds(alike.levels, nothing, nothing, &common);
            let weight = (odds.together(), odds.of_one_family());
            *together.entry(weight).or_default() += alike.times;
        }
        let mut counts = crate::Counts::default();
        records.iter().for_each(|record| counts.add(record));
        let mut buckets: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (i, record) in records.iter().enumerate() {
            for key in crate::blocks(record).iter() {
                buckets.entry(key.0).or_default().push(i);
            }
        }
        let all = (0..records.len()).collect();
        let compared: Vec<&Vec<usize>> = match pairs.all {
            true => vec![&all],
            false => buckets.values().filter(|few| few.len() <= 60).collect(),
        };
        let mut chosen = std::collections::BTreeSet::new();
        for bucket in compared {
            for (at, j) in bucket.iter().enumerate() {
                chosen.extend(bucket[..at].iter().map(|i| (*i, *j)));
            }
        }
        let mut one_by_one: BTreeMap<(i32, i32), u64> = BTreeMap::new();
        for (i, j) in chosen {
            let (a, b) = (&records[i], &records[j]);
            let levels = crate::compare::levels(a, b);
            let odds = model.odds(levels, a, b, &counts.besides(a));
            let weight = (odds.together(), odds.of_one_family());
            *one_by_one.entry(weight).or_default() += 1;
        }
        assert_eq!(together, one_by_one);
        let times: u64 = pairs.candidates.iter().map(|alike| alike.times).sum();
        assert!(times > pairs.candidates.len() as u64, "some look the same");
    }
}
