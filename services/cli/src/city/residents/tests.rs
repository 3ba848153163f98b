use super::records::{Held, Records, Truth};
use super::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use walbrook_domain::number;

fn records(seed: u64, count: u64) -> Vec<(Held, Truth)> {
    let today = "2026-10-01".parse().unwrap();
    Records::new(Residents::new(seed, today), count).collect()
}

#[test]
fn a_seed_gives_these_records_and_another_seed_others() {
    let (one, again, other) = (records(1, 3_000), records(1, 3_000), records(2, 3_000));
    assert_eq!(one.len(), 3_000);
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn a_larger_city_holds_the_residents_of_a_smaller_one() {
    let today = "2026-10-01".parse().unwrap();
    let residents = Residents::new(5, today);
    let persons = |count: u64| {
        Records::new(residents.clone(), count)
            .map(|(_, truth)| truth.person)
            .collect::<BTreeSet<u64>>()
    };
    let (few, many) = (persons(1_000), persons(4_000));
    assert!(few.is_subset(&many));
}

#[test]
fn every_person_is_one_person_with_numbers_of_their_own() {
    let residents = Residents::new(3, "2026-10-01".parse().unwrap());
    let (mut people, mut nhs, mut upns, mut without) =
        (HashSet::new(), HashSet::new(), HashSet::new(), 0);
    for household in 0..8_000 {
        let members = residents.household(household);
        assert!(!members.is_empty() && members.len() <= 8);
        for member in members {
            assert!(people.insert(member.number));
            assert!(member.birth <= residents.today());
            if let Some(number) = &member.nhs_number {
                assert!(
                    number.starts_with("999"),
                    "outside the range that is never issued"
                );
                assert_eq!(number::nhs_number(number).as_ref(), Some(number));
                assert!(nhs.insert(number.clone()), "two residents share a number");
            } else {
                without += 1;
            }
            if let Some(upn) = &member.upn {
                assert_eq!(number::permanent_upn(upn).as_ref(), Some(upn));
                assert!(upns.insert(upn.clone()), "two residents share a UPN");
            }
        }
    }
    assert!(
        without * 5 < people.len(),
        "{without} of {} have no number",
        people.len()
    );
}

#[test]
fn what_goes_wrong_is_there_at_its_rate() {
    let all = records(7, 24_000);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, truth) in &all {
        for error in &truth.errors {
            *counts.entry(error).or_default() += 1;
        }
    }
    // Errors that every record can have, at a mean noise of 1.0 to 1.5.
    for (word, rate) in [
        ("no-birth-date", rates::NO_BIRTH_DATE),
        ("first-january", rates::FIRST_JANUARY),
        ("date-digit", rates::DATE_DIGIT),
        ("no-postcode", rates::NO_POSTCODE),
    ] {
        let of_ten_thousand = counts[word] * 10_000 / 24_000;
        let wanted = u64::from(rate.ten_thousandths);
        assert!(
            (wanted * 7 / 10..wanted * 17 / 10).contains(&of_ten_thousand),
            "{word}: {of_ten_thousand}, stated {wanted}"
        );
    }
    let noted: BTreeSet<&str> = rates::ALL
        .iter()
        .map(|(word, _)| *word)
        .filter(|word| !word.contains("-held"))
        .collect();
    let shares = [
        "uprn-matched",
        "no-town",
        "number-in-health",
        "number-in-care",
        "swapped-family-first",
    ];
    for word in noted.iter().filter(|word| !shares.contains(word)) {
        assert!(counts.contains_key(word), "no record with {word}");
    }
}

#[test]
fn twins_namesakes_newborns_and_hostels_are_there() {
    let residents = Residents::new(3, "2026-10-01".parse().unwrap());
    let (mut twins, mut namesakes, mut newborns) = (0, 0, 0);
    for household in 0..8_000 {
        let members = residents.household(household);
        for (at, one) in members.iter().enumerate() {
            newborns += usize::from(one.newborn);
            for other in &members[at + 1..] {
                twins += usize::from(
                    one.birth == other.birth
                        && one.family == other.family
                        && one.age_on(residents.today()) < 18,
                );
                namesakes +=
                    usize::from((&one.given, &one.family) == (&other.given, &other.family));
            }
        }
    }
    assert!(
        twins > 20 && namesakes > 20 && newborns > 20,
        "{twins} {namesakes} {newborns}"
    );
    let mut of_postcode: HashMap<String, usize> = HashMap::new();
    for (held, _) in records(3, 12_000) {
        *of_postcode.entry(held.postcode).or_default() += 1;
    }
    of_postcode.remove("");
    let homeless = of_postcode.remove("ZZ99 3VZ").unwrap();
    let most = of_postcode.values().max().unwrap();
    assert!(homeless > 40 && *most > 30, "{homeless} {most}");
}

#[test]
fn records_of_one_person_disagree_and_their_truth_does_not() {
    let all = records(11, 8_000);
    let mut by_person: HashMap<u64, Vec<&Held>> = HashMap::new();
    for (held, truth) in &all {
        by_person.entry(truth.person).or_default().push(held);
    }
    let pairs: usize = by_person
        .values()
        .map(|of| of.len() * (of.len() - 1) / 2)
        .sum();
    let differ = by_person
        .values()
        .filter(|of| of.len() > 1 && of.iter().any(|one| one.family_name != of[0].family_name))
        .count();
    assert!(pairs > 2_000, "{pairs} pairs");
    assert!(differ > 120, "{differ}");
    let ids: HashSet<(&str, &str)> = all
        .iter()
        .map(|(held, _)| (held.organisation, held.local_id.as_str()))
        .collect();
    assert_eq!(
        ids.len(),
        all.len(),
        "two records of an organisation share a number"
    );
}
