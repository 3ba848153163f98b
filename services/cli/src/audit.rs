//! `walbrook audit`: what the auditor proves from the log.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Verify the log and ask it questions.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What to do
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: AuditArgs) -> Result<Exit, Failure> {
    match args.command {}
}
