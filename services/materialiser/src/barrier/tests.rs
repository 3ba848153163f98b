//! Nobody is answered by a question that was asked before they began, nor before their own record is durable.

use super::*;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use walbrook_eventlog::Headers;

const WITHIN: Duration = Duration::from_secs(20);

/// What the log holds back until a test lets it go, and what it was asked.
#[derive(Default)]
struct Held {
    records: Vec<(NewRecord, Done)>,
    asked: usize,
    /// What the next questions are answered with; without one a question waits.
    ends: VecDeque<Result<i64, ()>>,
}

#[derive(Clone, Default)]
struct Log(Arc<(Mutex<Held>, Condvar)>);

impl Log {
    fn until<T>(&self, what: &str, mut ready: impl FnMut(&mut Held) -> Option<T>) -> T {
        let (held, moved) = &*self.0;
        let mut held = held.lock();
        loop {
            if let Some(found) = ready(&mut held) {
                moved.notify_all();
                return found;
            }
            let late = moved.wait_for(&mut held, WITHIN).timed_out();
            assert!(!late, "waited too long until {what}");
        }
    }

    /// The record with this key, once it was handed over.
    fn record(&self, key: u8) -> Done {
        self.until("a record is handed over", |held| {
            let of = |record: &NewRecord| record.key.as_deref() == Some(&[key][..]);
            let at = held.records.iter().position(|(record, _)| of(record))?;
            Some(held.records.remove(at).1)
        })
    }

    fn asked(&self, times: usize) {
        self.until("the end is asked for", |held| {
            (held.asked >= times).then_some(())
        });
    }

    /// So many questions are answered with this.
    fn answers(&self, times: usize, end: Result<i64, ()>) {
        let (held, moved) = &*self.0;
        held.lock().ends.extend(std::iter::repeat_n(end, times));
        moved.notify_all();
    }
}

impl Appender for Log {
    fn append(&self, records: Vec<NewRecord>, done: Done) {
        let [record] = <[NewRecord; 1]>::try_from(records).unwrap();
        let (held, moved) = &*self.0;
        held.lock().records.push((record, done));
        moved.notify_all();
    }
}

impl Ends for Log {
    fn high_watermarks(&mut self, _: &[TopicPartition], _: Duration) -> Result<Vec<i64>, LogError> {
        self.until("it was asked", |held| {
            held.asked += 1;
            Some(())
        });
        let end = self.until("the end may be told", |held| held.ends.pop_front());
        end.map(|end| vec![end]).map_err(|()| stopping())
    }
}

fn record(key: u8) -> Option<NewRecord> {
    Some(NewRecord {
        topic: "audit.reads".into(),
        partition: Some(0),
        key: Some(vec![key].into()),
        value: None,
        headers: Headers::new(),
        timestamp_ms: None,
    })
}

fn durable() -> Result<Vec<(TopicPartition, i64)>, LogError> {
    Ok(vec![(TopicPartition::new("audit.reads", 0), 7)])
}

struct Place {
    log: Log,
    barrier: Arc<Barrier>,
    stop: Shutdown,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Place {
    fn new() -> Self {
        let (log, stop) = (Log::default(), Shutdown::new());
        let (barrier, queue) = Barrier::new();
        let (own, stopped) = (log.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let at = TopicPartition::new("control.agreements", 0);
            queue.serve(Box::new(own.clone()), &at, &own, &stopped);
        });
        Self {
            log,
            barrier: Arc::new(barrier),
            stop,
            thread: Some(thread),
        }
    }

    fn read(&self, key: u8) -> tokio::task::JoinHandle<Result<i64, BarrierError>> {
        let barrier = Arc::clone(&self.barrier);
        tokio::spawn(async move { barrier.end(record(key)).await })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.request();
        self.log.answers(10, Ok(0));
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            // A test that fails says why by itself.
            assert!(joined.is_ok() || std::thread::panicking());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_a_wave_is_under_way_is_asked_for_anew() {
    let place = Place::new();
    let first = place.read(1);
    place.log.asked(1);
    // It began after the question of the wave under way.
    let (second, third) = (place.read(2), place.read(3));
    place.log.answers(1, Ok(10));
    let done = place.log.record(1);
    assert!(!first.is_finished(), "its record is not durable");
    done(durable());
    assert_eq!(first.await.unwrap().unwrap(), 10);
    place.log.asked(2);
    assert!(!second.is_finished() && !third.is_finished());
    // However many waves they come in.
    place.log.answers(2, Ok(11));
    for key in [2, 3] {
        place.log.record(key)(durable());
    }
    assert_eq!(second.await.unwrap().unwrap(), 11);
    assert_eq!(third.await.unwrap().unwrap(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_that_fails_takes_no_other_with_it() {
    let place = Place::new();
    let first = place.read(1);
    place.log.asked(1);
    let (second, third) = (place.read(2), place.read(3));
    let alone = tokio::spawn({
        let barrier = Arc::clone(&place.barrier);
        async move { barrier.end(None).await }
    });
    place.log.answers(4, Ok(10));
    place.log.record(1)(durable());
    assert_eq!(first.await.unwrap().unwrap(), 10);
    place.log.record(2)(Err(stopping()));
    // A record of which nobody tells what became of it is not durable.
    drop(place.log.record(3));
    for failed in [second, third] {
        let failed = failed.await.unwrap();
        assert!(matches!(failed, Err(BarrierError::Record(_))), "{failed:?}");
    }
    assert_eq!(alone.await.unwrap().unwrap(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_end_nobody_is_answered() {
    let place = Place::new();
    place.log.answers(1, Err(()));
    let read = place.read(1);
    place.log.record(1)(durable());
    assert!(matches!(read.await.unwrap(), Err(BarrierError::End(_))));
}
