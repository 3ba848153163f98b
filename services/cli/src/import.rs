//! `walbrook import`: real returns, row by row, through the agencies' own services.

mod air;
pub mod breathe;
pub mod cin;
pub mod core;
mod feed;
pub mod frame;
pub mod laqn;
pub mod pds;
pub mod ssda903;
pub mod stop_search;
pub mod tfl;
mod trial;

pub use trial::{Form, trial};

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
    /// The Breathe London sensors with their newest readings
    Breathe(breathe::BreatheArgs),
    /// A children in need census as one XML document
    Cin(cin::CinArgs),
    /// Social lettings from MHCLG's CORE: the CSV export with codes, or the XML
    Core(core::CoreArgs),
    /// The London Air Quality Network's hourly index
    Laqn(laqn::LaqnArgs),
    /// Patients of the Personal Demographics Service: who they are, without an event
    Pds(pds::PdsArgs),
    /// An SSDA903 return as a folder of CSV tables, or as one XML document
    Ssda903(ssda903::Ssda903Args),
    /// Stop and search as a force publishes it on data.police.uk
    StopSearch(stop_search::StopSearchArgs),
    /// Answers of TfL's Unified API: lines, disruptions, arrivals, docking stations, roads, lifts, air
    Tfl(tfl::TflArgs),
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: ImportArgs) -> Result<Exit, Failure> {
    match args.command {
        ImportCommand::Breathe(args) => breathe::run(args).await,
        ImportCommand::Cin(args) => cin::run(args).await,
        ImportCommand::Core(args) => core::run(args).await,
        ImportCommand::Laqn(args) => laqn::run(args).await,
        ImportCommand::Pds(args) => pds::run(args).await,
        ImportCommand::Ssda903(args) => ssda903::run(args).await,
        ImportCommand::StopSearch(args) => stop_search::run(args).await,
        ImportCommand::Tfl(args) => tfl::run(args).await,
    }
}
