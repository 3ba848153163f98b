//! `walbrook agreement`: agreements from their files: check, sign, apply, suspend, terminate.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Check, sign and apply agreements.
#[derive(Debug, Args)]
pub struct AgreementArgs {
    /// What to do
    #[command(subcommand)]
    pub command: AgreementCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum AgreementCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: AgreementArgs) -> Result<Exit, Failure> {
    match args.command {}
}
