//! `walbrook view`: joined views, as a named reader; and view files, checked and shown without a backbone.

mod count;
mod decide;
mod describe;
mod dispute;
mod document;
mod files;
mod gaps;
mod glass;
mod notices;
mod rows;
mod sheet;
mod topics;
mod watch;
mod why;
pub(crate) mod words;

use clap::{Args, Subcommand};

use crate::{Exit, Failure};

pub use count::CountArgs;
pub use decide::DecideArgs;
pub use dispute::DisputeArgs;
pub use files::{CheckArgs, ExplainArgs, ShowArgs};
pub use glass::GlassArgs;
pub use notices::{AcknowledgeArgs, NoticesArgs};
pub use rows::{GetArgs, ListArgs};
pub use topics::TopicsArgs;
pub use watch::WatchArgs;
pub use why::WhyArgs;

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
    /// The rows within the reader's scope, ranked or by a column, all or those a condition holds for; the read is on record
    List(ListArgs),
    /// One person's row, by the reader's own record or by pseudonym; the read is on record
    Get(GetArgs),
    /// How many people, in groups of ten or more and never a row: cohort mode; the read is on record
    Count(CountArgs),
    /// Why one person's row says what it says: events, agreements, legal bases, links, earlier decisions; the read is on record
    Why(WhyArgs),
    /// The rows within the reader's scope and every change of them as it happens, until the entitlement or the token ends
    Watch(WatchArgs),
    /// Record what was decided about somebody whose row was read, and why
    Decide(DecideArgs),
    /// Reads beyond scope under break-glass: list what waits for a second person, and review it (role supervisor)
    BreakGlass(GlassArgs),
    /// What fell of rows that the organisation was shown: corrected, recalled, un-linked or shared no more; each telling is on record
    Notices(NoticesArgs),
    /// Record what was done about a notice
    Acknowledge(AcknowledgeArgs),
    /// Disputed cells: say that an event behind one is of another person or wrong, list what is disputed, and answer it
    Dispute(DisputeArgs),
    /// The organisation's own topics that rows are delivered to: whose rows, how many stand, and whether they are delivered now
    Topics(TopicsArgs),
    /// Check view files: every fault by file, line and reason, a feature that no agreement feeds among them
    Check(CheckArgs),
    /// Show a view file as a document: who stands in it, its columns and rules, who sees what, what is not known yet
    Show(ShowArgs),
    /// Explain a column or rule of a view file: how it is worked out, from which events, under which agreements
    Explain(ExplainArgs),
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ViewArgs) -> Result<Exit, Failure> {
    match args.command {
        ViewCommand::List(args) => rows::list(args).await,
        ViewCommand::Get(args) => rows::get(args).await,
        ViewCommand::Count(args) => count::run(args).await,
        ViewCommand::Why(args) => why::run(args).await,
        ViewCommand::Watch(args) => watch::run(args).await,
        ViewCommand::Decide(args) => decide::run(args).await,
        ViewCommand::BreakGlass(args) => glass::run(args).await,
        ViewCommand::Notices(args) => notices::list(args).await,
        ViewCommand::Acknowledge(args) => notices::acknowledge(args).await,
        ViewCommand::Dispute(args) => dispute::run(args).await,
        ViewCommand::Topics(args) => topics::run(args).await,
        ViewCommand::Check(args) => files::check(&args),
        ViewCommand::Show(args) => files::show(&args),
        ViewCommand::Explain(args) => files::explain(&args),
    }
}
