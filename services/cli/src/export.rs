//! `walbrook export`: returns made from what an agreement lets their makers read.

pub mod ssda903;

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

/// Make a return from joined views.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What to export
    #[command(subcommand)]
    pub command: ExportCommand,
}

/// The returns that can be written.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// An authority's SSDA903 return as the Department for Education's CSV tables
    Ssda903(ssda903::Ssda903Args),
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ExportArgs) -> Result<Exit, Failure> {
    match args.command {
        ExportCommand::Ssda903(args) => ssda903::run(args).await,
    }
}
