//! The materialiser process.

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_materialiser::PROCESS, walbrook_materialiser::run)
}
