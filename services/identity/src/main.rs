//! The identity process.

/// A link is some dozens of small pieces that come and go: as in the broker, the system's allocator is felt.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_identity::PROCESS, walbrook_identity::run)
}
