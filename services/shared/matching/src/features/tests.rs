use super::*;
use proptest::prelude::*;

fn date() -> impl Strategy2 {
    proptest::option::of(
        (1930i32..2026, 1i32..=12, 1i32..=28).prop_map(|(y, m, d)| Day::from_ymd(y, m, d).unwrap()),
    )
}

use proptest::strategy::Strategy as Strategy2Base;
trait Strategy2: Strategy2Base<Value = Option<Day>> {}
impl<T: Strategy2Base<Value = Option<Day>>> Strategy2 for T {}

fn stated() -> impl Strategy2Base<Value = Stated> {
    let name = || {
        prop_oneof![
            "[A-D]{2,7}",
            "[A-C]{3,5}-[A-C]{3,5}",
            Just(String::new()),
            Just("Baby".to_owned())
        ]
    };
    (
        name(),
        name(),
        date(),
        prop_oneof![Just(""), Just("NW1 2DB"), Just("ZZ99 3VZ"), Just("E8 1AA")],
    )
        .prop_map(|(given_name, family_name, birth_date, postcode)| Stated {
            given_name,
            family_name,
            birth_date,
            postcode: postcode.to_owned(),
            ..Stated::default()
        })
}

proptest! {
    #[test]
    fn contradicts_as_the_readable_form_does(a in stated(), b in stated()) {
        prop_assert_eq!(a.features().contradiction(&b.features()), a.known().contradiction(&b.known()));
        prop_assert_eq!(a.features().exact_key().is_some(), a.known().exact_key().is_some());
        prop_assert_eq!(a.features().birth_date(), a.birth_date);
        let both = |x: Option<Key>, y: Option<Key>| x.is_some() && x == y;
        prop_assert_eq!(both(a.features().exact_key(), b.features().exact_key()), both(a.known().exact_key(), b.known().exact_key()));
    }
}

#[test]
fn what_is_a_placeholder_is_not_there() {
    let nothing = Stated {
        given_name: "Baby".into(),
        family_name: "UNKNOWN".into(),
        postcode: "ZZ99 3VZ".into(),
        email: "none@example.org".into(),
        uprn: "000000".into(),
        town: "n/a".into(),
        ..Stated::default()
    };
    assert_eq!(nothing.features().values().count(), 0);
    assert_eq!(crate::blocks(&nothing.features()).len(), 0);
    let january = Stated {
        birth_date: Day::from_ymd(1990, 1, 1),
        ..Stated::default()
    };
    assert_eq!(january.features().birth_said(), 0);
    assert!(!format!("{:?}", january.features()).contains("1990"));
}
