//! `walbrook receipt`: what has become of a cause in each view.

use std::time::Duration;

use clap::Args;
use walbrook_domain::Instant;
use walbrook_proto::control::v1::{GetReceiptRequest, ReceiptStatus};

use crate::agreement::{again, control};
use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

/// Which receipt.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    /// The offset on control.policy that the first answer named
    #[arg(value_name = "OFFSET")]
    pub offset: i64,
    /// Wait until every view has said that it reached them
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub within_s: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Shows it. Exit code 1 when a view has not said that it is complete.
///
/// # Errors
/// When the control plane does not answer, or knows no such record.
pub async fn run(args: ReceiptArgs) -> Result<Exit, Failure> {
    let status = if args.wait {
        complete(&args.caller, args.offset, args.within_s).await?
    } else {
        fetch(&args.caller, args.offset).await?
    };
    print(&status, args.json);
    Ok(if status.complete {
        Exit::Done
    } else {
        Exit::Difference
    })
}

async fn fetch(caller: &CallerArgs, offset: i64) -> Result<ReceiptStatus, Failure> {
    let client = control(caller, "control").await?;
    let answer = again(async || {
        client
            .clone()
            .get_receipt(GetReceiptRequest { offset })
            .await
    })
    .await;
    Ok(answer.map_err(refused("get the receipt"))?.into_inner())
}

/// Waits until every view has said that the cause has reached it.
pub(crate) async fn complete(
    caller: &CallerArgs,
    offset: i64,
    within_s: u64,
) -> Result<ReceiptStatus, Failure> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(within_s);
    loop {
        let status = fetch(caller, offset).await?;
        if status.complete {
            return Ok(status);
        }
        if tokio::time::Instant::now() >= deadline {
            let open: Vec<_> = status
                .views
                .iter()
                .filter(|view| !view.complete)
                .map(|view| view.view.as_str())
                .collect();
            let reason = format!(
                "{} did not say within {within_s} s that offset {offset} has reached it; the change itself is on record",
                open.join(", ")
            );
            return Err(Failure::new(Exit::Unavailable, reason));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) fn print(status: &ReceiptStatus, json: bool) {
    let words = |at: Option<prost_types::Timestamp>| {
        at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
            .map(Instant::rfc3339)
    };
    if json {
        let views: Vec<_> = status
            .views
            .iter()
            .map(|view| {
                serde_json::json!({
                    "view": view.view,
                    "complete": view.complete,
                    "contributions": view.contributions,
                    "rows": view.rows,
                    "at": words(view.at),
                })
            })
            .collect();
        let whole = serde_json::json!({
            "offset": status.offset,
            "complete": status.complete,
            "complete_at": words(status.complete_at),
            "views": views,
        });
        println!("{whole}");
        return;
    }
    let mut rows = table([
        "View",
        "Reached",
        "Contributions that left",
        "Rows touched",
        "Since",
    ]);
    for view in &status.views {
        rows.add_row([
            view.view.clone(),
            if view.complete { "yes" } else { "not yet" }.to_owned(),
            view.contributions.to_string(),
            view.rows.to_string(),
            words(view.at).unwrap_or_default(),
        ]);
    }
    println!("receipt of control.policy offset {}", status.offset);
    println!("{rows}");
    match words(status.complete_at) {
        Some(at) => println!("complete since {at}: every view has said that it reached them"),
        None => println!("not complete yet"),
    }
}
