//! What the model joins, and what it leaves to people.

use super::super::demographics::Stated;
use super::*;

const OURS: &str = "WALBROOK:local";

fn amara_by_mail() -> Stated {
    Stated {
        email: "amara.okafor@example.org".into(),
        ..amara()
    }
}

/// The same with a slip in name and postcode: no number and no exact agreement joins the two.
fn slipped() -> Stated {
    Stated {
        email: "amara.okafor@example.org".into(),
        ..person("Amarra", "Okafor", "1990-05-17", "NW1 2DC")
    }
}

/// Like Amara, and perhaps her: another year, and another address.
fn alike() -> Stated {
    person("Amara", "Okafor", "1991-05-17", "E8 1EA")
}

#[test]
fn the_model_joins_what_is_surely_the_same_and_says_so_on_the_link() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara_by_mail());
    let b = world.link(HACKNEY, "2", slipped());
    assert!(world.same(a, b));
    let link = world.link_record(b);
    assert_eq!(link.strategy, "fellegi-sunter@1/uk-demographics@1");
    assert!((9_500..10_000).contains(&link.score_ten_thousandths));
    assert_eq!(link.members.len(), 2);
    assert!(world.rebuilt() == *world.core.index());
    // Undone, everything is as before.
    assert!(world.unmerge(b).is_ok());
    assert!(!world.same(a, b));
    assert_eq!(world.link_record(b).strategy, "own@1");
}

#[test]
fn across_organisations_the_model_needs_a_signed_agreement_that_names_it() {
    let mut world = World::new();
    world.cover = Signed::by(&[CAMDEN]);
    let a = world.link(CAMDEN, "1", amara_by_mail());
    let b = world.link(HACKNEY, "2", slipped());
    assert!(!world.same(a, b), "none before the signature");
    assert_eq!(world.list(OURS).waiting, 0);
    world.cover = Signed::by(&[CAMDEN, HACKNEY]);
    world.review_all();
    assert!(world.same(a, b), "one after it");
    world.cover.without = vec!["fellegi-sunter".into()];
    world.review_all();
    assert!(!world.same(a, b), "an agreement that no longer names it");
    assert_eq!(world.list(OURS).waiting, 0);
    world.cover.without.clear();
    world.review_all();
    assert!(world.same(a, b));
    world.cover = Signed::by(&[CAMDEN]);
    world.review_all();
    assert!(!world.same(a, b), "none after termination");
    assert_eq!(world.list(OURS).waiting, 0);
}

#[test]
fn what_is_likely_but_not_sure_is_a_person_of_its_own_and_waits() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara());
    let b = world.link(HACKNEY, "2", alike());
    assert!(!world.same(a, b));
    let found = world.found(b);
    assert!(
        matches!(found, Found::PotentialMatch | Found::LowConfidenceMatch),
        "{found:?}"
    );
    let page = world.list(OURS);
    assert_eq!(page.items.len(), 1);
    let candidate = &page.items[0].candidate;
    assert_eq!((candidate.found, candidate.other), (found, a));
    assert_eq!(candidate.model.as_deref(), Some("uk-demographics@1"));
    assert!(candidate.score < 9_999);
    // A number says what the model could not: joined, and nobody has to look any more.
    world.link(CAMDEN, "1", with_nhs(amara(), 7));
    world.link(HACKNEY, "2", with_nhs(alike(), 7));
    assert!(world.same(a, b));
    assert_eq!(world.list(OURS).waiting, 0);
}

#[test]
fn names_alone_and_twins_are_never_joined_by_themselves() {
    let mut world = World::new();
    let nameless = |given: &str| Stated {
        given_name: given.into(),
        family_name: "Okafor".into(),
        ..Stated::default()
    };
    let a = world.link(CAMDEN, "1", nameless("Amara"));
    let b = world.link(CAMDEN, "2", nameless("Amara"));
    assert!(!world.same(a, b));
    let c = world.link(CAMDEN, "3", amara_by_mail());
    let twin = Stated {
        given_name: "Chidi".into(),
        ..amara_by_mail()
    };
    let d = world.link(CAMDEN, "4", twin);
    assert!(!world.same(c, d));
}

