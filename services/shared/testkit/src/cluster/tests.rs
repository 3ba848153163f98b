//! What can go wrong before a JVM runs.

use std::net::TcpListener;

use super::jars::ensure_jars_in;
use super::{Cluster, ClusterError, ClusterSpec, free_port, http_ok, kafka_answers};

#[test]
fn a_busy_port_is_named_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = ClusterSpec::on_free_ports(folder.path()).unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    spec.kafka_port = taken.local_addr().unwrap().port();
    let error = Cluster::start(&spec, &|_| {}).unwrap_err();
    assert!(
        matches!(&error, ClusterError::PortBusy { what, port, .. } if what == "Kafka" && *port == spec.kafka_port),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("port {} for Kafka is busy", spec.kafka_port)),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn nothing_answers_where_nothing_listens() {
    let port = free_port().unwrap();
    assert!(!kafka_answers(&format!("127.0.0.1:{port}")));
    assert!(!http_ok(&format!("http://127.0.0.1:{port}/")));
}

#[test]
fn a_server_that_is_not_kafka_is_not_taken_for_one() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 64];
        let _ = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    assert!(!kafka_answers(&address));
    server.join().unwrap();
}

#[test]
fn a_line_that_is_no_checksum_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  a.jar\nnot a checksum\n";
    let error = ensure_jars_in(folder.path(), good, &|_| {}).unwrap_err();
    assert!(matches!(error, ClusterError::Pins { line: 2 }), "{error}");
}

#[test]
fn no_port_is_given_twice() {
    let mut ports: Vec<u16> = (0..500).map(|_| free_port().unwrap()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 500);
}
