//! The real Kafka and registry: started, found, killed, started again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use walbrook_testkit::cluster::{
    Cluster, ClusterSpec, kafka_answers, namespace, registry_answers, shared,
};
use walbrook_testkit::process::Launch;

fn quiet(_: &str) {}

#[test]
fn the_shared_cluster_answers() {
    let cluster = shared();
    assert!(kafka_answers(&cluster.kafka), "{}", cluster.kafka);
    assert!(registry_answers(&cluster.registry), "{}", cluster.registry);
    assert_ne!(namespace(), namespace());
}

#[test]
fn data_survives_a_stop_and_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ClusterSpec::on_free_ports(folder.path()).unwrap();
    let mut cluster = Cluster::start(&spec, &quiet).unwrap();
    let identity = folder.path().join("kafka/data/meta.properties");
    let before = fs::read_to_string(&identity).unwrap();
    register(cluster.registry.address(), "first");

    cluster.stop().unwrap();
    let mut cluster = Cluster::start(&spec, &quiet).unwrap();
    let id = register(cluster.registry.address(), "second");
    // Killed at once after the answer: what was acknowledged is on disk.
    cluster.registry.process.kill().unwrap();
    cluster.kafka.process.kill().unwrap();
    assert!(
        cluster
            .still_running()
            .unwrap_err()
            .to_string()
            .contains("kafka ended")
    );

    let cluster = Cluster::start(&spec, &quiet).unwrap();
    assert_eq!(
        fs::read_to_string(&identity).unwrap(),
        before,
        "Kafka's data folder was formatted anew"
    );
    let subjects = http(
        cluster.registry.address(),
        "GET",
        "/apis/ccompat/v7/subjects",
        "",
    );
    assert!(
        subjects.contains("first") && subjects.contains("second"),
        "{subjects}"
    );
    assert_eq!(
        register(cluster.registry.address(), "second"),
        id,
        "an id was handed out again"
    );
}

#[test]
fn a_child_dies_with_its_parent_however_it_dies() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    // This test binary again, as a parent that starts a child and then waits to be killed.
    let mut parent = Launch::new(
        "parent",
        std::env::current_exe().unwrap(),
        folder.path().join("parent.log"),
    )
    .arg("--exact")
    .arg("parent_that_waits_to_be_killed")
    .arg("--ignored")
    .arg("--nocapture")
    .env("PID_FILE", pid_file.display().to_string())
    .start()
    .unwrap();
    parent
        .wait_until(Duration::from_secs(30), || {
            fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n'))
        })
        .unwrap();
    let pid = fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    let running =
        || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(running());
    parent.kill().unwrap();
    let start = Instant::now();
    while running() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the child outlived its parent"
        );
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "the parent in the test above; does nothing by itself"]
fn parent_that_waits_to_be_killed() {
    let Ok(pid_file) = std::env::var("PID_FILE") else {
        return;
    };
    // Started from a thread that ends at once: the child must die with the process, not with that thread.
    let log = Path::new(&pid_file).with_extension("log");
    let start = move || {
        Launch::new("child", "sleep", log)
            .arg("600")
            .start()
            .unwrap()
    };
    let mut child = std::thread::spawn(start).join().unwrap();
    fs::write(&pid_file, format!("{}\n", child.pid())).unwrap();
    child.wait_for_end(Duration::from_secs(600)).unwrap();
}

/// Registers a schema of its own under `name` and returns the answer with its id.
fn register(registry: &str, name: &str) -> String {
    let schema =
        format!(r#"{{"schema":"{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[]}}"}}"#);
    let answer = http(
        registry,
        "POST",
        &format!("/apis/ccompat/v7/subjects/{name}/versions"),
        &schema,
    );
    assert!(answer.contains("\"id\""), "{answer}");
    answer
        .split("\r\n\r\n")
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

fn http(base: &str, method: &str, path: &str, body: &str) -> String {
    use std::io::{Read, Write};
    let host = base.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
