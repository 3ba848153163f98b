//! Lines, disruptions, arrivals, docking stations, roads, lifts, crowding.

use prost_types::Timestamp;
use serde_json::Value;
use walbrook_proto::tfl::v1::{
    ArrivalPrediction, BikePointStatus, CrowdingLive, LiftDisruption, LineStatusChanged,
    RoadDisruption, event,
};

use super::{Drafts, Feed};
use crate::import::air::thousandths;
use crate::import::feed::{instant, microdegrees};

/// Lines that disruptions name in words only: as they are called, as the service calls them, their mode.
const LINES: [(&str, &str, &str); 20] = [
    ("Bakerloo", "bakerloo", "tube"),
    ("Central", "central", "tube"),
    ("Circle", "circle", "tube"),
    ("District", "district", "tube"),
    ("Hammersmith & City", "hammersmith-city", "tube"),
    ("Hammersmith and City", "hammersmith-city", "tube"),
    ("Jubilee", "jubilee", "tube"),
    ("Metropolitan", "metropolitan", "tube"),
    ("Northern", "northern", "tube"),
    ("Piccadilly", "piccadilly", "tube"),
    ("Victoria", "victoria", "tube"),
    ("Waterloo & City", "waterloo-city", "tube"),
    ("Elizabeth", "elizabeth", "elizabeth-line"),
    ("DLR", "dlr", "dlr"),
    ("Liberty", "liberty", "overground"),
    ("Lioness", "lioness", "overground"),
    ("Mildmay", "mildmay", "overground"),
    ("Suffragette", "suffragette", "overground"),
    ("Weaver", "weaver", "overground"),
    ("Windrush", "windrush", "overground"),
];

/// A member's text, unless it is empty.
fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn at(value: &Value, name: &str) -> Option<Timestamp> {
    instant(value.get(name)?.as_str()?)
}

fn whole(value: &Value, name: &str) -> Option<i32> {
    value
        .get(name)?
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
}

fn array<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

impl Feed {
    /// One event for each status of a line.
    pub(super) fn line(&self, value: &Value, drafts: &mut Drafts) {
        let (line, mode) = (text(value, "id"), text(value, "modeName"));
        let mut statuses = array(value, "lineStatuses").peekable();
        if statuses.peek().is_none() {
            return drafts.not_mapped("NO_STATUS", "the line has no status");
        }
        for status in statuses {
            let periods: Vec<_> = array(status, "validityPeriods").collect();
            let now = |period: &&&Value| period.get("isNow") == Some(&Value::Bool(true));
            let period = periods.iter().find(now).or(periods.first());
            let body = LineStatusChanged {
                line_id: line.clone().unwrap_or_default(),
                mode: mode.clone().unwrap_or_default(),
                status_severity: whole(status, "statusSeverity")
                    .map(|number| number.to_string())
                    .unwrap_or_default(),
                disruption_category: status
                    .get("disruption")
                    .and_then(|disruption| text(disruption, "category")),
                valid_from: period.and_then(|period| at(period, "fromDate")),
                valid_to: period.and_then(|period| at(period, "toDate")),
            };
            self.send(drafts, None, event::Body::LineStatusChanged(body));
        }
    }

