//! `walbrook view`: joined views, as a named reader.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Read joined views.
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ViewCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ViewCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ViewArgs) -> Result<Exit, Failure> {
    match args.command {}
}
