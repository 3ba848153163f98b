//! The whole way on real Kafka, with the real processes: what the system promises to those who use it.
//!
//! Build the programs first: `cargo build --workspace --bins`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod beyond;
mod conformance;
mod counts;
mod crashes;
mod decided;
mod dry_run;
mod forwarding;
mod gateway;
mod generations;
mod grounds;
mod identities;
mod identity_processes;
mod lifecycle;
mod merges;
mod moves;
mod notices;
mod open_data;
mod outages;
mod patients;
mod quarantine;
mod receipts;
mod redecisions;
mod referrals;
mod resumption;
mod returns;
mod schedules;
mod sealed;
mod snapshots;
mod tampering;
mod telemetry;
mod viewers;
mod withdrawals;

use std::sync::Arc;
use tonic_types::StatusExt;
use walbrook_tests::backbone::{Backbone, Common, Options};
use walbrook_tests::people::{CAMDEN, ISLINGTON};

/// The backbone of all tests that do not disturb each other: both councils have signed the agreement on rough sleeping.
async fn river() -> Arc<Backbone> {
    static RIVER: Common = Common::new();
    RIVER
        .get(|| async {
            let backbone = Backbone::start(Options::only(&[
                "auditor",
                "identity",
                "broker",
                "materialiser",
                "housing",
                "police",
            ]))
            .await;
            backbone.agree_on_rough_sleeping(&[CAMDEN, ISLINGTON]).await;
            backbone
        })
        .await
}

/// The machine-readable reason of a refusal.
fn reason(status: &tonic::Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

/// (field, rule) of every violation of a refusal.
fn violations(status: &tonic::Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let found = details
        .bad_request()
        .map(|bad| bad.field_violations.clone())
        .unwrap_or_default();
    found
        .into_iter()
        .map(|violation| (violation.field, violation.reason))
        .collect()
}
