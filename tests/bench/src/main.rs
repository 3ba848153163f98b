//! `walbrook-bench`: see the library.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    walbrook_bench::run(&walbrook_bench::Args::parse())
}
