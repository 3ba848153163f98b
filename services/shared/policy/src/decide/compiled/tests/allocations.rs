//! What a permit allocates: nothing.

use super::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

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

/// A handle with a consent, an adult, with fields that no predicate finds fault with.
#[test]
fn a_permit_allocates_nothing() {
    struct Concern;
    impl Fields for Concern {
        fn value(&self, name: &str) -> FieldValue<'_> {
            match name {
                "housing_concern" => FieldValue::Bool(true),
                "subject_kind" => FieldValue::Text("ADULT"),
                _ => FieldValue::Text("HM01"),
            }
        }
    }
    let mut life = Life::new();
    life.log
        .ground(ground(
            handle(0),
            GroundKind::Consent,
            GroundState::Given,
            1,
        ))
        .unwrap();
    let compiled = Compiled::new(&life.log.state);
    let now = Instant(life.log.clock.0 + 3_600_000_000);
    let members = [handle(0), handle(1)];
    let subject = Subject::Person(LinkFacts {
        handle: handle(0),
        person: PersonId::new([9; 16]),
        status: LinkStatus::Match,
        restrictions: &[],
        adult_from: Some(at("2020-01-01T00:00:00Z").london_day()),
        members: &members,
    });
    let shapes = catalogue();
    let mut permits = 0;
    for shape in shapes.events() {
        for organisation in ORGANISATIONS.map(org) {
            let event = EventFacts {
                event_type: &shape.event_type,
                organisation: &organisation,
                event_id: event_id(),
                accepted_at: now,
                occurred_at: now.london_day().plus(-3).start(),
                precision: Precision::Minute,
                precedence: Precedence::First,
                fields: &Concern,
            };
            let mut of_event = 0;
            let mut whole = true;
            let before = ALLOCATED.with(Cell::get);
            compiled
                .decide(
                    &event,
                    &subject,
                    &life.log.state,
                    now,
                    RULES_VERSION,
                    |ruling| {
                        of_event += usize::from(ruling.outcome() == Outcome::Permit);
                        // Those are left to the specification, which may allocate.
                        whole &= !matches!(
                            ruling.reason,
                            Reason::NotSignedBySource
                                | Reason::NotYetInForce
                                | Reason::Expired
                                | Reason::NoChosenAuthority
                        );
                    },
                )
                .unwrap();
            let allocated = ALLOCATED.with(Cell::get) - before;
            if of_event > 0 && whole {
                permits += of_event;
                assert_eq!(allocated, 0, "{} from {organisation}", shape.event_type);
            }
        }
    }
    assert!(permits >= 8, "{permits} permits");
}
