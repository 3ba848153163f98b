//! Links that a reader doubts: they wait while they hold, and a reviewer keeps or undoes them.

use super::*;
use proptest::prelude::*;

const OURS: &str = "WALBROOK:local";

impl World {
    fn doubt(&mut self, handle: Handle, by: &str) -> Doubted {
        let doubt = Doubt {
            handle,
            person: self.person(handle),
            by: by.parse().unwrap(),
            at: self.now,
        };
        match self.step(Command::Doubt(Box::new(doubt))) {
            Ok(Answer::Doubted(standing)) => standing,
            other => panic!("not doubted: {other:?}"),
        }
    }

    fn later(&mut self) {
        self.now = Instant(self.now.micros() + 60_000_000);
    }
}

/// Three records of one person, by number.
fn joined(world: &mut World) -> (Handle, Handle, Handle) {
    let a = world.link(CAMDEN, "1", with_nhs(amara(), 7));
    let b = world.link(HACKNEY, "2", with_nhs(amara(), 7));
    let c = world.link(ISLINGTON, "3", with_nhs(amara(), 7));
    assert!(world.same(a, b) && world.same(b, c));
    (a, b, c)
}

#[test]
fn a_doubted_link_waits_once_whatever_is_said_of_its_records_meanwhile() {
    let mut world = World::new();
    let (a, b, _) = joined(&mut world);
    assert_eq!(world.doubt(b, CAMDEN), Doubted::Waiting(true));
    assert_eq!(world.doubt(b, CAMDEN), Doubted::Waiting(false));
    assert_eq!(
        world.doubt(b, ISLINGTON),
        Doubted::Waiting(false),
        "it waits already"
    );
    let page = world.list(OURS);
    assert_eq!(page.waiting, 1);
    let item = &page.items[0];
    assert_eq!(
        (item.pair.record, item.pair.candidate),
        (b, a),
        "with Camden's own"
    );
    assert_eq!(item.candidate.found, Found::Disputed);
    let explained = world.step(Command::Explain(item.pair, World::reviewer(OURS)));
    let Ok(Answer::Explained(explained)) = explained else {
        panic!("not explained: {explained:?}");
    };
    assert_eq!(explained.obstacle, None);
    // A new word of its organisation, and everybody compared again.
    let moved = person("Amara", "Okafor", "1990-05-17", "E8 1EA");
    world.link(HACKNEY, "2", with_nhs(moved, 7));
    world.review_all();
    assert_eq!(world.list(OURS).waiting, 1);
    assert!(world.same(a, b), "a doubt changes no link");
    assert!(world.rebuilt() == *world.core.index());
}

#[test]
fn kept_it_is_kept_until_somebody_doubts_it_anew() {
    let mut world = World::new();
    let (a, b, _) = joined(&mut world);
    world.doubt(b, CAMDEN);
    let first = world.now;
    world.later();
    assert!(world.verdict(OURS, (b, a), Decision::Same).is_ok());
    assert!(world.same(a, b));
    assert_eq!(world.list(OURS).waiting, 0);
    let again = Doubt {
        handle: b,
        person: world.person(b),
        by: CAMDEN.parse().unwrap(),
        at: first,
    };
    let said = world.step(Command::Doubt(Box::new(again)));
    assert_eq!(said, Ok(Answer::Doubted(Doubted::Kept)));
    world.later();
    assert_eq!(
        world.doubt(b, CAMDEN),
        Doubted::Waiting(true),
        "a new doubt is asked"
    );
}

