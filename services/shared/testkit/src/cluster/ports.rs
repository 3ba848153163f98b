//! Ports on loopback.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

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

/// A port that nobody listens on now. Another process may take it before the caller does: then the
/// caller's own start fails and names it.
///
/// # Errors
/// [`ClusterError::NoFreePort`].
pub fn free_port() -> Result<u16, ClusterError> {
    let mut random = rand::rng();
    (0..ATTEMPTS)
        .map(|_| random.random_range(CHOSEN_FROM))
        .find(|port| listen(*port).is_ok())
        .ok_or(ClusterError::NoFreePort)
}

fn listen(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}
