//! `walbrook city`: a seeded synthetic city.

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Generate a synthetic city.
#[derive(Debug, Args)]
pub struct CityArgs {
    /// What to do
    #[command(subcommand)]
    pub command: CityCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum CityCommand {}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: CityArgs) -> Result<Exit, Failure> {
    match args.command {}
}