#[test]
fn undone_it_is_apart_and_evidence_does_not_bring_it_back() {
    let mut world = World::new();
    let (a, b, c) = joined(&mut world);
    let before = world.person(a);
    world.doubt(b, CAMDEN);
    world.core.committed();
    assert!(world.verdict(OURS, (b, a), Decision::NeverSame).is_ok());
    assert!(!world.same(a, b) && world.same(a, c));
    assert_eq!(world.person(a), before, "whoever stays keeps the person");
    let changes = world.core.committed();
    assert!(changes.links.contains(&a) && changes.links.contains(&b));
    assert_eq!(world.list(OURS).waiting, 0);
    world.link(
        HACKNEY,
        "2",
        with_nhs(person("Amara", "Okafor", "1990-05-17", "N1 1AA"), 7),
    );
    world.review_all();
    assert!(!world.same(a, b));
    assert!(world.rebuilt() == *world.core.index());
}

#[test]
fn a_record_of_nobody_else_and_one_of_another_person_are_apart() {
    let mut world = World::new();
    let alone = world.link(CAMDEN, "9", person("Jo", "Bloggs", "1971-02-03", "W1 1AA"));
    assert_eq!(world.doubt(alone, CAMDEN), Doubted::Apart);
    let (a, b, _) = joined(&mut world);
    world.doubt(b, CAMDEN);
    assert!(world.unmerge(b).is_ok());
    assert!(!world.same(a, b));
    assert_eq!(world.list(OURS).waiting, 0, "an operator has undone it");
    let of_before = Doubt {
        handle: b,
        person: world.person(a),
        by: CAMDEN.parse().unwrap(),
        at: world.now,
    };
    let said = world.step(Command::Doubt(Box::new(of_before)));
    assert_eq!(said, Ok(Answer::Doubted(Doubted::Apart)));
    let unknown = Doubt {
        handle: Handle::new([9; 16]),
        person: world.person(a),
        by: CAMDEN.parse().unwrap(),
        at: world.now,
    };
    let said = world.step(Command::Doubt(Box::new(unknown)));
    assert_eq!(said, Err(Refused::UnknownRecord));
}

#[test]
fn an_organisations_reviewer_sees_a_doubt_only_where_it_holds_both() {
    let mut world = World::new();
    let (_, b, _) = joined(&mut world);
    world.doubt(b, CAMDEN);
    assert_eq!(world.list(CAMDEN).waiting, 0);
    assert_eq!(world.list(HACKNEY).waiting, 0);
}

proptest! {
    /// Whatever is doubted, decided, merged and taken apart: what waits as doubted is one person, and everything comes back from the log.
    #[test]
    fn what_waits_as_doubted_is_linked(acts in prop::collection::vec((0u8..5, 0usize..5, 0usize..5), 0..20)) {
        let mut world = World::new();
        let organisations = [CAMDEN, HACKNEY, ISLINGTON, CAMDEN, HACKNEY];
        let handles: Vec<Handle> = organisations
            .iter()
            .zip(0..)
            .map(|(organisation, number)| {
                let id: u32 = number;
                world.link(organisation, &id.to_string(), with_nhs(amara(), 7 + id % 2 * 2))
            })
            .collect();
        for (act, one, other) in acts {
            world.later();
            let (a, b) = (handles[one], handles[other]);
            match act {
                0 => drop(world.doubt(a, organisations[other])),
                1 => drop(world.merge(a, b)),
                2 => drop(world.unmerge(a)),
                _ => {
                    let items = world.list(OURS).items;
                    if let Some(item) = items.first() {
                        let decision = if act == 3 { Decision::Same } else { Decision::NeverSame };
                        let pair = (item.pair.record, item.pair.candidate);
                        let doubted = item.candidate.found == Found::Disputed;
                        let decided = world.verdict(OURS, pair, decision).is_ok();
                        if doubted && decided {
                            prop_assert_eq!(world.same(pair.0, pair.1), decision == Decision::Same);
                        }
                    }
                }
            }
            for item in world.list(OURS).items {
                let linked = world.same(item.pair.record, item.pair.candidate);
                prop_assert_eq!(linked, item.candidate.found == Found::Disputed);
            }
            prop_assert!(world.rebuilt() == *world.core.index());
        }
    }
}
