//! What waits for a reviewer, what reviewers decide, and what an operator's merge does to it.

use super::super::demographics::Stated;
use super::*;

const OURS: &str = "WALBROOK:local";

/// Two records that share a number and whose dates of birth are far apart: they wait.
fn contradicted(world: &mut World) -> (Handle, Handle) {
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let other = person("Amara", "Okafor", "1951-11-30", "NW1 2DB");
    let b = world.link(HACKNEY, "2", with_nhs(other, 7));
    (a, b)
}

/// Two records that share a number, with names far apart: a caseworker may know why.
fn renamed(world: &mut World) -> (Handle, Handle) {
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let other = person("Peter", "Lindqvist", "1990-05-17", "N1 1AA");
    let b = world.link(HACKNEY, "2", with_nhs(other, 7));
    (a, b)
}

#[test]
fn what_a_number_says_and_the_demographics_deny_waits_on_the_later_record() {
    let mut world = World::new();
    let (a, b) = renamed(&mut world);
    assert!(!world.same(a, b));
    let page = world.list(OURS);
    assert_eq!((page.items.len(), page.waiting, page.next), (1, 1, None));
    let item = &page.items[0];
    assert_eq!((item.pair.record, item.pair.candidate), (b, a));
    assert_eq!(item.candidate.found, Found::Contradicted);
    assert_eq!(item.candidate.strategy.name(), "nhs-number");
    assert_eq!(item.organisations.0.to_string(), HACKNEY);
}

#[test]
fn accepted_it_is_one_person_and_the_act_is_on_the_record() {
    let mut world = World::new();
    let (a, b) = renamed(&mut world);
    world.core.committed();
    assert!(matches!(
        world.verdict(OURS, (b, a), Decision::Same),
        Ok(Answer::Person(_))
    ));
    assert!(world.same(a, b));
    let changes = world.core.committed();
    assert_eq!(changes.links, BTreeSet::from([a, b]));
    assert!(world.list(OURS).items.is_empty());
    let record = world.core.index().record(b).unwrap();
    assert_eq!(record.acts.len(), 1);
    let act = &record.acts[0];
    assert_eq!((act.decision, act.other), (Decision::Same, a));
    assert_eq!(act.by, "WALBROOK:local/reviewer");
    assert_eq!(
        world.verdict(OURS, (b, a), Decision::Same),
        Err(Refused::NotWaiting),
        "somebody decided before"
    );
    // What a reviewer accepted is undone like any merge.
    assert!(world.unmerge(b).is_ok());
    assert!(!world.same(a, b));
    assert!(world.list(OURS).items.is_empty(), "and is not asked again");
}

#[test]
fn a_refused_merge_of_records_that_a_reviewer_told_apart_asks_nobody_again() {
    let mut world = World::new();
    let (a, b) = contradicted(&mut world);
    assert!(world.verdict(OURS, (b, a), Decision::NeverSame).is_ok());
    assert_eq!(world.merge(a, b), Err(Refused::BirthsFar));
    assert_eq!(world.list(OURS).waiting, 0);
}

#[test]
fn rejected_it_stays_apart_whatever_evidence_comes_until_an_operator_merges_on_record() {
    let mut world = World::new();
    let (a, b) = renamed(&mut world);
    assert!(world.verdict(OURS, (b, a), Decision::NeverSame).is_ok());
    assert!(!world.same(a, b));
    assert_eq!(world.list(OURS).waiting, 0);
    // Everything agrees now: still apart, and nobody is asked.
    world.link(HACKNEY, "2", with_nhs(amara(), 7));
    assert!(!world.same(a, b));
    assert_eq!(world.found(b), Found::Apart);
    assert_eq!(world.list(OURS).waiting, 0);
    // A third record that is surely both does not bring them together either.
    let c = world.link(ISLINGTON, "3", with_nhs(amara(), 7));
    assert!(!world.same(a, b));
    assert_eq!(world.found(c), Found::ManyMatch);

    assert!(world.merge(a, b).is_ok());
    let acts = world.core.index().record(b).unwrap().acts.clone();
    let decisions: Vec<Decision> = acts.iter().map(|act| act.decision).collect();
    assert_eq!(decisions, [Decision::NeverSame, Decision::Lifted]);
    assert_eq!(acts[1].by, "GSS:E09000007/op");
    // Un-merged, what the merge set aside holds again.
    assert!(world.unmerge(b).is_ok());
    let record = world.core.index().record(b).unwrap();
    assert_eq!(
        record.acts.last().map(|act| act.decision),
        Some(Decision::NeverSame)
    );
    assert!(world.core.index().taken_apart(a, b));
    assert!(world.rebuilt() == *world.core.index());
}

