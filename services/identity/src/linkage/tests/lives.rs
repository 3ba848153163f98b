//! Stories: what happens to records as organisations and operators say more of them.

use super::super::demographics::Stated;
use super::*;

#[test]
fn the_same_number_joins_across_organisations_and_every_members_link_is_rewritten() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    world.core.committed();
    let b = world.link(
        ISLINGTON,
        "9",
        with_nhs(person("Amara", "Bennett", "1990-05-17", "N1 1AA"), 7),
    );
    let changes = world.core.committed();
    assert!(world.same(a, b));
    assert_eq!(
        changes.links,
        BTreeSet::from([a, b]),
        "each member's link record is written again"
    );
    assert_eq!(
        changes.identity,
        BTreeSet::from([b]),
        "the record that joined says it for both"
    );
    let (of_a, of_b) = (world.link_record(a), world.link_record(b));
    assert_eq!(of_a.members, of_b.members);
    assert_eq!(of_a.members.len(), 2);
    assert_eq!((of_a.revision, of_b.revision), (2, 2));
    assert_eq!(
        (of_a.strategy.as_str(), of_b.strategy.as_str()),
        ("own@1", "nhs-number@1")
    );
    assert_eq!(of_b.retired_persons.len(), 1);
    assert_ne!(of_b.retired_persons[0], of_b.person);
}

#[test]
fn a_repetition_changes_nothing() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara());
    world.core.committed();
    assert_eq!(world.link(CAMDEN, "1", amara()), a);
    assert_eq!(world.core.committed(), Changes::default());
}

#[test]
fn an_unknown_subject_needs_demographics_and_a_known_one_does_not() {
    let mut world = World::new();
    let item = LinkItem {
        token: token(CAMDEN, "1"),
        organisation: CAMDEN.parse().unwrap(),
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        stated: None,
        previous: None,
    };
    assert_eq!(
        world.step(Command::Link(item.clone())),
        Ok(Answer::DemographicsNeeded)
    );
    assert_eq!(world.core.committed(), Changes::default());
    let handle = world.link(CAMDEN, "1", amara());
    assert_eq!(
        world.step(Command::Link(item.clone())),
        Ok(Answer::Linked(handle))
    );
    let elsewhere = LinkItem {
        organisation: HACKNEY.parse().unwrap(),
        ..item
    };
    assert_eq!(
        world.step(Command::Link(elsewhere)),
        Err(Refused::WrongOrganisation)
    );
}

#[test]
fn a_number_is_refused_where_the_demographics_contradict() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(
        ISLINGTON,
        "2",
        with_nhs(person("Peter", "Lindqvist", "1951-11-30", "N1 1AA"), 7),
    );
    assert!(!world.same(a, b));
    assert_eq!(world.found(b), Found::BirthsFar);
}

#[test]
fn exact_demographics_join_unless_the_postcode_is_shared_by_many() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara());
    let b = world.link(HACKNEY, "2", amara());
    assert!(world.same(a, b));
    assert_eq!(world.link_record(b).score_ten_thousandths, 9_900);

    let mut hostel = World::new();
    // What is left beside the postcode is the model's to weigh; this rule needs the postcode.
    hostel.cover.without = vec!["fellegi-sunter".into()];
    hostel.core = Core::new(
        Index::default(),
        Rules {
            postcode_records: 3,
            ..Rules::default()
        },
    );
    for n in 0..3 {
        hostel.link(
            CAMDEN,
            &format!("other {n}"),
            person(
                "Other",
                "Name",
                &format!("1980-02-{:02}", n * 7 + 3),
                "NW1 2DB",
            ),
        );
    }
    let a = hostel.link(CAMDEN, "1", amara());
    let b = hostel.link(HACKNEY, "2", amara());
    assert!(!hostel.same(a, b));
}

