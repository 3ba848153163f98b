//! The identity process.

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_identity::PROCESS, walbrook_identity::run)
}
