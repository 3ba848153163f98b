use super::*;
use crate::publish::Body;
use std::collections::{HashMap, HashSet};
use walbrook_proto::{housing, police};

fn city(people: usize, seed: u64) -> City {
    City::generate(people, seed, "2026-10-01".parse().unwrap())
}

/// The events that outreach sent, by person.
fn contacts(city: &City) -> HashMap<String, Vec<housing::v1::RoughSleepingContact>> {
    let mut found: HashMap<String, Vec<_>> = HashMap::new();
    for told in &city.events {
        if let Body::Housing(housing::v1::event::Body::RoughSleepingContact(contact)) =
            &told.event.body
        {
            let id = told.event.head.subject.as_ref().unwrap().local_id.clone();
            found.entry(id).or_default().push(contact.clone());
        }
    }
    found
}

fn near(what: &str, count: usize, of: usize, share: figures::Share, tolerance: f64) {
    let found = count as f64 / of as f64;
    let wanted = share.probability();
    assert!(
        (found - wanted).abs() <= tolerance,
        "{what}: {found:.3}, wanted {wanted:.3} ± {tolerance} ({})",
        share.source
    );
}

#[test]
fn a_seed_gives_one_city_and_another_seed_other_people() {
    let (one, again, other) = (city(300, 1), city(300, 1), city(300, 2));
    let text = |city: &City| format!("{:?}", city.events);
    assert_eq!(text(&one), text(&again));
    assert_ne!(text(&one), text(&other));
    assert_eq!(one.people.len(), 300);
}

#[test]
fn what_happens_follows_the_published_figures() {
    let city = city(60_000, 7);
    let contacts = contacts(&city);
    let seen = contacts.len();
    assert!(seen > 2_000, "{seen}");
    let of_status = |status: &str| {
        contacts
            .values()
            .filter(|all| all[0].derived_status.as_deref() == Some(status))
            .count()
    };
    near("new", of_status("FLOW"), seen, figures::FLOW, 0.03);
    near(
        "also seen last year",
        of_status("STOCK"),
        seen,
        figures::STOCK,
        0.03,
    );
    let new: Vec<_> = contacts
        .values()
        .filter(|all| all[0].derived_status.as_deref() == Some("FLOW"))
        .collect();
    near(
        "new and seen once",
        new.iter().filter(|all| all.len() == 1).count(),
        new.len(),
        figures::NEW_SEEN_ONCE,
        0.03,
    );
    for (need, share) in [
        ("MENTAL_HEALTH", figures::NEED_MENTAL_HEALTH),
        ("ALCOHOL", figures::NEED_ALCOHOL),
        ("DRUGS", figures::NEED_DRUGS),
    ] {
        near(
            need,
            contacts
                .values()
                .filter(|all| all[0].needs.iter().any(|one| one == need))
                .count(),
            seen,
            share,
            0.03,
        );
    }
    let rough: Vec<_> = city
        .people
        .iter()
        .filter(|person| person.course == Course::SleepingRough)
        .collect();
    near(
        "men",
        rough.iter().filter(|person| person.male).count(),
        rough.len(),
        figures::ROUGH_MALE,
        0.03,
    );
    let middle = rough
        .iter()
        .filter(|person| (26..56).contains(&person.age_on(city.end)))
        .count();
    near(
        "aged 26 to 55",
        middle,
        rough.len(),
        figures::ROUGH_AGED_26_TO_55,
        0.04,
    );
}

#[test]
fn most_missing_incidents_are_of_the_older_children() {
    let city = city(60_000, 7);
    let (mut older, mut all) = (0, 0);
    for told in &city.events {
        if let Body::Police(police::v1::event::Body::MissingEpisode(episode)) = &told.event.body
            && episode.phase == "REPORTED"
        {
            let number: usize = episode.episode_ref[1..7].parse().unwrap();
            all += 1;
            older += usize::from(city.people[number].age_on(city.end) >= 16);
        }
    }
    near(
        "missing at 16 and over",
        older,
        all,
        figures::MISSING_AGED_16_PLUS,
        0.10,
    );
}

#[test]
fn everybody_is_of_the_test_range_with_a_right_check_digit_and_of_their_own() {
    let city = city(5_000, 3);
    let numbers: HashSet<_> = city
        .people
        .iter()
        .map(|person| person.nhs_number.clone())
        .collect();
    assert_eq!(numbers.len(), city.people.len());
    for number in numbers {
        assert!(
            number.starts_with("999") && number.len() == 10,
            "outside the test range"
        );
        let digits: Vec<u32> = number
            .chars()
            .map(|digit| digit.to_digit(10).unwrap())
            .collect();
        let sum: u32 = digits[..9]
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        assert_eq!((11 - sum % 11) % 11, digits[9]);
    }
}

#[test]
fn an_organisation_says_who_somebody_is_once_and_first() {
    let city = city(2_000, 1);
    let mut known = HashSet::new();
    let mut agencies = HashSet::new();
    let mut last = i64::MIN;
    for told in &city.events {
        assert!(told.at_micros >= last, "in order");
        last = told.at_micros;
        agencies.insert(told.event.body.agency());
        if let Some(subject) = &told.event.head.subject {
            let first = known.insert((
                told.event.body.agency(),
                told.event.organisation.clone(),
                subject.local_id.clone(),
            ));
            assert_eq!(subject.demographics.is_some(), first);
        }
    }
    assert_eq!(agencies.len(), 5);
    assert!(city.events.len() > 2_000, "{}", city.events.len());
}
