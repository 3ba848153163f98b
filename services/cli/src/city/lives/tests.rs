//! What holds for every life, whatever the seed: and that lives of many people have the published figures.

mod calibration;

use super::*;
use crate::publish::Body;
use proptest::prelude::*;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use walbrook_agency::conformance::findings;
use walbrook_agency::{Agency, Findings};
use walbrook_domain::Instant;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::{health, housing, police, social_care, tfl};

/// A year.
fn span() -> Span {
    Span {
        from: "2025-10-01".parse().unwrap(),
        to: "2026-09-30".parse().unwrap(),
    }
}

fn all(lives: &Lives) -> impl Iterator<Item = Life> {
    (0..lives.blocks()).flat_map(|block| lives.block(block))
}

/// What the agency's gateway finds, arriving just after it was told.
fn found(told: &Told) -> Findings {
    let now = Instant(told.at_micros + 1_000_000);
    let organisation = told.event.organisation.parse().unwrap();
    let head = Some(told.event.head.clone());
    match told.event.body.clone() {
        Body::Police(body) => of::<walbrook_police::Police>(
            &organisation,
            police::v1::Event {
                head,
                body: Some(body),
            },
            now,
        ),
        Body::Health(body) => of::<walbrook_health::Health>(
            &organisation,
            health::v1::Event {
                head,
                body: Some(body),
            },
            now,
        ),
        Body::Housing(body) => of::<walbrook_housing::Housing>(
            &organisation,
            housing::v1::Event {
                head,
                body: Some(body),
            },
            now,
        ),
        Body::Tfl(body) => of::<walbrook_tfl::Tfl>(
            &organisation,
            tfl::v1::Event {
                head,
                body: Some(body),
            },
            now,
        ),
        Body::SocialCare(body) => of::<walbrook_social_care::SocialCare>(
            &organisation,
            social_care::v1::Event {
                head,
                body: Some(body),
            },
            now,
        ),
        Body::City(_) => panic!("the lives of people are no open data"),
    }
}

fn of<A: Agency>(
    organisation: &walbrook_domain::Organisation,
    event: A::Event,
    now: Instant,
) -> Findings {
    findings::<A>(organisation, &event, now)
}

/// Rules that a record with a mistyped birth date breaks, and the life does not.
const OF_THE_RECORD: [&str; 13] = [
    "RESTRICTED_LEFT_OUT",
    "BEFORE_BIRTH",
    "TOO_YOUNG_FOR_PLACEMENT",
    "LEAVES_AT_WRONG_AGE",
    "ADULT_IN_CARE",
    "PARTICIPATION_AGE",
    "SDQ_AGE",
    "CONVICTED_UNDER_10",
    "HEALTH_CHECK_FROM_5",
    "ELIGIBILITY_AGE",
    "LEAVER_UNDER_16",
    "STATUS_UNDER_10",
    "BIRTH_DATE_IMPOSSIBLE",
];

#[test]
fn no_gateway_refuses_an_event_and_none_of_a_life_is_queried() {
    let lives = Lives::new(11, 12_000, span(), 20);
    let mut odd: BTreeMap<String, usize> = BTreeMap::new();
    let mut types = BTreeSet::new();
    let transport = lives.transport();
    for told in all(&lives).flat_map(|life| life.told).chain(transport) {
        let findings = found(&told);
        let text = format!("{:?}", told.event.body);
        types.insert(text.split('(').nth(1).unwrap().to_owned());
        for one in findings.refusals() {
            *odd.entry(format!("refused: {} {}", one.rule.id, one.field))
                .or_default() += 1;
        }
        for one in findings.queries() {
            *odd.entry(format!("{} {}", one.rule.id, one.field))
                .or_default() += 1;
        }
    }
    odd.retain(|rule, _| !OF_THE_RECORD.iter().any(|known| rule.starts_with(known)));
    assert!(odd.is_empty(), "{odd:?}");
    assert!(types.len() >= 29, "{} types: {types:?}", types.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(200) / 4, ..ProptestConfig::default() })]

    #[test]
    fn a_life_is_whole(seed in any::<u64>(), block in 0_u64..30_000, days in 30_i32..900) {
        let to = span().to;
        let lives = Lives::new(seed, MOST_PEOPLE, Span { from: to.plus(-days), to }, 40);
        for life in lives.block(block) {
            whole(&life, lives.span())?;
        }
    }

    #[test]
    fn a_block_made_by_itself_is_the_same(seed in any::<u64>(), block in 0_u64..30_000) {
        let of = |people| {
            let told = Lives::new(seed, people, span(), 5).block(block);
            told.iter().map(|life| format!("{life:?}")).collect::<Vec<_>>()
        };
        prop_assert_eq!(of((block + 1) * BLOCK), of(MOST_PEOPLE));
    }
}

