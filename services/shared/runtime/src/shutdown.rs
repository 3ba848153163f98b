//! When to stop: SIGINT and SIGTERM start a drain, a second signal exits at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code after a second signal.
const EXIT_AT_ONCE: i32 = 130;

/// Names the process id of the parent that this process must not outlive.
pub const PARENT_VARIABLE: &str = "WALBROOK_PARENT_PID";

/// Tells everything in a process that it is time to stop. Clones are the same signal.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A signal that nobody has given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal given by the first SIGINT or SIGTERM; the second ends the process at once.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let first = shutdown.clone();
        tokio::spawn(async move {
            let name = either(&mut interrupt, &mut terminate).await;
            tracing::info!(signal = name, "draining; a second signal exits at once");
            first.request();
            let name = either(&mut interrupt, &mut terminate).await;
            tracing::warn!(signal = name, "second signal: exiting without a drain");
            std::process::exit(EXIT_AT_ONCE);
        });
        Ok(shutdown)
    }

    /// A signal for a part: given with this one, or by itself.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
        }
    }

    /// Asks everything to stop.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it is time to stop.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// The same, as a future that owns its signal.
    pub fn requested_owned(&self) -> impl Future<Output = ()> + Send + use<> {
        self.token.clone().cancelled_owned()
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

/// Ends with the parent that started this process, also when that is killed with -9: asks the kernel for SIGKILL on
/// the parent's death when [`PARENT_VARIABLE`] names it. Must be called on the main thread, before others are started.
///
/// # Errors
/// When the parent is already gone, or the kernel refuses.
pub fn end_with_parent(environment: &dyn Fn(&str) -> Option<String>) -> io::Result<()> {
    let Some(text) = environment(PARENT_VARIABLE) else {
        return Ok(());
    };
    let expected: i32 = text
        .parse()
        .map_err(|_| io::Error::other(format!("{PARENT_VARIABLE} must be a process id")))?;
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The parent may have died before the request stood.
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if parent == Some(expected) {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "the parent process {expected} has ended"
        )))
    }
}
