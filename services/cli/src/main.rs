//! `walbrook`: see the library for what it does.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match walbrook_cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, on standard output and with exit code 0.
            let _ = error.print();
            return if error.use_stderr() {
                walbrook_cli::Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    walbrook_cli::run(cli)
}
