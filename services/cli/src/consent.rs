//! `walbrook consent`: consents and objections: record and withdraw.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Record and withdraw consents and objections.
#[derive(Debug, Args)]
pub struct ConsentArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ConsentCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ConsentArgs) -> Result<Exit, Failure> {
    match args.command {}
}
