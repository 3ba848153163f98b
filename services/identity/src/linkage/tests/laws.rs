//! Laws over many random histories.

use super::super::demographics::Stated;
use super::*;
use proptest::prelude::*;

/// A record as some organisation may state it, from a small world so that records meet.
#[derive(Debug, Clone)]
struct Card {
    organisation: &'static str,
    given: &'static str,
    family: &'static str,
    born: &'static str,
    postcode: &'static str,
    nhs: Option<u32>,
    email: &'static str,
    restricted: bool,
}

impl Card {
    fn stated(&self) -> Stated {
        Stated {
            nhs_number: self.nhs.and_then(nhs).unwrap_or_default(),
            restricted: self.restricted,
            email: self.email.into(),
            ..person(self.given, self.family, self.born, self.postcode)
        }
    }
}

fn card() -> impl Strategy<Value = Card> {
    (
        prop::sample::select(vec![CAMDEN, ISLINGTON, HACKNEY]),
        prop::sample::select(vec!["Amara", "Amarra", "Peter", "Baby"]),
        prop::sample::select(vec!["Okafor", "Lindqvist"]),
        prop::sample::select(vec!["1990-05-17", "1990-05-18", "2008-04-30", "1990-01-01"]),
        prop::sample::select(vec!["NW1 2DB", "NW1 2DC", "ZZ99 3VZ"]),
        prop::option::of(1_u32..4),
        prop::sample::select(vec!["", "", "amara.okafor@example.org"]),
        any::<bool>(),
    )
        .prop_map(
            |(organisation, given, family, born, postcode, nhs, email, restricted)| Card {
                organisation,
                given,
                family,
                born,
                postcode,
                nhs,
                email,
                restricted,
            },
        )
}

#[derive(Debug, Clone)]
enum Act {
    State(usize, Card),
    Merge(usize, usize),
    Unmerge(usize),
    /// The first pair that waits is decided.
    Decide(Decision),
    Cover(Vec<&'static str>),
    Days(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_usize..12, card()).prop_map(|(at, card)| Act::State(at, card)),
        2 => (0_usize..12, 0_usize..12).prop_map(|(a, b)| Act::Merge(a, b)),
        2 => (0_usize..12).prop_map(Act::Unmerge),
        2 => prop::sample::select(vec![Decision::Same, Decision::NeverSame]).prop_map(Act::Decide),
        1 => prop::sample::subsequence(vec![CAMDEN, ISLINGTON, HACKNEY], 0..=3).prop_map(Act::Cover),
        1 => (1_i64..40).prop_map(Act::Days),
    ]
}

