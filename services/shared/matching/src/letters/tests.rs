use super::Letters;
use proptest::prelude::*;

fn alike(a: &str, b: &str) -> u32 {
    Letters::of(a).jaro_winkler(Letters::of(b))
}

#[test]
fn well_known_pairs() {
    for (a, b, wanted) in [
        ("MARTHA", "MARHTA", 9_611),
        ("DWAYNE", "DUANE", 8_400),
        ("DIXON", "DICKSONX", 8_133),
        ("", "A", 0),
        // Exactly 0.7, which is not above it.
        ("ABBEBABDB", "AACECBACBB", 7_000),
        ("SAME", "SAME", 10_000),
    ] {
        assert!(
            alike(a, b).abs_diff(wanted) <= 1,
            "{a} {b}: {}",
            alike(a, b)
        );
    }
    let sounds = |a: &str, b: &str| Letters::of(a).sound() == Letters::of(b).sound();
    assert!(
        sounds("ROBERT", "RUPERT")
            && sounds("ASHCRAFT", "ASHCROFT")
            && sounds("TYMCZAK", "TIMCZAK")
    );
    assert!(!sounds("ROBERT", "RUBIN"));
}

#[test]
fn beginnings() {
    let begins = |a: &str, b: &str| Letters::of(a).begins(Letters::of(b));
    assert!(begins("SAM", "SAMUEL") && begins("SAMUEL", "SAM") && begins("ANN", "ANN"));
    assert!(!begins("SA", "SAMUEL") && !begins("LIZ", "ELIZABETH") && !begins("", ""));
}

proptest! {
    #[test]
    fn as_the_reference_says(a in "[A-F]{0,16}", b in "[A-F]{0,16}") {
        let (x, y) = (Letters::of(&a), Letters::of(&b));
        let reference = |a: &str, b: &str| {
            if a.is_empty() || b.is_empty() {
                return 0.0;
            }
            let jaro = strsim::jaro(a, b);
            let prefix = a.bytes().zip(b.bytes()).take(4).take_while(|(x, y)| x == y).count() as f64;
            // Exactly 0.7 is a hair more or less in floats.
            10_000.0 * if jaro > 0.7 + 1e-9 { jaro + prefix * 0.1 * (1.0 - jaro) } else { jaro }
        };
        let ours = f64::from(x.jaro_winkler(y));
        prop_assert!((ours - reference(&a, &b)).abs() <= 2.0 || (ours - reference(&b, &a)).abs() <= 2.0, "{} {} {}", a, b, ours);
        prop_assert_eq!(x.jaro_winkler(y), y.jaro_winkler(x));
        for most in 0..4 {
            prop_assert_eq!(x.within(y, most), strsim::osa_distance(&a, &b) <= most, "{} {} {}", a, b, most);
        }
    }
}
