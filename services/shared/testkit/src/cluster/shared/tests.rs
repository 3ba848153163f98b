//! The keeper, with a server that is quick to start: what matters here is who starts it, who finds it and what ends it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Kept, keep_in};
use crate::process::Launch;

/// "Answers" while the process whose id is in the file lives.
fn lives(pid_file: &str) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap_or_default();
    !pid.trim().is_empty() && Path::new(&format!("/proc/{}/stat", pid.trim())).exists()
}

const SLEEPER: Kept = Kept {
    name: "sleeper",
    answers: lives,
    prepare: |folder| {
        fs::create_dir_all(folder).unwrap();
        let pid_file = folder.join("pid").display().to_string();
        let launch = Launch::new("sleeper", "/bin/sh", folder.join("log"))
            .arg("-c")
            .arg("echo $$ >\"$0\"; exec sleep 600")
            .arg(&pid_file);
        Ok((launch, pid_file))
    },
};

fn wait_until_gone(pid: &str) {
    let start = Instant::now();
    while Path::new(&format!("/proc/{pid}/stat")).exists() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "process {pid} still runs"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_second_process_finds_the_first_ones_server_and_the_last_to_leave_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (first, address) = keep_in(folder.path(), &SLEEPER, 2).unwrap();
    let pid = fs::read_to_string(&address).unwrap().trim().to_owned();
    let (second, found) = keep_in(folder.path(), &SLEEPER, 2).unwrap();
    assert_eq!(found, address);
    assert_eq!(
        fs::read_to_string(&found).unwrap().trim(),
        pid,
        "the second started one of its own"
    );

    drop(first);
    // Twice the limit: that nothing happens can only be seen by waiting.
    std::thread::sleep(Duration::from_secs(4));
    assert!(
        lives(&address),
        "ended although the second still holds its lease"
    );
    drop(second);
    wait_until_gone(&pid);

    let (_third, address) = keep_in(folder.path(), &SLEEPER, 2).unwrap();
    assert_ne!(
        fs::read_to_string(&address).unwrap().trim(),
        pid,
        "found the server that had ended"
    );
}

#[test]
fn a_server_that_crashed_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (_first, address) = keep_in(folder.path(), &SLEEPER, 2).unwrap();
    let pid = fs::read_to_string(&address).unwrap().trim().to_owned();
    let raw = Pid::from_raw(pid.parse().unwrap()).unwrap();
    kill_process(raw, Signal::KILL).unwrap();
    wait_until_gone(&pid);
    let (_second, address) = keep_in(folder.path(), &SLEEPER, 2).unwrap();
    assert!(lives(&address));
    assert_ne!(fs::read_to_string(&address).unwrap().trim(), pid);
}
