use super::*;
use proptest::prelude::*;

#[test]
fn a_summer_midnight_in_london_is_an_hour_before_midnight_in_utc() {
    let day: Day = "2026-07-01".parse().unwrap();
    assert_eq!(day.start().rfc3339(), "2026-06-30T23:00:00.000000Z");
    assert_eq!(day.start().london_day(), day);
    let winter: Day = "2026-01-05".parse().unwrap();
    assert_eq!(winter.start().rfc3339(), "2026-01-05T00:00:00.000000Z");
}

#[test]
fn a_date_that_does_not_exist_is_refused() {
    assert!("2026-02-30".parse::<Day>().is_err());
    assert!("2026-2-3".parse::<Day>().is_err());
    assert_eq!(Day::from_ymd(2025, 2, 29), None);
    assert!(Day::from_ymd(2024, 2, 29).is_some());
}

#[test]
fn adulthood_starts_on_the_first_of_the_month_after_the_eighteenth_birthday() {
    for (born, adult) in [
        ("2008-03-27", "2026-04-01"),
        ("2007-12-31", "2026-01-01"),
        ("2008-02-29", "2026-03-01"),
        ("2008-03-01", "2026-04-01"),
    ] {
        let born: Day = born.parse().unwrap();
        assert_eq!(born.adult_from().to_string(), adult);
    }
}

#[test]
fn twenty_working_days_step_over_easter() {
    let easter = ["2026-04-03", "2026-04-06"].map(|day| day.parse().unwrap());
    let calendar = WorkingCalendar::new(easter);
    let entered: Day = "2026-03-20".parse().unwrap();
    assert_eq!(
        calendar.plus_working_days(entered, 20).to_string(),
        "2026-04-21"
    );
}

#[test]
fn camden_is_a_london_authority_and_leeds_is_not() {
    for (text, london) in [
        ("GSS:E09000007", true),
        ("GSS:E09000033", true),
        ("GSS:E09000034", false),
        ("GSS:E08000035", false),
        ("ODS:RRV", false),
    ] {
        let organisation: Organisation = text.parse().unwrap();
        assert_eq!(organisation.is_london_authority(), london, "{text}");
        assert_eq!(organisation.to_string(), text);
    }
    assert!("GSS".parse::<Organisation>().is_err());
    assert!("GSS:E09 7".parse::<Organisation>().is_err());
}

proptest! {
    #[test]
    fn days_and_their_text_agree(days in -20_000i32..40_000) {
        let day = Day(days);
        prop_assert_eq!(day.to_string().parse::<Day>().unwrap(), day);
        let (y, m, d) = day.ymd();
        prop_assert_eq!(Day::from_ymd(y, m, d), Some(day));
        prop_assert_eq!(day.start().london_day(), day);
    }

    #[test]
    fn a_coarser_time_never_tells_more(micros in 0i64..4_000_000_000_000_000) {
        let at = Instant(micros);
        for precision in Precision::ALL {
            let cut = at.truncated(precision);
            prop_assert!(cut <= at);
            prop_assert_eq!(cut.truncated(precision), cut);
        }
        prop_assert_eq!(at.truncated(Precision::Day).london_day(), at.london_day());
    }

    #[test]
    fn ids_and_their_text_agree(bytes in any::<[u8; 16]>()) {
        let handle = Handle::new(bytes);
        prop_assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        prop_assert_eq!(&handle.prefix().to_be_bytes()[..], &bytes[..8]);
    }
}