#[test]
fn every_member_of_a_person_can_speak_against_a_join() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara_by_mail(), 7));
    let b = world.link(HACKNEY, "2", with_nhs(slipped(), 7));
    assert!(world.same(a, b));
    // Like the second record in all that is compared, but with another number than the first.
    let c = world.link(ISLINGTON, "3", with_nhs(slipped(), 8));
    assert!(!world.same(a, c));
    assert_eq!(world.found(c), Found::TwoNhsNumbers);
    let page = world.list(OURS);
    assert_eq!(page.items.len(), 1, "once for the two persons");
    assert_eq!(page.items[0].candidate.found, Found::TwoNhsNumbers);
}

#[test]
fn several_persons_that_cannot_be_one_are_left_to_people() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", with_nhs(amara_by_mail(), 7));
    let b = world.link(CAMDEN, "2", with_nhs(slipped(), 8));
    assert!(!world.same(a, b));
    let between = Stated {
        postcode: "NW1 2DD".into(),
        ..amara_by_mail()
    };
    let c = world.link(HACKNEY, "3", between);
    assert_eq!(world.found(c), Found::ManyMatch);
    assert!(!world.same(a, c) && !world.same(b, c));
    let page = world.list(OURS);
    let many = page.items.iter().filter(|item| item.pair.record == c);
    assert_eq!(many.count(), 2);
}

#[test]
fn a_search_compares_no_more_than_it_may() {
    let mut world = World::new();
    world.core = Core::new(
        Index::default(),
        Rules {
            block_records: 5,
            ..Rules::default()
        },
    );
    // Twenty share everything that is a key: none of the keys is looked up.
    let handles: Vec<Handle> = (0..20)
        .map(|n| world.link(CAMDEN, &n.to_string(), amara_by_mail()))
        .collect();
    let largest = world.persons().values().map(BTreeSet::len).max();
    assert_eq!(
        largest,
        Some(20),
        "exact agreement needs no key of the model"
    );
    let stranger = world.link(CAMDEN, "20", slipped());
    assert!(!handles.iter().any(|handle| world.same(*handle, stranger)));
}

#[test]
fn what_waits_stays_when_the_keys_have_grown_too_common() {
    let mut world = World::new();
    world.core = Core::new(
        Index::default(),
        Rules {
            block_records: 3,
            ..Rules::default()
        },
    );
    world.link(CAMDEN, "1", amara());
    let b = world.link(CAMDEN, "2", person("Amara", "Okoro", "1990-05-17", ""));
    assert_eq!(world.list(OURS).waiting, 1);
    let others = ["Smith", "Jones", "Quill", "Marsh", "Thorn", "Hughes"];
    for (n, family) in others.into_iter().enumerate() {
        let other = person("Anders", family, "1990-05-17", "");
        world.link(CAMDEN, &format!("other {n}"), other);
    }
    world.review_all();
    assert!(
        world
            .list(OURS)
            .items
            .iter()
            .any(|item| item.pair.record == b)
    );
}

#[test]
fn the_explanation_adds_up_to_what_was_scored() {
    let mut world = World::new();
    let a = world.link(CAMDEN, "1", amara());
    let b = world.link(HACKNEY, "2", alike());
    let pair = Pair {
        record: b,
        candidate: a,
    };
    let Ok(Answer::Explained(explained)) =
        world.step(Command::Explain(pair, World::reviewer(OURS)))
    else {
        panic!("nothing explained");
    };
    assert_eq!(
        explained.waterfall.probability,
        explained.item.candidate.score
    );
    let steps: i32 = explained
        .waterfall
        .steps
        .iter()
        .map(|step| step.millibits + step.rarity_millibits)
        .sum();
    assert_eq!(explained.waterfall.prior + steps, explained.waterfall.total);
}
