//! Tenancies that begin and end, and stays in hostels.

use crate::book;
use proptest::prelude::*;
use proptest::sample::select;
use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_housing::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::housing::v1::{HostelStay, TenancyEnded, TenancyStarted};

fn letting() -> TenancyStarted {
    TenancyStarted {
        tenancycode: "BZ737".to_owned(),
        propcode: Some("123".to_owned()),
        la: Some("E09000033".to_owned()),
        prevloc: Some("E07000105".to_owned()),
        startdate: Date::new(2026, 9, 21),
        needstype: "1".to_owned(),
        renttype: Some("2".to_owned()),
        tenancy: Some("4".to_owned()),
        renewal: false,
        reason: Some("52".to_owned()),
        prevten: Some("39".to_owned()),
        homeless: Some("11".to_owned()),
        armedforces: Some("1".to_owned()),
        leftreg: Some("4".to_owned()),
        voiddate: Date::new(2026, 9, 1),
        tcharge_pence: Some(32_500),
        tshortfall_pence: Some(1_200),
        period: Some("2".to_owned()),
        hhmemb: Some(2),
        beds: Some(3),
        referral_register: Some("1".to_owned()),
    }
}

fn started(change: impl FnOnce(&mut TenancyStarted)) -> Vec<&'static str> {
    let mut message = letting();
    change(&mut message);
    book().broken(&message, rules::tenancy_started)
}

fn ended(change: impl FnOnce(&mut TenancyEnded)) -> Vec<&'static str> {
    let mut message = TenancyEnded {
        tenancycode: "BZ737".to_owned(),
        propcode: Some("123".to_owned()),
        startdate: Date::new(2024, 1, 8),
        enddate: Date::new(2026, 9, 21),
        end_reason: "EVICTED_ARREARS".to_owned(),
        arrears_pence: Some(412_000),
    };
    change(&mut message);
    book().broken(&message, rules::tenancy_ended)
}

fn stay(change: impl FnOnce(&mut HostelStay)) -> Vec<&'static str> {
    let mut message = HostelStay {
        stay_ref: "ST-4".to_owned(),
        project_ref: Some("pr-12".to_owned()),
        arrived_on: Date::new(2026, 9, 21),
        departed_on: Date::new(2026, 10, 21),
        departure_reason: Some("ABANDONED".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::hostel_stay)
}

pub fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    [letting_cases(), leaving_cases()].concat()
}

fn letting_cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("LETTING_WITHOUT_AREA", started(|m| m.la = None)),
        ("GSS_CODE", started(|m| m.la = Some("Westminster".into()))),
        ("GSS_CODE", started(|m| m.prevloc = Some("E0700010".into()))),
        (
            "VOID_AFTER_START",
            started(|m| m.voiddate = Date::new(2026, 9, 22)),
        ),
        ("SIZE_OUT_OF_RANGE", started(|m| m.hhmemb = Some(0))),
        ("SIZE_OUT_OF_RANGE", started(|m| m.beds = Some(13))),
        (
            "SHORTFALL_ABOVE_CHARGE",
            started(|m| m.tshortfall_pence = Some(32_501)),
        ),
        ("AMOUNT_NEGATIVE", started(|m| m.tcharge_pence = Some(-1))),
        (
            "AMOUNT_NEGATIVE",
            started(|m| m.tshortfall_pence = Some(-1)),
        ),
        ("CHARGE_WITHOUT_PERIOD", started(|m| m.period = None)),
        (
            "LEFTREG_NOT_ASKED",
            started(|m| m.armedforces = Some("2".into())),
        ),
        (
            "IN_THE_FUTURE",
            started(|m| m.startdate = Date::new(2026, 11, 24)),
        ),
    ]
}

fn leaving_cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "EVICTED_OWING_NOTHING",
            ended(|m| m.arrears_pence = Some(0)),
        ),
        (
            "ARREARS_UNLIKELY",
            ended(|m| m.arrears_pence = Some(10_000_001)),
        ),
        ("AMOUNT_NEGATIVE", ended(|m| m.arrears_pence = Some(-1))),
        (
            "ENDS_BEFORE_START",
            ended(|m| m.startdate = Date::new(2026, 9, 22)),
        ),
        ("STAY_WITHOUT_PROJECT", stay(|m| m.project_ref = None)),
        ("END_AND_REASON", stay(|m| m.departure_reason = None)),
        ("END_AND_REASON", stay(|m| m.departed_on = None)),
        (
            "ENDS_BEFORE_START",
            stay(|m| m.departed_on = Date::new(2026, 9, 20)),
        ),
    ]
}

#[test]
fn good_tenancies_and_stays_pass() {
    let nothing = Vec::<&str>::new();
    for broken in [
        started(|_| {}),
        started(|m| {
            m.prevloc = None;
            m.voiddate = None;
            m.leftreg = None;
            m.tcharge_pence = None;
            m.tshortfall_pence = None;
            m.period = None;
        }),
        ended(|_| {}),
        ended(|m| m.startdate = None),
        stay(|_| {}),
        stay(|m| {
            m.departed_on = None;
            m.departure_reason = None;
        }),
    ] {
        assert_eq!(broken, nothing);
    }
}

