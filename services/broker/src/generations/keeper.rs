//! When a generation is begun and when it is switched to: by the process that writes the control plane, from what is committed on the log.

use super::copier::CopyError;
use super::look::{Copy, Look, Progress, Rule};
use super::metrics::GenerationMetrics;
use super::state::{GROUP, State};
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
/// Between two lines of the log that say what a generation waits for.
const SAYS_EVERY: Duration = Duration::from_secs(10);

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
            silent: of_p
                .iter()
                .filter(|p| p.offset.is_none())
                .map(|p| p.at.partition)
                .collect(),
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
    desk: Desk,
    places: Arc<Places>,
    rule: Rule,
    metrics: GenerationMetrics,
    /// Generations that everything has gone over to.
    rests: BTreeSet<(&'static str, u32)>,
    said: Option<Monotonic>,
}

impl Keeper {
    /// At the writer's desk; `rule` says when to begin.
    pub const fn new(
        desk: Desk,
        places: Arc<Places>,
        rule: Rule,
        metrics: GenerationMetrics,
    ) -> Self {
        Self {
            desk,
            places,
            rule,
            metrics,
            rests: BTreeSet::new(),
            said: None,
        }
    }

    /// Runs until shutdown.
    pub async fn run(mut self, stop: Shutdown) {
        let mut looked: Option<Monotonic> = None;
        loop {
            // How much of a topic is live is asked now and then; how far one is copied as long as it is.
            let due = looked.is_none_or(|looked| looked.elapsed() >= LOOKS_EVERY);
            if due {
                looked = Some(Monotonic::now());
            }
            for purpose in topics::PURPOSES {
                if let Err(problem) = self.turn(purpose, due).await {
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

    /// One look at a purpose's topic, where it is due or something is under way, and what follows from it.
    ///
    /// # Errors
    /// In words, when the log does not answer or does not take what follows.
    pub async fn turn(&mut self, purpose: &'static str, due: bool) -> Result<(), String> {
        let Ok(stage) = self.desk.read(|state| state.pins().stage(purpose)) else {
            return Ok(());
        };
        let is_at_rest = stage.as_ref().is_none_or(|stage| {
            matches!(stage, Stage::InForce { generation, .. } if self.rests.contains(&(purpose, *generation)))
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
        self.metrics.looked(purpose, &look);
        if let Some(next) = next {
            return self.say(purpose, &next).await;
        }
        if look.progress() != Progress::InUse {
            self.say_what_it_waits_for(purpose, &look);
            return Ok(());
        }
        self.rests.insert((purpose, look.in_force()));
        if self.rule.asks(&look) {
            tracing::info!(
                purpose,
                offsets = look.offsets,
                live = look.live,
                "so much of a purpose's topic is superseded that its next generation is begun"
            );
            let next = look.in_force() + 1;
            let made = self.places.make(purpose, next).await;
            made.map_err(|error| error.to_string())?;
            self.say(purpose, &Stage::Filling(next)).await?;
        }
        Ok(())
    }

    fn say_what_it_waits_for(&mut self, purpose: &'static str, look: &Look) {
        // The first line comes when it has waited for a while.
        let since = *self.said.get_or_insert_with(Monotonic::now);
        if let Some(waits_for) = look.waits_for()
            && since.elapsed() >= SAYS_EVERY
        {
            self.said = Some(Monotonic::now());
            tracing::info!(
                purpose,
                generation = look.stage.as_ref().map(Stage::filled),
                state = look.progress().word(),
                waits_for,
                "the next generation of a purpose's topic waits"
            );
        }
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
        return Err(ControlError::Generation {
            expected,
            current: in_force,
        });
    }
    if look.progress() != Progress::InUse {
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
