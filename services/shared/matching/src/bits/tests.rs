use super::*;

#[test]
fn logarithms_are_right_to_two_thousandths() {
    for x in (1..5_000).chain([
        65_535,
        1 << 30,
        (1 << 30) + 12_345,
        999_999_999,
        u64::MAX / 3,
    ]) {
        let exact = (x as f64).log2() * 1_000.0;
        let ours = f64::from(log2_millibits(x));
        assert!(
            (exact - ours).abs() < 2.0,
            "log2({x}) = {exact}, not {ours}"
        );
    }
    assert_eq!(log2_millibits(0), 0);
    assert_eq!(log2_millibits(1_024), 10_000);
}

#[test]
fn probabilities_are_right_and_never_fall() {
    let mut before = 0;
    for millibits in -21_000..21_000 {
        let ours = probability_ten_thousandths(millibits);
        let odds = 2f64.powf(f64::from(millibits) / 1_000.0);
        let exact = 10_000.0 * odds / (1.0 + odds);
        assert!(
            (exact - f64::from(ours)).abs() <= 1.2,
            "{millibits}: {exact}, not {ours}"
        );
        assert!(ours >= before && ours < 10_000, "{millibits}");
        before = ours;
    }
    for wanted in [1, 5_000, 8_500, 9_500, 9_900, 9_990] {
        let weight = millibits_of(wanted);
        assert!(probability_ten_thousandths(weight) >= wanted);
        assert!(probability_ten_thousandths(weight - 1) < wanted);
    }
}
