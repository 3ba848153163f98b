//! Records of the view as rows of the Department's tables.

use std::collections::BTreeMap;

use walbrook_domain::Day;
use walbrook_view::records::fields;

/// The events of one child of one type: each by field name.
pub type Record = BTreeMap<String, String>;

/// A table and how its rows are made of records.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The column of the view.
    pub output: &'static str,
    /// The file.
    pub file: &'static str,
    /// The Department's columns.
    pub columns: &'static [&'static str],
    /// The field that says when it began; rows that begin together are one.
    pub start: &'static str,
    /// The field that says when it ended; none: it is of one day.
    pub end: Option<&'static str>,
    /// Told as of the year's last day only.
    pub yearly: bool,
}

/// The tables of which events exist, beside the header.
pub const SHAPES: [Shape; 6] = [
    Shape {
        output: "episodes",
        file: "episodes.csv",
        columns: &[
            "CHILD",
            "DECOM",
            "RNE",
            "LS",
            "CIN",
            "PLACE",
            "PLACE_PROVIDER",
            "DEC",
            "REC",
            "REASON_PLACE_CHANGE",
            "HOME_POST",
            "PL_POST",
            "URN",
        ],
        start: "decom",
        end: Some("dec"),
        yearly: false,
    },
    Shape {
        output: "reviews",
        file: "reviews.csv",
        columns: &["CHILD", "DOB", "REVIEW", "REVIEW_CODE"],
        start: "reviewed_on",
        end: None,
        yearly: false,
    },
    Shape {
        output: "missing",
        file: "missing.csv",
        columns: &["CHILD", "DOB", "MISSING", "MIS_START", "MIS_END"],
        start: "mis_start",
        end: Some("mis_end"),
        yearly: false,
    },
    Shape {
        output: "oc2",
        file: "oc2.csv",
        columns: &[
            "CHILD",
            "DOB",
            "SDQ_SCORE",
            "SDQ_REASON",
            "CONVICTED",
            "HEALTH_CHECK",
            "IMMUNISATIONS",
            "TEETH_CHECK",
            "HEALTH_ASSESSMENT",
            "SUBSTANCE_MISUSE",
            "INTERVENTION_RECEIVED",
            "INTERVENTION_OFFERED",
        ],
        start: "as_of",
        end: None,
        yearly: true,
    },
    Shape {
        output: "oc3",
        file: "oc3.csv",
        columns: &["CHILD", "DOB", "IN_TOUCH", "ACTIV", "ACCOM"],
        start: "contact_on",
        end: None,
        yearly: true,
    },
    Shape {
        output: "dolo",
        file: "DoLo.csv",
        columns: &["CHILD", "DOB", "DOLO_START", "DOLO_END"],
        start: "dolo_start",
        end: Some("dolo_end"),
        yearly: false,
    },
];

impl Shape {
    /// The records of a cell that are the authority's own and of the year that ends on `last_day`, by the day they began. Of two that began together
    /// the one that ended is written: the other was sent when it began.
    pub fn of_year(&self, cell: &str, authority: &str, last_day: Day) -> Vec<Record> {
        let first_day = last_day
            .ymd()
            .0
            .checked_sub(1)
            .and_then(|year| Day::from_ymd(year, 4, 1));
        let Some(first_day) = first_day else {
            return Vec::new();
        };
        let mut found: BTreeMap<(Day, String), Record> = BTreeMap::new();
        for record in cell.split(", ").filter_map(record) {
            let day = |field: &str| record.get(field).and_then(|text| text.parse::<Day>().ok());
            let Some(began) = day(self.start) else {
                continue;
            };
            let ended = match self.end {
                Some(end) => day(end),
                None => Some(began),
            };
            let within = match self.yearly {
                true => began == last_day,
                false => began <= last_day && ended.is_none_or(|ended| ended >= first_day),
            };
            let own = record.get("by").is_some_and(|by| by == authority);
            if !within || !own {
                continue;
            }
            // Two reviews of one day with other words are two; two episodes cannot begin on one day.
            let apart = match self.end {
                Some(_) => String::new(),
                None => format!("{record:?}"),
            };
            let known = found
                .entry((began, apart))
                .or_insert_with(|| record.clone());
            let ends = |record: &Record| self.end.is_some_and(|end| record.contains_key(end));
            if ends(&record) && !ends(known) {
                *known = record;
            }
        }
        found.into_values().collect()
    }

    /// The cell of a column that an event fills, as the Department writes it.
    pub fn cell(&self, record: &Record, column: &str) -> String {
        let field = match column {
            "REVIEW" => "reviewed_on".to_owned(),
            other => other.to_lowercase(),
        };
        record
            .get(&field)
            .map(|value| british(value))
            .unwrap_or_default()
    }
}

fn record(text: &str) -> Option<Record> {
    let fields = fields(text)?;
    Some(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// Days as dd/mm/yyyy, flags as 0 and 1.
pub fn british(value: &str) -> String {
    match value {
        "true" => return "1".to_owned(),
        "false" => return "0".to_owned(),
        _ => {}
    }
    match value.parse::<Day>() {
        Ok(day) => {
            let (year, month, day) = day.ymd();
            format!("{day:02}/{month:02}/{year:04}")
        }
        Err(_) => value.to_owned(),
    }
}
