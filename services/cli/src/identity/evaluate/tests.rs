use super::*;
use std::path::Path;

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Fourteen people with a name, birth date and postcode of their own, two records each; the last person's second record has another family name, and
/// the first two people are one as far as anybody can see.
fn sample(folder: &Path) -> (PathBuf, PathBuf) {
    let mut records = "unique_id,first_name,surname,dob,postcode\n".to_owned();
    let mut truth = "record,person,newborn\n".to_owned();
    for person in 0..14 {
        for copy in 0..2 {
            let number = person * 2 + copy;
            let shown = if person == 1 { 0 } else { person };
            let letter = char::from(b'A' + shown);
            let family = if (person, copy) == (13, 1) {
                "Quite Another".to_owned()
            } else {
                format!("Family{letter}")
            };
            records += &format!(
                "{number},Given{letter},{family},19{:02}-03-{:02},N1 {}AA\n",
                50 + shown,
                10 + shown,
                shown % 10
            );
            truth += &format!(
                "{number},P{person},{}\n",
                if person < 11 { "no" } else { "yes" }
            );
        }
    }
    (
        written(folder, "records.csv", &records),
        written(folder, "truth.csv", &truth),
    )
}

#[test]
fn a_file_is_linked_by_identity_itself_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (records, truth) = sample(folder.path());
    let rows = file::records(&records).unwrap();
    let truth = file::truth(&truth, &rows).unwrap();
    assert_eq!((rows.len(), truth.persons.len()), (28, 28));
    let persons = linking::link(&rows, Model::shipped().unwrap()).persons;
    assert_eq!(
        persons,
        linking::link(&rows, Model::shipped().unwrap()).persons,
        "each run is the same"
    );
    let lines = report::lines(&truth, &persons, &truth.kinds);
    let all = lines[0].shown.unwrap();
    assert_eq!((all.people, all.records), (14, 28));
    // 14 true pairs. Persons 0 and 1 cannot be told apart: one person of four records, 6 pairs of which 2 are right.
    let wrong = 4;
    let linked = 12 + wrong + 1;
    let found = all.pairs.precision.unwrap();
    let other_name_linked = persons[26] == persons[27];
    let right = if other_name_linked { 14 } else { 13 };
    assert!(
        (found - f64::from(right) / f64::from(right + wrong)).abs() < 1e-9,
        "{found} of {linked}"
    );
    assert!((all.pairs.recall.unwrap() - f64::from(right) / 14.0).abs() < 1e-9);
    // Three newborns are few, and eleven others tell of them.
    assert!(
        lines[1..].iter().all(|line| line.shown.is_none()),
        "{lines:?}"
    );
    let text = report::rendered(&lines);
    assert!(
        text.contains("not shown") && !text.contains("11 "),
        "{text}"
    );
    assert!(!chart::svg(&lines, "t").contains("NaN"));
}

#[test]
fn what_the_truth_does_not_say_is_an_error_that_names_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let records = written(
        folder.path(),
        "r.csv",
        "unique_id,first_name\n1,Ann\n2,Bob\n",
    );
    let rows = file::records(&records).unwrap();
    let short = written(folder.path(), "t.csv", "record,person\n1,1\n");
    let failure = file::truth(&short, &rows).unwrap_err();
    assert_eq!(failure.exit(), Exit::Input);
    assert!(!failure.text().contains("Bob"));
    let blind = written(folder.path(), "b.csv", "record,who\n1,1\n2,1\n");
    assert!(
        file::truth(&blind, &rows)
            .unwrap_err()
            .text()
            .contains("person or cluster")
    );
    let ragged = written(
        folder.path(),
        "x.csv",
        "unique_id,first_name\n1,Ann,Smith\n",
    );
    assert!(!file::records(&ragged).unwrap_err().text().contains("Smith"));
}
