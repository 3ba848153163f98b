//! The broker process.

/// A batch takes some ten thousand small pieces of memory and gives them all back at its end, those of librdkafka among them: that was a quarter of
/// the loop's time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    walbrook_runtime::process::run(walbrook_broker::PROCESS, walbrook_broker::run)
}
