//! `walbrook identity approve`: a second person lets a named reader look a record up before its hold is over.

use clap::Args;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::record_ref::By;
use walbrook_proto::identity::v1::{ApproveLookupRequest, RecordRef};

use super::record::RecordName;
use crate::caller::{CallerArgs, refused};
use crate::{Exit, Failure};

/// Whose record, for whom, and why.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Your own organisation's record: agency/organisation/scheme/id as housing/GSS:E09000007/LOCAL/H-1
    #[arg(value_name = "RECORD")]
    pub record: RecordName,
    /// The reader's name, as it stands in the reader's token; never your own
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// Why it cannot wait
    #[arg(long, value_parser = ["safeguarding", "imminent-discharge", "homeless-tonight"])]
    pub reason: String,
    /// Who approves
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs it.
///
/// # Errors
/// When identity does not answer, or refuses.
pub async fn run(args: ApproveArgs) -> Result<Exit, Failure> {
    let Some(By::Local(record)) = RecordRef::from(args.record).by else {
        return Err(Failure::new(
            Exit::Usage,
            "name the record by your organisation's own id: agency/organisation/scheme/id",
        ));
    };
    let connection = args.caller.connect("identity", "supervisor").await?;
    let request = ApproveLookupRequest {
        record: Some(record),
        reader: args.reader.clone(),
        reason: args.reason,
    };
    let answer = IdentityClient::new(connection)
        .approve_lookup(request)
        .await;
    let answer = answer.map_err(refused("approve the look-up"))?.into_inner();
    let until = answer.expires_on.unwrap_or_default();
    println!(
        "on record: {} may look the record up until the end of {:04}-{:02}-{:02}, if your organisation holds it",
        args.reader, until.year, until.month, until.day
    );
    Ok(Exit::Done)
}
