use proptest::prelude::*;

use super::*;

#[test]
fn nhs_numbers_of_the_test_range_hold() {
    assert_eq!(nhs_number("999 000 0018").as_deref(), Some("9990000018"));
    assert_eq!(nhs_number("999-000-0026").as_deref(), Some("9990000026"));
    for wrong in [
        "9990000019",
        "999000001",
        "99900000180",
        "9999999999",
        "999000001X",
        "",
    ] {
        assert_eq!(nhs_number(wrong), None, "{wrong}");
    }
}

#[test]
fn upns_hold_by_their_letter() {
    // The worked example of python-stdnum's `stdnum.gb.upn`.
    assert_eq!(upn("B801200005001").as_deref(), Some("B801200005001"));
    assert_eq!(upn(" b801200005001 ").as_deref(), Some("B801200005001"));
    assert_eq!(upn("A801200005001"), None);
    assert_eq!(upn("B801200005011"), None);
    for odd in ["", "A", "B80120000500", "B80120000500?", "I801200005001"] {
        assert_eq!(upn(odd), None, "{odd}");
    }
}

#[test]
fn a_temporary_upn_is_one_but_not_for_good() {
    // Weights 2 to 12 over 12345678901 give 342; the last place counts thirteenfold, and B is 1 in the alphabet: 355 is 10
    // modulo 23, which is L.
    assert_eq!(upn("L12345678901B").as_deref(), Some("L12345678901B"));
    assert_eq!(permanent_upn("L12345678901B"), None);
    assert_eq!(upn("A12345678901B"), None, "another letter");
    assert_eq!(
        permanent_upn("b801200005001").as_deref(),
        Some("B801200005001")
    );
}

proptest! {
    #[test]
    fn one_wrong_digit_never_passes(serial in 999_000_000_u32..=999_999_999, at in 0_usize..10, by in 1_u8..10) {
        let right = (0..10).find_map(|check| nhs_number(&format!("{serial}{check}")));
        if let Some(right) = right {
            let mut digits = right.into_bytes();
            digits[at] = (digits[at] - b'0' + by) % 10 + b'0';
            let changed = String::from_utf8(digits).expect("digits");
            prop_assert_eq!(nhs_number(&changed), None);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,20}") {
        let _ = (nhs_number(&text), upn(&text), permanent_upn(&text));
    }
}

/// Trap 16 of the domain reference: a UPRN is a number to some and a text to others.
#[test]
fn trap_16_a_uprn_is_the_same_as_a_number_and_as_a_text() {
    for text in [
        "100023336956",
        " 100023336956 ",
        "000100023336956",
        "100023336956.0",
        "0100023336956.00",
    ] {
        assert_eq!(uprn(text).as_deref(), Some("100023336956"), "{text}");
        assert!(is_uprn(text));
    }
    assert_eq!(uprn("1").as_deref(), Some("1"));
    for none in [
        "",
        "0",
        "000000000000",
        "1000233369561",
        "1.00023336956E+11",
        "1.00023E+11",
        "100023336956.5",
        "100023336956.",
        "10002333695A",
        "-100023336956",
        "10002 3336956",
    ] {
        assert_eq!(uprn(none), None, "{none}");
        assert!(!is_uprn(none));
    }
}
