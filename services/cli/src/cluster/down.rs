//! `walbrook down`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use super::LocalError;
use super::folder::Folder;
use crate::{Exit, Failure};

/// Processes drain side by side, then Kafka closes its files: bounded in the supervisor, with room to spare here.
const STOP_WITHIN: Duration = Duration::from_secs(90);
const TICK: Duration = Duration::from_millis(50);

/// Stop what `up` started; data stays.
#[derive(Debug, Args)]
pub struct DownArgs {
    /// The folder that `up` was given
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".walbrook",
        env = "WALBROOK_DIR"
    )]
    pub dir: PathBuf,
}

/// Asks the supervisor to stop everything and waits until it has.
///
/// # Errors
/// When nothing runs there, or it does not end.
pub fn run(args: &DownArgs) -> Result<Exit, Failure> {
    let folder = Folder::existing(&args.dir)?;
    let state = folder.running_state()?;
    // The folder is locked, so its supervisor lives, and the id in the state is its own.
    let pid = i32::try_from(state.pid).ok().and_then(Pid::from_raw);
    let sent = pid.map_or(Ok(()), |pid| kill_process(pid, Signal::TERM));
    sent.map_err(|error| LocalError::System {
        operation: "signal the supervisor",
        source: error.into(),
    })?;
    let start = Instant::now();
    while folder.is_taken() {
        if start.elapsed() > STOP_WITHIN {
            let log = folder.root().join("supervisor.log");
            return Err(LocalError::Stuck {
                pid: state.pid,
                waited_s: STOP_WITHIN.as_secs(),
                log,
            }
            .into());
        }
        std::thread::sleep(TICK);
    }
    println!(
        "stopped; data stays in {} (`walbrook up --fresh` starts without it)",
        folder.root().display()
    );
    Ok(Exit::Done)
}
