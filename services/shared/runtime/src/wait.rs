//! Waiting for what a process needs, within a bound: processes start in any order.

use std::fmt::Display;
use std::time::Duration;

use crate::shutdown::Shutdown;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// It did not come in time.
    #[error("{what} did not answer within {} s: {last}", waited.as_secs())]
    TimedOut {
        /// What was waited for, with its address.
        what: String,
        /// How long.
        waited: Duration,
        /// What the last attempt said.
        last: String,
    },
    /// The process was asked to stop meanwhile.
    #[error("asked to stop while waiting for {what}")]
    Stopped {
        /// What was waited for.
        what: String,
    },
}

/// Tries until it works, with growing pauses, for at most `at_most`. Says once what it is waiting for.
///
/// # Errors
/// When the time is over, with the last attempt's error, or when a shutdown was requested.
pub async fn until<T, E, F, Fut>(
    what: &str,
    at_most: Duration,
    shutdown: &Shutdown,
    mut attempt: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Display,
{
    let deadline = tokio::time::Instant::now() + at_most;
    let mut pause = FIRST_PAUSE;
    let mut said = false;
    loop {
        let tried = tokio::select! {
            tried = tokio::time::timeout_at(deadline, attempt()) => tried,
            () = shutdown.requested() => return Err(WaitError::Stopped { what: what.to_owned() }),
        };
        let last = match tried {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => "no answer to the last attempt".to_owned(),
        };
        if tokio::time::Instant::now() + pause >= deadline {
            return Err(WaitError::TimedOut {
                what: what.to_owned(),
                waited: at_most,
                last,
            });
        }
        if !said {
            tracing::info!(what, cause = last, "waiting");
            said = true;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.requested() => return Err(WaitError::Stopped { what: what.to_owned() }),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
