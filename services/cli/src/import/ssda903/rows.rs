//! Rows of the return as events, and what is found on the way.

use super::Counts;
use super::tables::{Row, Table};
use crate::publish::{Body, Outgoing};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use walbrook_domain::{Day, Organisation};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::social_care::v1::{CareEpisode, ReviewHeld, event::Body as SocialCare};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The row was accepted all the same.
    Query,
    /// The row was not accepted.
    Refuse,
}

impl Severity {
    /// The word in the rejects file.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Query => "query",
            Severity::Refuse => "refuse",
        }
    }
}

/// Something about a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table.
    pub table: Table,
    /// The row, from 1.
    pub row: u64,
    /// The column, empty for the whole row.
    pub column: String,
    /// How grave.
    pub severity: Severity,
    /// The rule's id.
    pub rule: String,
    /// What is wrong, without repeating the value.
    pub reason: String,
}

/// An event made from a row.
#[derive(Debug, Clone)]
pub struct RowEvent {
    /// The table.
    pub table: Table,
    /// The row, from 1.
    pub row: u64,
    /// The header row whose demographics it carries.
    pub header_row: Option<u64>,
    /// The event.
    pub outgoing: Outgoing,
}

/// A return, read and turned into events.
#[derive(Debug, Default)]
pub struct Return {
    /// The events to send, in order.
    pub events: Vec<RowEvent>,
    /// What was found.
    pub findings: Vec<Finding>,
    read: BTreeMap<Table, u64>,
    /// Header rows whose child has no event.
    unused_headers: u64,
}

impl Return {
    /// Turns the tables into events. `last_day` is the collection year's last.
    pub fn parse(
        tables: BTreeMap<Table, Vec<Row>>,
        authority: &Organisation,
        year: &str,
        last_day: Day,
    ) -> Self {
        let mut parsed = Self::default();
        for (table, rows) in &tables {
            parsed.read.insert(*table, rows.len() as u64);
        }
        let headers = parsed.headers(tables.get(&Table::Header).map_or(&[][..], Vec::as_slice));
        let mut used = HashSet::new();
        let maker = Maker {
            authority: authority.to_string(),
            year: year.to_owned(),
        };
        for table in [Table::Episodes, Table::Reviews] {
            for row in tables.get(&table).map_or(&[][..], Vec::as_slice) {
                match maker.event(table, row) {
                    Err(finding) => parsed.findings.push(finding),
                    Ok((child, day, mut outgoing)) => {
                        if day > last_day {
                            parsed.findings.push(Finding {
                                table,
                                row: row.number,
                                column: if table == Table::Episodes { "DECOM".into() } else { "REVIEW".into() },
                                severity: Severity::Query,
                                rule: "AFTER_COLLECTION_YEAR".into(),
                                reason: format!("the date is after {last_day}, the last day of the collection year"),
                            });
                        }
                        // With every event, not only the first: that one may be refused. The gateway sees that nothing changed.
                        let header = headers.get(&child);
                        used.insert(child);
                        if let (Some((_, demographics)), Some(subject)) =
                            (&header, &mut outgoing.head.subject)
                        {
                            subject.demographics = Some(demographics.clone());
                        }
                        parsed.events.push(RowEvent {
                            table,
                            row: row.number,
                            header_row: header.map(|(number, _)| *number),
                            outgoing,
                        });
                    }
                }
            }
        }
        parsed.unused_headers = headers
            .keys()
            .filter(|child| !used.contains(*child))
            .count() as u64;
        parsed
    }

    /// Children by number, with their header row. Rows that cannot be used become findings.
    fn headers(&mut self, rows: &[Row]) -> HashMap<String, (u64, Demographics)> {
        let mut headers = HashMap::new();
        for row in rows {
            let refuse = |column: &str, rule: &str, reason: String| Finding {
                table: Table::Header,
                row: row.number,
                column: column.to_owned(),
                severity: Severity::Refuse,
                rule: rule.to_owned(),
                reason,
            };
            let child = match (&row.cells, row.cell("CHILD")) {
                (Err(reason), _) => {
                    self.findings
                        .push(refuse("", "ROW_UNREADABLE", reason.clone()));
                    continue;
                }
                (_, None) => {
                    self.findings.push(refuse(
                        "CHILD",
                        "CHILD_MISSING",
                        "the child's number is empty".into(),
                    ));
                    continue;
                }
                (_, Some(child)) => child.to_owned(),
            };
            let birth_date = match row.cell("DOB").map(date) {
                Some(Ok((_, date))) => Some(date),
                Some(Err(reason)) => {
                    self.findings.push(refuse("DOB", "DATE_UNREADABLE", reason));
                    continue;
                }
                None => None,
            };
            let demographics = Demographics {
                birth_date,
                // UN1 to UN5 say why there is none.
                upn: row
                    .cell("UPN")
                    .filter(|upn| !upn.starts_with("UN"))
                    .map(str::to_owned),
                la_child_id: Some(child.clone()),
                ..Demographics::default()
            };
            if headers.contains_key(&child) {
                self.findings.push(refuse(
                    "CHILD",
                    "CHILD_TWICE",
                    "the child already has a header row; the first one counts".into(),
                ));
                continue;
            }
            headers.insert(child, (row.number, demographics));
        }
        headers
    }

