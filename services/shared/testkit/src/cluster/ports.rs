//! Ports on loopback.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fs2::FileExt;
use rand::Rng;

use super::ClusterError;

/// Below the range from which Linux takes ports for outgoing connections (32768 on), so that a port
/// found free is not taken by a client's connection a moment later.
const CHOSEN_FROM: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 200;
/// A JVM that was killed closes its sockets when its last thread has gone, some time after its death
/// is visible: who starts the next one at once must not be told that the port is busy.
const LINGERS: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(20);

/// An error that names the port and what was to listen there, when something else does and stays.
///
/// # Errors
/// [`ClusterError::PortBusy`].
pub fn require_free(what: &str, port: u16) -> Result<(), ClusterError> {
    let start = Instant::now();
    loop {
        match listen(port) {
            Ok(()) => return Ok(()),
            Err(_) if start.elapsed() < LINGERS => thread::sleep(TICK),
            Err(source) => {
                let what = what.to_owned();
                return Err(ClusterError::PortBusy { what, port, source });
            }
        }
    }
}

/// A port that nobody listens on now, and that no other caller of this function on this machine was given: it is this process's until it ends.
/// Processes bind late, so what was merely free when it was drawn would be drawn twice: a journey of twenty ports in every sixtieth run.
///
/// # Errors
/// [`ClusterError::NoFreePort`].
pub fn free_port() -> Result<u16, ClusterError> {
    let mut random = rand::rng();
    (0..ATTEMPTS)
        .map(|_| random.random_range(CHOSEN_FROM))
        .find(|port| listen(*port).is_ok() && claim(*port).is_ok())
        .ok_or(ClusterError::NoFreePort)
}

/// Claims of this process. A lock falls with the process, however it ends.
static CLAIMS: Mutex<Vec<File>> = Mutex::new(Vec::new());

fn claim(port: u16) -> io::Result<()> {
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("walbrook-ports-{user}"));
    fs::create_dir_all(&folder)?;
    let file = File::create(folder.join(port.to_string()))?;
    file.try_lock_exclusive()?;
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    claims.push(file);
    Ok(())
}

fn listen(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}
