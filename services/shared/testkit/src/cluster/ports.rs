//! Ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng;

use super::ClusterError;

/// Below the range from which Linux takes ports for outgoing connections (32768 on), so that a port found free is not
/// taken by a client's connection a moment later.
const CHOSEN_FROM: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 200;

/// An error that names the port and what was to listen there, when something else does.
///
/// # Errors
/// [`ClusterError::PortBusy`].
pub fn require_free(what: &str, port: u16) -> Result<(), ClusterError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(drop)
        .map_err(|source| ClusterError::PortBusy {
            what: what.to_owned(),
            port,
            source,
        })
}

/// A port that nobody listens on now. Another process may take it before the caller does: then the caller's own start
/// fails and names it.
///
/// # Errors
/// [`ClusterError::NoFreePort`].
pub fn free_port() -> Result<u16, ClusterError> {
    let mut random = rand::rng();
    (0..ATTEMPTS)
        .map(|_| random.random_range(CHOSEN_FROM))
        .find(|port| require_free("a test", *port).is_ok())
        .ok_or(ClusterError::NoFreePort)
}
