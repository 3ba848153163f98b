//! `walbrook up`, `status`, `topics`, `down` as people type them, on a real Kafka.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use walbrook_testkit::cluster::{free_port, kafka_answers, namespace, shared};

fn walbrook(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_walbrook"))
        .args(arguments)
        .env("WALBROOK_DIR", folder)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn ends_with(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
}

fn status(folder: &Path) -> Value {
    let output = walbrook(folder, &["status", "--json"]);
    ends_with(&output, 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Stops what a failed test leaves behind.
struct Folder(tempfile::TempDir);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = walbrook(self.0.path(), &["down"]);
    }
}

fn is_gone(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_cluster_goes_up_is_killed_and_comes_up_with_its_data() {
    let place = Folder(tempfile::tempdir().unwrap());
    let folder = place.0.path();
    ends_with(&walbrook(folder, &["status"]), 2);
    ends_with(&walbrook(folder, &["down"]), 2);

    let port = free_port().unwrap().to_string();
    let up = [
        "up",
        "--cluster-only",
        "--detach",
        "--controller-port",
        "0",
        "--registry-port",
        "0",
        "--kafka-port",
        &port,
    ];
    let started = walbrook(folder, &up);
    ends_with(&started, 0);
    assert!(
        text(&started).contains(&format!("127.0.0.1:{port}")),
        "{}",
        text(&started)
    );
    let first = status(folder);
    assert_eq!(first["ready"], true);
    let again = walbrook(folder, &up);
    ends_with(&again, 77);
    assert!(
        text(&again).contains(&first["supervisor"].to_string()),
        "{}",
        text(&again)
    );

    let kafka = first["kafka"].as_str().unwrap();
    let topics = |command| {
        walbrook(
            folder,
            &[
                "topics",
                command,
                "--local",
                "--kafka",
                kafka,
                "--namespace",
                "kept",
            ],
        )
    };
    ends_with(&topics("apply"), 0);

    // Killed with -9, the supervisor takes its children with it, and its folder can be taken again.
    let supervisor = first["supervisor"].to_string().parse().unwrap();
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();
    let start = Instant::now();
    for process in first["processes"].as_array().unwrap() {
        while !is_gone(&process["pid"].to_string()) {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{process} outlived its parent"
            );
            std::thread::yield_now();
        }
    }
    // The children die with the thread that started them; the lock goes with the last thread of the process, a moment later.
    while walbrook(folder, &["status"]).status.code() != Some(2) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the folder of a killed supervisor is still taken"
        );
    }

    ends_with(&walbrook(folder, &up), 0);
    assert_ne!(status(folder)["supervisor"], first["supervisor"]);
    ends_with(&topics("plan"), 0);
    ends_with(&walbrook(folder, &["down"]), 0);
    assert!(!kafka_answers(kafka));

    let mut fresh = up.to_vec();
    fresh.push("--fresh");
    ends_with(&walbrook(folder, &fresh), 0);
    ends_with(&topics("plan"), 1);
}

#[test]
fn a_busy_port_is_named() {
    let place = Folder(tempfile::tempdir().unwrap());
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for mode in [&[][..], &["--detach"]] {
        let mut up = vec![
            "up",
            "--cluster-only",
            "--kafka-port",
            &port,
            "--controller-port",
            "0",
            "--registry-port",
            "0",
        ];
        up.extend(mode);
        let output = walbrook(place.0.path(), &up);
        ends_with(&output, 69);
        assert!(
            text(&output).contains(&format!("port {port} for Kafka is busy")),
            "{}",
            text(&output)
        );
    }
}

#[test]
fn topics_are_planned_applied_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, namespace) = (shared(), namespace());
    let topics = |command, more: &[&str]| {
        let mut arguments = vec![
            "topics",
            command,
            "--kafka",
            &cluster.kafka,
            "--namespace",
            &namespace,
        ];
        arguments.extend(more);
        walbrook(folder.path(), &arguments)
    };
    let plan = topics("plan", &["--local"]);
    ends_with(&plan, 1);
    assert!(
        text(&plan).contains(&format!("{namespace}.raw.police")),
        "{}",
        text(&plan)
    );
    ends_with(&topics("apply", &["--local"]), 0);
    ends_with(&topics("apply", &["--local"]), 0);
    ends_with(&topics("plan", &["--local"]), 0);
    // What cannot be mended by creating topics is shown and left alone.
    let other = topics("apply", &["--local", "--partitions", "8"]);
    ends_with(&other, 1);
    assert!(text(&other).contains("partitions"), "{}", text(&other));
    // Without --local one copy is not enough, neither asked for nor found.
    ends_with(
        &topics("plan", &["--replication", "1", "--min-insync", "1"]),
        64,
    );
    let copies = topics("plan", &[]);
    ends_with(&copies, 1);
    assert!(text(&copies).contains("at least 3"), "{}", text(&copies));
}

#[test]
fn wrong_usage_and_a_kafka_that_is_down_have_their_own_codes() {
    let folder = tempfile::tempdir().unwrap();
    ends_with(&walbrook(folder.path(), &["no-such-command"]), 64);
    ends_with(&walbrook(folder.path(), &["--help"]), 0);
    let nowhere = format!("127.0.0.1:{}", free_port().unwrap());
    let output = walbrook(
        folder.path(),
        &[
            "topics",
            "plan",
            "--local",
            "--kafka",
            &nowhere,
            "--namespace",
            "x",
        ],
    );
    ends_with(&output, 69);
    assert!(text(&output).contains(&nowhere), "{}", text(&output));
}
