//! When a generation is begun and when it is switched to: by the process that writes the control plane, from what is committed on the log.

use super::copier::{CopyError, GROUP, State};
use crate::control::core::{Draft, Receipt};
use crate::control::writer::Desk;
use crate::error::ControlError;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::control::{ControlFact, PinFact, PinKind};
use walbrook_domain::generation::Stage;
use walbrook_eventlog::position::{self, Position};
use walbrook_eventlog::topics::{Cleanup, TimestampType, Topic};
use walbrook_eventlog::{Ends, LogError, Namespace, Positions, TopicPartition, chain, topics};
use walbrook_eventlog_kafka::Kafka;
use walbrook_policy::agreement::sha256;
use walbrook_runtime::shutdown::Shutdown;

const ASK_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks, where nothing is being filled and where something is.
const LOOKS_EVERY: Duration = Duration::from_secs(30);
const LOOKS_OFTEN: Duration = Duration::from_millis(200);
/// So many offsets of a partition may be left to be copied when the switch is written: the pause of the partition numbers is that long.
const LAG: i64 = 1_000;

/// When a generation is begun without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// More than so many of a hundred offsets are superseded; 100: never.
    pub percent: u8,
    /// And there are at least so many offsets.
    pub least_offsets: i64,
}

impl Rule {
    /// Whether a topic of so many offsets, of which so many are live, is to be filled anew.
    pub fn asks(&self, look: &Look) -> bool {
        let superseded = look.offsets.saturating_sub(look.live);
        look.offsets >= self.least_offsets
            && superseded.saturating_mul(100) > look.offsets.saturating_mul(self.percent.into())
    }
}

/// How one partition is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// What is committed; `None`: not begun.
    pub state: Option<State>,
    /// The end of its source.
    pub end: i64,
    /// Whether its partition number writes to the generation that is filled.
    pub switched: bool,
}

/// A purpose's topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What is pinned; `None`: the first generation.
    pub stage: Option<Stage>,
    /// Offsets of the generation in force.
    pub offsets: i64,
    /// What stands, in releases and subject records.
    pub live: i64,
    /// Whether every partition number has committed how far it is.
    pub all_work: bool,
    /// Where a generation was begun, how each partition is copied.
    pub copies: Vec<Copy>,
}

impl Look {
    /// The generation in force.
    pub fn in_force(&self) -> u32 {
        self.stage.as_ref().map_or(chain::FIRST, Stage::in_force)
    }

    /// In a word.
    pub fn state(&self) -> &'static str {
        match &self.stage {
            Some(Stage::Filling(_)) => "FILLING",
            Some(Stage::InForce { .. }) if !self.is_over() => "SWITCHING",
            _ => "IN_USE",
        }
    }

    /// Whether no generation is under way.
    fn is_over(&self) -> bool {
        let ended = |copy: &Copy| copy.state.is_some_and(|state| state.ended);
        self.stage.is_none() || self.copies.iter().all(ended)
    }

    /// Whether the generation that is being filled may be switched to: every partition is nearly copied, and every partition number is at work.
    fn is_near(&self) -> bool {
        let near = |copy: &Copy| {
            copy.state.is_some_and(|state| {
                state.position >= state.source_end && copy.end - state.position <= LAG
            })
        };
        self.all_work && self.copies.iter().all(near)
    }
}

/// Looks at the log, and makes topics.
#[derive(Clone)]
pub struct Places {
    /// The log.
    pub kafka: Kafka,
    /// The namespace.
    pub namespace: Namespace,
    /// Partitions of a purpose's topic.
    pub partitions: i32,
    /// Replication factor and `min.insync.replicas` of a topic that is made.
    pub copies: (i32, i32),
}

impl Places {
    fn all(&self, plain: &str) -> Vec<TopicPartition> {
        let full = self.namespace.name(plain);
        (0..self.partitions)
            .map(|number| TopicPartition::new(full.as_str(), number))
            .collect()
    }

