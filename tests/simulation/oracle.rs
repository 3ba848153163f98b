//! What must hold after a simulation, computed from what was sent and the final state alone.

use crate::world::{Sent, World};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_broker::enforce::control_view::ControlView;
use walbrook_domain::{EventType, Handle, Instant, LinkStatus, Precision, Purpose};
use walbrook_event::framing::unframe;
use walbrook_event::{ReleaseEnvelope, headers};
use walbrook_eventlog::murmur2_partition;
use walbrook_policy::facts::{EventFacts, FieldValue, Fields, LinkFacts, Precedence, Subject};
use walbrook_policy::outcome::{Outcome, Reason};
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage};
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records;
use walbrook_tests::shelf::Name;

struct NoFields;

impl Fields for NoFields {
    fn value(&self, _name: &str) -> FieldValue<'_> {
        FieldValue::Missing
    }
}

pub fn check(world: &World) {
    let shelf = world.shelf();
    let demanded = demanded(world);
    let standing: BTreeMap<Name, String> = shelf
        .contributions
        .iter()
        .map(|(name, (key, _))| (name.clone(), key.clone()))
        .collect();
    assert_eq!(
        standing, demanded,
        "what stands is not what the final state demands"
    );
    check_subjects(world);
    check_pages(world);
    check_pairing(world);
}

/// Every contribution that must stand, with its key.
fn demanded(world: &World) -> BTreeMap<Name, String> {
    let feed = world.book();
    let book = feed.read();
    let purpose = Purpose::new(records::PURPOSE).unwrap();
    let key = world.setting.keys.get(&purpose).unwrap();
    let organisation = records::organisation(records::CAMDEN);
    let event_type = EventType::new("housing.RentArrearsChanged").unwrap();
    let mut demanded = BTreeMap::new();
    for sent in counting(world) {
        let person = world.persons[&sent.handle];
        let members = world.members(person);
        let facts = EventFacts {
            event_type: &event_type,
            organisation: &organisation,
            event_id: sent.event,
            accepted_at: Instant(1_790_000_000_000_000),
            occurred_at: Instant(1_780_000_000_000_000),
            precision: Precision::Minute,
            precedence: Precedence::First,
            fields: &NoFields,
        };
        let subject = Subject::Person(LinkFacts {
            handle: sent.handle,
            person,
            status: LinkStatus::Match,
            restrictions: &[],
            adult_from: None,
            members: &members,
        });
        for verdict in book.decide(&facts, subject, Instant(1_790_000_100_000_000)) {
            if verdict.reason.outcome() != Outcome::Permit {
                continue;
            }
            let (agreement, _) = verdict.agreement.unwrap();
            let pseudonym = key.person(person);
            let name = (
                murmur2_partition(pseudonym.as_bytes(), crate::world::PARTITIONS),
                key.handle(sent.handle).to_string(),
                key.event(&organisation, sent.handle, sent.event)
                    .to_string(),
                agreement.to_string(),
            );
            demanded.insert(name, pseudonym.to_string());
        }
    }
    demanded
}

/// Events that are the first of their identity and corrected by none that is.
fn counting(world: &World) -> Vec<&Sent> {
    let mut by_handle: BTreeMap<Handle, Vec<&Sent>> = BTreeMap::new();
    for sent in &world.sent {
        by_handle.entry(sent.handle).or_default().push(sent);
    }
    let mut counting = Vec::new();
    for events in by_handle.values() {
        let mut seen = BTreeSet::new();
        let firsts: Vec<&Sent> = events
            .iter()
            .copied()
            .filter(|sent| seen.insert(sent.event))
            .collect();
        let corrected: BTreeSet<_> = firsts
            .iter()
            .filter(|sent| sent.supersedes != Some(sent.event))
            .filter_map(|sent| sent.supersedes)
            .collect();
        counting.extend(
            firsts
                .into_iter()
                .filter(|sent| !corrected.contains(&sent.event)),
        );
    }
    counting
}

