//! What every process of the backbone needs to run: configuration, telemetry, health, tasks, drain, a gRPC server,
//! callers and keys. It knows sockets, signals and tracing, never what an event means or what may be shared; an
//! organisation is a string here.
//!
//! A process's `main` is one call of [`process::run`]:
//!
//! ```no_run
//! # use walbrook_runtime::{config::NoSettings, process::{self, Process}};
//! fn main() -> std::process::ExitCode {
//!     process::run(Process { name: "example", grpc_port: 7199 }, |_settings: NoSettings, context| async move {
//!         context.shutdown.requested().await;
//!         Ok::<(), std::io::Error>(())
//!     })
//! }
//! ```

pub mod callers;
pub mod config;
pub mod kept_file;
pub mod keystore;
pub mod metrics;
pub mod process;
pub mod readiness;
pub mod route;
pub mod server;
pub mod shutdown;
pub mod status;
pub mod task;
pub mod telemetry;
pub mod wait;
