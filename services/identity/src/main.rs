//! The identity process.

/// A first load makes and gives back some fifty small pieces of memory a record, on several threads: that was a fifth of its time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_identity::PROCESS, walbrook_identity::run)
}
