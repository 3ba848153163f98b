use super::*;

const RULE: Rule = Rule {
    percent: 50,
    least_offsets: 1_000,
};

fn copy(position: i64, end: i64) -> Copy {
    Copy {
        state: Some(State {
            position,
            source_end: 40_000,
            ended: false,
        }),
        end,
        switched: false,
    }
}

fn ended(copy: Copy) -> Copy {
    let state = copy.state.map(|state| State {
        ended: true,
        ..state
    });
    Copy {
        state,
        switched: true,
        ..copy
    }
}

fn look(offsets: i64, live: i64) -> Look {
    Look {
        stage: None,
        offsets,
        live,
        silent: Vec::new(),
        copies: Vec::new(),
    }
}

fn under_way(stage: Stage, copies: Vec<Copy>) -> Look {
    Look {
        stage: Some(stage),
        copies,
        ..look(1_000_000, 0)
    }
}

fn in_force() -> Stage {
    Stage::InForce {
        generation: 2,
        first_live: vec![0, 0],
    }
}

#[test]
fn one_is_begun_where_more_than_half_of_enough_is_superseded() {
    assert!(RULE.asks(&look(1_000, 499)));
    assert!(!RULE.asks(&look(1_000, 500)), "half is not more than half");
    assert!(!RULE.asks(&look(1_000, 1_000)), "all of it stands");
    assert!(!RULE.asks(&look(999, 0)), "too little to be worth it");
    assert!(!RULE.asks(&look(0, 0)));
    assert!(RULE.asks(&look(1 << 48, 0)));
    let never = Rule {
        percent: 100,
        ..RULE
    };
    assert!(!never.asks(&look(1_000_000, 0)));
}

#[test]
fn none_is_begun_while_one_is_under_way_and_one_is_after_it_is_over() {
    let (far, near) = (copy(40_000, 90_000), copy(90_000, 90_000));
    assert!(!RULE.asks(&under_way(Stage::Filling(2), vec![far, near])));
    assert!(!RULE.asks(&under_way(in_force(), vec![near, ended(near)])));
    assert!(RULE.asks(&under_way(in_force(), vec![ended(near), ended(near)])));
}

#[test]
fn it_is_switched_to_where_little_is_left_of_every_partition_and_everybody_works() {
    let near = copy(89_000, 90_000);
    let is_near = |copies| under_way(Stage::Filling(2), copies).is_near();
    assert!(is_near(vec![near, near]));
    assert!(!is_near(vec![near, copy(88_999, 90_000)]));
    // Little is left, but what is live is not looked through to its end.
    assert!(!is_near(vec![near, copy(39_999, 40_100)]));
    let unbegun = Copy {
        state: None,
        end: 0,
        switched: false,
    };
    assert!(!is_near(vec![near, unbegun]));
    let silent = Look {
        silent: vec![1],
        ..under_way(Stage::Filling(2), vec![near, near])
    };
    assert!(!silent.is_near());
}

#[test]
fn what_it_waits_for_is_said() {
    let waits = |look: &Look| look.waits_for().unwrap_or_default();
    let filling = |copies| under_way(Stage::Filling(2), copies);
    let unbegun = Copy {
        state: None,
        end: 7,
        switched: false,
    };
    let near = copy(90_000, 90_000);
    let told = waits(&filling(vec![near, unbegun]));
    assert!(told.contains("partitions [1] to be begun"), "{told}");
    let told = waits(&filling(vec![copy(50_000, 90_000), near]));
    assert!(
        told.contains("partitions [0]") && told.contains("40000 are left"),
        "{told}"
    );
    let silent = Look {
        silent: vec![1],
        ..filling(vec![near, near])
    };
    assert!(waits(&silent).contains("partition numbers [1] to commit"));
    assert!(waits(&filling(vec![near, near])).contains("the switch"));
    let told = waits(&under_way(in_force(), vec![ended(near), near]));
    assert!(told.contains("partition numbers [1] to write to generation 2"));
    let gone_over = Copy {
        switched: true,
        ..near
    };
    let told = waits(&under_way(in_force(), vec![ended(near), gone_over]));
    assert!(told.contains("partitions [1]") && told.contains("ended"));
    assert_eq!(look(5, 5).waits_for(), None);
}
