//! What a parent learns about its children.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{Launch, ProcessError, tail};

const SOON: Duration = Duration::from_secs(20);

fn shell(folder: &Path, script: &str) -> Launch {
    Launch::new("child", "/bin/sh", folder.join("child.log"))
        .arg("-c")
        .arg(script)
}

#[test]
fn one_that_ends_is_reported_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let script = "for i in $(seq 100); do echo line $i; done; echo the reason >&2; exit 3";
    let mut child = shell(folder.path(), script).start().unwrap();
    let error = child.wait_until(SOON, || false).unwrap_err();
    assert!(
        matches!(&error, ProcessError::Ended { status, .. } if status.code() == Some(3)),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("the reason") && text.contains("line 100"),
        "{text}"
    );
    assert!(!text.contains("line 80\n"), "more than the end: {text}");
}

#[test]
fn one_that_stays_silent_is_reported_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = shell(folder.path(), "exec sleep 600").start().unwrap();
    let error = child.wait_until(Duration::ZERO, || false).unwrap_err();
    assert!(matches!(error, ProcessError::NotReady { .. }), "{error}");
    child.still_running().unwrap();
}

#[test]
fn one_that_ignores_the_request_to_stop_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!(
        "trap '' TERM; touch {}; while :; do sleep 0.1; done",
        ready.display()
    );
    let mut child = shell(folder.path(), &script).start().unwrap();
    child.wait_until(SOON, || ready.exists()).unwrap();
    child.stop(Duration::from_millis(300)).unwrap();
    assert!(matches!(
        child.still_running(),
        Err(ProcessError::Ended { .. })
    ));
}

#[test]
fn one_that_is_frozen_neither_works_nor_ends() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!("while :; do echo >>{}; sleep 0.02; done", count.display());
    let mut child = shell(folder.path(), &script).start().unwrap();
    let length = || fs::metadata(&count).map_or(0, |file| file.len());
    child.wait_until(SOON, || length() > 3).unwrap();
    child.freeze().unwrap();
    let stat = format!("/proc/{}/stat", child.pid());
    child
        .wait_until(SOON, || {
            fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))
        })
        .unwrap();
    let frozen = length();
    child.thaw().unwrap();
    child.wait_until(SOON, || length() > frozen + 3).unwrap();
}

#[test]
fn dropping_the_handle_kills_and_the_log_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let child = shell(folder.path(), "exec sleep 600").start().unwrap();
    let pid = child.pid();
    drop(child);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    let log = folder.path().join("long");
    fs::write(&log, "x".repeat(100_000) + "\nlast").unwrap();
    assert_eq!(tail(&log, 1), "last");
    assert_eq!(tail(&folder.path().join("none"), 5), "");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Launch::new("child", "/no/such/program", folder.path().join("log"))
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}
