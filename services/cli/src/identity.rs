//! `walbrook identity`: merge and un-merge.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Merge and un-merge records of one person.
#[derive(Debug, Args)]
pub struct IdentityArgs {
    /// What to do
    #[command(subcommand)]
    pub command: IdentityCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: IdentityArgs) -> Result<Exit, Failure> {
    match args.command {}
}
