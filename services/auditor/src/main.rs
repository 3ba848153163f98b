//! The auditor process.

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(
        walbrook_auditor::process::PROCESS,
        walbrook_auditor::process::run,
    )
}
