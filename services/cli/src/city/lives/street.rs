//! Sleeping rough: who is met on the street, how often, where, and what came before and after.

use super::chance::{heavy, of, weighted, whether};
use super::diary::{Diary, Note, OUTREACH, date};
use super::published as figures;
use super::route;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::housing::v1::{HostelStay, RoughSleepingContact, event::Body as Housing};

/// Of the generator's adults, those aged 26 to 55: what the published age bands are divided by.
const ADULTS_AGED_26_TO_55: f64 = 0.56;
/// How far vulnerability drives who sleeps rough.
const SLOPE: f64 = 1.3;
/// The projects that take people in from the street.
const PROJECTS: [&str; 4] = [
    "HOSTEL-01",
    "HOSTEL-02",
    "NIGHT-SHELTER-01",
    "ASSESSMENT-01",
];

/// Somebody who was met on the street.
pub(super) struct Rough {
    /// The first day within what is told and lies beyond.
    pub first: Day,
    /// Every day on which the person was met bedded down.
    pub bedded_down: Vec<Day>,
    /// The authority the person is met in most.
    pub area: &'static str,
    /// Needs, as outreach writes them.
    pub needs: Vec<String>,
}

/// Whether the person sleeps rough, and what is told of it.
pub(super) fn course(diary: &mut Diary<'_>, more: f64) -> Option<Rough> {
    let soul = diary.soul;
    let first = diary.any_day();
    let age = soul.age_on(first);
    let share = figures::ROUGH_MALE.probability();
    let sex = if soul.resident.male {
        share
    } else {
        1.0 - share
    } / 0.5;
    let share = figures::ROUGH_AGED_26_TO_55.probability();
    let band = match age {
        26..56 => share / ADULTS_AGED_26_TO_55,
        _ => (1.0 - share) / (1.0 - ADULTS_AGED_26_TO_55),
    };
    let rate = soul.risk(figures::ROUGH_PER_LONDONER, SLOPE) / figures::ADULTS.probability();
    let drawn = diary.rng.random::<f64>();
    if age < 18 || drawn >= rate * sex * band * more * diary.span.years() {
        return None;
    }
    diary.course("slept-rough");
    let status = weighted(
        &mut diary.rng,
        &[
            ("FLOW", figures::FLOW.ten_thousandths),
            ("STOCK", figures::STOCK.ten_thousandths),
            (
                "RETURNER",
                10_000 - figures::FLOW.ten_thousandths - figures::STOCK.ten_thousandths,
            ),
        ],
        "FLOW",
    );
    let institution = institution(diary, status);
    let mut rough = Rough {
        first,
        bedded_down: before(diary, status, first),
        area: area(diary),
        needs: needs(diary),
    };
    route::told(diary, &rough, status, institution);
    let last = contacts(diary, &mut rough, status, institution);
    if of(&mut diary.rng, figures::HELPED_IN) {
        let after = diary.rng.random_range(1..21);
        hostel(diary, last.plus(after), None);
    }
    Some(rough)
}

/// Tells every contact; returns the day of the last.
fn contacts(diary: &mut Diary<'_>, rough: &mut Rough, status: &str, institution: &str) -> Day {
    let times = match status {
        "FLOW" if of(&mut diary.rng, figures::NEW_SEEN_ONCE) => 1,
        "FLOW" => heavy(&mut diary.rng, 2, 1.1, 150),
        "STOCK" => heavy(&mut diary.rng, 1, 0.8, 150),
        _ => heavy(&mut diary.rng, 1, 1.0, 150),
    };
    let room = diary.span.beyond().0 - rough.first.0;
    let stay = i32::try_from(times).unwrap_or(0) * 5;
    let mut days = vec![rough.first];
    days.extend((1..times).map(|_| {
        let after = diary.rng.random_range(0..=stay.min(room));
        rough.first.plus(after)
    }));
    days.sort_unstable();
    for day in &days {
        let at = diary.time(*day, 22);
        let bedded_down = *day == rough.first || whether(&mut diary.rng, 0.85);
        if bedded_down {
            rough.bedded_down.push(*day);
        }
        let here = *day == rough.first || whether(&mut diary.rng, 0.85);
        let area = if here { rough.area } else { area(diary) };
        // Somebody seen in one year and again in the next belongs to the stock of the next.
        let status = if year(*day) > year(rough.first) {
            "STOCK"
        } else {
            status
        };
        let contact = RoughSleepingContact {
            contact_at: Some(at),
            bedded_down,
            area: area.into(),
            outreach_team: "street-outreach-1".into(),
            needs: rough.needs.clone(),
            derived_status: bedded_down.then(|| status.into()),
            previous_institution: Some(institution.into()),
        };
        let body = Body::Housing(Housing::RoughSleepingContact(contact));
        diary.tell(Note::at(OUTREACH, at), body);
    }
    days.last().copied().unwrap_or(rough.first)
}

/// Days on which the person was met before what is told: in the year before, or longer ago.
fn before(diary: &mut Diary<'_>, status: &str, first: Day) -> Vec<Day> {
    let (year, month, _) = first.ymd();
    let began = Day::from_ymd(if month < 4 { year - 1 } else { year }, 4, 1).unwrap_or(first);
    match status {
        "STOCK" => vec![began.plus(-diary.rng.random_range(1..365))],
        "RETURNER" => vec![began.plus(-diary.rng.random_range(366..2_500))],
        _ => Vec::new(),
    }
}

/// The reporting year, by the calendar year its 1 April is in.
fn year(day: Day) -> i32 {
    let (year, month, _) = day.ymd();
    if month < 4 { year - 1 } else { year }
}

