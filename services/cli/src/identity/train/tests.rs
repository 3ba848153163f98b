//! Training as a person does it. All people are invented.

use super::*;
use std::fmt::Write;

const GIVEN: [&str; 8] = [
    "Amara", "Tomas", "Zaynab", "Ewan", "Ngozi", "Freya", "Idris", "Maeve",
];
const FAMILY: [&str; 7] = [
    "Okafor",
    "Lindqvist",
    "Haddad",
    "Marsh",
    "Penhallow",
    "Szabo",
    "Trewin",
];

/// Some records of people whom two organisations know, the second with a slip now and then.
fn records(folder: &Path, people: usize) -> PathBuf {
    let mut text = "unique_id,first_name,surname,dob,postcode\n".to_owned();
    for person in 0..people {
        let (given, family) = (GIVEN[person * 5 % 8], FAMILY[person * 3 % 7]);
        let born = format!(
            "{}-{:02}-{:02}",
            1950 + person * 7 % 50,
            1 + person * 5 % 12,
            2 + person * 11 % 26
        );
        let place = format!("E{} {}AB", 1 + person % 9, person * 13 % 10);
        writeln!(text, "{person}a,{given},{family}{person},{born},{place}").unwrap();
        let slip = if person % 5 == 0 { "e" } else { "" };
        writeln!(
            text,
            "{person}b,{given},{family}{person}{slip},{born},{place}"
        )
        .unwrap();
    }
    let path = folder.join("records.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn args(records: &Path, out: &Path) -> TrainArgs {
    TrainArgs {
        records: records.to_owned(),
        out: out.to_owned(),
        name: "town".to_owned(),
        model_version: 3,
        on: None,
        least_records: 0,
        seed: 1,
        today: "2026-06-01".parse().ok(),
    }
}

#[test]
fn a_model_is_written_that_identity_reads_and_the_same_again_from_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = records(folder.path(), 60);
    let (one, other) = (
        folder.path().join("one.toml"),
        folder.path().join("other.toml"),
    );
    assert!(matches!(run(&args(&file, &one)), Ok(Exit::Done)));
    let text = std::fs::read_to_string(&one).unwrap();
    let model = Model::read(&text).unwrap();
    assert_eq!(model.word(), "town@3");
    assert!(text.contains("2026-06-01") && text.contains("records.csv") && text.contains("120"));
    for value in ["Amara", "Lindqvist", "1957", "2AB"] {
        assert!(
            !text.contains(value),
            "a model holds no person's value: {value}"
        );
    }
    assert!(
        model.weight(Field::Birth, 0).is_some_and(|bits| bits > 0),
        "the same birth date speaks for them"
    );

    assert!(matches!(run(&args(&file, &other)), Ok(Exit::Done)));
    assert_eq!(text, std::fs::read_to_string(&other).unwrap());
}

#[test]
fn a_model_is_never_written_over_and_too_few_records_make_none() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model.toml");
    let few = records(folder.path(), 20);
    let refused = run(&args(&few, &out)).unwrap_err();
    let refused = refused.text();
    assert!(refused.contains("too few"), "{refused}");
    assert!(!out.exists());
    std::fs::write(&out, "in use").unwrap();
    let refused = run(&args(&few, &out)).unwrap_err();
    let refused = refused.text();
    assert!(refused.contains("stands already"), "{refused}");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "in use");
}
