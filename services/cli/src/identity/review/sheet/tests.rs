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
        line("outcome").contains("POTENTIAL_MATCH (0.9170, fellegi-sunter@1/uk-demographics@1)")
    );
    assert!(line("before any field").contains("-19.93"));
    for cell in ["exact", "Quillfeather", "+14.25", "+2.00"] {
        assert!(line("family_name").contains(cell), "{cell}");
    }
    for cell in ["day month swapped", "1990-05-07", "1990-07-05", "+9.14"] {
        assert!(line("birth_date").contains(cell), "{cell}");
    }
    assert!(line("email").contains("missing"));
    // −19.93 + 14.25 + 9.14: what the weights come to.
    assert!(line("together").contains("+3.46"));
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
        "3.46",
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
    assert_eq!(drawing.matches("<rect ").count(), 1 + 1 + 3 + 1);
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
    // As a share: 2^3.46 to one.
    assert!(drawing.contains("0.916"), "{drawing}");
}

#[test]
fn a_list_says_how_many_wait_and_hides_scores_when_blind() {
    let items: Vec<ReviewItem> = answer().item.into_iter().collect();
    let (open, blind) = (list(&items, 7, false), list(&items, 7, true));
    for text in [&open, &blind] {
        assert!(text.contains(&"01".repeat(16)) && text.contains(&"02".repeat(16)));
        assert!(text.contains("1 of 7 pairs that wait"));
    }
    assert!(open.contains("0.9170") && !blind.contains("0.9170"));
    assert!(list(&[], 0, false).starts_with("nothing to review"));
}
