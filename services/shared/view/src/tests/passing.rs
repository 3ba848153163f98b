//! What changes because time passes: between a row's time and the moment it says that it may change, it does not.

use super::rows::{Setting, cell};
use super::support::*;
use crate::facts::Contribution;
use crate::passing::Agenda;
use crate::row::Row;
use crate::state::Partition;
use crate::value::Value;
use crate::{Input, SubjectFacts};
use proptest::prelude::*;
use std::sync::LazyLock;
use walbrook_domain::{Day, Instant, Precision};
use walbrook_policy::catalogue::FieldKind;

const CAMDEN: &str = "GSS:E09000007";

static CHILDREN: LazyLock<Setting> = LazyLock::new(|| {
    let mut own = subject(CAMDEN, None);
    own.responsible_authority = Some(org(CAMDEN));
    Setting::whole("children_in_care", own)
});

static RISK: LazyLock<Setting> = LazyLock::new(|| {
    let mut setting = Setting::whole("rough_sleeping_risk", subject(CAMDEN, Some("2000-01-01")));
    setting.reading.role = "housing-options-officer".to_owned();
    setting
});

/// Codes that conditions ask for, by field; any other field has one of two references.
const CODES: [(&str, &[&str]); 22] = [
    ("rne", &["S", "S", "P", "L"]),
    ("ls", &["C2", "C2", "L1", "L2", "L3", "V3", "V4"]),
    ("place", &["U6", "U4", "T3"]),
    ("rec", &["X1", "E4A"]),
    (
        "phase",
        &[
            "REPORTED",
            "CLOSED",
            "S47",
            "ICPC",
            "PLAN_START",
            "REVIEW",
            "PLAN_END",
        ],
    ),
    ("assessment_type", &["IHA", "RHA"]),
    ("review_code", &["PN0", "PN1"]),
    ("rhi_offered", &["Y", "N", "NA"]),
    ("subject_kind", &["CHILD"]),
    ("brag", &["GREEN", "RED"]),
    ("outcome", &["ASSESSMENT", "NFA"]),
    ("in_touch", &["YES", "NO"]),
    ("accom", &["S2", "B1"]),
    ("concession_type", &["CARE_LEAVER_18_25"]),
    ("duty", &["PREVENTION", "RELIEF", "MAIN"]),
    ("stage", &["NOTICE", "ORDER", "EVICTED"]),
    ("accommodation_status", &["HM01", "MA01"]),
    ("code", &["HM01", "MA01"]),
    ("exit_reason", &["ABANDONED", "OTHER"]),
    ("departure_reason", &["ABANDONED", "OTHER"]),
    ("end_reason", &["ABANDONED", "OTHER"]),
    ("prevten", &["19", "30"]),
];

/// What an event is made from: its type, its day, seconds into it, and a seed for its fields.
type Made = (usize, i32, u32, u64);

fn made() -> impl Strategy<Value = Made> {
    (0..64_usize, -500..120_i32, 0..86_400_u32, any::<u64>())
}

/// The row's day in the middle of the events.
fn base() -> Day {
    day("2026-05-31")
}

fn values(event_type: &str, on: Day, seed: u64) -> Vec<(u8, Value)> {
    let catalogue = &*CATALOGUE;
    let shape = catalogue.event(&event_type.parse().unwrap()).unwrap();
    let mut seed = seed;
    let mut draw = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut fields = Vec::new();
    for (number, field) in (0u8..64).zip(&shape.fields) {
        if draw(8) == 0 {
            continue;
        }
        let near = on.plus(i32::try_from(draw(60)).unwrap() - 20);
        let value = match field.kind {
            FieldKind::Bool => Value::Bool(draw(2) == 0),
            FieldKind::Integer => Value::Int(i64::try_from(draw(40)).unwrap()),
            FieldKind::Day => Value::Day(near),
            FieldKind::Instant => {
                let micros = i64::try_from(draw(86_400)).unwrap() * 1_000_000;
                Value::Instant(Instant(near.start().0 + micros))
            }
            FieldKind::Text | FieldKind::TextList => {
                let codes = CODES.iter().find(|(name, _)| *name == field.name);
                let codes = codes.map_or(&["A", "B"][..], |(_, codes)| *codes);
                let at = usize::try_from(draw(codes.len() as u64)).unwrap();
                match field.kind {
                    FieldKind::Text => text(codes[at]),
                    _ => Value::Texts(vec![codes[at].into()]),
                }
            }
            FieldKind::Bytes => continue,
        };
        fields.push((number, value));
    }
    fields
}

static CATALOGUE: LazyLock<walbrook_policy::catalogue::Catalogue> = LazyLock::new(catalogue);

fn release(types: &[String], number: usize, (of, ahead, second, seed): Made) -> Contribution {
    let event_type = &types[of % types.len()];
    let on = base().plus(ahead);
    let mut one = contribution(
        (1, 1, u8::try_from(number).unwrap()),
        event_type,
        "2026-01-01",
        &[],
    );
    one.occurred_at = Instant(on.start().0 + i64::from(second) * 1_000_000);
    one.precision = match seed % 3 {
        0 => Precision::Instant,
        1 => Precision::Hour,
        _ => Precision::Day,
    };
    if one.precision != Precision::Instant {
        one.occurred_at = one.occurred_at.truncated(one.precision);
    }
    one.fields = values(event_type, on, seed);
    one
}

