//! What the checks of the agencies' real events allocate when nothing is found: nothing. The events are a generated city's, of every type it tells.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use walbrook_agency::conformance::{Checks, findings};
use walbrook_agency::{Agency, Schedules};
use walbrook_cli::city::lives::{Lives, Span, Told};
use walbrook_cli::publish::Body;
use walbrook_domain::control::{PublicationSchedule, ScheduleEntry};
use walbrook_domain::{Instant, Organisation};
use walbrook_proto::{health, housing, police, social_care, tfl};
use walbrook_runtime::callers::{EventPatterns, Principal, role};

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

#[expect(
    unsafe_code,
    reason = "an allocator is made of unsafe functions; this one hands everything to the system's"
)]
// SAFETY: every call goes to the system allocator unchanged; the counter itself allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An organisation that publishes everything, and its sender.
fn checks(organisation: &Organisation) -> Checks {
    let events = walbrook_proto::records().iter();
    let entry = |event_type: &str| ScheduleEntry {
        event_type: event_type.parse().unwrap(),
        controller: organisation.clone(),
        reason: "the organisation's own duty".to_owned(),
        retention_days: 30,
    };
    let schedules = Schedules::default();
    let taken = schedules.take(&PublicationSchedule {
        version: 1,
        entries: events
            .filter_map(|info| Some(entry(info.event?.event_type)))
            .collect(),
        by_organisation: organisation.clone(),
        by: "information-governance".to_owned(),
        organisation: organisation.clone(),
    });
    assert!(taken);
    let principal = Principal {
        organisation: organisation.to_string(),
        subject: "system".to_owned(),
        roles: vec![role::PRODUCER.to_owned()],
        events: EventPatterns::new(vec!["*".to_owned()]),
        token_id: "1".to_owned(),
        expires_at: SystemTime::now() + Duration::from_secs(3_600),
    };
    Checks::of(principal, &schedules).unwrap()
}

/// What the check of an event allocates; none when something is found in it, which is written down.
fn allocated<A: Agency>(
    checks: &Checks,
    of: &Organisation,
    event: A::Event,
    now: Instant,
) -> Option<u64> {
    let found = findings::<A>(of, &event, now);
    if found.refuses() || !found.queries().is_empty() {
        return None;
    }
    // The first check may set up what stays.
    assert!(checks.accept::<A>(&event, now));
    let before = ALLOCATED.with(Cell::get);
    let accepted = checks.accept::<A>(&event, now);
    let after = ALLOCATED.with(Cell::get);
    assert!(accepted);
    Some(after - before)
}

fn of(checks: &Checks, organisation: &Organisation, told: &Told) -> Option<u64> {
    let now = Instant(told.at_micros + 1_000_000);
    macro_rules! ask {
        ($package:ident, $agency:ty, $body:expr) => {{
            let (head, body) = (Some(told.event.head.clone()), Some($body));
            let event = $package::v1::Event { head, body };
            allocated::<$agency>(checks, organisation, event, now)
        }};
    }
    match told.event.body.clone() {
        Body::Police(body) => ask!(police, walbrook_police::Police, body),
        Body::Health(body) => ask!(health, walbrook_health::Health, body),
        Body::Housing(body) => ask!(housing, walbrook_housing::Housing, body),
        Body::SocialCare(body) => ask!(social_care, walbrook_social_care::SocialCare, body),
        Body::Tfl(body) => ask!(tfl, walbrook_tfl::Tfl, body),
        Body::City(_) => None,
    }
}

/// The field that names an event's type, of agency and oneof.
fn kind(body: &Body) -> String {
    let text = match body {
        Body::Police(body) => format!("{body:?}"),
        Body::Health(body) => format!("{body:?}"),
        Body::Housing(body) => format!("{body:?}"),
        Body::SocialCare(body) => format!("{body:?}"),
        Body::Tfl(body) => format!("{body:?}"),
        Body::City(body) => format!("{body:?}"),
    };
    let word = text.split('(').next().unwrap_or_default();
    format!("{}.{word}", body.agency())
}

#[test]
fn the_checks_of_every_type_that_a_city_tells_allocate_nothing_when_nothing_is_found() {
    let span = Span {
        from: "2025-10-01".parse().unwrap(),
        to: "2026-09-30".parse().unwrap(),
    };
    let lives = Lives::new(3, 4_000, span, 20);
    let told = (0..lives.blocks())
        .flat_map(|block| lives.block(block))
        .flat_map(|life| life.told)
        .chain(lives.transport().into_iter().take(2_000));
    let mut senders: BTreeMap<String, (Organisation, Checks)> = BTreeMap::new();
    let (mut kinds, mut wasteful) = (BTreeSet::new(), BTreeMap::new());
    for told in told {
        let name = told.event.organisation.clone();
        let (organisation, checks) = senders.entry(name).or_insert_with_key(|name| {
            let organisation: Organisation = name.parse().unwrap();
            let checks = checks(&organisation);
            (organisation, checks)
        });
        if let Some(count) = of(checks, organisation, &told) {
            let kind = kind(&told.event.body);
            if count > 0 {
                wasteful.insert(kind.clone(), count);
            }
            kinds.insert(kind);
        }
    }
    assert!(kinds.len() >= 25, "too few types were told: {kinds:?}");
    assert_eq!(wasteful, BTreeMap::new(), "allocations by type");
}
