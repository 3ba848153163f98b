//! `walbrook import laqn`: the hourly air quality index of the London Air Quality Network, as the city's open data.
//!
//! Habits of the feed, none of them a fault: every value is a string; where there is one site or one pollutant there is an object in place of the
//! array; the member is called `Species` or `species`; `0` and `No data` stand for nothing; times are GMT the whole year.

use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use walbrook_domain::Organisation;
use walbrook_proto::city::v1::{DaqiPublished, event};
use walbrook_proto::common::v1::event_head::When;

use super::air;
use super::frame::{
    self, Content, Draft, Drafts, Import, ImportFlags, Mapping, Meter, Row, Rows, json as document,
};
use crate::publish::Body;
use crate::{Exit, Failure};

const TABLE: &str = "readings";

/// The London Air Quality Network's hourly index (HourlyAirQualityIndex, JSON)
#[derive(Debug, Args)]
pub struct LaqnArgs {
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
pub async fn run(args: LaqnArgs) -> Result<Exit, Failure> {
    let import = import(&args.file, args.publisher)?;
    frame::run(import, &args.flags).await
}

/// A file as an import.
///
/// # Errors
/// When it cannot be read.
pub(super) fn import(file: &Path, publisher: Organisation) -> Result<Import<Index>, Failure> {
    let meter = Meter::default();
    let at = ["HourlyAirQualityIndex", "LocalAuthority"];
    let authorities = document::rows(TABLE, file, &at, &meter)?;
    Ok(Import {
        source: "laqn",
        agency: "city",
        organisation: publisher,
        rows: readings(authorities),
        mapping: Index,
        meter,
    })
}

/// One row for each pollutant at a site, with what stands above it; a site without pollutants and an authority without sites is a row too.
fn readings(authorities: Rows) -> Rows {
    let mut number = 0;
    Box::new(authorities.flat_map(move |authority| {
        let rows = match authority {
            Ok(row) => flat(row),
            Err(failure) => return vec![Err(failure)],
        };
        let mut numbered = Vec::with_capacity(rows.len());
        for mut row in rows {
            number += 1;
            row.number = number;
            row.remarks
                .iter_mut()
                .for_each(|remark| remark.row = number);
            numbered.push(Ok(row));
        }
        numbered
    }))
}

fn flat(mut row: Row) -> Vec<Row> {
    let Content::Json(authority) = std::mem::replace(&mut row.content, Content::Json(Value::Null))
    else {
        return vec![row];
    };
    let mut rows = Vec::new();
    for site in or_nothing(air::each(&authority, &["Site"])) {
        for species in or_nothing(air::each(site, &["Species", "species"])) {
            let mut reading = Row::new(TABLE, 0, Content::Json(joined(&authority, site, species)));
            reading.remarks = std::mem::take(&mut row.remarks);
            rows.push(reading);
        }
    }
    rows
}

/// What is above a reading is told even where there is none below it.
fn or_nothing(found: Vec<&Value>) -> Vec<&Value> {
    if found.is_empty() {
        return vec![&Value::Null];
    }
    found
}

fn joined(authority: &Value, site: &Value, species: &Value) -> Value {
    let of = |from: &Value, name: &str| from.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "@LocalAuthorityName": of(authority, "@LocalAuthorityName"),
        "@SiteCode": of(site, "@SiteCode"),
        "@BulletinDate": of(site, "@BulletinDate"),
        "@SpeciesCode": of(species, "@SpeciesCode"),
        "@AirQualityIndex": of(species, "@AirQualityIndex"),
        "@AirQualityBand": of(species, "@AirQualityBand"),
        "@IndexSource": of(species, "@IndexSource"),
    })
}

/// Readings become indices.
pub(super) struct Index;

impl Mapping for Index {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        let Some(site_code) = row.cell("@SiteCode") else {
            return drafts.not_mapped("NO_SITE", "the authority has no site");
        };
        let Some(species_code) = row.cell("@SpeciesCode") else {
            return drafts.not_mapped("NO_SPECIES", "the site measures nothing");
        };
        let (index, band) = (row.cell("@AirQualityIndex"), row.cell("@AirQualityBand"));
        let nothing = index.is_none_or(|index| index == "0")
            || band.is_none_or(|band| band.eq_ignore_ascii_case("no data"));
        if nothing {
            return drafts.not_mapped("NO_DATA", "there is no data at this hour");
        }
        let Some(daqi_index) = index.and_then(|index| index.parse().ok()) else {
            let expected = "expected a number from 1 to 10, or 0 for no data";
            return drafts.refuse("@AirQualityIndex", "INDEX_FORM", expected);
        };
        let Some(bulletin_at) = row.cell("@BulletinDate").and_then(air::gmt) else {
            let expected = "expected the bulletin's time, as yyyy-mm-dd hh:mm:ss in GMT";
            return drafts.refuse("@BulletinDate", "TIME_FORM", expected);
        };
        let shouted = |text: &str| text.to_ascii_uppercase().replace(' ', "_");
        let published = DaqiPublished {
            site_code: site_code.to_owned(),
            species_code: Some(species_code.to_owned()),
            daqi_index,
            band: band.map(shouted).unwrap_or_default(),
            index_source: row.cell("@IndexSource").map(shouted).unwrap_or_default(),
            bulletin_at: Some(bulletin_at),
            network: "LAQN".to_owned(),
            authority_gss: row.cell("@LocalAuthorityName").and_then(air::authority),
        };
        let body = Body::City(event::Body::DaqiPublished(published));
        drafts.send(Draft::open(When::OccurredAt(bulletin_at), body));
    }

    fn column(_table: &str, field: &str) -> String {
        match field.rsplit('.').next().unwrap_or(field) {
            "site_code" => "@SiteCode",
            "species_code" => "@SpeciesCode",
            "daqi_index" => "@AirQualityIndex",
            "band" => "@AirQualityBand",
            "index_source" => "@IndexSource",
            "bulletin_at" | "occurred_at" => "@BulletinDate",
            other => other,
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests;
