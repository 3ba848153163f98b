//! `walbrook view`: joined views, as a named reader; and view files, checked and shown without a backbone.

mod files;
mod rows;
mod sheet;
pub(crate) mod words;

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

pub use files::{CheckArgs, ShowArgs};
pub use rows::{GetArgs, ListArgs};

/// Read joined views.
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ViewCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ViewCommand {
    /// The rows within the reader's scope, ranked; the read is on record
    List(ListArgs),
    /// One person's row, by the reader's own record or by pseudonym; the read is on record
    Get(GetArgs),
    /// Check view files: every fault by file, line and field
    Check(CheckArgs),
    /// Show what a view file says: features, rules, columns
    Show(ShowArgs),
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ViewArgs) -> Result<Exit, Failure> {
    match args.command {
        ViewCommand::List(args) => rows::list(args).await,
        ViewCommand::Get(args) => rows::get(args).await,
        ViewCommand::Check(args) => files::check(&args),
        ViewCommand::Show(args) => files::show(&args),
    }
}
