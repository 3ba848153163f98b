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
    restricted: bool,
}

impl Card {
    fn stated(&self) -> Stated {
        Stated {
            nhs_number: self.nhs.and_then(nhs).unwrap_or_default(),
            restricted: self.restricted,
            ..person(self.given, self.family, self.born, self.postcode)
        }
    }
}

fn card() -> impl Strategy<Value = Card> {
    (
        prop::sample::select(vec![CAMDEN, ISLINGTON, HACKNEY]),
        prop::sample::select(vec!["Amara", "Peter", "Baby"]),
        prop::sample::select(vec!["Okafor", "Lindqvist"]),
        prop::sample::select(vec!["1990-05-17", "2008-04-30", "1990-01-01"]),
        prop::sample::select(vec!["NW1 2DB", "ZZ99 3VZ"]),
        prop::option::of(1_u32..4),
        any::<bool>(),
    )
        .prop_map(
            |(organisation, given, family, born, postcode, nhs, restricted)| Card {
                organisation,
                given,
                family,
                born,
                postcode,
                nhs,
                restricted,
            },
        )
}

#[derive(Debug, Clone)]
enum Act {
    State(usize, Card),
    Merge(usize, usize),
    Unmerge(usize),
    Cover(Vec<&'static str>),
    Days(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_usize..12, card()).prop_map(|(at, card)| Act::State(at, card)),
        2 => (0_usize..12, 0_usize..12).prop_map(|(a, b)| Act::Merge(a, b)),
        2 => (0_usize..12).prop_map(Act::Unmerge),
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

    #[test]
    fn merge_then_unmerge_is_identity(acts in prop::collection::vec(act(), 0..30), a in 0_usize..12, b in 0_usize..12, named in any::<bool>()) {
        let mut world = World::new();
        let handles = play(&mut world, &acts);
        if let (Some(a), Some(b)) = (handles.get(a), handles.get(b)) {
            let before = world.persons();
            if world.merge(*a, *b).is_ok() {
                prop_assert!(world.same(*a, *b));
                world.unmerge(if named { *a } else { *b }).unwrap();
                prop_assert_eq!(world.persons(), before);
                check(&world);
            }
        }
    }

    /// Where nothing contradicts (one birth date, one given name, no two numbers for one set of demographics), the order of arrival does not matter.
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
            let mut at: BTreeMap<usize, Handle> = BTreeMap::new();
            for i in order {
                let organisation = [CAMDEN, ISLINGTON, HACKNEY][*i % 3];
                at.insert(*i, world.link(organisation, &i.to_string(), card(&cards[*i])));
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

    #[test]
    fn a_placeholder_never_completes_a_match(a in card(), b in card()) {
        let mut world = World::new();
        let x = world.link(a.organisation, "1", Stated { nhs_number: String::new(), ..a.stated() });
        let y = world.link(b.organisation, "2", Stated { nhs_number: String::new(), ..b.stated() });
        let whole = |card: &Card| card.given != "Baby" && card.born != "1990-01-01" && card.postcode == "NW1 2DB";
        let equal = (a.given, a.family, a.born) == (b.given, b.family, b.born);
        prop_assert_eq!(world.same(x, y), equal && whole(&a) && whole(&b));
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
