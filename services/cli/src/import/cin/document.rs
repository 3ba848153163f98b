//! The census's document as rows.

use std::collections::BTreeMap;
use std::path::Path;

use walbrook_domain::Organisation;

use super::super::frame::draft::iso_date;
use super::super::frame::row::Cells;
use super::super::frame::xml::{self, Element};
use super::super::frame::{Content, Meter, Row, Rows};
use crate::{Exit, Failure};

const HEADER: &[&str] = &["Message", "Header"];
const CHILD: &[&str] = &["Message", "Children", "Child"];

/// Between the codes of a repeated element.
pub const BETWEEN: char = ' ';

/// Refuses a document whose header names another authority, or another collection.
///
/// # Errors
/// As said, and when the file cannot be read.
pub fn demand_sender(path: &Path, authority: &Organisation) -> Result<(), Failure> {
    let wrong = |problem: String| {
        Failure::new(
            Exit::Input,
            format!("{}: {problem}; nothing was sent", path.display()),
        )
    };
    let mut headers = xml::rows("header", path, HEADER, &Meter::default())?;
    let Some(header) = headers.next().transpose()? else {
        return Err(wrong("there is no Message/Header: is it a census?".into()));
    };
    let part = |name: &str| header.xml().and_then(|header| header.child(name));
    let collection = part("CollectionDetails").and_then(|part| part.text_of("Collection"));
    if collection.is_some_and(|collection| !collection.eq_ignore_ascii_case("CIN")) {
        return Err(wrong("it is another collection than CIN".into()));
    }
    let named = part("Source").and_then(|source| source.text_of("LEA"));
    let own = dfe_number(authority);
    match (named, own) {
        (Some(named), Some(own)) if named != own => Err(wrong(format!(
            "its header names another authority than {authority} (LEA {own})"
        ))),
        _ => Ok(()),
    }
}

/// The Department's number of an authority.
fn dfe_number(authority: &Organisation) -> Option<&'static str> {
    let mut authorities = walbrook_schemas::authorities().iter();
    let found = authorities.find(|one| one.gss == authority.code());
    found.map(|found| found.dfe)
}

/// The rows of a document.
///
/// # Errors
/// When the file cannot be read.
pub fn rows(path: &Path, meter: &Meter) -> Result<Rows, Failure> {
    let mut numbers = Numbers::default();
    let children = xml::rows("child", path, CHILD, meter)?;
    Ok(Box::new(children.flat_map(move |child| match child {
        Ok(row) => numbers.rows(row).into_iter().map(Ok).collect(),
        Err(failure) => vec![Err(failure)],
    })))
}

/// The number of the newest row of each table.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<&'static str, u64>);

/// Cells by name.
type Named<'a> = Vec<(&'a str, String)>;

impl Numbers {
    fn row<'a>(&mut self, table: &'static str, own: Named<'a>, shared: &Named<'a>) -> Row {
        let number = self.0.entry(table).or_default();
        *number += 1;
        let cells = own.into_iter().chain(shared.iter().cloned());
        Row::new(table, *number, Content::Cells(Cells::named(cells)))
    }

    fn rows(&mut self, child: Row) -> Vec<Row> {
        let Some(element) = child.xml() else {
            return vec![child];
        };
        let mut shared = Named::new();
        if let Some(who) = element.child("ChildIdentifiers") {
            let text = |name: &str| who.text_of(name).unwrap_or_default().to_owned();
            let born = iso_date(&text("PersonBirthDate"));
            shared = vec![
                ("CHILD", text("LAchildID")),
                ("UPN", text("UPN")),
                (
                    "DOB",
                    born.map_or_else(
                        |_| text("PersonBirthDate"),
                        |date| format!("{:02}/{:02}/{:04}", date.day, date.month, date.year),
                    ),
                ),
            ];
        }
        let mut identifiers = self.row("child", Named::new(), &shared);
        identifiers.remarks = child.remarks.clone();
        for remark in &mut identifiers.remarks {
            remark.row = identifiers.number;
        }
        let mut rows = vec![identifiers];
        for _ in element.all("ChildCharacteristics") {
            rows.push(self.row("characteristics", Named::new(), &shared));
        }
        for case in element.all("CINdetails") {
            self.case(case, &shared, &mut rows);
        }
        rows
    }

    fn case<'a>(&mut self, case: &'a Element, shared: &Named<'a>, rows: &mut Vec<Row>) {
        let mut own = leaves(case);
        let enquired = |day: &str| {
            let mut enquiries = case.all("Section47");
            enquiries.any(|enquiry| enquiry.text_of("DateOfInitialCPC") == Some(day))
        };
        // The conference of an enquiry is told with the enquiry.
        own.retain(|(name, value)| *name != "DateOfInitialCPC" || !enquired(value.trim()));
        let of_case: Named<'a> = own
            .iter()
            .filter(|(name, _)| matches!(*name, "CINreferralDate" | "PrimaryNeedCode"))
            .cloned()
            .chain(shared.iter().cloned())
            .collect();
        rows.push(self.row("referral", own, shared));
        for part in &case.children {
            match part.name.as_str() {
                "Assessments" => rows.push(self.row("assessment", leaves(part), &of_case)),
                "Section47" => rows.push(self.row("section47", leaves(part), &of_case)),
                "CINPlanDates" => rows.push(self.row("need_plan", leaves(part), &of_case)),
                "ChildProtectionPlans" => self.plan(part, &of_case, rows),
                _ => {}
            }
        }
    }

    fn plan<'a>(&mut self, plan: &'a Element, shared: &Named<'a>, rows: &mut Vec<Row>) {
        let own = leaves(plan);
        let of_plan: Named<'a> = own
            .iter()
            .filter(|(name, _)| matches!(*name, "CPPstartDate" | "LatestCategoryOfAbuse"))
            .cloned()
            .chain(shared.iter().cloned())
            .collect();
        rows.push(self.row("protection_plan", own, shared));
        for reviews in plan.all("Reviews") {
            for review in reviews.all("CPPreviewDate") {
                let own = vec![("CPPreviewDate", review.text.clone())];
                rows.push(self.row("protection_review", own, &of_plan));
            }
        }
    }
}

/// The cells of an element: its children without children; the codes of a list in one cell.
fn leaves(element: &Element) -> Named<'_> {
    element
        .children
        .iter()
        .filter_map(|leaf| match leaf.name.as_str() {
            "FactorsIdentifiedAtAssessment" => {
                let codes: Vec<&str> = leaf
                    .all("AssessmentFactors")
                    .map(|code| code.text.trim())
                    .collect();
                Some(("AssessmentFactors", codes.join(&BETWEEN.to_string())))
            }
            name => leaf.children.is_empty().then(|| (name, leaf.text.clone())),
        })
        .collect()
}
