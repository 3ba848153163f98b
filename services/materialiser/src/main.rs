//! The materialiser process.

/// A view is millions of small pieces that come and go: as in the broker, the system's allocator is felt.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_materialiser::PROCESS, walbrook_materialiser::run)
}