/// A person's history of a view: a partition with nobody else in it.
fn partition(setting: &Setting, own: SubjectFacts, events: &[Made], heard: &[i32]) -> Partition {
    let types: Vec<String> = setting
        .view
        .silent_after_days
        .keys()
        .map(ToString::to_string)
        .collect();
    let mut partition = Partition::default();
    let mut apply = |input: Input| {
        partition.apply(input, &mut Vec::new());
    };
    apply(subject_input(1, 1, own));
    for (event_type, ahead) in types.iter().zip(heard) {
        let on = base().plus(*ahead).to_string();
        apply(heartbeat(CAMDEN, event_type, &on));
    }
    for (number, made) in events.iter().enumerate() {
        apply(Input::Release(release(&types, number, *made)));
    }
    partition
}

/// The row at an instant, and when it may change.
fn at(setting: &Setting, partition: &Partition, at: Instant) -> (Option<Row>, Option<Instant>) {
    let one = partition.person(&person(1)).unwrap();
    let asked = setting.asked(at);
    (asked.row(&one).unwrap(), asked.changes_at(&one).unwrap())
}

/// How many moments before the next change are looked at.
const LOOKS: i64 = 7;

fn holds_until_the_next_change(
    setting: &Setting,
    own: SubjectFacts,
    events: &[Made],
    heard: &[i32],
    from: Instant,
) -> Result<(), TestCaseError> {
    let partition = partition(setting, own, events, heard);
    let mut now = from;
    for _ in 0..4 {
        let (row, next) = at(setting, &partition, now);
        let end = next.unwrap_or(Instant(now.0 + 900 * 86_400_000_000));
        prop_assert!(end > now);
        for look in 1..=LOOKS {
            let between = Instant(now.0 + (end.0 - 1 - now.0) / LOOKS * look);
            let (then, _) = at(setting, &partition, between);
            prop_assert_eq!(&then, &row, "{} and {}", now.rfc3339(), between.rfc3339());
        }
        let (then, _) = at(setting, &partition, Instant(end.0 - 1));
        prop_assert_eq!(
            &then,
            &row,
            "{} and just before {}",
            now.rfc3339(),
            end.rfc3339()
        );
        now = end;
    }
    Ok(())
}

/// Fewer than usual, since each is some forty rows; as many as asked for.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_child_s_row_holds_until_the_next_change(
        events in proptest::collection::vec(made(), 0..8),
        heard in proptest::collection::vec(-40..30_i32, 24),
        minutes in 0..300_000_i64,
        adult_in in proptest::option::of(-10..200_i32),
    ) {
        let mut own = subject(CAMDEN, None);
        own.responsible_authority = Some(org(CAMDEN));
        own.adult_from = adult_in.map(|days| base().plus(days));
        let from = Instant(base().plus(-100).start().0 + minutes * 60_000_000);
        holds_until_the_next_change(&CHILDREN, own, &events, &heard, from)?;
    }

    #[test]
    fn an_adult_s_row_holds_until_the_next_change(
        events in proptest::collection::vec(made(), 0..8),
        heard in proptest::collection::vec(-40..30_i32, 24),
        minutes in 0..300_000_i64,
        adult_in in -300..50_i32,
    ) {
        let adult_from = base().plus(adult_in).to_string();
        let own = subject(CAMDEN, Some(&adult_from));
        let from = Instant(base().plus(-100).start().0 + minutes * 60_000_000);
        holds_until_the_next_change(&RISK, own, &events, &heard, from)?;
    }
}

#[test]
fn a_window_and_a_clock_are_looked_at_on_their_day_and_not_before() {
    let mut own = subject(CAMDEN, None);
    own.responsible_authority = Some(org(CAMDEN));
    let mut setting = Setting::whole("children_in_care", own);
    let care = [
        ("episode_ref", text("E1")),
        ("decom", Value::Day(day("2026-04-01"))),
        ("rne", text("S")),
        ("ls", text("C2")),
        ("place", text("U6")),
    ];
    setting.release(contribution(
        (1, 1, 1),
        "social_care.CareEpisode",
        "2026-04-01",
        &care,
    ));
    let next = |setting: &Setting, on: &str| {
        let (_, next) = at(setting, &setting.partition, day(on).start());
        next.unwrap()
    };
    setting.on("2026-04-20");
    // The rule that says "due on 1 May" applies from seven days before.
    assert_eq!(next(&setting, "2026-04-20"), day("2026-04-24").start());
    let said = |setting: &Setting, on: &str| {
        let row = setting.row_at(day(on).start()).unwrap();
        cell(&row, "initial_health").clone()
    };
    assert_eq!(said(&setting, "2026-05-01").value(), Some(&text("DUE")));
    assert_eq!(said(&setting, "2026-05-02").value(), Some(&text("OVERDUE")));
}

#[test]
fn an_agenda_gives_whom_it_is_time_for_and_nobody_else() {
    let mut agenda = Agenda::default();
    for n in 1..=9 {
        agenda.set(person(n), Some(Instant(i64::from(n) * 10)));
    }
    agenda.set(person(3), Some(Instant(95)));
    agenda.set(person(4), None);
    assert_eq!((agenda.len(), agenda.next()), (8, Some(Instant(10))));
    assert_eq!(agenda.take_due(Instant(9)), []);
    assert_eq!(
        agenda.take_due(Instant(50)),
        [person(1), person(2), person(5)]
    );
    assert_eq!(agenda.take_due(Instant(50)), []);
    assert_eq!((agenda.len(), agenda.next()), (5, Some(Instant(60))));
    agenda.set(person(6), Some(Instant(61)));
    assert_eq!(agenda.take_due(Instant(100)).len(), 5);
    assert!(agenda.is_empty() && agenda.next().is_none());
}
