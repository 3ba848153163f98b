//! `walbrook demo`: the whole river, shown.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Show the whole river.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// What to do
    #[command(subcommand)]
    pub command: DemoCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: DemoArgs) -> Result<Exit, Failure> {
    match args.command {}
}
