//! Ports, and the folder that says whether a supervisor lives.

use super::LocalError;
use super::folder::{Folder, State};
use super::ports::{Ports, SERVICES};

const PORTS: Ports = Ports {
    kafka_port: 19_092,
    controller_port: 19_093,
    registry_port: 18_081,
    service_port_offset: 0,
};

#[test]
fn no_two_listeners_share_a_port() {
    let mut ports = vec![PORTS.kafka_port, PORTS.controller_port, PORTS.registry_port];
    ports.extend(
        SERVICES
            .iter()
            .flat_map(|service| [service.grpc_port, service.metrics_port()]),
    );
    let count = ports.len();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), count);
}

#[test]
fn an_offset_moves_every_service() {
    let moved = Ports {
        service_port_offset: 1_000,
        ..PORTS
    };
    assert_eq!(
        moved.address("broker").as_deref(),
        Some("http://127.0.0.1:8120")
    );
    assert_eq!(
        PORTS.address("broker").as_deref(),
        Some("http://127.0.0.1:7120")
    );
    assert_eq!(PORTS.address("kafka"), None);
}

#[test]
fn a_folder_has_one_supervisor_and_believes_no_file_of_a_dead_one() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let state = State {
        pid: 4_242,
        ready: true,
        ..State::default()
    };
    let lock = folder.take().unwrap();
    folder.write_state(&state).unwrap();
    assert!(matches!(
        folder.take(),
        Err(LocalError::Running { pid: 4_242, .. })
    ));
    assert_eq!(folder.running_state().unwrap(), state);

    // The supervisor is gone without a word, its state file is still there.
    drop(lock);
    assert!(matches!(
        folder.running_state(),
        Err(LocalError::NotRunning { .. })
    ));
    drop(folder.take().unwrap());
}

#[test]
fn clearing_a_folder_spares_what_is_not_ours() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    for name in [
        "kafka/data",
        "registry",
        "data/broker",
        "keys",
        "logs",
        "mine",
    ] {
        std::fs::create_dir_all(place.path().join(name)).unwrap();
    }
    folder.clear().unwrap();
    let left: Vec<_> = std::fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["mine"]);
}
