//! `walbrook import tfl`: answers of TfL's Unified API, as they come or as a capture of the HTTP response wraps them (then the content is JSON in
//! a string, and the response says when it was made).
//!
//! What an object is, it says itself (`$type`): a line with its statuses, a line's disruption, an arrival, a docking station, a road's disruption,
//! the forecast of the air; out of order lifts and a station's crowding are known by their members. Texts for passengers stay in the file.

mod forecast;
mod objects;

use clap::Args;
use prost_types::Timestamp;
use std::path::{Path, PathBuf};
use walbrook_domain::Organisation;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::tfl::v1::event;

use super::feed::{http_date, instant};
use super::frame::{self, Draft, Drafts, Import, ImportFlags, Mapping, Meter, Row, Rows, json};
use crate::publish::Body;
use crate::{Exit, Failure};

const TABLE: &str = "feed";
/// The member of a capture that the answer stands in.
const CONTENT: &str = "content";

/// Lines, disruptions, arrivals, docking stations, lifts, crowding and the air's forecast (TfL Unified API, JSON)
#[derive(Debug, Args)]
pub struct TflArgs {
    /// The file, as the service answers it, or a capture of the whole response
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// When the answer was made, as 2024-07-15T15:41:00Z; a capture says it itself
    #[arg(long, value_name = "INSTANT")]
    pub captured_at: Option<String>,
    /// The station that a crowding answer is about, by its NaPTAN code: the answer does not say it
    #[arg(long, value_name = "NAPTAN")]
    pub station: Option<String>,
    /// The organisation that publishes it
    #[arg(long, value_name = "ORGANISATION", default_value = "TFL:tfl")]
    pub publisher: Organisation,
    /// Rejects, form and caller
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Imports a file.
///
/// # Errors
/// As every import's; and when `--captured-at` is no instant.
pub async fn run(args: TflArgs) -> Result<Exit, Failure> {
    let said = match &args.captured_at {
        Some(text) => Some(instant(text).ok_or_else(|| {
            let problem = "--captured-at: expected an instant, as 2024-07-15T15:41:00Z";
            Failure::new(Exit::Usage, problem)
        })?),
        None => None,
    };
    let mut import = import(&args.file, args.publisher)?;
    import.mapping.captured = said.or(import.mapping.captured);
    import.mapping.station = args.station;
    frame::run(import, &args.flags).await
}

/// A file as an import.
///
/// # Errors
/// When it cannot be read.
pub(super) fn import(file: &Path, publisher: Organisation) -> Result<Import<Feed>, Failure> {
    let meter = Meter::default();
    Ok(Import {
        source: "tfl",
        agency: "tfl",
        organisation: publisher,
        rows: rows(file, &meter)?,
        mapping: Feed {
            captured: captured(file),
            station: None,
        },
        meter,
    })
}

/// The objects of a capture, or of a bare answer.
fn rows(file: &Path, meter: &Meter) -> Result<Rows, Failure> {
    let wrapped = json::rows(TABLE, file, &[CONTENT], &Meter::default()).is_ok();
    let at: &[&str] = if wrapped { &[CONTENT] } else { &[] };
    json::rows(TABLE, file, at, meter)
}

/// When the response was made, by its own head.
fn captured(file: &Path) -> Option<Timestamp> {
    let mut heads = json::rows(TABLE, file, &["headers"], &Meter::default()).ok()?;
    http_date(heads.next()?.ok()?.cell("Date")?)
}

/// Makes events of the feed's objects.
pub(super) struct Feed {
    captured: Option<Timestamp>,
    /// The station that a crowding answer is about.
    station: Option<String>,
}

impl Feed {
    /// An event of the time the answer was made, or of its own.
    fn send(&self, drafts: &mut Drafts, own: Option<Timestamp>, body: event::Body) {
        match own.or(self.captured) {
            Some(at) => drafts.send(Draft::open(When::OccurredAt(at), Body::Tfl(body))),
            None => drafts.refuse(
                "",
                "CAPTURE_TIME_UNKNOWN",
                "the object has no time of its own and the file does not say when it was made: give --captured-at",
            ),
        }
    }
}

impl Mapping for Feed {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        let Some(value) = row.json() else { return };
        let kind = row.cell("$type").unwrap_or_default();
        let kind = kind.split(',').next().unwrap_or_default();
        match kind.rsplit('.').next().unwrap_or_default() {
            "Line" => self.line(value, drafts),
            "Disruption" => self.disruption(value, drafts),
            "Prediction" => self.arrival(value, drafts),
            "Place" | "BikePoint" => self.bike_point(value, drafts),
            "RoadDisruption" => self.road(value, drafts),
            "LondonAirForecast" => self.forecasts(value, drafts),
            _ if value.get("disruptedLiftUniqueIds").is_some() => self.lifts(value, drafts),
            _ if value.get("percentageOfBaseline").is_some() => self.crowding(value, drafts),
            _ => drafts.not_mapped("NO_EVENT_TYPE", "no event is made of objects of this kind"),
        }
    }

    fn column(_table: &str, field: &str) -> String {
        let last = field.rsplit('.').next().unwrap_or(field);
        match last {
            "line_id" => "lineId",
            "status_severity" => "statusSeverity",
            "disruption_category" => "category",
            "naptan_id" => "naptanId",
            "vehicle_id" => "vehicleId",
            "destination_naptan_id" => "destinationNaptanId",
            "predicted_at" => "timestamp",
            "expected_at" => "expectedArrival",
            "time_to_station_s" => "timeToStation",
            "valid_from" => "fromDate",
            "valid_to" => "toDate",
            "of_baseline_permille" => "percentageOfBaseline",
            "counted_at" => "timeUtc",
            "disruption_id" | "bike_point_id" => "id",
            "level_of_interest" => "levelOfInterest",
            other => other,
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests;