    /// Makes the topic of a generation, where it is not there.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub async fn make(&self, purpose: &str, generation: u32) -> Result<(), LogError> {
        let plain = chain::topic(purpose, generation);
        let topic = Topic {
            name: self.namespace.name(&plain),
            plain,
            partitions: self.partitions,
            cleanup: Cleanup::Delete,
            timestamps: TimestampType::CreateTime,
        };
        let (replication, min_insync) = self.copies;
        let admin = self.kafka.admin()?;
        admin
            .create(&[topic], replication, min_insync)
            .await
            .map(drop)
    }

    /// A purpose's topic as it stands. Blocks.
    ///
    /// # Errors
    /// When the log does not answer.
    pub fn look(&self, purpose: &str, stage: Option<Stage>) -> Result<Look, CopyError> {
        let in_force = stage.as_ref().map_or(chain::FIRST, Stage::in_force);
        let (mut ends, mut positions) = (self.kafka.ends()?, self.kafka.positions());
        let written =
            ends.high_watermarks(&self.all(&chain::topic(purpose, in_force)), ASK_WITHIN)?;
        let group = self.namespace.name("broker");
        let of_p = positions.committed(&group, &self.all(topics::LINKS), false, ASK_WITHIN)?;
        let live: u64 = of_p
            .iter()
            .map(|p| position::live(&p.metadata, purpose))
            .sum();
        let mut copies = Vec::new();
        if let Some(stage) = &stage {
            let source = self.all(&chain::topic(purpose, stage.filled() - 1));
            let found = ends.high_watermarks(&source, ASK_WITHIN)?;
            let group = self.namespace.name(GROUP);
            let committed = positions.committed(&group, &source, false, ASK_WITHIN)?;
            for ((one, end), p) in committed.iter().zip(found).zip(&of_p) {
                let position: Option<Position> = p.metadata.parse().ok();
                let at = position.map_or(chain::FIRST, |one| one.generations.of(purpose));
                copies.push(Copy {
                    state: State::read(one)?,
                    end,
                    switched: at >= stage.filled(),
                });
            }
        }
        Ok(Look {
            stage,
            offsets: written.iter().sum(),
            live: i64::try_from(live).unwrap_or(i64::MAX),
            all_work: of_p.iter().all(|p| p.offset.is_some()),
            copies,
        })
    }

    /// The ends of a generation: what stands below them when it is switched to are copies.
    fn ends(&self, purpose: &str, generation: u32) -> Result<Vec<i64>, LogError> {
        let of = self.all(&chain::topic(purpose, generation));
        self.kafka.ends()?.high_watermarks(&of, ASK_WITHIN)
    }
}

/// The pin of a stage.
pub fn pin(purpose: &str, stage: &Stage) -> PinFact {
    let content = stage.to_string();
    PinFact {
        kind: PinKind::Generation,
        name: purpose.to_owned(),
        schema_id: 0,
        sha256: sha256(&content),
        content,
    }
}

/// Begins and switches where the rule says so.
pub struct Keeper {
    /// The writer's desk.
    pub desk: Desk,
    /// The log.
    pub places: Arc<Places>,
    /// When to begin.
    pub rule: Rule,
}