fn institution(diary: &mut Diary<'_>, status: &str) -> &'static str {
    let new = status == "FLOW";
    if new && of(&mut diary.rng, figures::NEW_FROM_ASYLUM_SUPPORT) {
        return "ASYLUM_SUPPORT";
    }
    // What is published is of all people seen; those from asylum support are left out here.
    let flow = figures::FLOW.ten_thousandths;
    let asylum = flow * figures::NEW_FROM_ASYLUM_SUPPORT.ten_thousandths / 10_000;
    let known = [
        ("PRISON", figures::ROUGH_PRISON.ten_thousandths),
        ("CARE", figures::ROUGH_CARE.ten_thousandths),
        ("ARMED_FORCES", figures::ROUGH_FORCES.ten_thousandths),
        ("NOT_KNOWN", 1_000),
    ];
    let told: u32 = known.iter().map(|(_, share)| share).sum();
    let [prison, care, forces, unknown] = known;
    let none = ("NONE", 10_000_u32.saturating_sub(told + asylum));
    weighted(
        &mut diary.rng,
        &[prison, care, forces, unknown, none],
        "NONE",
    )
}

/// Three needs of which the shares of each and of all three together are published.
fn needs(diary: &mut Diary<'_>) -> Vec<String> {
    let all = figures::NEED_ALL_THREE.ten_thousandths;
    // Pairs are ours; what is left of each share is that need alone.
    let (mind_drink, mind_drugs, drink_drugs) = (700, 800, 600);
    let alone = |share: u32, pairs: u32| share.saturating_sub(all + pairs);
    let sets: [(&[&str], u32); 7] = [
        (&["MENTAL_HEALTH", "ALCOHOL", "DRUGS"], all),
        (&["MENTAL_HEALTH", "ALCOHOL"], mind_drink),
        (&["MENTAL_HEALTH", "DRUGS"], mind_drugs),
        (&["ALCOHOL", "DRUGS"], drink_drugs),
        (
            &["MENTAL_HEALTH"],
            alone(
                figures::NEED_MENTAL_HEALTH.ten_thousandths,
                mind_drink + mind_drugs,
            ),
        ),
        (
            &["ALCOHOL"],
            alone(
                figures::NEED_ALCOHOL.ten_thousandths,
                mind_drink + drink_drugs,
            ),
        ),
        (
            &["DRUGS"],
            alone(
                figures::NEED_DRUGS.ten_thousandths,
                mind_drugs + drink_drugs,
            ),
        ),
    ];
    let mut drawn = diary.rng.random_range(0..10_000);
    let mut needs: Vec<String> = Vec::new();
    for (set, share) in sets {
        if drawn < share {
            needs.extend(set.iter().map(|need| (*need).to_owned()));
            break;
        }
        drawn -= share;
    }
    if whether(&mut diary.rng, 0.3) {
        needs.push("PHYSICAL".into());
    }
    needs
}

/// Where the person is met: published areas by their counts, the other authorities alike.
fn area(diary: &mut Diary<'_>) -> &'static str {
    const OTHERS: [&str; 29] = [
        "E09000001",
        "E09000002",
        "E09000003",
        "E09000004",
        "E09000005",
        "E09000006",
        "E09000007",
        "E09000009",
        "E09000010",
        "E09000011",
        "E09000012",
        "E09000013",
        "E09000014",
        "E09000015",
        "E09000016",
        "E09000017",
        "E09000018",
        "E09000019",
        "E09000021",
        "E09000023",
        "E09000024",
        "E09000025",
        "E09000026",
        "E09000027",
        "E09000028",
        "E09000029",
        "E09000030",
        "E09000031",
        "E09000032",
    ];
    let mut drawn = diary.rng.random_range(0..figures::SEEN);
    for (area, seen) in figures::PUBLISHED_AREAS {
        if drawn < seen {
            return area;
        }
        drawn -= seen;
    }
    let place = diary.rng.random_range(0..OTHERS.len());
    OTHERS.get(place).copied().unwrap_or("E09000007")
}

/// A stay in a hostel from a day on; it ends on `until`, or as stays end.
pub(super) fn hostel(diary: &mut Diary<'_>, arrived: Day, until: Option<(Day, &'static str)>) {
    let days = super::chance::days_until(&mut diary.rng, 90.0);
    let drawn = weighted(
        &mut diary.rng,
        &[
            ("PLANNED_MOVE", 45),
            ("ABANDONED", 18),
            ("LEFT_VOLUNTARILY", 12),
            ("EVICTED_BEHAVIOUR", 10),
            ("EVICTED_ARREARS", 5),
            ("CUSTODY", 4),
            ("HOSPITAL", 3),
            ("NOT_KNOWN", 3),
        ],
        "NOT_KNOWN",
    );
    let (departed, reason) = until.unwrap_or((arrived.plus(days), drawn));
    let place = diary.rng.random_range(0..PROJECTS.len());
    let project = PROJECTS.get(place).copied().unwrap_or("HOSTEL-01");
    let number = diary.rng.random_range(0..1_000);
    let stay_ref = diary.reference('S', number);
    diary.course("hostel");
    diary.period(OUTREACH, arrived, Some(departed), |departed| {
        Body::Housing(Housing::HostelStay(HostelStay {
            stay_ref: stay_ref.clone(),
            project_ref: Some(project.into()),
            arrived_on: Some(date(arrived)),
            departed_on: departed.map(date),
            departure_reason: departed.map(|_| reason.into()),
        }))
    });
}