/// In order, in time, each id once, every correction after what it corrects, demographics first and once, ages as the law has them.
fn whole(life: &Life, span: Span) -> Result<(), TestCaseError> {
    let (mut ids, mut known) = (HashMap::new(), HashSet::new());
    let mut last = (i64::MIN, 0);
    for told in &life.told {
        prop_assert!((told.at_micros, told.sequence) > last, "in order");
        last = (told.at_micros, told.sequence);
        let day = Instant(told.at_micros).london_day();
        prop_assert!(day >= span.from && day <= span.to, "told in the span");
        prop_assert!(
            found(told).refusals().is_empty(),
            "{:?}",
            found(told).refusals()
        );
        let head = &told.event.head;
        let subject = head.subject.clone().unwrap();
        let whose = (
            told.event.body.agency(),
            told.event.organisation.clone(),
            subject.local_id.clone(),
        );
        prop_assert_eq!(subject.demographics.is_some(), known.insert(whose.clone()));
        let number = subject.demographics.and_then(|held| held.nhs_number);
        prop_assert!(number.is_none_or(|number| number.starts_with("999")));
        if let Some(corrected) = &head.supersedes_event_id {
            // The corrected event is of the same subject and began on the same day: start and end pair up.
            let (when, who) = ids
                .get(corrected)
                .cloned()
                .ok_or_else(|| TestCaseError::fail("corrects nothing"))?;
            prop_assert_eq!(who, whose.clone());
            let same = matches!((&when, &head.when), (Some(When::OccurredOn(a)), Some(When::OccurredOn(b))) if a == b);
            prop_assert!(same || matches!(head.when, Some(When::OccurredAt(_))));
        }
        prop_assert!(
            ids.insert(head.event_id.clone(), (head.when, whose))
                .is_none(),
            "an id twice"
        );
        ages(life, told, day)?;
    }
    Ok(())
}

fn ages(life: &Life, told: &Told, day: Day) -> Result<(), TestCaseError> {
    let of_day = |date: &Option<walbrook_proto::common::v1::Date>| {
        date.as_ref()
            .and_then(|date| Day::from_ymd(date.year, date.month, date.day))
    };
    match &told.event.body {
        Body::Housing(housing::v1::event::Body::RoughSleepingContact(_)) => {
            prop_assert!(
                day >= life.adult_from,
                "somebody under 18 among those who sleep rough"
            );
        }
        Body::SocialCare(social_care::v1::event::Body::CareEpisode(episode)) => {
            prop_assert!(of_day(&episode.decom).unwrap() < life.adult_from);
            prop_assert!(of_day(&episode.decom).unwrap() >= life.born);
            prop_assert!(of_day(&episode.dec).is_none_or(|dec| dec <= life.adult_from));
            prop_assert_eq!(episode.dec.is_some(), episode.rec.is_some());
        }
        Body::SocialCare(social_care::v1::event::Body::MissingEpisode(episode)) => {
            prop_assert!(of_day(&episode.mis_start).unwrap() < life.adult_from);
        }
        _ => {}
    }
    Ok(())
}

#[test]
fn labels_say_what_comes_after_the_last_day_told() {
    let lives = Lives::new(3, 20_000, span(), 20);
    let to = lives.span().to;
    let (mut next, mut returns, mut first) = (0, 0, 0);
    for life in all(&lives) {
        let Some(label) = life.next(to) else {
            assert!(life.adult_from > to);
            continue;
        };
        assert!(!label.within_90_days || label.within_180_days);
        if let Some(day) = label.bedded_down_on {
            assert!(day > to && day.0 - to.0 <= 180);
            next += 1;
            returns += usize::from(label.before);
            first += usize::from(!label.before);
        }
        let told = life
            .told
            .iter()
            .filter(|told| told.at_micros >= to.plus(1).start().micros());
        assert_eq!(told.count(), 0);
    }
    assert!(
        next > 50 && returns > 5 && first > 20,
        "{next} {returns} {first}"
    );
}

#[test]
fn people_are_their_own() {
    let lives = Lives::new(9, 30_000, span(), 1);
    let (mut people, mut numbers, mut local_ids) = (0, HashSet::new(), HashSet::new());
    for block in 0..lives.blocks() {
        for (soul, _) in lives.souls(block) {
            assert_eq!(soul.index, people);
            people += 1;
            if let Some(number) = &soul.resident.nhs_number {
                assert!(numbers.insert(number.clone()));
            }
        }
        for life in lives.block(block) {
            for known in life.known {
                assert!(
                    local_ids.insert((known.agency, known.organisation, known.local_id)),
                    "two people under one number"
                );
            }
        }
    }
    assert_eq!(people, 30_000);
    assert!(numbers.len() > 26_000, "{}", numbers.len());
}

#[test]
fn events_encode_small() {
    // A run on disk holds them: a mean over 600 bytes would be a mistake.
    let lives = Lives::new(2, 3_000, span(), 1);
    let (mut bytes, mut events) = (0, 0);
    for told in all(&lives).flat_map(|life| life.told) {
        bytes += told.event.head.encoded_len();
        events += 1;
    }
    assert!(events > 1_500 && bytes / events < 600, "{events} {bytes}");
}
