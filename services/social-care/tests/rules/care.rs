//! Episodes of care, placements, reviews, visits and orders.

use super::{Case, book, day};
use walbrook_domain::Day;
use walbrook_proto::common::v1::Date;
use walbrook_proto::social_care::v1::{
    CareEpisode, DeprivationOfLiberty, PlacementChanged, ReviewHeld, SocialWorkerVisit,
};
use walbrook_social_care::rules;

pub fn good() -> CareEpisode {
    CareEpisode {
        episode_ref: "EP-17".to_owned(),
        decom: Date::new(2026, 9, 1),
        rne: "P".to_owned(),
        ls: "C2".to_owned(),
        cin: "N1".to_owned(),
        place: "U6".to_owned(),
        place_provider: Some("PR1".to_owned()),
        dec: Date::new(2026, 10, 30),
        rec: Some("X1".to_owned()),
        reason_place_change: Some("PLACE".to_owned()),
        pl_distance_tenths_mile: Some(41),
        in_borough: Some(true),
    }
}

fn episode(change: impl FnOnce(&mut CareEpisode)) -> Vec<&'static str> {
    episode_of(None, change)
}

fn episode_of(born: Option<Day>, change: impl FnOnce(&mut CareEpisode)) -> Vec<&'static str> {
    let mut message = good();
    change(&mut message);
    book().broken_of(&message, rules::care_episode, born)
}

fn review(change: impl FnOnce(&mut ReviewHeld)) -> Vec<&'static str> {
    review_of(None, change)
}

fn review_of(born: Option<Day>, change: impl FnOnce(&mut ReviewHeld)) -> Vec<&'static str> {
    let mut message = ReviewHeld {
        reviewed_on: Date::new(2026, 9, 21),
        review_code: "PN1".to_owned(),
        due_on: Date::new(2026, 9, 25),
    };
    change(&mut message);
    book().broken_of(&message, rules::review_held, born)
}

pub fn good_move() -> PlacementChanged {
    PlacementChanged {
        changed_on: Date::new(2026, 9, 21),
        from_place: "U6".to_owned(),
        to_place: "K3".to_owned(),
        reason_place_change: Some("CARPL".to_owned()),
        pl_distance_tenths_mile: Some(41),
        in_borough: Some(false),
    }
}

fn moved_of(born: Option<Day>, change: impl FnOnce(&mut PlacementChanged)) -> Vec<&'static str> {
    let mut message = good_move();
    change(&mut message);
    book().broken_of(&message, rules::placement_changed, born)
}

fn moved(change: impl FnOnce(&mut PlacementChanged)) -> Vec<&'static str> {
    moved_of(None, change)
}

fn visit(change: impl FnOnce(&mut SocialWorkerVisit)) -> Vec<&'static str> {
    let mut message = SocialWorkerVisit {
        visited_on: Date::new(2026, 9, 21),
        child_seen: true,
        child_seen_alone: Some(true),
        due_on: Date::new(2026, 9, 22),
    };
    change(&mut message);
    book().broken(&message, rules::social_worker_visit)
}

pub fn good_order() -> DeprivationOfLiberty {
    DeprivationOfLiberty {
        order_ref: "DOL-3".to_owned(),
        dolo_start: Date::new(2026, 9, 21),
        dolo_end: Date::new(2026, 10, 21),
    }
}

fn order_of(
    born: Option<Day>,
    change: impl FnOnce(&mut DeprivationOfLiberty),
) -> Vec<&'static str> {
    let mut message = good_order();
    change(&mut message);
    book().broken_of(&message, rules::deprivation_of_liberty, born)
}

