//! `view.recovery_s`, `view.recovery_vs_kafka_streams`: the materialiser is killed (kill -9) while events flow, and started again at once; seconds from the
//! kill to the first answer that shows an event written after it. `view.rebuild_vs_kafka_streams`: the same from the start, after its disk was lost.
//!
//! The peer is the Kafka Streams program of [`crate::features`], under the same load and with the same drill, its session timeout 6 s: a killed member's
//! place is free after it. Ours takes no part in a group, so nothing waits for a session. Both run side by side, and are killed in turn. For the loss of
//! the disk the peer's session has ended before it is started again: what is measured is its restore from the changelog.

use crate::features::{Features, told};
use crate::figure::{Better, Figure, Reference, load_average};
use crate::site::Site;
use crate::{Args, NoFigure, RUNS, demand};
use std::time::{Duration, Instant};

/// Seconds.
pub const SECONDS: &str = "view.recovery_s";
/// Beside Kafka Streams.
pub const VS_STREAMS: &str = "view.recovery_vs_kafka_streams";
/// After the loss of the disk.
pub const REBUILD: &str = "view.rebuild_vs_kafka_streams";
/// People, and events told before: short form, stated size.
const SIZE: ((usize, usize), (usize, usize)) = ((20_000, 200_000), (200_000, 3_000_000));
const BOROUGHS: usize = 4;
/// Events a second while processes are killed.
const PER_SECOND: u32 = 1_000;
const SESSION_MS: u32 = 6_000;
const SESSION_OVER: Duration = Duration::from_millis(7_000);
const PATIENCE: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(10);
const CHECKED: usize = 200;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Streams,
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let (people, events) = if args.full { SIZE.1 } else { SIZE.0 };
    let mut site = Site::start(people, BOROUGHS, args.seed).await?;
    site.pour(1, events).await?;
    site.caught_up().await?;
    let peer = wanted.iter().any(|name| *name != SECONDS);
    let mut streams = if peer {
        Some(Features::start(&site, 2, SESSION_MS).await?)
    } else {
        None
    };
    let mut drill = Drill::default();
    for number in 0..RUNS {
        let ours = drill
            .kill(&mut site, &mut streams, Side::Ours, false)
            .await?;
        let mut rebuilt = None;
        let mut theirs = None;
        if wanted.contains(&REBUILD) {
            rebuilt = Some(
                drill
                    .kill(&mut site, &mut streams, Side::Ours, true)
                    .await?,
            );
        }
        if streams.is_some() {
            let restored = drill
                .kill(&mut site, &mut streams, Side::Streams, true)
                .await?;
            let killed = drill
                .kill(&mut site, &mut streams, Side::Streams, false)
                .await?;
            theirs = Some((killed, restored));
        }
        eprintln!(
            "{SECONDS} run {}: {ours:.2} s after a kill, rebuilt in {rebuilt:.2?} s; Kafka Streams (after a kill, restored) {theirs:.2?} s",
            number + 1
        );
        drill.ours.push(ours);
        drill.rebuilt.extend(rebuilt);
        drill.theirs.extend(theirs.map(|(killed, _)| killed));
        drill.restored.extend(theirs.map(|(_, restored)| restored));
    }
    // Everything is applied once the last of it is.
    drill.flow(&mut site, 1).await?;
    site.settled().await?;
    let asked = site.check(3, CHECKED).await?;
    if let Some(streams) = &mut streams {
        streams.passed(&site).await?;
        streams.check(&site, &asked)?;
        streams.kill()?;
    }
    Ok(drill.figures(&site, wanted, load))
}

/// Whether the view answers, with everything that was told of a person.
async fn is_fresh(site: &Site, person: usize) -> bool {
    let row = site.row(person).await;
    row.is_ok_and(|row| row.is_some() && site.naive.check(person, row.as_ref()).is_ok())
}

/// What was measured, and how many marks were told.
#[derive(Default)]
struct Drill {
    marks: u32,
    flowed: u64,
    ours: Vec<f64>,
    theirs: Vec<f64>,
    rebuilt: Vec<f64>,
    restored: Vec<f64>,
}

impl Drill {
    /// Kills one side and starts it again, its disk lost or not; seconds to its first fresh answer.
    async fn kill(
        &mut self,
        site: &mut Site,
        streams: &mut Option<Features>,
        side: Side,
        lost: bool,
    ) -> Result<f64, NoFigure> {
        self.flow(site, 1).await?;
        let mut began = Instant::now();
        match (side, streams.as_mut()) {
            (Side::Streams, Some(streams)) => {
                streams.kill()?;
                if lost {
                    streams.lose()?;
                    tokio::time::sleep(SESSION_OVER).await;
                    began = Instant::now();
                }
                streams.again()?;
            }
            _ => {
                site.place.kill_9("materialiser");
                if lost {
                    std::fs::remove_dir_all(site.store())?;
                    began = Instant::now();
                }
                site.place.relaunch("materialiser");
                site.restarted();
            }
        }
        self.marks += 1;
        // Nobody else's arrears change on the same day, so the mark is the last.
        let person = usize::try_from(self.marks)? % site.released.people();
        let mark = site.released.mark(person, self.marks);
        site.tell(&[mark]).await?;
        let deadline = began + PATIENCE;
        loop {
            let fresh = match (side, streams.as_mut()) {
                (Side::Streams, Some(streams)) => {
                    streams.running()?;
                    let says = streams.ask(&site.released.pseudonym(person));
                    says.as_ref() == Some(&told(site, person))
                }
                _ => is_fresh(site, person).await,
            };
            if fresh {
                return Ok(began.elapsed().as_secs_f64());
            }
            demand(Instant::now() < deadline, || {
                format!(
                    "{side:?} does not come back\n{}",
                    site.place.log_of("materialiser", 20)
                )
            })?;
            // Events go on meanwhile, in small pieces.
            self.some(site, PER_SECOND / 100).await?;
            tokio::time::sleep(TICK).await;
        }
    }

    /// Lets events flow for some seconds.
    async fn flow(&mut self, site: &mut Site, seconds: u32) -> Result<(), NoFigure> {
        for _ in 0..seconds * 10 {
            self.some(site, PER_SECOND / 10).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn some(&mut self, site: &mut Site, count: u32) -> Result<(), NoFigure> {
        self.flowed += 1;
        site.pour(1_000 + self.flowed, usize::try_from(count)?)
            .await
    }

    fn figures(self, site: &Site, wanted: &[&'static str], load_average: f64) -> Vec<Figure> {
        let streams = |name, values| Some(Reference { name, values });
        let all = [
            (SECONDS, self.ours.clone(), None),
            (
                VS_STREAMS,
                self.ours,
                streams(
                    "Kafka Streams, the same drill, session timeout 6 s",
                    self.theirs,
                ),
            ),
            (
                REBUILD,
                self.rebuilt,
                streams("Kafka Streams' restore from its changelog", self.restored),
            ),
        ];
        let wanted = all.into_iter().filter(|(name, ..)| wanted.contains(name));
        wanted
            .map(|(name, values, reference)| Figure {
                name,
                unit: "s",
                better: Better::Lower,
                values,
                reference,
                workload_hash: site.released.hash(),
                load_average,
            })
            .collect()
    }
}
