//! `walbrook ground reader`: a reader's access, taken away or given back.

use clap::Args;
use walbrook_proto::control::v1::RevokeReaderRequest;

use super::record::{Recording, done};
use crate::agreement::{again, control, key};
use crate::caller::refused;
use crate::{Exit, Failure};

/// A reader.
#[derive(Debug, Args)]
pub struct ReaderArgs {
    /// The reader's name, as it stands in their tokens
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// The reader's organisation, when it is not the caller's
    #[arg(long, value_name = "ORGANISATION")]
    pub reader_of: Option<String>,
    /// Give the access back
    #[arg(long)]
    pub off: bool,
    /// How it is recorded
    #[command(flatten)]
    pub recording: Recording,
}

pub(super) async fn run(args: ReaderArgs) -> Result<Exit, Failure> {
    let caller = &args.recording.caller;
    let organisation = args
        .reader_of
        .unwrap_or_else(|| caller.organisation.clone());
    let client = control(caller, "control").await?;
    let request = RevokeReaderRequest {
        organisation,
        reader: args.reader,
        revoked: !args.off,
        idempotency_key: args.recording.key.clone().unwrap_or_else(key),
    };
    let answer = again(async || client.clone().revoke_reader(request.clone()).await).await;
    let receipt = answer.map_err(refused("record it"))?.into_inner();
    let said = if args.off {
        "READER given back"
    } else {
        "READER revoked"
    };
    done(&args.recording, said, &receipt).await
}
