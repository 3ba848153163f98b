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
use walbrook_proto::social_care::v1::{CareEpisode, ReviewHeld};
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
        birth_day: None,
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
        let (refusals, queries) = ids(&message, decom.as_ref(), rules::care_episode);
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
        for rule in ids(&message, reviewed_on.as_ref(), rules::review_held).0 {
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
