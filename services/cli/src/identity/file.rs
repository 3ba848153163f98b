//! Files of records of people, as training and evaluation read them: CSV with a heading. Columns are known by several names, so that files made for
//! other linkage tools are read as they are; an empty cell is a missing value, and a column that is not there is missing in every record.

use crate::{Exit, Failure};
use std::collections::HashMap;
use std::path::Path;
use walbrook_domain::Organisation;
use walbrook_matching::Stated;

/// Names of the column that names a record.
const RECORD: [&str; 3] = ["record", "unique_id", "id"];
/// Names of the column of truth that says whose a record is.
const PERSON: [&str; 3] = ["person", "cluster", "person_id"];

/// A record of a file.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name in the file, by which truth is found.
    pub name: String,
    /// The organisation that holds it; the same for all where the file does not say.
    pub organisation: Organisation,
    /// The agency.
    pub agency: String,
    /// Kind of its local id.
    pub id_scheme: String,
    /// Demographics.
    pub stated: Stated,
}

/// Whose each record truly is, and the groups it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Kinds of groups: the columns beside record and person.
    pub kinds: Vec<String>,
    /// A number for each person, by record in the order of the records.
    pub persons: Vec<u64>,
    /// The group of each kind, in the same order.
    pub groups: Vec<Vec<String>>,
}

/// The cells of one line, by the names a column may have.
struct Line<'a> {
    places: &'a HashMap<String, usize>,
    cells: &'a csv::StringRecord,
}

impl Line<'_> {
    fn cell(&self, names: &[&str]) -> String {
        let place = names.iter().find_map(|name| self.places.get(*name));
        place
            .and_then(|place| self.cells.get(*place))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }
}

/// Reads a file of records.
///
/// # Errors
/// When it cannot be read or names no records. Names lines, never values.
pub fn records(path: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    each_line(path, &RECORD, |number, line| {
        let birth = line.cell(&["birth_date", "dob", "date_of_birth"]);
        let organisation = line.cell(&["organisation"]);
        let organisation = if organisation.is_empty() {
            "GSS:E09000007"
        } else {
            &organisation
        };
        let organisation: Organisation = organisation
            .parse()
            .map_err(|error| wrong(path, &format!("line {number}: {error}")))?;
        let or = |said: String, otherwise: &str| {
            if said.is_empty() {
                otherwise.to_owned()
            } else {
                said
            }
        };
        rows.push(Row {
            name: line.cell(&RECORD),
            organisation,
            agency: or(line.cell(&["agency"]), "housing"),
            id_scheme: or(line.cell(&["id_scheme"]), "LOCAL"),
            stated: Stated {
                given_name: line.cell(&["given_name", "first_name", "forename"]),
                family_name: line.cell(&["family_name", "surname", "last_name"]),
                // A date that is none was refused at the door of an agency: it is not known.
                birth_date: birth.parse().ok(),
                postcode: line.cell(&["postcode"]),
                email: line.cell(&["email"]),
                town: line.cell(&["town", "city"]),
                uprn: line.cell(&["uprn"]),
                nhs_number: line.cell(&["nhs_number"]),
                upn: line.cell(&["upn"]),
                la_child_id: line.cell(&["la_child_id"]),
                restricted: false,
            },
        });
        Ok(())
    })?;
    Ok(rows)
}

/// Reads the truth about these records; it may stand in the same file, and may say more than is asked.
///
/// # Errors
/// When it cannot be read, or says nothing of a record.
pub fn truth(path: &Path, rows: &[Row]) -> Result<Truth, Failure> {
    let mut found: HashMap<String, (String, Vec<String>)> = HashMap::new();
    let heads = heads(path)?;
    let apart =
        |head: &&String| !RECORD.contains(&head.as_str()) && !PERSON.contains(&head.as_str());
    let kinds: Vec<String> = heads.iter().filter(apart).cloned().collect();
    if !PERSON
        .iter()
        .any(|name| heads.iter().any(|head| head == name))
    {
        return Err(wrong(
            path,
            "no column says whose a record is (person or cluster)",
        ));
    }
    each_line(path, &RECORD, |_, line| {
        let groups = kinds
            .iter()
            .map(|kind| line.cell(&[kind.as_str()]))
            .collect();
        found.insert(line.cell(&RECORD), (line.cell(&PERSON), groups));
        Ok(())
    })?;
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut truth = Truth {
        kinds,
        ..Truth::default()
    };
    for row in rows {
        let (person, groups) = found.get(&row.name).ok_or_else(|| {
            wrong(
                path,
                "it says nothing of some of the records; both must be of one run of the generator",
            )
        })?;
        let next = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        truth.persons.push(*numbers.entry(person).or_insert(next));
        truth.groups.push(groups.clone());
    }
    Ok(truth)
}

fn heads(path: &Path) -> Result<Vec<String>, Failure> {
    let mut reader =
        csv::Reader::from_path(path).map_err(|error| wrong(path, &error.to_string()))?;
    let heads = reader
        .headers()
        .map_err(|error| wrong(path, &error.to_string()))?;
    Ok(heads
        .iter()
        .map(|head| head.trim_start_matches('\u{feff}').trim().to_owned())
        .collect())
}

fn each_line(
    path: &Path,
    named_by: &[&str],
    mut each: impl FnMut(u64, Line<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let places: HashMap<String, usize> = heads(path)?.into_iter().zip(0..).collect();
    if !named_by.iter().any(|name| places.contains_key(*name)) {
        return Err(wrong(
            path,
            &format!("no column names its records ({})", named_by.join(" or ")),
        ));
    }
    let mut reader =
        csv::Reader::from_path(path).map_err(|error| wrong(path, &error.to_string()))?;
    for (number, cells) in (2_u64..).zip(reader.records()) {
        // An error of the reader may quote the line: only its number is said.
        let cells = cells.map_err(|_| {
            wrong(
                path,
                &format!("line {number} has another number of cells, or is no UTF-8"),
            )
        })?;
        each(
            number,
            Line {
                places: &places,
                cells: &cells,
            },
        )?;
    }
    Ok(())
}

fn wrong(path: &Path, problem: &str) -> Failure {
    Failure::new(Exit::Input, format!("{}: {problem}", path.display()))
}