/// The lettings log changes each April, and a letting is checked against the log of its own year.
#[test]
fn a_letting_is_checked_against_the_codes_of_its_collection_year() {
    let on = |year, month, day, change: fn(&mut TenancyStarted)| {
        let mut message = letting();
        message.referral_register = None;
        message.startdate = Date::new(year, month, day);
        message.voiddate = None;
        change(&mut message);
        let book = Rulebook {
            occurred: Day::from_ymd(year, month, day).unwrap(),
            ..book()
        };
        book.broken(&message, rules::tenancy_started)
    };
    let nothing = Vec::<&str>::new();
    let refused = vec!["CODE_NOT_IN_LIST"];
    let cuckooing = |m: &mut TenancyStarted| m.reason = Some("57".into());
    let sofa = |m: &mut TenancyStarted| m.prevten = Some("39".into());
    let retirement = |m: &mut TenancyStarted| m.prevten = Some("34".into());
    let register = |m: &mut TenancyStarted| m.referral_register = Some("6".into());
    assert_eq!(on(2026, 3, 31, cuckooing), refused);
    assert_eq!(on(2026, 4, 1, cuckooing), nothing);
    assert_eq!(on(2025, 3, 31, sofa), refused);
    assert_eq!(on(2025, 4, 1, sofa), nothing);
    assert_eq!(on(2025, 3, 31, retirement), nothing);
    assert_eq!(on(2025, 4, 1, retirement), refused);
    assert_eq!(on(2026, 3, 31, register), refused);
    assert_eq!(on(2026, 4, 1, register), nothing);
}

const TODAY: (i32, i32, i32) = (2026, 11, 23);

fn date((year, month, day): (i32, i32, i32)) -> Date {
    Date { year, month, day }
}

fn real(parts: (i32, i32, i32)) -> bool {
    date(parts).exists() && parts <= TODAY
}

fn some_day() -> impl Strategy<Value = (i32, i32, i32)> {
    (2026..2027_i32, 6..13_i32, 1..32_i32)
}

proptest! {
    #[test]
    fn an_accepted_letting_has_codes_areas_and_amounts_that_can_be(
        start in some_day(),
        needs in select(vec!["1", "2", "3"]),
        prevten in proptest::option::of(select(vec!["19", "39", "34"])),
        la in proptest::option::of(select(vec!["E09000033", "westminster"])),
        charge in proptest::option::of(-2..3_i64),
        people in proptest::option::of(-1..20_i32),
    ) {
        let message = TenancyStarted {
            startdate: Some(date(start)),
            needstype: needs.to_owned(),
            prevten: prevten.map(str::to_owned),
            la: la.map(str::to_owned),
            tcharge_pence: charge,
            tshortfall_pence: charge,
            hhmemb: people,
            ..letting()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::tenancy_started));
        let sound = real(start)
            && needs != "3"
            && prevten != Some("34")
            && la != Some("westminster")
            && charge.is_none_or(|pence| pence >= 0);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(TenancyStarted::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn an_accepted_end_comes_after_its_start(
        start in proptest::option::of(some_day()),
        end in some_day(),
        reason in select(vec!["TRANSFER", "EVICTED_ARREARS", "BORED"]),
        arrears in proptest::option::of(-1..2_i64),
    ) {
        let message = TenancyEnded {
            tenancycode: "BZ737".to_owned(),
            propcode: None,
            startdate: start.map(date),
            enddate: Some(date(end)),
            end_reason: reason.to_owned(),
            arrears_pence: arrears,
        };
        let accepted = !book().refuses(&book().broken(&message, rules::tenancy_ended));
        let sound = real(end)
            && start.is_none_or(|start| date(start).exists() && start <= end)
            && reason != "BORED"
            && arrears.is_none_or(|pence| pence >= 0);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(TenancyEnded::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn an_accepted_stay_departs_after_it_arrives(
        arrived in some_day(),
        departed in proptest::option::of(some_day()),
        reason in proptest::option::of(select(vec!["ABANDONED", "BORED"])),
        project in proptest::option::of(select(vec!["pr-1", "the hostel on the corner"])),
    ) {
        let message = HostelStay {
            stay_ref: "ST-1".to_owned(),
            project_ref: project.map(str::to_owned),
            arrived_on: Some(date(arrived)),
            departed_on: departed.map(date),
            departure_reason: reason.map(str::to_owned),
        };
        let accepted = !book().refuses(&book().broken(&message, rules::hostel_stay));
        let sound = real(arrived)
            && departed.is_none_or(|end| real(end) && arrived <= end)
            && reason != Some("BORED")
            && project.is_none_or(|code| code == "pr-1");
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(HostelStay::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
