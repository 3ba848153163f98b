//! Traps 5 and 16 of the domain reference (§11), on the side of matching.

use super::*;
use crate::demographics::Stated;
use crate::frequency::Counts;
use crate::model::{Model, Outcome};
use walbrook_domain::Day;

fn born(year: i32, month: i32, day: i32) -> Stated {
    Stated {
        given_name: "Amara".into(),
        family_name: "Okafor".into(),
        birth_date: Day::from_ymd(year, month, day),
        postcode: "NW1 2DB".into(),
        ..Stated::default()
    }
}

fn level(a: (i32, i32, i32), b: (i32, i32, i32)) -> Level {
    let (a, b) = (
        born(a.0, a.1, a.2).features(),
        born(b.0, b.1, b.2).features(),
    );
    let level = births(&a, &b);
    assert_eq!(level, births(&b, &a), "the same both ways");
    level
}

#[test]
fn trap_5_a_birth_date_with_day_and_month_swapped_is_found_and_is_no_contradiction() {
    for month in 1..=12 {
        for day in 1..=12 {
            if (month, day) == (1, 1) {
                continue;
            }
            let (one, other) = (born(2011, month, day), born(2011, day, month));
            let expected = if month == day {
                birth::EXACT
            } else {
                birth::SWAPPED
            };
            assert_eq!(
                level((2011, month, day), (2011, day, month)),
                expected,
                "{month}-{day}"
            );
            let (one, other) = (one.features(), other.features());
            assert_eq!(one.contradiction(&other), None, "{month}-{day}");
            assert_eq!(one.far_apart(&other), None, "{month}-{day}");
            // A swapped date with nothing but a name, or a first letter, beside it still finds the record: whoever moved away is not missed.
            let kept = crate::blocks(&one);
            let shared = crate::blocks(&other)
                .iter()
                .filter(|key| kept.contains(key))
                .count();
            assert_eq!(shared, kept.len(), "{month}-{day}: every key is shared");
        }
    }
}

#[test]
fn trap_5_what_only_looks_like_a_swap_is_none() {
    for (other, expected) in [
        // Another year as well: two slips.
        ((2012, 3, 4), birth::WITHIN_YEAR),
        // There is no thirteenth month, so 13 April was never written the other way round.
        ((2011, 4, 13), birth::DIGIT),
        ((2011, 3, 14), birth::WITHIN_MONTH),
        // Known is only the year.
        ((2011, 1, 1), MISSING),
    ] {
        assert_eq!(level((2011, 4, 3), other), expected, "{other:?}");
    }
    // The second of January and the first of February are dates like others.
    assert_eq!(level((2011, 1, 2), (2011, 2, 1)), birth::SWAPPED);
}

#[test]
fn trap_5_a_swap_weighs_less_than_an_exact_date_and_links_only_with_the_rest() {
    let model = Model::shipped().expect("the file of this repository");
    let none = Counts::default();
    let scored = |a: &Stated, b: &Stated| model.compare(&a.features(), &b.features(), &none);
    let (right, swapped) = (born(2011, 4, 3), born(2011, 3, 4));
    let (exact, swap) = (scored(&right, &right), scored(&right, &swapped));
    assert!(swap.millibits < exact.millibits);
    let unrelated = scored(&right, &born(2011, 9, 27));
    assert!(swap.millibits > unrelated.millibits);
    // Of names that are neither rare nor common a person decides; with an e-mail address beside them nobody has to.
    assert_eq!(model.outcome(&swap), Outcome::PotentialMatch);
    let by_mail = |stated: Stated| Stated {
        email: "amara.okafor@example.org".into(),
        ..stated
    };
    let mailed = scored(&by_mail(right.clone()), &by_mail(swapped));
    assert_eq!(model.outcome(&mailed), Outcome::Match);
    // A brother or sister of nearly that day, and a namesake elsewhere.
    let sibling = Stated {
        given_name: "Chidi".into(),
        ..born(2011, 3, 4)
    };
    let namesake = Stated {
        postcode: String::new(),
        given_name: "A".into(),
        ..born(2011, 3, 4)
    };
    for other in [sibling, namesake] {
        assert_ne!(model.outcome(&scored(&right, &other)), Outcome::Match);
    }
}

#[test]
fn trap_16_a_uprn_agrees_with_itself_however_a_file_wrote_it() {
    let at = |uprn: &str| Stated {
        uprn: uprn.into(),
        ..Stated::default()
    };
    let place = |a: &str, b: &str| place(&at(a).features(), &at(b).features());
    for written in [
        "10002333695",
        " 10002333695 ",
        "010002333695",
        "10002333695.0",
    ] {
        assert_eq!(place("10002333695", written), place::UPRN, "{written}");
    }
    assert_eq!(place("10002333695", "10002333696"), place::DIFFERENT);
    // A number whose digits a spreadsheet cut off, and a filler, say nothing, also with themselves.
    for nothing in [
        "1.00023E+10",
        "0",
        "000000000000",
        "0011",
        "999999999999",
        "",
        "x",
    ] {
        assert_eq!(place(nothing, nothing), MISSING, "{nothing}");
    }
}

#[test]
fn trap_16_a_temporary_upn_is_no_ground_to_link_by() {
    let child = |upn: &str| Stated {
        upn: upn.into(),
        ..Stated::default()
    };
    let keys = |upn: &str| child(upn).features().strong_keys("GSS:E09000007").count();
    assert_eq!(keys("A123456789012"), 1);
    let temporary = ('A'..='Z')
        .find_map(|letter| walbrook_domain::number::upn(&format!("{letter}12345678901A")))
        .expect("one letter is its check letter");
    assert_eq!(keys(&temporary), 0);
}