/// Plays a history. Record `at` always belongs to the organisation that stated it first.
fn play(world: &mut World, acts: &[Act]) -> Vec<Handle> {
    let mut handles: BTreeMap<usize, (Handle, &'static str)> = BTreeMap::new();
    for act in acts {
        match act {
            Act::State(at, card) => {
                let organisation = handles
                    .get(at)
                    .map_or(card.organisation, |(_, first)| first);
                let handle = world.link(organisation, &at.to_string(), card.stated());
                handles.insert(*at, (handle, organisation));
            }
            Act::Merge(a, b) => {
                if let (Some((a, _)), Some((b, _))) = (handles.get(a), handles.get(b)) {
                    let _ = world.merge(*a, *b);
                }
            }
            Act::Unmerge(at) => {
                if let Some((handle, _)) = handles.get(at) {
                    let _ = world.unmerge(*handle);
                }
            }
            Act::Decide(decision) => decide(world, *decision),
            Act::Cover(parties) => {
                world.cover = Signed::by(parties);
                world.review_all();
            }
            Act::Days(days) => {
                world.now = Instant(world.now.0 + days * 86_400_000_000);
                let _ = world.step(Command::ComeOfAge { limit: 100 });
            }
        }
    }
    handles.into_values().map(|(handle, _)| handle).collect()
}

fn decide(world: &mut World, decision: Decision) {
    let first = world.page("WALBROOK:local", None, 1).items;
    for item in first {
        let _ = world.verdict(
            "WALBROOK:local",
            (item.pair.record, item.pair.candidate),
            decision,
        );
    }
}

/// What must hold in every state.
fn check(world: &World) {
    for (person, members) in world.persons() {
        let records: Vec<LinkRecord> = members
            .iter()
            .map(|handle| world.link_record(*handle))
            .collect();
        let listed: BTreeSet<Handle> = records[0]
            .members
            .iter()
            .map(|m| Handle::try_from(&*m.handle).unwrap())
            .collect();
        assert_eq!(listed, members);
        for record in &records {
            assert_eq!(record.person, person.as_bytes());
            assert_eq!(record.members, records[0].members);
            assert_eq!(record.revision, records[0].revision);
            assert_eq!(record.restrictions, records[0].restrictions);
            assert_eq!(record.adult_from, records[0].adult_from);
            assert_eq!(record.retired_persons.len(), members.len() - 1);
        }
        for a in world.core.index().members(person) {
            for candidate in &a.candidates {
                let other = world.core.index().record(candidate.other).unwrap();
                assert!(
                    other.sequence < a.sequence,
                    "an item stands on the later record"
                );
                assert_ne!(other.person, person, "nobody waits to be what they are");
                assert!(!world.core.index().taken_apart(a.handle, other.handle));
            }
            for b in world.core.index().members(person) {
                assert!(
                    a.organisation == b.organisation
                        || world.cover.covers(&a.organisation, &b.organisation)
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn rebuilt_state_equals_live_state(acts in prop::collection::vec(act(), 0..40)) {
        let mut world = World::new();
        play(&mut world, &acts);
        check(&world);
        prop_assert!(world.rebuilt() == *world.core.index());
    }

    /// Whatever a command changed about a link record, that record is among those to be written; and nothing else is.
    #[test]
    fn every_changed_member_is_rewritten(acts in prop::collection::vec(act(), 0..30), last in act()) {
        let mut world = World::new();
        play(&mut world, &acts);
        world.core.committed();
        let before: BTreeMap<Handle, LinkRecord> =
            world.core.index().records().map(|r| (r.handle, world.link_record(r.handle))).collect();
        // The last act goes through its own entry, on records by their number as before.
        let mut again = acts.clone();
        again.push(last);
        let mut replayed = World::new();
        play(&mut replayed, &acts);
        replayed.core.committed();
        let tail = again.last().cloned().into_iter().collect::<Vec<_>>();
        resume(&mut replayed, &acts, &tail);
        let changes = replayed.core.committed();
        for record in replayed.core.index().records() {
            let now = replayed.link_record(record.handle);
            let changed = before.get(&record.handle) != Some(&now);
            prop_assert_eq!(changed, changes.links.contains(&record.handle));
        }
    }

    /// The revision of a handle's links counts up with each change of them, whoever left its person, and never falls.
    #[test]
    fn revisions_count_up(acts in prop::collection::vec(act(), 0..30), tail in prop::collection::vec(act(), 1..10)) {
        let mut world = World::new();
        play(&mut world, &acts);
        for at in 0..tail.len() {
            let before: BTreeMap<Handle, LinkRecord> =
                world.core.index().records().map(|r| (r.handle, world.link_record(r.handle))).collect();
            resume(&mut world, &acts, &tail[at..=at]);
            for (handle, then) in before {
                let now = world.link_record(handle);
                prop_assert!(now.revision > then.revision || now == then);
            }
        }
    }

    /// A batch that is being written and does not come about takes the one in work with it, and leaves no trace; one that does leaves the other alone.
    #[test]
    fn what_was_not_written_was_not_done(
        acts in prop::collection::vec(act(), 0..20),
        sealed in prop::collection::vec(act(), 0..10),
        open in prop::collection::vec(act(), 0..10),
        is_written in any::<bool>(),
    ) {
        let mut world = World::new();
        play(&mut world, &acts);
        world.core.committed();
        let records = |world: &World| -> BTreeMap<Handle, PersonRecord> {
            world.core.index().records().map(|r| (r.handle, PersonRecord::clone(r))).collect()
        };
        let before = (records(&world), world.persons(), world.core.index().waiting().clone());
        resume(&mut world, &acts, &sealed);
        world.core.seal();
        resume(&mut world, &acts, &open);
        if is_written {
            world.core.settled();
            prop_assert!(world.rebuilt() == *world.core.index());
            let after = records(&world);
            world.core.committed();
            world.core.rolled_back();
            prop_assert!(records(&world) == after, "nothing was in work");
        } else {
            world.core.rolled_back();
            prop_assert!(world.core.changes().is_empty());
            let after = (records(&world), world.persons(), world.core.index().waiting().clone());
            prop_assert!(before == after);
        }
    }

    /// Whatever came before, no person has two numbers that were verified, or dates of birth too far apart for a slip, after a join.
    #[test]
    fn nobody_joins_two_numbers(acts in prop::collection::vec(act(), 0..30), a in 0_usize..12, b in 0_usize..12) {
        let mut world = World::new();
        let handles = play(&mut world, &acts);
        if let (Some(a), Some(b)) = (handles.get(a), handles.get(b)) {
            let sane = |world: &World, person| {
                let members: Vec<_> = world.core.index().members(person).collect();
                members.iter().all(|x| members.iter().all(|y| {
                    x.features().far_apart(y.features()).is_none()
                }))
            };
            // An organisation may have stated another number since somebody said that two records are one person: that is for people to put right.
            let sane_before = sane(&world, world.person(*a)) && sane(&world, world.person(*b));
            if sane_before && world.merge(*a, *b).is_ok() {
                prop_assert!(sane(&world, world.person(*a)));
            }
        }
    }

    #[test]
    fn merge_then_unmerge_is_identity(acts in prop::collection::vec(act(), 0..30), a in 0_usize..12, b in 0_usize..12, named in any::<bool>()) {
        let mut world = World::new();
        let handles = play(&mut world, &acts);
        if let (Some(a), Some(b)) = (handles.get(a), handles.get(b)) {
            let before = world.persons();
            let links: BTreeMap<Handle, LinkRecord> =
                handles.iter().map(|handle| (*handle, standing(&world, *handle))).collect();
            let apart = handles.iter().filter(|x| world.core.index().taken_apart(*a, **x)).count();
            if world.merge(*a, *b).is_ok() {
                prop_assert!(world.same(*a, *b));
                world.unmerge(if named { *a } else { *b }).unwrap();
                prop_assert_eq!(world.persons(), before);
                for (handle, link) in &links {
                    prop_assert_eq!(&standing(&world, *handle), link);
                }
                prop_assert!(handles.iter().filter(|x| world.core.index().taken_apart(*a, **x)).count() >= apart);
                check(&world);
            }
        }
    }

    /// Where nothing contradicts (one birth date, one given name, no two numbers for one set of demographics), the order of arrival does not matter
    /// to numbers and exact demographics. It does to the model, by nature: how much a name says depends on how many have it by then.
    #[test]
    fn order_does_not_matter_where_nothing_contradicts(
        cards in prop::collection::vec((0_usize..4, any::<bool>(), any::<bool>()), 1..9).prop_shuffle(),
        seed in any::<u64>(),
    ) {
        // Person n has the number n and the postcode n; a card shows the number, or the address, or both.
        let postcodes = ["NW1 2DB", "N1 1AA", "E8 1EA", "SE1 7PB"];
        let families = ["Okafor", "Lindqvist", "Baptiste", "Hughes"];
        let card = |(n, number, address): &(usize, bool, bool)| {
            let mut stated = person("Amara", families[*n], "1990-05-17", if *address { postcodes[*n] } else { "" });
            if *number {
                stated.nhs_number = ["9990000042", "9990000050", "9990000069", "9990000077"][*n].into();
            }
            stated
        };
        let partition = |order: &[usize]| {
            let mut world = World::new();
            // Within one organisation the model is always asked.
            let organisations: Vec<String> = (1..=cards.len()).map(|n| format!("GSS:E{:08}", 9_000_000 + n)).collect();
            world.cover = Signed::by(&organisations.iter().map(String::as_str).collect::<Vec<_>>());
            world.cover.without = vec!["fellegi-sunter".into()];
            let mut at: BTreeMap<usize, Handle> = BTreeMap::new();
            for i in order {
                at.insert(*i, world.link(&organisations[*i], &i.to_string(), card(&cards[*i])));
            }
            let mut groups: BTreeMap<PersonId, BTreeSet<usize>> = BTreeMap::new();
            for (i, handle) in at {
                groups.entry(world.person(handle)).or_default().insert(i);
            }
            groups.into_values().collect::<BTreeSet<_>>()
        };
        let forward: Vec<usize> = (0..cards.len()).collect();
        let mut other = forward.clone();
        other.sort_by_key(|i| (*i as u64 + 1).wrapping_mul(seed | 1));
        prop_assert_eq!(partition(&forward), partition(&other));
    }

    /// A placeholder says what an empty field says: whatever matches with one matches without it, and the other way round.
    #[test]
    fn a_placeholder_never_completes_a_match(a in card(), b in card()) {
        let said = |card: &Card| Stated { nhs_number: String::new(), ..card.stated() };
        let blank = |card: &Card| {
            let mut stated = said(card);
            if card.given == "Baby" {
                stated.given_name.clear();
            }
            if card.postcode.starts_with("ZZ99") {
                stated.postcode.clear();
            }
            stated
        };
        let same = |first: Stated, second: Stated| {
            let mut world = World::new();
            let x = world.link(a.organisation, "1", first);
            let y = world.link(b.organisation, "2", second);
            world.same(x, y)
        };
        prop_assert_eq!(same(said(&a), said(&b)), same(blank(&a), blank(&b)));
        let exact = (a.given, a.family, a.born, a.postcode) == (b.given, b.family, b.born, b.postcode);
        let whole = a.given != "Baby" && a.born != "1990-01-01" && a.postcode.starts_with("NW1");
        if exact && whole {
            prop_assert!(same(said(&a), said(&b)));
        }
    }
}

/// A link record without what only counts up: revision and time of writing.
fn standing(world: &World, handle: Handle) -> LinkRecord {
    LinkRecord {
        revision: 0,
        recorded_at: None,
        ..world.link_record(handle)
    }
}

/// Plays `tail` on a world that `acts` made.
fn resume(world: &mut World, acts: &[Act], tail: &[Act]) {
    let mut first: BTreeMap<usize, &'static str> = BTreeMap::new();
    for act in acts {
        if let Act::State(at, card) = act {
            first.entry(*at).or_insert(card.organisation);
        }
    }
    let handle = |world: &World, at: &usize| {
        let organisation = first.get(at)?;
        let record = world
            .core
            .index()
            .by_token(token(organisation, &at.to_string()))?;
        Some(record.handle)
    };
    for act in tail {
        match act {
            Act::State(at, card) => {
                let organisation = first.get(at).copied().unwrap_or(card.organisation);
                world.link(organisation, &at.to_string(), card.stated());
            }
            Act::Merge(a, b) => {
                if let (Some(a), Some(b)) = (handle(world, a), handle(world, b)) {
                    let _ = world.merge(a, b);
                }
            }
            Act::Decide(decision) => decide(world, *decision),
            Act::Unmerge(at) => {
                if let Some(handle) = handle(world, at) {
                    let _ = world.unmerge(handle);
                }
            }
            other => {
                play(world, std::slice::from_ref(other));
            }
        }
    }
}
