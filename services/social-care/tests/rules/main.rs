//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod accepted;
mod care;
mod need;
mod outcomes;

use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_social_care::rules;

/// A rule, and what an input made for it breaks.
type Case = (&'static str, Vec<&'static str>);

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "GSS:E09000007".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

fn day(year: i32, month: i32, day: i32) -> Option<Day> {
    Some(Day::from_ymd(year, month, day).unwrap())
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    let cases = [care::cases(), need::cases(), outcomes::cases()].concat();
    assert_eq!(book().without_own_input(&cases), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