#[test]
fn across_organisations_only_under_an_agreement_that_covers_both() {
    let mut world = World::new();
    world.cover = Signed::by(&[CAMDEN, ISLINGTON]);
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(HACKNEY, "2", with_nhs(amara(), 7));
    let c = world.link(CAMDEN, "3", with_nhs(amara(), 7));
    assert!(!world.same(a, b));
    assert!(world.same(a, c), "within one organisation always");
    assert_eq!(
        world.merge(a, b),
        Err(Refused::NotCovered),
        "nor by an operator"
    );

    world.cover = Signed::by(&[CAMDEN, ISLINGTON, HACKNEY]);
    world.review_all();
    assert!(
        world.same(a, b),
        "a new signature brings earlier records together"
    );

    world.cover = Signed::by(&[CAMDEN, ISLINGTON]);
    world.core.committed();
    world.review_all();
    let changes = world.core.committed();
    assert!(!world.same(a, b), "and its end takes them apart");
    assert!(
        world.same(a, c),
        "what one organisation holds stays together"
    );
    assert_eq!(changes.links, BTreeSet::from([a, b, c]));
    assert!(world.link_record(b).retired_persons.is_empty());
}

#[test]
fn a_third_organisation_does_not_bridge_two_that_no_agreement_covers() {
    struct Pairs;
    impl MatchingCover for Pairs {
        fn covers(&self, a: &Organisation, b: &Organisation) -> bool {
            // Camden is covered with each of the others, they are not with each other.
            [a, b]
                .iter()
                .any(|organisation| organisation.to_string() == CAMDEN)
        }
    }
    let mut core = Core::default();
    let mut entropy = Counting(0);
    let mut handles = Vec::new();
    for organisation in [ISLINGTON, HACKNEY, CAMDEN] {
        let item = LinkItem {
            token: token(organisation, "1"),
            organisation: organisation.parse().unwrap(),
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            stated: Some(with_nhs(amara(), 7)),
            previous: None,
        };
        let turn = Turn {
            now: Instant(0),
            entropy: &mut entropy,
            cover: &Pairs,
        };
        if let Ok(Answer::Linked(handle)) = core.step(Command::Link(item), turn) {
            handles.push(handle);
        }
    }
    let person = |at: usize| core.index().record(handles[at]).unwrap().person;
    assert_ne!(person(0), person(1));
    assert_eq!(
        core.index().record(handles[2]).unwrap().found,
        Found::ManyMatch
    );
}

#[test]
fn trap_11_a_merge_keeps_the_survivors_person_and_un_merge_restores_both() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara());
    let b = world.link(
        HACKNEY,
        "2",
        person("Amara", "Bennett", "1990-05-17", "E8 1EA"),
    );
    let before = world.persons();
    let (of_a, of_b) = (world.person(a), world.person(b));
    assert_eq!(world.merge(a, b), Ok(Answer::Person(of_a)));
    assert_eq!((world.person(a), world.person(b)), (of_a, of_a));
    assert_eq!(
        world.link_record(a).retired_persons,
        [of_b.as_bytes().to_vec()]
    );
    assert_eq!(world.merge(a, b), Err(Refused::SamePerson));
    assert_eq!(world.unmerge(b), Ok(Answer::Person(of_b)));
    assert_eq!(world.persons(), before);
    assert_eq!(world.unmerge(b), Err(Refused::NotJoined));
    // What an operator took apart stays apart, whatever is stated later, but for an operator.
    world.link(HACKNEY, "2", amara());
    assert!(!world.same(a, b));
    assert_eq!(world.found(b), Found::Apart);
    assert!(world.merge(a, b).is_ok());
}

#[test]
fn what_joined_through_a_record_goes_with_it() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara());
    let b = world.link(
        HACKNEY,
        "2",
        with_nhs(person("Amara", "Bennett", "1990-05-17", "E8 1EA"), 7),
    );
    let of_b = world.person(b);
    assert!(world.merge(a, b).is_ok());
    let c = world.link(
        ISLINGTON,
        "3",
        with_nhs(person("Amara", "Bennett", "1990-05-17", "N1 1AA"), 7),
    );
    assert!(world.same(a, c));
    assert_eq!(world.unmerge(a), Ok(Answer::Person(world.person(a))));
    assert_eq!((world.person(b), world.person(c)), (of_b, of_b));
}

