//! A whole SSDA903 return of 2017/18 that nobody here wrote: its codes are those of its year, and what is refused is
//! refused for its dates alone. The sample lies beside the repository and is never part of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walbrook_agency::{Context, Findings, facts};
use walbrook_domain::{Day, Organisation, Scheme};
use walbrook_proto::avro::AvroEvent;
use walbrook_proto::common::v1::Date;
use walbrook_proto::social_care::v1::{
    CareEpisode, CareLeaverContact, DeprivationOfLiberty, HealthOutcomes, MissingEpisode,
    ReviewHeld,
};
use walbrook_social_care::rules;

fn table(name: &str) -> Option<Vec<BTreeMap<String, String>>> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/ssda903")
        .join(name);
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return None;
    }
    let rows = csv::Reader::from_path(path).unwrap().into_deserialize();
    Some(rows.map(|row| row.unwrap()).collect())
}

fn date(text: &str) -> Option<Date> {
    let parts: Vec<i32> = text
        .split('/')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [day, month, year] = parts.as_slice() else {
        return None;
    };
    Some(Date {
        year: *year,
        month: *month,
        day: *day,
    })
}

fn ids<M: AvroEvent>(
    message: &M,
    on: Option<&Date>,
    born: Option<&Date>,
    check: fn(&M, &Context<'_>, &mut Findings),
) -> (Vec<&'static str>, Vec<&'static str>) {
    let organisation = Organisation::new(Scheme::Gss, "E09000007").unwrap();
    let today = Day::from_ymd(2026, 11, 23).unwrap();
    let occurred_day = on.and_then(facts::day);
    let occurred = occurred_day.map(Day::start);
    let context = Context {
        organisation: &organisation,
        occurred,
        occurred_day,
        birth_day: born.and_then(facts::day),
        datasets: None,
        today,
        now: today.start(),
    };
    let mut findings = Findings::new();
    facts::check(message, occurred_day, today, &mut findings);
    check(message, &context, &mut findings);
    let ids =
        |list: &[walbrook_agency::Finding]| list.iter().map(|finding| finding.rule.id).collect();
    (ids(findings.refusals()), ids(findings.queries()))
}

fn text(row: &BTreeMap<String, String>, column: &str) -> Option<String> {
    row.get(column).filter(|value| !value.is_empty()).cloned()
}

#[test]
fn episodes_of_a_real_return_are_refused_for_their_dates_only() {
    let Some(rows) = table("episodes.csv") else {
        return;
    };
    let births: BTreeMap<String, Date> = table("header.csv")
        .unwrap()
        .iter()
        .filter_map(|row| Some((row["CHILD"].clone(), date(&row["DOB"])?)))
        .collect();
    let (mut accepted, mut queried, mut refused) = (0, 0, BTreeMap::<&str, usize>::new());
    for (at, row) in rows.iter().enumerate() {
        let (decom, dec) = (date(&row["DECOM"]), date(&row["DEC"]));
        let required = |column| text(row, column).unwrap_or_default();
        let message = CareEpisode {
            episode_ref: format!("row-{at}"),
            decom,
            rne: required("RNE"),
            ls: required("LS"),
            cin: required("CIN"),
            place: required("PLACE"),
            place_provider: text(row, "PLACE_PROVIDER"),
            dec,
            rec: text(row, "REC"),
            reason_place_change: text(row, "REASON_PLACE_CHANGE"),
            pl_distance_tenths_mile: None,
            in_borough: None,
        };
        let (refusals, queries) = ids(
            &message,
            decom.as_ref(),
            births.get(&row["CHILD"]),
            rules::care_episode,
        );
        match refusals.first() {
            None => accepted += 1,
            Some(rule) => *refused.entry(rule).or_default() += 1,
        }
        queried += usize::from(refusals.is_empty() && !queries.is_empty());
    }
    println!(
        "episodes: {} read, {accepted} accepted, {queried} of them queried, refused {refused:?}",
        rows.len()
    );
    assert_eq!(accepted + refused.values().sum::<usize>(), rows.len());
    assert!(
        refused.keys().all(|rule| *rule == "ENDS_BEFORE_START"),
        "{refused:?}"
    );
    assert!(accepted > rows.len() / 2 && queried > 0);
}

#[test]
fn reviews_of_a_real_return_are_refused_for_the_future_only() {
    let Some(rows) = table("reviews.csv") else {
        return;
    };
    let mut refused = BTreeMap::<&str, usize>::new();
    for row in &rows {
        let reviewed_on = date(&row["REVIEW"]);
        let message = ReviewHeld {
            reviewed_on,
            review_code: row["REVIEW_CODE"].clone(),
            due_on: None,
        };
        for rule in ids(
            &message,
            reviewed_on.as_ref(),
            born(row).as_ref(),
            rules::review_held,
        )
        .0
        {
            *refused.entry(rule).or_default() += 1;
        }
    }
    println!("reviews: {} read, refused {refused:?}", rows.len());
    assert!(
        refused.keys().all(|rule| *rule == "IN_THE_FUTURE"),
        "{refused:?}"
    );
    assert!(refused.values().sum::<usize>() < rows.len() / 20);
}

fn born(row: &BTreeMap<String, String>) -> Option<Date> {
    date(&row["DOB"])
}

/// What became of the rows of a table: how many were accepted, and how often each rule fired.
#[derive(Debug, Default)]
struct Account {
    read: usize,
    accepted: usize,
    refused: BTreeMap<&'static str, usize>,
    queried: BTreeMap<&'static str, usize>,
}

/// Makes an event of each row, with the day it occurred on, and checks it.
fn account<M: AvroEvent>(
    name: &str,
    make: impl Fn(&BTreeMap<String, String>) -> (M, Option<Date>),
    check: fn(&M, &Context<'_>, &mut Findings),
) -> Option<Account> {
    let rows = table(name)?;
    let mut account = Account {
        read: rows.len(),
        ..Account::default()
    };
    for row in &rows {
        let (message, on) = make(row);
        let (refusals, queries) = ids(&message, on.as_ref(), born(row).as_ref(), check);
        account.accepted += usize::from(refusals.is_empty());
        for rule in refusals {
            *account.refused.entry(rule).or_default() += 1;
        }
        for rule in queries {
            *account.queried.entry(rule).or_default() += 1;
        }
    }
    println!("{name}: {account:?}");
    Some(account)
}

fn flag(row: &BTreeMap<String, String>, column: &str) -> Option<bool> {
    text(row, column).map(|value| value == "1")
}

#[test]
fn missing_periods_and_orders_of_the_sample_are_accepted() {
    let missing = account(
        "missing.csv",
        |row| {
            let message = MissingEpisode {
                episode_ref: "M-1".to_owned(),
                missing: text(row, "MISSING").unwrap_or_default(),
                mis_start: date(&row["MIS_START"]),
                mis_end: date(&row["MIS_END"]),
                ..MissingEpisode::default()
            };
            let on = message.mis_start;
            (message, on)
        },
        rules::missing_episode,
    );
    let Some(missing) = missing else { return };
    assert_eq!((missing.read, missing.accepted), (43, 43), "{missing:?}");
    let orders = account(
        "DoLo.csv",
        |row| {
            let message = DeprivationOfLiberty {
                order_ref: "D-1".to_owned(),
                dolo_start: date(&row["DOLO_START"]),
                dolo_end: date(&row["DOLO_END"]),
            };
            let on = message.dolo_start;
            (message, on)
        },
        rules::deprivation_of_liberty,
    );
    let orders = orders.unwrap();
    assert_eq!((orders.read, orders.accepted), (1, 1), "{orders:?}");
}

#[test]
fn the_year_s_outcomes_of_the_sample_are_accepted_and_questioned_by_age() {
    let outcomes = account(
        "oc2.csv",
        |row| {
            let as_of = Date::new(2018, 3, 31);
            let message = HealthOutcomes {
                as_of,
                sdq_score: text(row, "SDQ_SCORE").map(|score| score.parse().unwrap()),
                sdq_reason: text(row, "SDQ_REASON"),
                convicted: flag(row, "CONVICTED"),
                health_check: flag(row, "HEALTH_CHECK"),
                immunisations: flag(row, "IMMUNISATIONS"),
                teeth_check: flag(row, "TEETH_CHECK"),
                health_assessment: flag(row, "HEALTH_ASSESSMENT"),
                substance_misuse: flag(row, "SUBSTANCE_MISUSE"),
                intervention_received: flag(row, "INTERVENTION_RECEIVED"),
                intervention_offered: flag(row, "INTERVENTION_OFFERED"),
            };
            (message, as_of)
        },
        rules::health_outcomes,
    );
    let Some(outcomes) = outcomes else { return };
    assert_eq!(
        (outcomes.read, outcomes.accepted),
        (2_675, 2_675),
        "{outcomes:?}"
    );
    for rule in [
        "CONVICTED_UNDER_10",
        "HEALTH_CHECK_FROM_5",
        "INTERVENTION_TWICE",
    ] {
        assert!(outcomes.queried.contains_key(rule), "{rule}: {outcomes:?}");
    }
}

#[test]
fn care_leavers_of_the_sample_are_refused_for_codes_of_no_list_alone() {
    let leavers = account(
        "oc3.csv",
        |row| {
            let contact_on = Date::new(2018, 3, 31);
            let message = CareLeaverContact {
                contact_on,
                in_touch: text(row, "IN_TOUCH").unwrap_or_default(),
                activ: text(row, "ACTIV"),
                accom: text(row, "ACCOM"),
                eligibility: None,
            };
            (message, contact_on)
        },
        rules::care_leaver_contact,
    );
    let Some(leavers) = leavers else { return };
    assert_eq!(leavers.read, 53);
    assert!(
        leavers.accepted > 0 && leavers.accepted < leavers.read,
        "{leavers:?}"
    );
    let rules: Vec<_> = leavers.refused.keys().copied().collect();
    assert_eq!(rules, ["CODE_NOT_IN_LIST"], "{leavers:?}");
}