#[test]
fn nobody_makes_a_person_with_two_numbers_or_two_births_and_the_pair_waits() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(
        HACKNEY,
        "2",
        with_nhs(person("Amara", "Okafor", "1990-05-17", "E8 1EA"), 8),
    );
    world.core.committed();
    assert_eq!(world.merge(a, b), Err(Refused::TwoNhsNumbers));
    let changes = world.core.committed();
    assert_eq!((changes.links.len(), changes.identity.len()), (0, 1));
    let page = world.list(OURS);
    assert_eq!(page.items[0].candidate.found, Found::TwoNhsNumbers);
    assert_eq!(page.items[0].candidate.strategy.name(), "manual");
    assert_eq!(
        world.verdict(OURS, (b, a), Decision::Same),
        Err(Refused::TwoNhsNumbers),
        "nor does a reviewer"
    );
    // It waits through searches, and through the end of the contradiction: then it can be accepted.
    world.review_all();
    assert_eq!(world.list(OURS).waiting, 1);
    world.link(
        HACKNEY,
        "2",
        person("Amara", "Okafor", "1990-05-17", "E8 1EA"),
    );
    if !world.same(a, b) {
        assert!(world.verdict(OURS, (b, a), Decision::Same).is_ok());
    }
    assert!(world.same(a, b));

    let (c, d) = contradicted(&mut World::new());
    assert_ne!(c, d);
    let mut births = World::new();
    let (c, d) = contradicted(&mut births);
    assert_eq!(births.found(d), Found::BirthsFar);
    assert_eq!(births.merge(c, d), Err(Refused::BirthsFar));
}

#[test]
fn a_number_that_a_third_record_would_bring_is_refused_too() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(
        HACKNEY,
        "2",
        Stated {
            upn: "A801200001001".into(),
            ..person("Amara", "Okafor", "1990-05-17", "E8 1EA")
        },
    );
    let _ = world.merge(a, b);
    assert!(world.same(a, b));
    let c = world.link(
        ISLINGTON,
        "3",
        Stated {
            upn: "A801200001001".into(),
            ..with_nhs(person("Amara", "Okafor", "1990-05-17", "N1 1AA"), 8)
        },
    );
    assert!(!world.same(c, a), "its number is not that of the person");
}

#[test]
fn without_cover_nothing_waits_and_what_waits_goes_when_it_ends() {
    let mut world = World::new();
    world.cover = Signed::by(&[CAMDEN]);
    let (a, b) = renamed(&mut world);
    assert_eq!(world.list(OURS).waiting, 0);
    world.cover = Signed::by(&[CAMDEN, HACKNEY]);
    world.review_all();
    assert_eq!(world.list(OURS).waiting, 1);
    world.cover = Signed::by(&[CAMDEN]);
    assert!(world.list(OURS).items.is_empty(), "at once");
    assert_eq!(
        world.verdict(OURS, (b, a), Decision::Same),
        Err(Refused::NotWaiting)
    );
    world.review_all();
    assert_eq!(world.list(OURS).waiting, 0);
    assert!(world.core.index().record(b).unwrap().candidates.is_empty());
}

#[test]
fn an_organisation_reviews_what_it_holds_itself_and_nothing_else() {
    let mut world = World::new();
    let (a, b) = renamed(&mut world);
    assert!(world.list(CAMDEN).items.is_empty());
    assert_eq!(world.list(CAMDEN).waiting, 0);
    assert_eq!(
        world.verdict(CAMDEN, (b, a), Decision::Same),
        Err(Refused::NotWaiting),
        "as if it were not there"
    );
    let c = world.link(
        CAMDEN,
        "3",
        with_nhs(person("Peter", "Lindqvist", "1990-05-17", "N1 1AA"), 7),
    );
    // It joined Hackney's, and waits with Camden's own through nobody but itself.
    assert!(world.same(b, c));
    assert!(
        world
            .list(CAMDEN)
            .items
            .iter()
            .all(|item| item.organisations.0 == item.organisations.1)
    );
}

#[test]
fn an_explanation_shows_both_statements_and_what_stands_in_the_way() {
    let mut world = World::new();
    let (a, b) = contradicted(&mut world);
    let pair = Pair {
        record: b,
        candidate: a,
    };
    let reviewer = World::reviewer(OURS);
    let Ok(Answer::Explained(explained)) = world.step(Command::Explain(pair, reviewer)) else {
        panic!("nothing explained");
    };
    assert_eq!(explained.obstacle, Some(Found::BirthsFar));
    assert!(explained.stated.1 == with_nhs(amara(), 7));
    assert_eq!(world.core.committed().links.len(), 2, "only their own");
}

#[test]
fn pages_follow_one_another_in_the_order_of_waiting() {
    let mut world = World::new();
    let mut expected = Vec::new();
    for serial in 10..17_u32 {
        let Some(_) = nhs(serial) else { continue };
        world.now = Instant(world.now.0 + 1);
        let one = world.link(
            CAMDEN,
            &format!("a{serial}"),
            with_nhs(amara_at(serial), serial),
        );
        let stated = Stated {
            given_name: "Peter".into(),
            family_name: "Wimblecote".into(),
            ..Stated::default()
        };
        let two = world.link(HACKNEY, &format!("b{serial}"), with_nhs(stated, serial));
        if !world.same(one, two) {
            expected.push(two);
        }
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world.page(OURS, after, 2);
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|item| item.pair.record));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
}

/// Different people, each with a number of its own.
fn amara_at(serial: u32) -> Stated {
    let families = [
        "Okafor",
        "Bennett",
        "Lindqvist",
        "Hughes",
        "Quill",
        "Marsh",
        "Thorn",
    ];
    let family = families[serial as usize % families.len()];
    let born = format!(
        "19{}0-0{}-1{}",
        serial % 7 + 2,
        serial % 9 + 1,
        serial % 8 + 1
    );
    person("Amara", family, &born, &format!("N{} 2DB", serial % 10))
}
