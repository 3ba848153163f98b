//! `walbrook`: what people type. One module per command group; each has the arguments it takes and a `run`.
//!
//! Every command ends with an exit code that means something ([`Exit`]) and prints errors with their causes on standard
//! error, once, here. A group that has no commands yet is hidden: take its `hide` away with its first command.

pub mod agreement;
pub mod audit;
pub mod caller;
pub mod city;
pub mod cluster;
pub mod codelist;
pub mod conformance;
pub mod consent;
pub mod dataset;
pub mod demo;
pub mod evaluate;
pub mod export;
mod failure;
pub mod generation;
pub mod ground;
pub mod heartbeat;
pub mod identity;
pub mod import;
pub mod keys;
pub mod publish;
pub mod quarantine;
pub mod register;
pub mod rules;
pub mod schedule;
pub mod settle;
pub mod table;
pub mod token;
pub mod view;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::{Exit, Failure};

/// Local cluster, agreements, views, audit, imports and the demo of the Walbrook backbone.
#[derive(Debug, Parser)]
#[command(name = "walbrook", version, propagate_version = true, after_help = failure::EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The command groups.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start Kafka, the schema registry and every process on this machine
    Up(cluster::up::UpArgs),
    /// Stop what `up` started; data stays
    Down(cluster::down::DownArgs),
    /// Show what runs, and how far enforcement has come: lag, epoch, oldest undecided event, last page
    Status(cluster::status::StatusArgs),
    /// Compare the topics of a Kafka with the topic table, and create what is missing
    Topics(cluster::topics::TopicsArgs),
    /// Check, sign, apply, suspend and terminate agreements
    Agreement(agreement::AgreementArgs),
    /// What organisations publish: check, publish and show their schedules
    Schedule(schedule::ScheduleArgs),
    /// New generations of purposes' topics: begin one, see how they stand
    Generation(generation::GenerationArgs),
    /// Record that a person agrees, refuses, or takes it back
    Consent(consent::ConsentArgs),
    /// Record what stands in the way: objections, opt-outs, holds, restrictions, recalls, erasures, revoked readers
    Ground(ground::GroundArgs),
    /// What a consent or other ground has removed, and where it is complete
    Receipt(consent::receipt::ReceiptArgs),
    /// Read joined views as a named reader
    View(view::ViewArgs),
    /// Verify the log and ask it who saw what, and why
    Audit(audit::AuditArgs),
    /// Your organisation's quarantined records: what is wrong with each, and sending it again
    Quarantine(quarantine::QuarantineArgs),
    /// Print the registers that write themselves: sharing agreements, Article 30, privacy notices, data flows, observed use
    Register(register::RegisterArgs),
    /// Who is the same person: review, merge and un-merge records, train a model, measure
    Identity(identity::IdentityArgs),
    /// Which keys there are, and the rotation of an agency's
    Keys(keys::KeysArgs),
    /// Open datasets whose Avro schemas others made: register, list, publish
    Dataset(dataset::DatasetArgs),
    /// Say that an organisation has nothing to report, so that its silence is not mistaken for absence
    Heartbeat(heartbeat::HeartbeatArgs),
    /// The code lists that events are checked against, as of a collection year or a day
    Codelist(codelist::CodelistArgs),
    /// Turn a real return into events
    Import(import::ImportArgs),
    /// Try a sandbox organisation's credential and connection against what the contract promises
    Conformance(conformance::ConformanceArgs),
    /// List the rules that events are checked by
    Rules(rules::RulesArgs),
    /// Make a return from joined views, as a named reader
    Export(export::ExportArgs),
    /// Generate a synthetic city and send its events
    City(city::CityArgs),
    /// Measure what a view's score is worth, against simple rules
    Evaluate(evaluate::EvaluateArgs),
    /// Wait until everything on the log is decided
    Settle(settle::SettleArgs),
    /// Print a token of the local issuer, for grpcurl and other clients
    Token(token::TokenArgs),
    /// Show the whole river
    Demo(demo::DemoArgs),
}

/// Runs one command and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(Exit::Internal, error).report(),
    };
    match runtime.block_on(dispatch(cli.command)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

async fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Up(args) => cluster::up::run(args).await,
        Command::Down(args) => cluster::down::run(&args),
        Command::Status(args) => cluster::status::run(args).await,
        Command::Topics(args) => cluster::topics::run(args).await,
        Command::Agreement(args) => agreement::run(args).await,
        Command::Schedule(args) => schedule::run(args).await,
        Command::Generation(args) => generation::run(args).await,
        Command::Consent(args) => consent::run(args).await,
        Command::Ground(args) => ground::run(args).await,
        Command::Receipt(args) => consent::receipt::run(args).await,
        Command::View(args) => view::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Quarantine(args) => quarantine::run(args).await,
        Command::Register(args) => register::run(args).await,
        Command::Identity(args) => identity::run(args).await,
        Command::Keys(args) => keys::run(&args),
        Command::Dataset(args) => dataset::run(args).await,
        Command::Heartbeat(args) => heartbeat::run(args).await,
        Command::Codelist(args) => codelist::run(&args),
        Command::Import(args) => import::run(args).await,
        Command::Conformance(args) => conformance::run(args).await,
        Command::Rules(args) => rules::run(&args),
        Command::Export(args) => export::run(args).await,
        Command::City(args) => city::run(args).await,
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Settle(args) => settle::run(args).await,
        Command::Token(args) => token::run(&args),
        Command::Demo(args) => demo::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn commands_are_sound() {
        // Clap finds names used twice, and the like, only when a command is reached.
        super::Cli::command().debug_assert();
    }
}