    /// A disruption says its line in words and its status by the closure's word.
    pub(super) fn disruption(&self, value: &Value, drafts: &mut Drafts) {
        let words = text(value, "description").unwrap_or_default();
        let named = words
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let named = named.trim().trim_end_matches(" line");
        let known = LINES
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(named));
        let severity = text(value, "closureText").and_then(|word| severity(&word));
        let (Some((_, line, mode)), Some(severity)) = (known, severity) else {
            let sentence = "a disruption is taken when its description begins with a line and its closure text is a known status";
            return drafts.not_mapped("LINE_OR_STATUS_NOT_SAID", sentence);
        };
        let body = LineStatusChanged {
            line_id: (*line).to_owned(),
            mode: (*mode).to_owned(),
            status_severity: severity,
            disruption_category: text(value, "category"),
            valid_from: None,
            valid_to: None,
        };
        self.send(drafts, None, event::Body::LineStatusChanged(body));
    }

    /// A vehicle of a bus is its registration mark: that stays in the file.
    pub(super) fn arrival(&self, value: &Value, drafts: &mut Drafts) {
        let mode = text(value, "modeName").unwrap_or_default();
        let predicted = at(value, "timestamp");
        let expected = at(value, "expectedArrival");
        if predicted.is_none() || expected.is_none() {
            let column = if predicted.is_none() {
                "timestamp"
            } else {
                "expectedArrival"
            };
            return drafts.refuse(
                column,
                "TIME_UNREADABLE",
                "expected an instant, as 2024-07-15T15:39:33Z",
            );
        }
        let digits = |id: &String| id.bytes().all(|byte| byte.is_ascii_digit());
        let body = ArrivalPrediction {
            naptan_id: text(value, "naptanId").unwrap_or_default(),
            line_id: text(value, "lineId").unwrap_or_default(),
            vehicle_id: text(value, "vehicleId").filter(|id| mode != "bus" && digits(id)),
            mode,
            direction: text(value, "direction"),
            destination_naptan_id: text(value, "destinationNaptanId"),
            predicted_at: predicted,
            expected_at: expected,
            time_to_station_s: whole(value, "timeToStation"),
            valid_until: at(value, "timeToLive"),
        };
        self.send(drafts, predicted, event::Body::ArrivalPrediction(body));
    }

    /// The numbers of a docking station are strings among its properties.
    pub(super) fn bike_point(&self, value: &Value, drafts: &mut Drafts) {
        let property = |key: &str| {
            array(value, "additionalProperties").find(|property| property["key"] == key)
        };
        let count = |key: &str| text(property(key)?, "value")?.parse::<i32>().ok();
        let flag = |key: &str| text(property(key)?, "value")?.parse::<bool>().ok();
        let (Some(bikes), Some(empty_docks), Some(docks)) =
            (count("NbBikes"), count("NbEmptyDocks"), count("NbDocks"))
        else {
            let sentence = "a place is taken when it counts cycles, free docks and docks";
            return drafts.not_mapped("NO_DOCKING_STATION", sentence);
        };
        let counted = property("NbBikes").and_then(|property| at(property, "modified"));
        let body = BikePointStatus {
            bike_point_id: text(value, "id").unwrap_or_default(),
            bikes,
            electric_bikes: count("NbEBikes"),
            empty_docks,
            docks,
            installed: flag("Installed"),
            locked: flag("Locked"),
            counted_at: counted,
            latitude_microdegrees: microdegrees(value.get("lat")),
            longitude_microdegrees: microdegrees(value.get("lon")),
        };
        self.send(drafts, counted, event::Body::BikePointStatus(body));
    }

    /// The point of a road's disruption is a string: longitude first.
    pub(super) fn road(&self, value: &Value, drafts: &mut Drafts) {
        let point = text(value, "point").unwrap_or_default();
        let mut point = point
            .trim_matches(['[', ']'])
            .split(',')
            .map(|part| microdegrees(Some(&Value::String(part.to_owned()))));
        let (east, north) = (point.next().flatten(), point.next().flatten());
        let modified = at(value, "lastModifiedTime");
        let body = RoadDisruption {
            disruption_id: text(value, "id").unwrap_or_default(),
            severity: text(value, "severity"),
            category: text(value, "category"),
            status: text(value, "status"),
            level_of_interest: text(value, "levelOfInterest"),
            corridor_ids: array(value, "corridorIds")
                .filter_map(|id| id.as_str().map(str::to_owned))
                .collect(),
            starts_at: at(value, "startDateTime"),
            ends_at: at(value, "endDateTime"),
            modified_at: modified,
            provisional: value.get("isProvisional").and_then(Value::as_bool),
            has_closures: value.get("hasClosures").and_then(Value::as_bool),
            latitude_microdegrees: north,
            longitude_microdegrees: east,
        };
        self.send(drafts, modified, event::Body::RoadDisruption(body));
    }

    /// One event for each lift that is out of order.
    pub(super) fn lifts(&self, value: &Value, drafts: &mut Drafts) {
        let station = text(value, "stationUniqueId").unwrap_or_default();
        let mut lifts = array(value, "disruptedLiftUniqueIds").peekable();
        if lifts.peek().is_none() {
            return drafts.not_mapped("NO_LIFT", "the station names no lift");
        }
        for lift in lifts {
            let body = LiftDisruption {
                lift_id: lift.as_str().unwrap_or_default().to_owned(),
                station_id: station.clone(),
                in_service: false,
            };
            self.send(drafts, None, event::Body::LiftDisruption(body));
        }
    }
}

impl Feed {
    /// How full a station is, as a share of its own baseline. The answer does not say which station: the caller does.
    pub(super) fn crowding(&self, value: &Value, drafts: &mut Drafts) {
        let Some(station) = &self.station else {
            let sentence = "the answer does not say its station: give --station";
            return drafts.refuse("", "STATION_NOT_SAID", sentence);
        };
        // A time called UTC, with or without its Z.
        let time = text(value, "timeUtc").map(|text| text.trim_end_matches('Z').to_owned());
        let counted_at = time.and_then(|time| instant(&format!("{time}Z")));
        if counted_at.is_none() {
            let sentence = "expected an instant, as 2024-07-15T15:40:00Z";
            return drafts.refuse("timeUtc", "TIME_UNREADABLE", sentence);
        }
        let known = value.get("dataAvailable") != Some(&Value::Bool(false));
        let share = value.get("percentageOfBaseline").filter(|_| known);
        let permille = share.map(|share| match share {
            Value::Number(number) => thousandths(&number.to_string())?.try_into().ok(),
            _ => None,
        });
        if permille == Some(None) {
            let sentence = "expected a share of the baseline, plainly written, as 0.35";
            return drafts.refuse("percentageOfBaseline", "VALUE_FORM", sentence);
        }
        let body = CrowdingLive {
            naptan_id: station.clone(),
            of_baseline_permille: permille.flatten(),
            counted_at,
        };
        self.send(drafts, counted_at, event::Body::CrowdingLive(body));
    }
}

/// The number of a status by its word, `minorDelays`: the list's label without its spaces.
fn severity(word: &str) -> Option<String> {
    let list = walbrook_schemas::codelist::list("tfl_status_severity")?;
    let label = |label: &str| label.replace([' ', '-'], "");
    let found = list
        .codes
        .iter()
        .find(|code| label(code.label).eq_ignore_ascii_case(word))?;
    Some(found.code.to_owned())
}
