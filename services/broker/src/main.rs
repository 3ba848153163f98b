//! The broker process.

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_broker::PROCESS, walbrook_broker::run)
}
