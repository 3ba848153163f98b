//! Asking whether a server answers, with nothing but a socket: a client library would log each refused attempt.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);
/// `DescribeCluster`, version 0: the only brokers it lists are those that take work.
const DESCRIBE_CLUSTER: i16 = 60;
const CORRELATION_ID: i32 = 0x5761_6c62;
/// An answer that lists one broker is about 60 bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Does a Kafka at `address` (`host:port`, or a comma-separated list of them) answer with at least one live broker?
#[must_use]
pub fn kafka_answers(address: &str) -> bool {
    address
        .split(',')
        .any(|one| describe_cluster(one.trim()).is_ok_and(|brokers| brokers > 0))
}

/// Does the registry at `url` (`http://host:port`) answer through its Confluent-compatible API?
#[must_use]
pub fn registry_answers(url: &str) -> bool {
    let base = url.trim_end_matches('/');
    let base = base.strip_suffix("/apis/ccompat/v7").unwrap_or(base);
    http_ok(&format!("{base}/apis/ccompat/v7/subjects"))
}

/// Does a GET of this `http://host:port/path` give 200?
#[must_use]
pub fn http_ok(url: &str) -> bool {
    get_status(url).is_ok_and(|status| status == 200)
}

fn get_status(url: &str) -> io::Result<u16> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| io::Error::other("not an http:// address"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = connect(host)?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )?;
    let mut start = [0_u8; 12];
    stream.read_exact(&mut start)?;
    let line = String::from_utf8_lossy(&start);
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::other("not an HTTP answer"))
}

/// The number of live brokers.
fn describe_cluster(address: &str) -> io::Result<u64> {
    let mut stream = connect(address)?;
    let mut request = Vec::with_capacity(32);
    request.extend_from_slice(&DESCRIBE_CLUSTER.to_be_bytes());
    request.extend_from_slice(&0_i16.to_be_bytes());
    request.extend_from_slice(&CORRELATION_ID.to_be_bytes());
    // Client id: null. Then the header's tagged fields: none.
    request.extend_from_slice(&(-1_i16).to_be_bytes());
    request.push(0);
    // Authorised operations: not asked for. Tagged fields: none.
    request.extend_from_slice(&[0, 0]);
    let length = i32::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&request)?;

    let mut length = [0_u8; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > ANSWER_BYTES_MAX {
        return Err(io::Error::other("the answer is too long to be Kafka's"));
    }
    let mut answer = vec![0_u8; length];
    stream.read_exact(&mut answer)?;
    let mut cursor = answer.as_slice();
    broker_count(&mut cursor)
        .ok_or_else(|| io::Error::other("not Kafka's answer to DescribeCluster"))
}

/// Walks the answer up to its list of brokers; `None` when it is cut short or reports an error.
fn broker_count(answer: &mut &[u8]) -> Option<u64> {
    let correlation: [u8; 4] = take(answer, 4)?.try_into().ok()?;
    if i32::from_be_bytes(correlation) != CORRELATION_ID {
        return None;
    }
    // The header's tagged fields and the throttle time.
    take(answer, 1 + 4)?;
    let error: [u8; 2] = take(answer, 2)?.try_into().ok()?;
    if i16::from_be_bytes(error) != 0 {
        return None;
    }
    // Error message and cluster id: compact strings, length + 1 in front, 0 for null. Then the controller's id.
    for _ in 0..2 {
        let length = usize::try_from(varint(answer)?.saturating_sub(1)).ok()?;
        take(answer, length)?;
    }
    take(answer, 4)?;
    Some(varint(answer)?.saturating_sub(1))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(head)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let resolved: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    let mut last = io::Error::other("the address has no host");
    for one in resolved {
        match TcpStream::connect_timeout(&one, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
