//! `walbrook import core`: a landlord's social lettings from MHCLG's CORE service, as the CSV export with codes or as the XML.
//!
//! Each letting is a [`TenancyStarted`] about the lead tenant, known by the landlord's tenant code. What says who or where somebody is (postcode, town,
//! UPRN) goes to identity with it; ages, sexes, ethnicity, nationality, income and every text somebody typed are not read.

mod cells;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::Args;
use walbrook_domain::Organisation;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics};
use walbrook_proto::housing::v1::{TenancyStarted, event::Body as Housing};

use super::frame::{self, Draft, Drafts, Import, ImportFlags, Mapping, Meter, Row, Rows, csv, xml};
use crate::publish::Body;
use crate::{Exit, Failure};

/// Import social lettings from CORE
#[derive(Debug, Args)]
pub struct CoreArgs {
    /// The lettings: the CSV export with codes, or the XML
    pub file: PathBuf,
    /// The landlord: LANDLORD:code, or GSS:code of a council
    #[arg(long, value_name = "ORGANISATION")]
    pub landlord: String,
    /// How it goes
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Both forms of the log are one table, so that a letting that is told in both is one event.
const TABLE: &str = "log";
/// Columns without which a file is no lettings log.
const NEEDED: [&str; 4] = ["tenancycode", "startdate", "needstype", "status"];

/// Reads, sends, reports.
///
/// # Errors
/// When the file cannot be read, an argument is wrong, or the service does not answer.
pub async fn run(args: CoreArgs) -> Result<Exit, Failure> {
    let landlord: Organisation = args
        .landlord
        .parse()
        .map_err(|error| Failure::new(Exit::Usage, format!("--landlord: {error}")))?;
    frame::run(import(&args.file, landlord)?, &args.flags).await
}

/// A file as an import.
///
/// # Errors
/// When it cannot be read.
pub(super) fn import(file: &Path, landlord: Organisation) -> Result<Import<Lettings>, Failure> {
    let meter = Meter::default();
    Ok(Import {
        source: "core",
        agency: "housing",
        organisation: landlord,
        rows: rows(file, &meter)?,
        mapping: Lettings,
        meter,
    })
}

/// The logs of a file; its ending says which form it has.
fn rows(file: &Path, meter: &Meter) -> Result<Rows, Failure> {
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => csv::rows(TABLE, file, &NEEDED, meter),
        Some("xml") => xml::rows(TABLE, file, &["forms", "form"], meter),
        _ => Err(Failure::new(
            Exit::Usage,
            format!(
                "{}: expected a file that ends in .csv (the export with codes) or .xml",
                file.display()
            ),
        )),
    }
}

/// How a log becomes an event.
pub(super) struct Lettings;

impl Mapping for Lettings {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        match row.cell("status") {
            // The CSV says it in words, the XML in numbers.
            Some("completed" | "2") => {}
            Some("in_progress" | "1") => drafts.query(
                "status",
                "LOG_IN_PROGRESS",
                "the log is not completed: what is missing may still come",
            ),
            Some("not_started" | "0" | "pending" | "3" | "deleted" | "4") => {
                return drafts.not_mapped(
                    "LOG_NOT_IN_USE",
                    "a log that was not started, is pending or was deleted is no letting",
                );
            }
            _ => {
                return drafts.refuse(
                    "status",
                    "LOG_STATUS",
                    "expected completed, in_progress, not_started, pending or deleted, or their numbers 0 to 4",
                );
            }
        }
        let Some(tenant) = row.cell("tenancycode") else {
            return drafts.refuse(
                "tenancycode",
                "TENANT_CODE_MISSING",
                "without the landlord's tenant code nobody knows whose tenancy it is",
            );
        };
        let Some(started) = cells::day(row, "startdate", drafts) else {
            return drafts.refuse(
                "startdate",
                "START_MISSING",
                "a tenancy that began has the day on which it did",
            );
        };
        let letting = letting(row, tenant, started, drafts);
        let body = Body::Housing(Housing::TenancyStarted(letting));
        let draft = Draft::about("LOCAL", tenant, When::OccurredOn(started), body);
        let who = who(row, drafts);
        drafts.send(draft.who(who));
    }

    fn column(_table: &str, field: &str) -> String {
        let last = field.rsplit('.').next().unwrap_or(field);
        let column = match last {
            "local_id" => "tenancycode",
            "occurred_on" => "startdate",
            "postcode" => "postcode_full",
            "town" => "town_or_city",
            "tcharge_pence" => "tcharge",
            "tshortfall_pence" => "tshortfall",
            other => other,
        };
        column.to_owned()
    }
}

fn letting(row: &Row, tenant: &str, started: Date, drafts: &mut Drafts) -> TenancyStarted {
    let text = |column| row.cell(column).map(str::to_owned);
    TenancyStarted {
        tenancycode: tenant.to_owned(),
        propcode: text("propcode"),
        la: text("la"),
        prevloc: text("prevloc"),
        startdate: Some(started),
        needstype: text("needstype").unwrap_or_default(),
        renttype: text("renttype"),
        tenancy: text("tenancy"),
        renewal: row.cell("renewal") == Some("1"),
        reason: text("reason"),
        prevten: text("prevten"),
        homeless: text("homeless"),
        armedforces: text("armedforces"),
        leftreg: text("leftreg"),
        voiddate: cells::day(row, "voiddate", drafts),
        tcharge_pence: cells::pence(row, "tcharge", drafts),
        tshortfall_pence: cells::pence(row, "tshortfall", drafts),
        period: text("period"),
        hhmemb: cells::count(row, "hhmemb", drafts),
        beds: cells::count(row, "beds", drafts),
        referral_register: text("referral_register"),
    }
}

/// What identity may know of the lead tenant: the log has neither name nor birth date. A postcode of nowhere (ZZ99) is taken, and links nobody there.
fn who(row: &Row, drafts: &mut Drafts) -> Demographics {
    let text = |column| row.cell(column).map(str::to_owned);
    Demographics {
        postcode: text("postcode_full").unwrap_or_default(),
        town: row.cell("town_or_city").map(cells::one_line),
        uprn: cells::uprn(row, "uprn", drafts),
        ..Demographics::default()
    }
}
