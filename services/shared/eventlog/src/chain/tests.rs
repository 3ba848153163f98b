//! Names, positions and pins of generations.

use super::*;

#[test]
fn the_first_generation_keeps_its_name_and_its_offsets() {
    assert_eq!(topic("rough-sleeping", 1), "shared.rough-sleeping");
    assert_eq!(topic("rough-sleeping", 2), "shared.rough-sleeping.g2");
    assert_eq!(parse("shared.rough-sleeping"), Some(("rough-sleeping", 1)));
    assert_eq!(
        parse("shared.rough-sleeping.g12"),
        Some(("rough-sleeping", 12))
    );
    for odd in ["shared.x.g1", "shared.x.g02", "shared.x.g", "shared.x.gx"] {
        assert_eq!(
            parse(odd).map(|(_, generation)| generation),
            Some(1),
            "{odd}"
        );
    }
    assert_eq!(parse("open.planning"), None);
    assert_eq!(position(1, 77), 77);
}

#[test]
fn positions_are_ordered_like_their_pairs() {
    let pairs = [(1, 0), (1, 1), (1, (1 << 48) - 1), (2, 0), (2, 5), (3, 0)];
    let positions: Vec<i64> = pairs.iter().map(|(g, o)| position(*g, *o)).collect();
    assert!(positions.is_sorted());
    for (pair, position) in pairs.iter().zip(positions) {
        assert_eq!(split(position), *pair);
    }
}

#[test]
fn generations_read_back() {
    let mut generations = Generations::default();
    assert_eq!(generations.to_string(), "");
    generations.set("b", 2);
    generations.set("a", 7);
    generations.set("c", 1);
    assert_eq!(generations.to_string(), "a:7,b:2");
    assert_eq!("a:7,b:2".parse(), Ok(generations));
    assert!("a:1".parse::<Generations>().is_err());
}
