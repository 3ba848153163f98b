//! Each figure counted by hand.

use super::*;

fn quality(records: &[(u64, u64)]) -> Quality {
    Quality::of(
        records
            .iter()
            .map(|(person, cluster)| (*person, *cluster, true)),
    )
}

fn near(found: Option<f64>, wanted: f64) {
    let found = found.expect("a figure");
    assert!((found - wanted).abs() < 1e-9, "{found}, by hand {wanted}");
}

#[test]
fn all_right() {
    let quality = quality(&[(1, 10), (1, 10), (2, 20), (2, 20), (2, 20), (3, 30)]);
    for measures in [quality.by_pairs(), quality.by_persons()] {
        near(measures.precision, 1.0);
        near(measures.recall, 1.0);
        near(measures.f1, 1.0);
    }
    assert_eq!(
        (
            quality.true_pairs,
            quality.linked_pairs,
            quality.right_pairs
        ),
        (4, 4, 4)
    );
}

#[test]
fn a_wrong_link_costs_precision_and_a_missed_one_recall() {
    // Person 1 has records a b c, person 2 has d e. Linked: {a b d} and {c} and {e}.
    let quality = quality(&[(1, 10), (1, 10), (1, 11), (2, 10), (2, 12)]);
    // True pairs: ab ac bc de. Linked: ab ad bd. Right: ab.
    assert_eq!(
        (
            quality.true_pairs,
            quality.linked_pairs,
            quality.right_pairs
        ),
        (4, 3, 1)
    );
    near(quality.by_pairs().precision, 1.0 / 3.0);
    near(quality.by_pairs().recall, 1.0 / 4.0);
    near(quality.by_pairs().f1, 2.0 / 7.0);
    // Precision by record: a 2/3, b 2/3, c 1, d 1/3, e 1. Recall: a 2/3, b 2/3, c 1/3, d 1/2, e 1/2.
    near(
        quality.by_persons().precision,
        (2.0 / 3.0 + 2.0 / 3.0 + 1.0 + 1.0 / 3.0 + 1.0) / 5.0,
    );
    near(
        quality.by_persons().recall,
        (2.0 / 3.0 + 2.0 / 3.0 + 1.0 / 3.0 + 0.5 + 0.5) / 5.0,
    );
}

#[test]
fn everybody_one_person_has_all_recall_and_little_precision() {
    let records: Vec<(u64, u64)> = (0..10).map(|record| (record / 2, 1)).collect();
    let quality = quality(&records);
    near(quality.by_pairs().recall, 1.0);
    near(quality.by_pairs().precision, 5.0 / 45.0);
    near(quality.by_persons().precision, 0.2);
}

#[test]
fn nobody_linked_has_no_precision_of_pairs_and_no_recall() {
    let quality = quality(&[(1, 1), (1, 2), (2, 3)]);
    assert_eq!(
        quality.by_pairs().precision,
        None,
        "nothing was linked: neither right nor wrong"
    );
    near(quality.by_pairs().recall, 0.0);
    near(quality.by_pairs().f1, 0.0);
    near(quality.by_persons().precision, 1.0);
    near(quality.by_persons().recall, (0.5 + 0.5 + 1.0) / 3.0);
}

#[test]
fn a_group_is_measured_by_the_pairs_it_is_in() {
    // Group: a and d. Person 1: a b c, linked {a b} {c}. Person 2: d, linked with e of person 3. f g of person 4 are outside.
    let records = [
        (1, 10, true),
        (1, 10, false),
        (1, 11, false),
        (2, 12, true),
        (3, 12, false),
        (4, 13, false),
        (4, 13, false),
    ];
    let quality = Quality::of(records.into_iter());
    // True pairs with a or d: ab ac. Linked with a or d: ab de. Right: ab.
    assert_eq!(
        (
            quality.true_pairs,
            quality.linked_pairs,
            quality.right_pairs
        ),
        (2, 2, 1)
    );
    assert_eq!(quality.records, 2);
    near(quality.by_persons().precision, f64::midpoint(1.0, 0.5));
    near(quality.by_persons().recall, f64::midpoint(2.0 / 3.0, 1.0));
}

#[test]
fn thresholds_by_hand() {
    // Person 1: 0 1 2; person 2: 3 4. Scored: 0-1 9 (right), 3-4 8 (right), 2-3 7 (wrong), 1-2 6 (right). 0-2 was never compared.
    let persons = [1, 1, 1, 2, 2];
    let scored = [(1, 2, 6.0), (0, 1, 9.0), (2, 3, 7.0), (3, 4, 8.0)];
    let (alone, together) = sweep(&persons, &scored);
    // Alone: 9 → 1/1 of 4; 8 → 2/2; 7 → 2/3; 6 → 3/4, F1 6/8 is the best.
    let best = alone.best.unwrap();
    near(Some(best.score), 6.0);
    near(best.quality.by_pairs().f1, 0.75);
    near(Some(alone.precise.unwrap().score), 8.0);
    near(alone.precise.unwrap().quality.by_pairs().recall, 0.5);
    // Together: 8 → 2 of 2; 7 → {0 1} {2 3 4}: 2 right of 4; 6 → all five: 4 right of 10. The best is 8: F1 4/6.
    near(Some(together.best.unwrap().score), 8.0);
    near(together.best.unwrap().quality.by_pairs().f1, 4.0 / 6.0);
    assert_eq!(together.best.unwrap().quality.linked_pairs, 2);
}

#[test]
fn pairs_of_one_score_stand_or_fall_together() {
    let (alone, together) = sweep(&[1, 1, 2], &[(0, 1, 5.0), (1, 2, 5.0)]);
    assert_eq!(alone.best.unwrap().quality.linked_pairs, 2);
    assert_eq!(together.best.unwrap().quality.linked_pairs, 3);
    assert_eq!(alone.precise, None);
}
