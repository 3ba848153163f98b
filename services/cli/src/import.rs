//! `walbrook import`: real returns, row by row, through the agencies' own services.

pub mod frame;
pub mod pds;
pub mod ssda903;

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Turn a real return into events.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What to import
    #[command(subcommand)]
    pub command: ImportCommand,
}

/// The returns that can be read.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// An SSDA903 return as a folder of CSV tables
    Ssda903(ssda903::Ssda903Args),
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ImportArgs) -> Result<Exit, Failure> {
    match args.command {
        ImportCommand::Ssda903(args) => ssda903::run(args).await,
    }
}
