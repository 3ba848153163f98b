//! `walbrook import`: real returns turned into events.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Turn a real return into events.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ImportCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ImportArgs) -> Result<Exit, Failure> {
    match args.command {}
}