    /// What became of each table's rows, from the findings.
    pub fn counts(&self) -> BTreeMap<Table, Counts> {
        let mut worst: HashMap<(Table, u64), Severity> = HashMap::new();
        for finding in &self.findings {
            let severity = worst
                .entry((finding.table, finding.row))
                .or_insert(finding.severity);
            *severity = (*severity).max(finding.severity);
        }
        self.read
            .iter()
            .map(|(table, read)| {
                let mapped = matches!(table, Table::Header | Table::Episodes | Table::Reviews);
                let of = |severity| {
                    worst
                        .iter()
                        .filter(|((of, _), worst)| of == table && **worst == severity)
                        .count() as u64
                };
                let mut counts = Counts {
                    read: *read,
                    ..Counts::default()
                };
                if mapped {
                    counts.queried = of(Severity::Query);
                    counts.refused = of(Severity::Refuse);
                    counts.not_mapped = if *table == Table::Header {
                        self.unused_headers
                    } else {
                        0
                    };
                    counts.accepted =
                        read.saturating_sub(counts.queried + counts.refused + counts.not_mapped);
                } else {
                    counts.not_mapped = *read;
                }
                (*table, counts)
            })
            .collect()
    }

    /// Distinct event ids; fewer than events when rows repeat.
    #[cfg(test)]
    pub fn distinct_ids(&self) -> usize {
        let ids: HashSet<&str> = self
            .events
            .iter()
            .map(|event| event.outgoing.head.event_id.as_str())
            .collect();
        ids.len()
    }
}

struct Maker {
    authority: String,
    year: String,
}

impl Maker {
    fn event(&self, table: Table, row: &Row) -> Result<(String, Day, Outgoing), Finding> {
        let refuse = |column: &str, rule: &str, reason: String| Finding {
            table,
            row: row.number,
            column: column.to_owned(),
            severity: Severity::Refuse,
            rule: rule.to_owned(),
            reason,
        };
        if let Err(reason) = &row.cells {
            return Err(refuse("", "ROW_UNREADABLE", reason.clone()));
        }
        let child = row.cell("CHILD").ok_or_else(|| {
            refuse(
                "CHILD",
                "CHILD_MISSING",
                "the child's number is empty".into(),
            )
        })?;
        let dated = |column: &str| -> Result<Option<(Day, Date)>, Finding> {
            row.cell(column)
                .map(|text| date(text).map_err(|reason| refuse(column, "DATE_UNREADABLE", reason)))
                .transpose()
        };
        let needed = |column: &str| {
            dated(column)?.ok_or_else(|| refuse(column, "DATE_MISSING", "the date is empty".into()))
        };
        let text = |column: &str| row.cell(column).unwrap_or_default().to_owned();
        let option = |column: &str| row.cell(column).map(str::to_owned);
        let (day, date, body) = match table {
            Table::Reviews => {
                let (day, date) = needed("REVIEW")?;
                let review = ReviewHeld {
                    reviewed_on: Some(date),
                    review_code: text("REVIEW_CODE"),
                    due_on: None,
                };
                (day, date, SocialCare::ReviewHeld(review))
            }
            _ => {
                let (day, date) = needed("DECOM")?;
                let episode = CareEpisode {
                    episode_ref: format!("903-{child}-{day}"),
                    decom: Some(date),
                    rne: text("RNE"),
                    ls: text("LS"),
                    cin: text("CIN"),
                    place: text("PLACE"),
                    place_provider: option("PLACE_PROVIDER"),
                    dec: dated("DEC")?.map(|(_, date)| date),
                    rec: option("REC"),
                    reason_place_change: option("REASON_PLACE_CHANGE"),
                    // Postcodes stay with the authority; the distance is derived there, and not in this return.
                    pl_distance_tenths_mile: None,
                    in_borough: None,
                };
                (day, date, SocialCare::CareEpisode(episode))
            }
        };
        let head = EventHead {
            event_id: self.event_id(table, row),
            organisation: None,
            subject: Some(Subject {
                scheme: "LA_CHILD_ID".into(),
                local_id: child.to_owned(),
                demographics: None,
            }),
            when: Some(When::OccurredOn(date)),
            supersedes_event_id: None,
        };
        let outgoing = Outgoing {
            organisation: self.authority.clone(),
            head,
            body: Body::SocialCare(body),
        };
        Ok((child.to_owned(), day, outgoing))
    }

    /// The same row of the same return always has the same id: a second run adds nothing.
    fn event_id(&self, table: Table, row: &Row) -> String {
        let mut hash = Sha256::new();
        for part in [self.authority.as_str(), self.year.as_str(), table.file()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        if let Ok(cells) = &row.cells {
            for (column, cell) in cells {
                hash.update((column.len() as u64).to_be_bytes());
                hash.update(column);
                hash.update((cell.len() as u64).to_be_bytes());
                hash.update(cell);
            }
        }
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        uuid::Builder::from_custom_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}

/// A date as the return writes it, dd/mm/yyyy.
fn date(text: &str) -> Result<(Day, Date), String> {
    let expected = || "expected a date that exists, as dd/mm/yyyy".to_owned();
    let parts: Vec<&str> = text.split('/').collect();
    let [day, month, year] = parts.as_slice() else {
        return Err(expected());
    };
    if year.len() != 4 {
        return Err(expected());
    }
    let number = |text: &str| text.parse::<i32>().map_err(|_| expected());
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let found = Day::from_ymd(year, month, day).ok_or_else(expected)?;
    Ok((found, Date { year, month, day }))
}
