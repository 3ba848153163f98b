//! `walbrook dataset publish`: records of a registered dataset, written with its newest schema.

use clap::Args;
use std::path::PathBuf;
use walbrook_domain::Organisation;
use walbrook_event::dataset::JsonWriter;
use walbrook_proto::city::v1::{OpenRecordPublished, event};
use walbrook_proto::common::v1::Date;
use walbrook_proto::common::v1::event_head::When;

use crate::import::frame::{
    self, Draft, Drafts, Import, ImportFlags, Mapping, Meter, Row, draft, json,
};
use crate::publish::Body;
use crate::{Exit, Failure};

/// What to send.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The dataset's name
    #[arg(value_name = "NAME")]
    pub dataset: String,
    /// The records, a JSON array
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The day they are of (YYYY-MM-DD); the same records of the same day are not added twice. Default: today
    #[arg(long, value_name = "DATE")]
    pub on: Option<String>,
    /// The organisation that publishes them
    #[arg(long, value_name = "ORGANISATION", default_value = "GSS:E12000007")]
    pub publisher: Organisation,
    /// Rejects, form and caller
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Sends them.
///
/// # Errors
/// When no schema is registered for the dataset, and as every import's.
pub(super) async fn run(args: PublishArgs) -> Result<Exit, Failure> {
    let datasets = super::registered(&args.flags.caller).await?;
    let mut newest = datasets
        .into_iter()
        .filter(|one| one.newest && one.dataset == args.dataset);
    let schema = newest.next().ok_or_else(|| {
        let unknown = format!(
            "no schema is registered for {} (`walbrook dataset list`)",
            args.dataset
        );
        Failure::new(Exit::Input, unknown)
    })?;
    let writer =
        JsonWriter::new(&schema.schema).map_err(|fault| Failure::new(Exit::Internal, fault))?;
    let on = match &args.on {
        Some(text) => draft::iso_date(text)
            .map_err(|expected| Failure::new(Exit::Usage, format!("--on: {expected}")))?,
        None => today()?,
    };
    let meter = Meter::default();
    let import = Import {
        source: "dataset",
        agency: "city",
        organisation: args.publisher,
        rows: json::rows("records", &args.file, &[], &meter)?,
        mapping: Records {
            dataset: args.dataset,
            schema_sha256: schema.schema_sha256,
            writer,
            on,
        },
        meter,
    };
    frame::run(import, &args.flags).await
}

fn today() -> Result<Date, Failure> {
    let now = jiff::Zoned::now()
        .with_time_zone(jiff::tz::TimeZone::UTC)
        .date();
    Date::new(now.year().into(), now.month().into(), now.day().into())
        .ok_or_else(|| Failure::new(Exit::Internal, "this machine's clock says no date"))
}

struct Records {
    dataset: String,
    schema_sha256: String,
    writer: JsonWriter,
    on: Date,
}

impl Mapping for Records {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        let Some(record) = row.json().and_then(|record| self.writer.body(record)) else {
            let expected = "the record does not fit the registered schema";
            return drafts.refuse("-", "NOT_A_REGISTERED_RECORD", expected);
        };
        let published = OpenRecordPublished {
            dataset: self.dataset.clone(),
            schema_sha256: self.schema_sha256.clone(),
            record,
        };
        let body = Body::City(event::Body::OpenRecordPublished(published));
        drafts.send(Draft::open(When::OccurredOn(self.on), body));
    }
}
