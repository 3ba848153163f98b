//! The explanation as a person reads it. All people are invented.

use super::*;
use walbrook_proto::identity::v1::Evidence;

fn evidence(field: &str, level: &str, weight: i32, rarity: i32, values: [&str; 2]) -> Evidence {
    Evidence {
        field: field.into(),
        level: level.into(),
        weight_millibits: weight,
        rarity_millibits: rarity,
        record_value: values[0].into(),
        candidate_value: values[1].into(),
    }
}

fn answer() -> ExplainReviewResponse {
    ExplainReviewResponse {
        item: Some(ReviewItem {
            pair: Some(ReviewPair {
                record: vec![1; 16],
                candidate: vec![2; 16],
            }),
            record_organisation: "GSS:E09000007".into(),
            candidate_organisation: "GSS:E09000012".into(),
            status: "POTENTIAL_MATCH".into(),
            score_ten_thousandths: 9_170,
            strategy: "fellegi-sunter@1/uk-demographics@1".into(),
            waiting_since: None,
        }),
        prior_millibits: -19_930,
        evidence: vec![
            evidence("family_name", "exact", 14_250, 2_000, ["Quillfeather"; 2]),
            evidence(
                "birth_date",
                "day month swapped",
                9_140,
                0,
                ["1990-05-07", "1990-07-05"],
            ),
            evidence("email", "missing", 0, 0, ["", "amara@example.org"]),
            evidence("relatives", "missing", -1_250, 0, ["", ""]),
        ],
        obstacle: "the two persons have different verified NHS numbers".into(),
    }
}

#[test]
fn the_table_shows_each_field_with_its_weight_and_what_they_come_to() {
    let text = explained(&answer(), false);
    let line = |word: &str| {
        let mut lines = text.lines().filter(|line| line.contains(word));
        lines
            .next()
            .unwrap_or_else(|| panic!("no {word} in\n{text}"))
            .to_owned()
    };
    assert!(
        line("outcome").contains(
            "POTENTIAL_MATCH (score 0.9170, found by fellegi-sunter@1/uk-demographics@1)"
        )
    );
    assert!(line("because").contains("not so sure that nobody need look"));
    assert!(line("before any field").contains("-19.93"));
    for cell in ["exact", "Quillfeather", "+14.25", "+2.00"] {
        assert!(line("family name").contains(cell), "{cell}");
    }
    for cell in ["day month swapped", "1990-05-07", "1990-07-05", "+9.14"] {
        assert!(line("date of birth").contains(cell), "{cell}");
    }
    let email = line("e-mail");
    assert!(email.contains("missing") && !email.contains("0.00"));
    let relatives = line("relatives look alike too");
    assert!(relatives.contains("-1.25") && !relatives.contains("missing"));
    // −19.93 + 14.25 + 9.14 − 1.25: what the weights come to.
    assert!(line("together").contains("+2.21"));
    assert!(line("whatever the score").contains("different verified NHS numbers"));
}

#[test]
fn a_blind_table_shows_what_they_say_and_no_weight() {
    let text = explained(&answer(), true);
    for shown in ["Quillfeather", "1990-07-05", "day month swapped"] {
        assert!(text.contains(shown), "{shown}");
    }
    for hidden in [
        "14.25",
        "9.14",
        "19.93",
        "2.21",
        "1.25",
        "relatives",
        "bits",
        "0.9170",
        "POTENTIAL_MATCH",
        "together",
    ] {
        assert!(!text.contains(hidden), "{hidden} in\n{text}");
    }
}

#[test]
fn the_drawing_has_a_bar_for_each_field_and_says_nothing_of_the_people() {
    let drawing = svg(&answer());
    assert!(drawing.starts_with("<svg ") && drawing.trim_end().ends_with("</svg>"));
    // One for the odds before, one for each field, one for the sum; the first is the ground.
    assert_eq!(drawing.matches("<rect ").count(), 1 + 1 + 4 + 1);
    for said in [
        "family name",
        "date of birth",
        "uk-demographics@1",
        "<title",
        "<desc",
        "role=\"img\"",
    ] {
        assert!(drawing.contains(said), "{said} in\n{drawing}");
    }
    for value in ["Quillfeather", "1990", "amara@example.org"] {
        assert!(!drawing.contains(value), "{value}");
    }
    // As a share: 2^2.21 to one.
    assert!(drawing.contains("0.822"), "{drawing}");
}

#[test]
fn a_list_says_how_many_wait_and_hides_scores_when_blind() {
    let items: Vec<ReviewItem> = answer().item.into_iter().collect();
    let (open, blind) = (list(&items, 7, false), list(&items, 7, true));
    for text in [&open, &blind] {
        assert!(text.contains(&"01".repeat(16)) && text.contains(&"02".repeat(16)));
        assert!(text.contains("1 of 7 pairs that wait\n"));
    }
    assert!(open.contains("0.9170") && !blind.contains("0.9170"));
    assert!(!blind.contains("score") && !blind.contains("POTENTIAL_MATCH"));
    assert_eq!(list(&[], 0, false), "nothing to review: no pair waits\n");
    assert!(list(&[], 7, false).contains("7 pairs wait in all"));
    // A number that agrees is no score of how sure it is.
    let numbered = ReviewItem {
        status: "CONTRADICTED".into(),
        strategy: "nhs-number@1".into(),
        score_ten_thousandths: 10_000,
        ..items[0].clone()
    };
    let text = list(&[numbered], 1, false);
    assert!(text.contains("CONTRADICTED") && !text.contains("1.0000"));
    assert!(text.ends_with("1 of 1 pair that waits\n"));
}
