//! The quick levels are the levels.

use super::quick::UNBORN;
use super::*;
use crate::demographics::Stated;
use proptest::prelude::*;
use walbrook_domain::Day;

fn features(born: Option<(i32, i32, i32)>, postcode: &str, uprn: u64) -> Features {
    let birth_date = born.and_then(|(year, month, day)| Day::from_ymd(year, month, day));
    Stated {
        birth_date,
        postcode: postcode.to_owned(),
        uprn: if uprn == 0 {
            String::new()
        } else {
            format!("1000{uprn}")
        },
        ..Stated::default()
    }
    .features()
}

fn date() -> impl Strategy<Value = Option<(i32, i32, i32)>> {
    // Close together, so that every level comes up.
    prop::option::weighted(
        0.9,
        (
            prop_oneof![1990..1993_i32, 1900..2026_i32],
            1..=12_i32,
            1..=28_i32,
        ),
    )
}

fn postcode() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "", "NW1 2DB", "NW1 2DC", "NW1 3DB", "NW2 2DB", "W1A 1AA", "SW1A 2AA",
    ])
}

proptest! {
    #[test]
    fn the_quick_levels_are_the_levels(
        a in (date(), postcode(), 0_u64..3),
        b in (date(), postcode(), 0_u64..3),
    ) {
        let (x, y) = (features(a.0, a.1, a.2), features(b.0, b.1, b.2));
        let quick = births(&x.brief(), &y.brief());
        let level = compare::births(&x, &y);
        prop_assert_eq!(quick, if level == MISSING { UNBORN } else { usize::from(level) });
        let quick = places(&x.brief(), &y.brief());
        let level = compare::place(&x, &y);
        prop_assert_eq!(quick, if level == MISSING { NOWHERE } else { usize::from(level) });
    }
}

#[test]
fn a_brief_is_half_a_line() {
    assert_eq!((size_of::<Brief>(), align_of::<Brief>()), (32, 32));
}
