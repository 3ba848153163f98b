//! What the check of an event allocates when nothing is wrong with it: nothing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, SystemTime};

use walbrook_agency::conformance::Checks;
use walbrook_agency::{Agency, Body, Context, Findings, Rule, Schedules, facts};
use walbrook_domain::Instant;
use walbrook_domain::control::{PublicationSchedule, ScheduleEntry};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Organisation, Subject};
use walbrook_proto::housing::v1::{Event, PossessionNotice, event};
use walbrook_runtime::callers::{EventPatterns, Principal};

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

static EARLY: Rule = Rule::query(
    "EARLY",
    "A notice is served before it expires.",
    "this test",
);

struct Landlords;

impl Agency for Landlords {
    const NAME: &'static str = "example";
    const GRPC_PORT: u16 = 7199;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        static RULES: [&Rule; 1] = [&EARLY];
        &RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        match event.body.as_ref()? {
            event::Body::PossessionNotice(m) => Some(Body::of("possession_notice", m, notice)),
            _ => None,
        }
    }
}

fn notice(m: &PossessionNotice, _: &Context<'_>, findings: &mut Findings) {
    let [served, expires] =
        [&m.served_on, &m.expires_on].map(|day| day.as_ref().and_then(facts::day));
    findings.check(served <= expires, &EARLY, "expires_on");
}

const CAMDEN: &str = "GSS:E09000007";

fn event() -> Event {
    let subject = Subject {
        scheme: "NHS_NUMBER".into(),
        local_id: "9990000018".into(),
        demographics: Some(Demographics {
            given_name: "Aveline".into(),
            family_name: "Quillfeather".into(),
            birth_date: Date::new(1987, 3, 14),
            postcode: "NW1 0XX".into(),
            nhs_number: Some("999 000 0018".into()),
            nhs_number_verified: true,
            ..Demographics::default()
        }),
    };
    Event {
        head: Some(EventHead {
            event_id: "0192d3f4-7c1e-7d2a-9b1c-000000000001".into(),
            organisation: Some(Organisation {
                scheme: "GSS".into(),
                code: "E09000007".into(),
            }),
            subject: Some(subject),
            supersedes_event_id: Some("0192d3f4-7c1e-7d2a-9b1c-000000000002".into()),
            when: Some(When::OccurredOn(Date::new(2026, 4, 7).unwrap())),
        }),
        body: Some(event::Body::PossessionNotice(PossessionNotice {
            tenancy_ref: Some("T-100".into()),
            notice_type: "S8".into(),
            grounds: vec!["8".into()],
            served_on: Date::new(2026, 4, 7),
            expires_on: Date::new(2026, 6, 7),
            stage: "NOTICE".into(),
        })),
    }
}

fn schedules() -> Schedules {
    let schedules = Schedules::default();
    let organisation: walbrook_domain::Organisation = CAMDEN.parse().unwrap();
    let taken = schedules.take(&PublicationSchedule {
        version: 1,
        entries: vec![ScheduleEntry {
            event_type: "housing.PossessionNotice".parse().unwrap(),
            controller: organisation.clone(),
            reason: "the organisation's own duty".to_owned(),
            retention_days: 30,
        }],
        by_organisation: organisation.clone(),
        by: "information-governance".to_owned(),
        organisation,
    });
    assert!(taken);
    schedules
}

#[test]
fn the_check_of_an_accepted_event_allocates_nothing() {
    let principal = Principal {
        organisation: CAMDEN.to_owned(),
        subject: "housing-system".to_owned(),
        roles: vec!["producer".to_owned()],
        events: EventPatterns::new(vec!["housing.*".to_owned()]),
        token_id: "1".to_owned(),
        expires_at: SystemTime::now() + Duration::from_secs(3_600),
    };
    let checks = Checks::of(principal, &schedules()).unwrap();
    let now = Instant(1_790_000_000_000_000);
    let (good, mut bad) = (event(), event());
    let head = bad.head.as_mut().unwrap();
    head.event_id.clear();
    // The first check may set up what stays.
    assert!(checks.accept::<Landlords>(&good, now));
    let allocated = |event: &Event, accepted: bool| {
        let before = ALLOCATED.with(Cell::get);
        assert_eq!(checks.accept::<Landlords>(event, now), accepted);
        ALLOCATED.with(Cell::get) - before
    };
    assert_eq!(allocated(&good, true), 0, "nothing for what is accepted");
    assert!(
        allocated(&bad, false) > 0,
        "the counter counts: a finding is written down"
    );
}
