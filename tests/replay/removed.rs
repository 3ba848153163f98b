//! Removals: what two materialisers say of one cause is one removal, and what retention took was over.

use walbrook_auditor::Checked;
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::common::v1::Date;

use crate::held::Held;
use crate::reads::{SHARED, framed, read_run};

const REMOVALS: &str = "audit.removals";
const AT_MS: i64 = 1_791_000_000_000;

fn removal(reason: &str, offset: i64) -> Removal {
    Removal {
        view: "rough_sleeping_risk".to_owned(),
        cause_topic: SHARED.to_owned(),
        cause_partition: 0,
        cause_offset: offset,
        contributions: 1,
        rows: 1,
        reason: reason.to_owned(),
        ..Removal::default()
    }
}

fn over(on: (i32, i32, i32), offset: i64) -> Removal {
    Removal {
        past_on: Date::new(on.0, on.1, on.2),
        ..removal("RETENTION", offset)
    }
}

fn with(removals: &[Removal]) -> Held {
    let mut held = read_run();
    for (number, removal) in (0..).zip(removals) {
        held.append(REMOVALS, 0, framed(removal), AT_MS + number);
    }
    held
}

/// How many removals the audit counts beyond those of the run, and how many differences it finds.
fn counted(removals: &[Removal]) -> (u64, usize) {
    let (before, after) = (read_run().audit(), with(removals).audit());
    let removals = after.checked(Checked::Removals) - before.checked(Checked::Removals);
    let found = after.differences().len() - before.differences().len();
    (removals, found)
}

#[test]
fn what_two_say_of_one_cause_is_one_removal() {
    let withdrawal = removal("WITHDRAWAL", 0);
    let another = removal("WITHDRAWAL", 1);
    let of_another_view = Removal {
        view: "another".to_owned(),
        ..withdrawal.clone()
    };
    // A standby may be at another offset when a day begins.
    let (first, second) = (over((2026, 1, 1), 0), over((2026, 1, 1), 1));
    let said = [
        withdrawal.clone(),
        withdrawal,
        another,
        of_another_view,
        first,
        second,
        over((2026, 1, 2), 1),
    ];
    assert_eq!(counted(&said), (5, 0));
}

#[test]
fn retention_takes_what_is_over_and_says_since_when() {
    for wrong in [
        removal("RETENTION", 0),
        over((2029, 1, 1), 0),
        Removal {
            past_on: Date::new(2026, 1, 1),
            ..removal("WITHDRAWAL", 0)
        },
        removal("WITHDRAWAL", i64::MAX),
    ] {
        assert_eq!(counted(std::slice::from_ref(&wrong)).1, 1, "{wrong:?}");
    }
}
