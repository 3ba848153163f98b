//! Making the lives of a city, or of a part of it, on several threads: events into runs, truth into its files.

use super::sorted::{Folder, Runs};
use super::{packed, truth};
use crate::city::lives::{Life, Lives, Told};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use walbrook_domain::Day;

/// Blocks that a thread takes at a time.
const STEP: u64 = 32;
/// Bytes of all runs that are held while they are filled.
pub const HELD_BYTES: usize = 128 << 20;

/// What is to be made.
pub struct Order<'a> {
    /// The city.
    pub lives: &'a Lives,
    /// The blocks of the part.
    pub blocks: Range<u64>,
    /// Transport is told too.
    pub transport: bool,
    /// The days on which labels are asked for.
    pub index_days: &'a [Day],
    /// Threads.
    pub threads: usize,
    /// Bytes held of all runs together.
    pub held_bytes: usize,
    /// Counts people.
    pub bar: &'a ProgressBar,
}

/// What was made.
#[derive(Debug, Default)]
pub struct Made {
    /// The runs, to be read side by side.
    pub runs: Vec<PathBuf>,
    /// Events in them.
    pub events: u64,
    /// People.
    pub people: u64,
}

/// Makes it. Truth, where files are given, stands in them in the order of the people, whichever thread made whom.
///
/// # Errors
/// When a run or a file cannot be written.
pub fn make(
    order: &Order<'_>,
    folder: &Folder,
    truth: Option<truth::Files>,
) -> std::io::Result<Made> {
    let next = AtomicU64::new(order.blocks.start);
    let threads = order.threads.max(1);
    let wanted = truth.is_some();
    std::thread::scope(|scope| {
        let (sender, lines) = mpsc::sync_channel(threads * 4);
        let workers: Vec<_> = (0..threads)
            .map(|name| {
                let (sender, next) = (sender.clone(), &next);
                let runs = Runs::new(folder, name, order.held_bytes / threads);
                scope.spawn(move || work(order, runs, next, name == 0, wanted.then_some(sender)))
            })
            .collect();
        drop(sender);
        let written = match truth {
            Some(files) => write_in_order(lines, files, order.blocks.start),
            None => Ok(()),
        };
        let mut made = Made::default();
        for worker in workers {
            let part = worker
                .join()
                .map_err(|_| std::io::Error::other("a thread of the generator ended"))??;
            made.runs.extend(part.runs);
            made.events += part.events;
            made.people += part.people;
        }
        written.map(|()| made)
    })
}

fn work(
    order: &Order<'_>,
    mut runs: Runs,
    next: &AtomicU64,
    first: bool,
    truth: Option<mpsc::SyncSender<(u64, truth::Lines)>>,
) -> std::io::Result<Made> {
    let mut made = Made::default();
    if first && order.transport {
        take(&mut runs, &mut made, order.lives.transport())?;
    }
    loop {
        let start = next.fetch_add(STEP, Ordering::Relaxed);
        if start >= order.blocks.end {
            break;
        }
        let mut lines = truth::Lines::default();
        for block in start..(start + STEP).min(order.blocks.end) {
            for life in order.lives.block(block) {
                if truth.is_some() {
                    lines.add(&life, order.index_days);
                }
                made.people += 1;
                order.bar.inc(1);
                let Life { told, .. } = life;
                take(&mut runs, &mut made, told)?;
            }
        }
        // Whoever writes them is gone only when it failed, and says so itself.
        if let Some(truth) = &truth {
            let _ = truth.send((start, lines));
        }
    }
    made.runs = runs.finish()?;
    Ok(made)
}

fn take(runs: &mut Runs, made: &mut Made, told: Vec<Told>) -> std::io::Result<()> {
    for told in told {
        let key = (told.at_micros, told.index, told.sequence);
        runs.push(key, |to| packed::pack(told.event, to))?;
        made.events += 1;
    }
    Ok(())
}

/// Threads bring their lines as they come; they are written in the order of the people. What waits is what one thread is behind the others.
fn write_in_order(
    lines: mpsc::Receiver<(u64, truth::Lines)>,
    mut files: truth::Files,
    first: u64,
) -> std::io::Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = first;
    for (start, these) in lines {
        waiting.insert(start, these);
        while let Some(these) = waiting.remove(&next) {
            files.write(&these)?;
            next += STEP;
        }
    }
    files.finish()
}
