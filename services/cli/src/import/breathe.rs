//! `walbrook import breathe`: the newest readings of the Breathe London sensors, as the city's open data.
//!
//! The service answers a list of sensors inside a list. Values are numbers, strings or null; the hour they end is `Nov 16 2023  9:00AM`, GMT.

use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};
use walbrook_domain::Organisation;
use walbrook_proto::city::v1::{AirQualityMeasured, event};
use walbrook_proto::common::v1::event_head::When;

use super::air;
use super::frame::{
    self, Content, Draft, Drafts, Import, ImportFlags, Mapping, Meter, Row, Rows, json as document,
};
use crate::publish::Body;
use crate::{Exit, Failure};

const TABLE: &str = "sensors";
/// What is measured: column and pollutant.
const MEASURED: [(&str, &str); 3] = [
    ("LatestINO2Value", "NO2"),
    ("LatestIPM25Value", "PM25"),
    ("LatestIPM10Value", "PM10"),
];

/// The Breathe London sensors with their newest readings (ListSensors, JSON)
#[derive(Debug, Args)]
pub struct BreatheArgs {
    /// The file, as the network's service answers it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The organisation that publishes it
    #[arg(long, value_name = "ORGANISATION", default_value = "GSS:E12000007")]
    pub publisher: Organisation,
    /// Rejects, form and caller
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Imports a file.
///
/// # Errors
/// As every import's.
pub async fn run(args: BreatheArgs) -> Result<Exit, Failure> {
    let import = import(&args.file, args.publisher)?;
    frame::run(import, &args.flags).await
}

/// A file as an import.
///
/// # Errors
/// When it cannot be read.
pub(super) fn import(file: &Path, publisher: Organisation) -> Result<Import<Readings>, Failure> {
    let meter = Meter::default();
    let lists = document::rows(TABLE, file, &[], &meter)?;
    Ok(Import {
        source: "breathe",
        agency: "city",
        organisation: publisher,
        rows: sensors(lists),
        mapping: Readings,
        meter,
    })
}

/// One row for each sensor, whether it stands in a list inside the list or not.
fn sensors(lists: Rows) -> Rows {
    let mut number = 0;
    Box::new(lists.flat_map(move |list| {
        let mut row = match list {
            Ok(row) => row,
            Err(failure) => return vec![Err(failure)],
        };
        let remarks = std::mem::take(&mut row.remarks);
        let mut rows = match row.content {
            Content::Json(Value::Array(sensors)) => sensors
                .into_iter()
                .map(|sensor| Row::new(TABLE, 0, Content::Json(sensor)))
                .collect(),
            content => vec![Row::new(TABLE, 0, content)],
        };
        if let Some(first) = rows.first_mut() {
            first.remarks = remarks;
        }
        for row in &mut rows {
            number += 1;
            row.number = number;
            row.remarks
                .iter_mut()
                .for_each(|remark| remark.row = number);
        }
        rows.into_iter().map(Ok).collect()
    }))
}

/// Sensors become readings.
pub(super) struct Readings;

impl Mapping for Readings {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        let Some(site_code) = row.cell("SiteCode") else {
            return drafts.refuse("SiteCode", "SITE_MISSING", "a sensor says its site");
        };
        let said = |column: &str| {
            let value = row.json().and_then(|sensor| sensor.get(column));
            match value {
                Some(Value::Number(number)) => Some(number.to_string()),
                Some(Value::String(text)) => Some(text.trim().to_owned()),
                _ => None,
            }
        };
        let readings = MEASURED.iter().filter_map(|(column, species)| {
            let said = said(column).filter(|said| !said.is_empty())?;
            Some((*column, *species, said))
        });
        let readings: Vec<_> = readings.collect();
        if readings.is_empty() {
            return drafts.not_mapped("NO_DATA", "the sensor has no reading");
        }
        let Some(measured_at) = row.cell("HourlyBulletinEnd").and_then(air::american) else {
            let expected = "expected the end of the hour, as `Nov 16 2023  9:00AM` in GMT";
            return drafts.refuse("HourlyBulletinEnd", "TIME_FORM", expected);
        };
        for (column, species, said) in readings {
            let Some(value_thousandths) = air::thousandths(&said) else {
                drafts.refuse(column, "VALUE_FORM", "expected a number, plainly written");
                continue;
            };
            let measured = AirQualityMeasured {
                site_code: site_code.to_owned(),
                species_code: species.to_owned(),
                measured_at: Some(measured_at),
                value_thousandths,
                unit: "UG_M3".to_owned(),
                network: "BREATHE".to_owned(),
                ratified: false,
                authority_gss: row.cell("Borough").and_then(air::authority),
            };
            let body = Body::City(event::Body::AirQualityMeasured(measured));
            drafts.send(Draft::open(When::OccurredAt(measured_at), body));
        }
    }

    fn column(_table: &str, field: &str) -> String {
        match field.rsplit('.').next().unwrap_or(field) {
            "site_code" => "SiteCode",
            "measured_at" | "occurred_at" => "HourlyBulletinEnd",
            "value_thousandths" | "species_code" => "Latest…Value",
            other => other,
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests;
