use super::*;

fn committed(entries: &[(Option<i64>, &str)]) -> Vec<Committed> {
    entries
        .iter()
        .zip(0..)
        .map(|((offset, metadata), p)| Committed {
            at: TopicPartition::new("city.control.links", p),
            offset: *offset,
            metadata: (*metadata).to_owned(),
        })
        .collect()
}

const AT_10: &str = "v1 policy=10 page=3 cursor=-";

#[test]
fn a_round_waits_for_every_p_in_both_topics() {
    let round = Round::new(10, vec![4, 0]);
    assert!(round.broker_is_past(&committed(&[(Some(4), AT_10), (Some(0), AT_10)])));
    assert!(round.broker_is_past(&committed(&[
        // A queue that is pending changes nothing: a person's ground waits for nothing.
        (
            Some(9),
            "v1 policy=11 page=3 cursor=7:housing@1:housing@9:-+2"
        ),
        (Some(0), AT_10)
    ])));
    for behind in [
        committed(&[(Some(3), AT_10), (Some(0), AT_10)]),
        committed(&[(Some(4), "v1 policy=9 page=3 cursor=-"), (Some(0), AT_10)]),
        // A p that never committed, or whose stamp cannot be read, is not past anything.
        committed(&[(Some(4), AT_10), (None, "")]),
        committed(&[(Some(4), AT_10), (Some(0), "")]),
        committed(&[(Some(4), AT_10), (Some(0), "v2 policy=10")]),
        committed(&[(Some(4), AT_10)]),
        Vec::new(),
    ] {
        assert!(!round.broker_is_past(&behind), "{behind:?}");
    }
}

#[test]
fn a_round_is_complete_when_the_view_has_applied_the_ends_taken_after_the_broker_was_past() {
    let mut round = Round::new(0, vec![0, 0]);
    assert!(
        !round.is_complete(&[100, 100]),
        "the shared ends are not known yet"
    );
    round.shared_ends(vec![7, 3]);
    assert!(!round.is_complete(&[6, 3]) && !round.is_complete(&[7]));
    assert!(round.is_complete(&[7, 3]) && round.is_complete(&[8, 9]));
}

#[test]
fn a_bound_refuses_until_it_is_shown_and_again_once_it_is_too_old() {
    let limit = Duration::from_secs(10);
    let bound = Bound::new(limit).by(|| Instant(5));
    let began = Monotonic::now();
    assert!(bound.check(began).is_err());
    bound.complete(Through {
        wall: Instant(5),
        monotonic: began,
    });
    assert_eq!(bound.check(began + limit).unwrap().wall, Instant(5));
    let late = bound.check(began + limit + Duration::from_millis(1));
    assert_eq!(late.unwrap_err(), BoundExceeded { limit_ms: 10_000 });
}

/// A read whose record took long: rounds went on meanwhile, but its rows were worked out before them.
#[test]
fn what_was_worked_out_too_long_ago_is_refused_though_a_newer_round_is_complete() {
    let limit = Duration::from_secs(10);
    let bound = Bound::new(limit).by(|| Instant(5));
    let began = Monotonic::now();
    let at = |monotonic| Through {
        wall: Instant(5),
        monotonic,
    };
    bound.complete(at(began));
    let under = bound.check(began).unwrap();
    bound.complete(at(began + limit));
    let later = began + limit + Duration::from_millis(1);
    assert!(bound.check(later).is_ok());
    assert!(bound.still(under, began + limit).is_ok());
    assert!(bound.still(under, later).is_err());
}

/// The monotonic clock of a machine that slept for an hour, or was stopped and resumed with its clocks, did not move.
#[test]
fn a_machine_that_slept_refuses_until_a_round_is_shown_again() {
    let bound = Bound::new(Duration::from_secs(10)).by(|| Instant(3_600_000_000));
    let began = Monotonic::now();
    bound.complete(Through {
        wall: Instant(5),
        monotonic: began,
    });
    assert!(bound.check(began).is_err());
    bound.complete(Through {
        wall: Instant(3_600_000_000),
        monotonic: began,
    });
    assert!(bound.check(began).is_ok());
}
