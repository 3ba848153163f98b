use super::*;

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_essential_task_that_ends_stops_the_process() {
    let tasks = Tasks::new(Shutdown::new());
    tasks.spawn(Kind::essential("writer"), async { Ok::<(), String>(()) });
    tokio::time::timeout(LONG, tasks.shutdown.requested())
        .await
        .expect("stops");
    assert_eq!(
        tasks.failure().as_deref(),
        Some("task writer failed: it ended before it was asked to")
    );
    assert!(tasks.drain(LONG).await);
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let tasks = Tasks::new(Shutdown::new());
    tasks.spawn_blocking(Kind::finite("loop"), || -> Result<(), String> {
        panic!("boom")
    });
    tokio::time::timeout(LONG, tasks.shutdown.requested())
        .await
        .expect("stops");
    assert_eq!(
        tasks.failure().as_deref(),
        Some("task loop failed: it panicked")
    );
}

#[tokio::test]
async fn optional_and_finite_tasks_may_end() {
    let tasks = Tasks::new(Shutdown::new());
    tasks.spawn(Kind::optional("warmer"), async { Err("no fuel") });
    tasks.spawn(Kind::finite("load"), async { Ok::<(), String>(()) });
    assert!(tasks.drain(LONG).await);
    assert!(!tasks.shutdown.is_requested());
    assert_eq!(tasks.failure(), None);
}

#[tokio::test]
async fn a_task_that_ends_while_draining_is_no_failure() {
    let tasks = Tasks::new(Shutdown::new());
    let stop = tasks.shutdown.clone();
    tasks.spawn(Kind::essential("loop"), async move {
        stop.requested().await;
        Ok::<(), String>(())
    });
    tasks.shutdown.request();
    assert!(tasks.drain(LONG).await);
    assert_eq!(tasks.failure(), None);
}