impl Keeper {
    /// Runs until shutdown.
    pub async fn run(self, stop: Shutdown) {
        let mut looked: Option<Monotonic> = None;
        let mut rests = BTreeSet::new();
        loop {
            // How much of a topic is live is asked now and then; how far one is copied as long as it is.
            let due = looked.is_none_or(|looked| looked.elapsed() >= LOOKS_EVERY);
            if due {
                looked = Some(Monotonic::now());
            }
            for purpose in topics::PURPOSES {
                if let Err(problem) = self.turn(purpose, due, &mut rests).await {
                    tracing::warn!(
                        purpose,
                        problem,
                        "the generations of a purpose's topic are not looked after for now"
                    );
                }
            }
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(LOOKS_OFTEN) => {}
            }
        }
    }

    /// One look at a purpose's topic, where it is due or something is under way; `rests` are generations that everything has gone over to.
    async fn turn(
        &self,
        purpose: &'static str,
        due: bool,
        rests: &mut BTreeSet<(&'static str, u32)>,
    ) -> Result<(), String> {
        let Ok(stage) = self.desk.read(|state| state.pins().stage(purpose)) else {
            return Ok(());
        };
        let is_at_rest = stage.as_ref().is_none_or(|stage| {
            matches!(stage, Stage::InForce { generation, .. } if rests.contains(&(purpose, *generation)))
        });
        if is_at_rest && !due {
            return Ok(());
        }
        let places = Arc::clone(&self.places);
        let looked = tokio::task::spawn_blocking(move || {
            let look = places.look(purpose, stage)?;
            let next = match &look.stage {
                Some(Stage::Filling(generation)) if look.is_near() => Some(Stage::InForce {
                    generation: *generation,
                    first_live: places.ends(purpose, *generation)?,
                }),
                _ => None,
            };
            Ok::<_, CopyError>((look, next))
        });
        let (look, next) = looked
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| walbrook_runtime::status::chain(&error))?;
        if let Some(next) = next {
            return self.say(purpose, &next).await;
        }
        if !look.is_over() {
            return Ok(());
        }
        rests.insert((purpose, look.in_force()));
        if self.rule.asks(&look) {
            let next = look.in_force() + 1;
            let made = self.places.make(purpose, next).await;
            made.map_err(|error| error.to_string())?;
            self.say(purpose, &Stage::Filling(next)).await?;
        }
        Ok(())
    }

    async fn say(&self, purpose: &str, stage: &Stage) -> Result<(), String> {
        let draft = Draft {
            fact: ControlFact::Pin(pin(purpose, stage)),
            idempotency_key: String::new(),
        };
        let said = self.desk.submit(draft).await;
        said.map_err(|error| error.to_string())?;
        tracing::info!(purpose, %stage, "the next generation of a purpose's topic");
        Ok(())
    }
}

/// Begins the next generation of a purpose's topic because somebody asked for it.
///
/// # Errors
/// When another is in force than they knew, one is under way, or the log does not take it.
pub async fn begin(
    (desk, places): (&Desk, &Arc<Places>),
    (purpose, expected): (&'static str, u32),
    idempotency_key: String,
) -> Result<Receipt, ControlError> {
    let stage = desk.read(|state| state.pins().stage(purpose))?;
    let look = look(places, purpose, stage).await?;
    let in_force = look.in_force();
    if in_force != expected {
        return Err(ControlError::Stale {
            expected,
            current: in_force,
        });
    }
    if !look.is_over() {
        return Err(ControlError::UnderWay);
    }
    let made = places.make(purpose, in_force + 1).await;
    made.map_err(|error| {
        tracing::warn!(%error, "the topic of a generation cannot be made");
        ControlError::NotWritten
    })?;
    let fact = ControlFact::Pin(pin(purpose, &Stage::Filling(in_force + 1)));
    let draft = Draft {
        fact,
        idempotency_key,
    };
    desk.submit(draft).await
}

/// A purpose's topic as it stands.
///
/// # Errors
/// When the log does not answer.
pub async fn look(
    places: &Arc<Places>,
    purpose: &'static str,
    stage: Option<Stage>,
) -> Result<Look, ControlError> {
    let places = Arc::clone(places);
    let looked = tokio::task::spawn_blocking(move || places.look(purpose, stage));
    match looked.await {
        Ok(Ok(look)) => Ok(look),
        Ok(Err(error)) => {
            tracing::warn!(
                error = walbrook_runtime::status::chain(&error),
                "the log does not say how generations stand"
            );
            Err(ControlError::NotWritten)
        }
        Err(_) => Err(ControlError::NotWritten),
    }
}