#[test]
fn a_corrected_number_takes_a_wrong_join_apart_and_a_move_does_not() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(HACKNEY, "2", with_nhs(amara(), 7));
    world.link(
        HACKNEY,
        "2",
        with_nhs(person("Amara", "Okafor", "1990-05-17", "E8 1EA"), 7),
    );
    assert!(world.same(a, b), "a new address");
    world.link(
        HACKNEY,
        "2",
        with_nhs(person("Amara", "Okafor", "1990-05-17", "E8 1EA"), 8),
    );
    assert!(!world.same(a, b), "another number");
    world.link(HACKNEY, "2", with_nhs(amara(), 7));
    assert!(
        world.same(a, b),
        "corrected back: no operator took them apart"
    );
}

#[test]
fn restrictions_are_the_union_of_the_members() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(
        HACKNEY,
        "2",
        Stated {
            restricted: true,
            ..with_nhs(amara(), 7)
        },
    );
    assert_eq!(world.link_record(a).restrictions, ["RESTRICTED"]);
    world.core.committed();
    world.link(HACKNEY, "2", with_nhs(amara(), 7));
    assert_eq!(world.core.committed().links, BTreeSet::from([a, b]));
    assert!(world.link_record(a).restrictions.is_empty());
}

#[test]
fn adult_from_is_written_only_once_it_is_past_and_takes_the_later_of_two_dates() {
    let mut world = World::new();
    world.now = day("2026-01-15").start();
    let child = |born: &str| Stated {
        birth_date: Some(day(born)),
        ..with_nhs(amara(), 7)
    };
    let a = world.link(CAMDEN, "1", child("2008-03-05"));
    let b = world.link(HACKNEY, "2", child("2008-05-03"));
    assert!(world.same(a, b), "a swap of day and month");
    world.core.committed();
    let come_of_age = |world: &mut World, today: &str| {
        world.now = day(today).start();
        world.step(Command::ComeOfAge { limit: 10 })
    };
    // From 1 April by one record, from 1 June by the other: 1 June holds.
    assert_eq!(
        come_of_age(&mut world, "2026-05-31"),
        Ok(Answer::CameOfAge(0))
    );
    assert_eq!(world.link_record(a).adult_from, None);
    assert_eq!(
        come_of_age(&mut world, "2026-06-01"),
        Ok(Answer::CameOfAge(1))
    );
    assert_eq!(world.core.committed().links, BTreeSet::from([a, b]));
    for handle in [a, b] {
        let adult_from = world.link_record(handle).adult_from.unwrap();
        assert_eq!(
            (adult_from.year, adult_from.month, adult_from.day),
            (2026, 6, 1)
        );
    }
    assert_eq!(
        come_of_age(&mut world, "2026-06-02"),
        Ok(Answer::CameOfAge(0)),
        "written once"
    );
    let adult = world.link(
        CAMDEN,
        "9",
        person("Peter", "Lindqvist", "1951-11-30", "N1 1AA"),
    );
    assert!(
        world.link_record(adult).adult_from.is_some(),
        "an adult's is written at once"
    );
}

#[test]
fn members_are_capped() {
    let mut world = World::new();
    world.core = Core::new(
        Index::default(),
        Rules {
            members_cap: 3,
            ..Rules::default()
        },
    );
    let handles: Vec<_> = (0..5)
        .map(|n| world.link(CAMDEN, &n.to_string(), with_nhs(amara(), 7)))
        .collect();
    assert_eq!(world.core.index().member_count(world.person(handles[0])), 3);
    assert_eq!(world.found(handles[3]), Found::Full);
    assert_eq!(
        world.merge(handles[0], handles[4]),
        Err(Refused::Full { cap: 3 })
    );
}

#[test]
fn a_rolled_back_batch_leaves_no_trace() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    world.core.committed();
    let before = world.rebuilt();
    world.link(HACKNEY, "2", with_nhs(amara(), 7));
    world.link(
        CAMDEN,
        "1",
        Stated {
            restricted: true,
            ..with_nhs(amara(), 7)
        },
    );
    let _ = world.unmerge(a);
    world.core.rolled_back();
    assert_eq!(world.rebuilt(), before);
    assert_eq!(world.core.committed(), Changes::default());
}
