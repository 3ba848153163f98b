use super::*;

fn scan(at: (usize, i64), to: [i64; TOPICS], then: Option<(usize, i64)>) -> Scan {
    let place = |(topic, offset)| Place { topic, offset };
    Scan {
        from: 17,
        at: place(at),
        to,
        then: then.map(place),
    }
}

#[test]
fn what_is_committed_reads_back() {
    let mut cursor = Cursor {
        scan: Some(scan((2, 120), [0, 40, 500, 0, 0, 20], Some((2, 100)))),
        rests: BTreeMap::new(),
    };
    let position = |cursor: &Cursor| Position {
        policy_next: 17,
        next_page: 9,
        cursor: cursor.brief(),
        generations: Generations::default(),
    };
    assert_eq!(
        position(&Cursor::default()).to_string(),
        "v1 policy=17 page=9 cursor=-"
    );
    assert_eq!(
        position(&cursor).to_string(),
        "v1 policy=17 page=9 cursor=17:housing@120:health@40,housing@500,tfl@20:housing@100"
    );
    for number in 0..100_u8 {
        let place = Place {
            topic: 3,
            offset: i64::from(number),
        };
        cursor.rests.insert([number; 16], place);
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        let committed = position(&cursor).to_string();
        assert_eq!(committed.parse(), Ok(position(&cursor)));
        assert!(committed.len() < 300, "fits offset metadata");
    }
    cursor.scan = None;
    assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
    assert_eq!(position(&cursor).to_string().parse(), Ok(position(&cursor)));
}

#[test]
fn generations_are_part_of_a_position_and_what_stands_is_not() {
    let mut position = Position {
        policy_next: 1,
        next_page: 2,
        ..Position::default()
    };
    position.generations.set("rough-sleeping", 3);
    let text = position.to_string();
    assert_eq!(
        text,
        "v1 policy=1 page=2 cursor=- generations=rough-sleeping:3"
    );
    let told = format!("{text} live=children-in-care:4,rough-sleeping:12");
    assert_eq!(told.parse(), Ok(position));
    assert_eq!(live(&told, "rough-sleeping"), 12);
    assert_eq!(live(&told, "children-in-care"), 4);
    assert_eq!(live(&text, "rough-sleeping"), 0);
    assert!(
        "v1 policy=1 page=2 cursor=- generations=x:1"
            .parse::<Position>()
            .is_err()
    );
}

#[test]
fn another_form_is_refused() {
    for text in [
        "",
        "v1",
        "v2 policy=1 page=1 cursor=-",
        "v1 policy=-1 page=1 cursor=-",
        "v1 policy=1 page=1 cursor=",
        "v1 policy=1 page=1 cursor=~",
        "v1 policy=1 page=1 cursor=3",
        "v1 policy=1 page=1 cursor=3:housing@1:housing@x:-",
        "v1 policy=1 page=1 cursor=3:water@1:housing@2:-",
        "v1 policy=1 page=1 cursor=- more",
    ] {
        assert!(text.parse::<Position>().is_err(), "{text}");
    }
    for text in ["", "~", "~+00/housing@1", "1:2:3"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

/// Goes on until nothing is left; every stretch that was gone through.
fn go(mut scan: Option<Scan>, most: i64) -> Vec<Stretch> {
    let mut gone = Vec::new();
    while let Some(now) = scan {
        let stretch = now.next(most);
        assert!(stretch.1 < stretch.2, "{now}");
        gone.push(stretch);
        scan = now.advanced(stretch.2);
    }
    gone
}

#[test]
fn a_queue_goes_through_everything_once() {
    assert_eq!(Scan::new(1, [0; TOPICS]), None);
    let whole = Scan::new(1, [0, 5, 0, 3, 0, 0]);
    assert_eq!(go(whole.clone(), 100), [(1, 0, 5), (3, 0, 3)]);
    assert_eq!(
        go(whole, 2),
        [(1, 0, 2), (1, 2, 4), (1, 4, 5), (3, 0, 2), (3, 2, 3)]
    );
}

#[test]
fn a_cause_that_finds_it_under_way_sends_it_round_once_more_up_to_there() {
    let under_way = Scan::new(7, [0, 5, 0, 3, 0, 0]).and_then(|scan| scan.advanced(2));
    let renewed = under_way.and_then(|scan| scan.renewed([0, 6, 0, 3, 1, 0]));
    assert_eq!(renewed.as_ref().map(|scan| scan.from), Some(7));
    assert_eq!(
        go(renewed.clone(), 100),
        [(1, 2, 6), (3, 0, 3), (4, 0, 1), (1, 0, 2)]
    );
    assert_eq!(
        renewed.as_ref().map(Scan::left),
        Some(go(renewed.clone(), 100))
    );
    // Found in its second round, too.
    let second = renewed
        .and_then(|scan| scan.advanced(6))
        .and_then(|scan| scan.advanced(3))
        .and_then(|scan| scan.advanced(1))
        .and_then(|scan| scan.advanced(1));
    assert_eq!(second.as_ref().map(Scan::left), Some(vec![(1, 1, 2)]));
    let again = second.and_then(|scan| scan.renewed([0, 6, 0, 4, 1, 0]));
    assert_eq!(go(again, 100), [(1, 1, 6), (3, 0, 4), (4, 0, 1), (1, 0, 1)]);
    // At its very beginning everything is ahead.
    let fresh = Scan::new(7, [0, 5, 0, 0, 0, 0]).and_then(|scan| scan.renewed([0, 6, 0, 0, 0, 0]));
    assert_eq!(go(fresh, 100), [(1, 0, 6)]);
}