fn stay(place: &'static str, month: i32, last: i32) -> Vec<&'static str> {
    episode(move |m| {
        m.place = place.into();
        m.place_provider = None;
        m.dec = Date::new(2026, month, last);
    })
}

fn status(status: &'static str, last: i32) -> Vec<&'static str> {
    episode(move |m| {
        m.ls = status.into();
        m.pl_distance_tenths_mile = None;
        m.dec = Date::new(2026, 9, last);
    })
}

pub fn cases() -> Vec<Case> {
    [
        dates_and_lengths(),
        placements(),
        ages(),
        others(),
        of_every_body(),
    ]
    .concat()
}

fn dates_and_lengths() -> Vec<Case> {
    vec![
        ("END_AND_REASON", episode(|m| m.rec = None)),
        ("END_AND_REASON", episode(|m| m.dec = None)),
        ("UNDER_24_HOURS", episode(|m| m.dec = m.decom)),
        ("STATUS_TOO_LONG", status("L1", 5)),
        ("STATUS_TOO_LONG", status("L2", 23)),
        ("STATUS_TOO_LONG", status("L3", 9)),
        ("STATUS_TOO_LONG", status("V3", 19)),
        ("STATUS_TOO_LONG", status("J2", 23)),
        ("TEMPORARY_TOO_LONG", stay("T1", 10, 14)),
        ("TEMPORARY_TOO_LONG", stay("T3", 9, 23)),
        ("TEMPORARY_TOO_LONG", stay("T4", 9, 9)),
        ("BEFORE_BIRTH", episode_of(day(2026, 9, 2), |_| {})),
        (
            "BEFORE_CHILDREN_ACT",
            episode(|m| m.decom = Date::new(1991, 10, 13)),
        ),
        (
            "BEFORE_BIRTH",
            moved_of(day(2026, 9, 22), |m| m.to_place = "U4".into()),
        ),
        ("BEFORE_BIRTH", order_of(day(2026, 9, 22), |_| {})),
        (
            "ORDER_WITHOUT_DURATION",
            order_of(None, |m| m.dolo_end = m.dolo_start),
        ),
    ]
}

fn placements() -> Vec<Case> {
    let rec = |rec: &'static str| move |m: &mut CareEpisode| m.rec = Some(rec.into());
    vec![
        ("PROVIDER_MISSING", episode(|m| m.place_provider = None)),
        ("PROVIDER_NOT_EXPECTED", episode(|m| m.place = "T2".into())),
        ("PROVIDER_NOT_EXPECTED", episode(|m| m.place = "Z12".into())),
        (
            "PARENTS_PROVIDER",
            episode(|m| {
                m.place = "P1".into();
                m.place_provider = Some("PR4".into());
            }),
        ),
        (
            "PARENTS_UNDER_SECTION_20",
            episode(|m| {
                m.place = "P1".into();
                m.ls = "V2".into();
            }),
        ),
        (
            "STARTS_TEMPORARY",
            episode(|m| {
                m.place = "T2".into();
                m.place_provider = None;
                m.rne = "S".into();
            }),
        ),
        (
            "ENDS_TEMPORARY",
            episode(|m| {
                m.place = "T2".into();
                m.place_provider = None;
                m.rec = Some("E4A".into());
            }),
        ),
        (
            "SHORT_BREAK_TEMPORARY",
            episode(|m| {
                m.ls = "V4".into();
                m.place = "T2".into();
                m.place_provider = None;
                m.pl_distance_tenths_mile = None;
            }),
        ),
        (
            "SHORT_BREAK_LONG_TERM",
            episode(|m| {
                m.ls = "V4".into();
                m.place = "U4".into();
                m.pl_distance_tenths_mile = None;
            }),
        ),
        ("SHORT_BREAK_DISTANCE", episode(|m| m.ls = "V4".into())),
        ("ADOPTED_NOT_PLACED", episode(rec("E11"))),
        ("ADOPTED_NOT_PLACED", episode(rec("E12"))),
        (
            "DISTANCE_NEGATIVE",
            episode(|m| m.pl_distance_tenths_mile = Some(-1)),
        ),
        (
            "DISTANCE_UNKNOWN",
            episode(|m| m.pl_distance_tenths_mile = Some(9_999)),
        ),
        (
            "DISTANCE_NEGATIVE",
            moved(|m| m.pl_distance_tenths_mile = Some(-1)),
        ),
        (
            "DISTANCE_UNKNOWN",
            moved(|m| m.pl_distance_tenths_mile = Some(9_999)),
        ),
    ]
}

fn ages() -> Vec<Case> {
    let place = |born, place: &'static str| episode_of(born, move |m| m.place = place.into());
    let leaves = |born, rec: &'static str| {
        episode_of(born, move |m| {
            m.place = "A4".into();
            m.rec = Some(rec.into());
        })
    };
    vec![
        (
            "STATUS_UNDER_10",
            episode_of(day(2016, 9, 2), |m| m.ls = "J1".into()),
        ),
        ("TOO_YOUNG_FOR_PLACEMENT", place(day(2010, 9, 2), "K3")),
        ("TOO_YOUNG_FOR_PLACEMENT", place(day(2016, 9, 2), "R5")),
        ("TOO_YOUNG_FOR_PLACEMENT", place(day(2022, 9, 2), "S1")),
        ("TOO_YOUNG_FOR_PLACEMENT", place(day(2012, 9, 2), "P3")),
        (
            "TOO_YOUNG_FOR_PLACEMENT",
            moved_of(day(2010, 9, 22), |_| {}),
        ),
        ("LEAVES_AT_WRONG_AGE", leaves(day(2008, 10, 30), "E11")),
        ("LEAVES_AT_WRONG_AGE", leaves(day(2012, 10, 31), "E5")),
        ("LEAVES_AT_WRONG_AGE", leaves(day(2010, 10, 31), "E7")),
        ("ADULT_IN_CARE", episode_of(day(2008, 10, 29), |_| {})),
        (
            "ADULT_IN_CARE",
            episode_of(day(2008, 11, 22), |m| {
                m.dec = None;
                m.rec = None;
            }),
        ),
        ("PARTICIPATION_AGE", review_of(day(2022, 9, 22), |_| {})),
        (
            "PARTICIPATION_AGE",
            review_of(day(2022, 9, 21), |m| m.review_code = "PN0".into()),
        ),
    ]
}

fn others() -> Vec<Case> {
    vec![
        (
            "REVIEW_FAR_FROM_DUE",
            review(|m| m.due_on = Date::new(2025, 9, 1)),
        ),
        (
            "VISIT_FAR_FROM_DUE",
            visit(|m| m.due_on = Date::new(2025, 9, 1)),
        ),
        ("ALONE_NOT_SEEN", visit(|m| m.child_seen = false)),
    ]
}

fn of_every_body() -> Vec<Case> {
    let open_from_tomorrow = episode(|m| {
        m.dec = None;
        m.rec = None;
        m.decom = Date::new(2026, 11, 24);
    });
    vec![
        (
            "ENDS_BEFORE_START",
            episode(|m| m.dec = Date::new(2026, 8, 31)),
        ),
        (
            "ENDS_BEFORE_START",
            order_of(None, |m| m.dolo_end = Date::new(2026, 9, 20)),
        ),
        (
            "IN_THE_FUTURE",
            episode(|m| m.dec = Date::new(2026, 11, 24)),
        ),
        ("IN_THE_FUTURE", open_from_tomorrow),
        (
            "IN_THE_FUTURE",
            review(|m| m.reviewed_on = Date::new(2026, 11, 24)),
        ),
        (
            "IN_THE_FUTURE",
            moved(|m| m.changed_on = Date::new(2026, 11, 24)),
        ),
        (
            "IN_THE_FUTURE",
            visit(|m| m.visited_on = Date::new(2026, 11, 24)),
        ),
        (
            "IN_THE_FUTURE",
            order_of(None, |m| m.dolo_end = Date::new(2026, 11, 24)),
        ),
        ("CODE_NOT_IN_LIST", episode(|m| m.place = "H5".into())),
        ("CODE_NOT_IN_LIST", episode(|m| m.rec = Some("E9Z".into()))),
        ("CODE_NOT_IN_LIST", review(|m| m.review_code = "PN8".into())),
        ("CODE_NOT_IN_LIST", moved(|m| m.from_place = "H5".into())),
        ("CODE_NOT_IN_LIST", moved(|m| m.to_place = "H5".into())),
        ("FIELD_MISSING", episode(|m| m.episode_ref.clear())),
        ("FIELD_MISSING", moved(|m| m.from_place.clear())),
        ("FIELD_MISSING", order_of(None, |m| m.order_ref.clear())),
    ]
}

#[test]
fn good_events_pass_up_to_each_limit() {
    let nothing = Vec::<&str>::new();
    assert_eq!(
        (episode(|_| {}), review(|_| {})),
        (nothing.clone(), nothing.clone())
    );
    assert_eq!(
        (moved(|_| {}), visit(|_| {})),
        (nothing.clone(), nothing.clone())
    );
    assert_eq!(order_of(None, |_| {}), nothing);
    for (code, last) in [("L1", 4), ("L2", 22), ("L3", 8), ("V3", 18), ("J2", 22)] {
        assert_eq!(status(code, last), nothing, "{code}");
    }
    assert_eq!(stay("T4", 9, 8), nothing);
    let first_day = episode(|m| m.decom = Date::new(1991, 10, 14));
    assert_eq!(first_day, nothing, "the Act came into force");
    let open = episode(|m| {
        m.dec = None;
        m.rec = None;
    });
    assert_eq!(open, nothing, "an open episode");
    assert_eq!(review(|m| m.due_on = None), nothing);
    let adopted = episode(|m| {
        m.place = "A5".into();
        m.rec = Some("E12".into());
    });
    assert_eq!(adopted, nothing);
}

#[test]
fn on_the_birthday_itself_a_child_is_old_enough() {
    let nothing = Vec::<&str>::new();
    assert_eq!(moved_of(day(2010, 9, 21), |_| {}), nothing, "16 and K3");
    assert_eq!(episode_of(day(2016, 9, 1), |m| m.ls = "J1".into()), nothing);
    assert_eq!(
        episode_of(day(2008, 10, 30), |_| {}),
        nothing,
        "leaves on the 18th birthday"
    );
    assert_eq!(
        episode_of(day(2026, 9, 1), |_| {}),
        nothing,
        "taken into care at birth"
    );
    let section_20_5 = episode_of(day(2008, 1, 1), |m| {
        m.ls = "V2".into();
        m.place = "K2".into();
    });
    assert_eq!(section_20_5, nothing);
    // Born on 29 February: 16 on 1 March of a common year.
    assert_eq!(
        moved_of(day(2008, 2, 29), |m| m.changed_on = Date::new(2024, 2, 29)),
        ["CODE_NOT_IN_LIST"; 0]
    );
}

/// Domain reference §11, trap 1.
#[test]
fn trap_1_a_placement_code_is_checked_against_the_list_of_the_event_s_own_day() {
    let placed = |code: &str, on: Option<Day>| {
        let message = CareEpisode {
            place: code.to_owned(),
            place_provider: (!code.starts_with('Z')).then(|| "PR4".to_owned()),
            ..good()
        };
        let book = walbrook_agency::conformance::Rulebook {
            occurred: on.unwrap(),
            ..book()
        };
        book.broken(&message, rules::care_episode)
    };
    let nothing = Vec::<&str>::new();
    let refused = vec!["CODE_NOT_IN_LIST"];
    let (last_of_2023, first_of_2024) = (day(2024, 3, 31), day(2024, 4, 1));
    let (last_of_2024, first_of_2025) = (day(2025, 3, 31), day(2025, 4, 1));
    for code in ["H5", "P2", "Z1"] {
        assert_eq!(placed(code, last_of_2024), nothing, "{code}");
        assert_eq!(placed(code, first_of_2025), refused, "{code}");
    }
    for code in ["Z11", "Z12", "Z13", "Z14"] {
        assert_eq!(placed(code, last_of_2024), refused, "{code}");
        assert_eq!(placed(code, first_of_2025), nothing, "{code}");
    }
    assert_eq!(placed("K3", last_of_2023), refused);
    assert_eq!(placed("K3", first_of_2024), nothing);
    // On the first day without H5 a child moves from it.
    let moved = PlacementChanged {
        changed_on: Date::new(2025, 4, 1),
        from_place: "H5".to_owned(),
        ..good_move()
    };
    assert_eq!(book().broken(&moved, rules::placement_changed), nothing);
}
