//! Traps 5, 11 and 16 of the domain reference (§11), on identity's side. That rows are restored as well (trap 11) is a journey.

use super::super::demographics::Stated;
use super::*;

fn born(date: &str) -> Stated {
    Stated {
        birth_date: Some(day(date)),
        email: "amara.okafor@example.org".into(),
        ..amara()
    }
}

#[test]
fn trap_5_a_record_with_day_and_month_swapped_comes_to_its_person() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", born("1990-05-07"));
    let b = world.link(HACKNEY, "2", born("1990-07-05"));
    assert!(world.same(a, b));
    let link = world.link_record(b);
    assert_eq!(link.strategy, "fellegi-sunter@1/uk-demographics@1");
    // A number is believed although the dates are swapped, and not when they are two dates.
    let numbered = |date: &str| {
        with_nhs(
            Stated {
                email: String::new(),
                ..born(date)
            },
            7,
        )
    };
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", numbered("1990-05-07"));
    let b = world.link(HACKNEY, "2", numbered("1990-07-05"));
    let c = world.link(ISLINGTON, "3", numbered("1996-07-15"));
    assert!(world.same(a, b));
    assert!(!world.same(a, c));
}

#[test]
fn trap_5_swapped_dates_of_brother_and_sister_join_nobody() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", born("2011-05-07"));
    let sister = Stated {
        given_name: "Chidi".into(),
        ..born("2011-07-05")
    };
    let b = world.link(CAMDEN, "2", sister);
    assert!(!world.same(a, b));
}

#[test]
fn trap_11_merge_and_un_merge_restore_every_link_of_both_people() {
    let mut world = World::new();
    let links = |world: &World, handles: &[Handle]| -> Vec<LinkRecord> {
        let settled = |handle: &Handle| LinkRecord {
            revision: 0,
            recorded_at: None,
            ..world.link_record(*handle)
        };
        handles.iter().map(settled).collect()
    };
    // Two people of two records each.
    let other = person("Amara", "Bennett", "1990-05-17", "E8 1EA");
    let handles = [
        world.link(CAMDEN, "1", with_nhs(amara(), 7)),
        world.link(ISLINGTON, "2", with_nhs(amara(), 7)),
        world.link(HACKNEY, "3", other.clone()),
        world.link(CAMDEN, "4", other),
    ];
    let [a, b, c, d] = handles;
    assert!(world.same(a, b) && world.same(c, d) && !world.same(a, c));
    let before = (links(&world, &handles), world.persons());
    assert!(world.merge(b, d).is_ok());
    assert!(handles.iter().all(|handle| world.same(a, *handle)));
    assert_ne!(links(&world, &handles), before.0);
    assert!(world.unmerge(d).is_ok());
    assert_eq!((links(&world, &handles), world.persons()), before);
}

#[test]
fn trap_16_a_uprn_links_however_it_was_written_and_a_temporary_upn_does_not() {
    let at = |uprn: &str| Stated {
        uprn: uprn.into(),
        ..person("Amara", "Okafor", "1990-05-17", "")
    };
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", at("10002333695"));
    for (id, written) in [("2", "010002333695"), ("3", "10002333695.0")] {
        let b = world.link(HACKNEY, id, at(written));
        assert!(world.same(a, b), "{written}");
    }

    let temporary = ('A'..='Z')
        .find_map(|letter| walbrook_domain::number::upn(&format!("{letter}12345678901A")))
        .expect("one letter is its check letter");
    let pupil = |given: &str, family: &str| Stated {
        upn: temporary.clone(),
        ..person(given, family, "2012-03-04", "")
    };
    let c = world.link(CAMDEN, "6", pupil("Joy", "Marsh"));
    let d = world.link(HACKNEY, "7", pupil("Joy", "Quill"));
    assert!(!world.same(c, d));
}