/// One subject record for each handle that has an event, under its person's pseudonym now.
fn check_subjects(world: &World) {
    let purpose = Purpose::new(records::PURPOSE).unwrap();
    let key = world.setting.keys.get(&purpose).unwrap();
    let with_events: BTreeSet<Handle> = world.sent.iter().map(|sent| sent.handle).collect();
    let demanded: BTreeMap<(i32, String), String> = with_events
        .intersection(&world.handles())
        .map(|handle| {
            let pseudonym = key.person(world.persons[handle]);
            let partition = murmur2_partition(pseudonym.as_bytes(), crate::world::PARTITIONS);
            (
                (partition, key.handle(*handle).to_string()),
                pseudonym.to_string(),
            )
        })
        .collect();
    assert_eq!(world.shelf().subjects, demanded, "subject records");
}

fn pages(world: &World) -> Vec<(i32, DecisionPage)> {
    world
        .pages()
        .iter()
        .map(|record| {
            let (_, body) = unframe(record.value.as_deref()).unwrap();
            (
                record.at.partition,
                DecisionPage::decode_exact(body).unwrap(),
            )
        })
        .collect()
}

/// Pages are numbered without a hole, cover every raw offset once, and none decides an event without what was acknowledged before it (P5).
fn check_pages(world: &World) {
    let mut sequence: BTreeMap<i32, i64> = BTreeMap::new();
    let mut covered: BTreeMap<i32, i64> = BTreeMap::new();
    let mut stamps: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    for (partition, page) in pages(world) {
        let next = sequence.entry(partition).or_default();
        assert_eq!(page.sequence, *next);
        *next += 1;
        let stamp = stamps.entry(partition).or_default();
        assert!(
            (page.policy_next, page.links_next) >= *stamp,
            "positions only grow"
        );
        *stamp = (page.policy_next, page.links_next);
        if page.kind != "LIVE" {
            continue;
        }
        assert_eq!(page.raw_topic, "raw.housing");
        let from = covered.entry(partition).or_default();
        assert_eq!(page.first_offset, *from, "pages join");
        let entries: i64 = {
            let offsets: BTreeSet<i64> = page
                .entries
                .iter()
                .flat_map(|entry| {
                    entry.first_offset..entry.first_offset + i64::from(entry.offset_count)
                })
                .collect();
            i64::try_from(offsets.len()).unwrap()
        };
        assert_eq!(
            entries,
            page.last_offset - page.first_offset + 1,
            "every offset has an entry"
        );
        *from = page.last_offset + 1;
        for sent in world.sent.iter().filter(|sent| sent.partition == partition) {
            if (page.first_offset..=page.last_offset).contains(&sent.offset) {
                assert!(
                    page.policy_next >= sent.policy_end,
                    "decided before what was acknowledged was applied"
                );
                assert!(page.links_next >= sent.links_end);
            }
        }
    }
    for partition in 0..crate::world::PARTITIONS {
        let all = world
            .sent
            .iter()
            .filter(|sent| sent.partition == partition)
            .count();
        assert_eq!(
            covered.get(&partition).copied().unwrap_or(0),
            i64::try_from(all).unwrap()
        );
    }
}

/// Each permit on a page is one release on the topic, and the other way round; the same for retractions.
fn check_pairing(world: &World) {
    let mut permits: Vec<(i64, i64)> = Vec::new();
    let mut retractions = 0;
    for (_, page) in pages(world) {
        let permitted = |entry: &&DecisionEntry| entry.reason == Reason::Permitted.code();
        let redecided = page.redecided.iter().flat_map(|event| &event.entries);
        permits.extend(
            page.entries
                .iter()
                .chain(redecided)
                .filter(permitted)
                .map(|entry| (entry.key_prefix, entry.event_prefix)),
        );
        retractions += page.retractions.len();
    }
    let mut releases: Vec<(i64, i64)> = Vec::new();
    for record in world.shared() {
        if !record
            .headers
            .text(headers::TYPE)
            .unwrap()
            .starts_with("housing.")
        {
            continue;
        }
        let release =
            ReleaseEnvelope::read(|name| record.headers.get(name).map(|value| value.as_ref()))
                .unwrap();
        let key: [u8; 8] = record.key.as_deref().unwrap()[..8].try_into().unwrap();
        releases.push((i64::from_be_bytes(key), release.id.prefix().cast_signed()));
        let raw_trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert!(
            !release.trace_parent.unwrap().contains(raw_trace),
            "the raw trace is nowhere on the shared topic"
        );
    }
    permits.sort_unstable();
    releases.sort_unstable();
    assert_eq!(permits, releases);
    assert_eq!(world.shelf().retractions, retractions);
}
