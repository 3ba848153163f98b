//! What the commands on consents and other grounds share: about whom, how far, and the receipt.

use clap::Args;
use tonic_types::StatusExt;
use walbrook_proto::control::v1::{ControlReceipt, RecordGroundRequest};

use crate::agreement::{again, control, key, receipt_json};
use crate::caller::{CallerArgs, refused};
use crate::consent::receipt;
use crate::table::table;
use crate::{Exit, Failure};

/// About whom: the organisation's own record.
#[derive(Debug, Clone, Args)]
pub struct About {
    /// The agency whose service holds the record, for example housing
    #[arg(long)]
    pub agency: String,
    /// What kind of number the local id is
    #[arg(long, default_value = "LOCAL")]
    pub scheme: String,
    /// The organisation's own number for the person
    #[arg(long, value_name = "ID")]
    pub local_id: String,
}

impl About {
    /// A request about this record.
    pub(crate) fn request(&self, kind: &str, state: &str) -> RecordGroundRequest {
        RecordGroundRequest {
            agency: self.agency.clone(),
            id_scheme: self.scheme.clone(),
            local_id: self.local_id.clone(),
            kind: kind.to_owned(),
            state: state.to_owned(),
            ..RecordGroundRequest::default()
        }
    }
}

/// How far a ground reaches.
#[derive(Debug, Clone, Args)]
pub struct Limits {
    /// Only for this purpose; every purpose when left out
    #[arg(long)]
    pub purpose: Option<String>,
    /// Only for this agreement; every agreement of the purpose when left out
    #[arg(long, value_name = "ID")]
    pub agreement: Option<String>,
}

impl Limits {
    /// The request within these limits.
    pub(crate) fn limit(&self, request: RecordGroundRequest) -> RecordGroundRequest {
        RecordGroundRequest {
            purpose: self.purpose.clone(),
            agreement_id: self.agreement.clone(),
            ..request
        }
    }
}

/// How a ground is recorded, and what is shown of it.
#[derive(Debug, Clone, Args)]
pub struct Recording {
    /// Change this version only; left out: whatever is on record now
    #[arg(long, value_name = "VERSION")]
    pub expect_version: Option<u32>,
    /// The idempotency key: the same command with the same key is recorded once; a new one when left out
    #[arg(long, value_name = "KEY", requires = "expect_version")]
    pub key: Option<String>,
    /// Wait until every view has said that it reached them, and show what left
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub within_s: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who records it, for their own organisation
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Records it and shows the receipt.
pub(crate) async fn record(
    recording: &Recording,
    request: RecordGroundRequest,
) -> Result<Exit, Failure> {
    let said = format!("{} {}", request.kind, request.state);
    let receipt = submit(recording, request).await?;
    done(recording, &said, &receipt).await
}

/// Shows the receipt, and with `--wait` what became of it.
pub(super) async fn done(
    recording: &Recording,
    said: &str,
    receipt: &ControlReceipt,
) -> Result<Exit, Failure> {
    if !recording.wait && recording.json {
        println!("{}", receipt_json(receipt));
        return Ok(Exit::Done);
    }
    if !recording.json {
        let mut rows = table(["On record", "Offset", "Version", "Id"]);
        let again = if receipt.repeated_call {
            " (already, by this key)"
        } else {
            ""
        };
        rows.add_row([
            format!("{said}{again}"),
            receipt.offset.to_string(),
            receipt.version.to_string(),
            receipt.id.clone(),
        ]);
        println!("{rows}");
    }
    if !recording.wait {
        println!("what becomes of it: walbrook receipt {}", receipt.offset);
        return Ok(Exit::Done);
    }
    let status = receipt::complete(&recording.caller, receipt.offset, recording.within_s).await?;
    receipt::print(&status, recording.json);
    Ok(Exit::Done)
}

/// Records it. Somebody typing here without a version means the newest state, so a stale one is looked up.
async fn submit(
    recording: &Recording,
    mut request: RecordGroundRequest,
) -> Result<ControlReceipt, Failure> {
    let client = control(&recording.caller, "control").await?;
    request.expected_version = recording.expect_version.unwrap_or(0);
    request.idempotency_key = recording.key.clone().unwrap_or_else(key);
    for _ in 0..3 {
        let answer = again(async || client.clone().record_ground(request.clone()).await).await;
        let status = match answer {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => status,
        };
        match current_version(&status).filter(|_| recording.expect_version.is_none()) {
            Some(current) => request.expected_version = current,
            None => return Err(refused("record it")(status)),
        }
    }
    Err(Failure::new(
        Exit::Refused,
        "somebody else keeps changing this ground: try again",
    ))
}

fn current_version(status: &tonic::Status) -> Option<u32> {
    let details = status.get_error_details();
    let info = details.error_info()?;
    if info.reason != "VERSION_STALE" {
        return None;
    }
    info.metadata.get("current_version")?.parse().ok()
}
