//! From one generation of a purpose's topic to the next. Where p writes follows from its epoch; at the first epoch past a switch it decides nothing
//! until whatever it has written to the generation before stands copied in the next, so that its records about a handle keep their order. Others'
//! records are about other handles.

use super::batch::Stage;
use super::seats::Running;
use super::{Around, Effect, FIRST_PAUSE, Machine};
use crate::enforce::control_view::{ControlView, Setting};
use crate::enforce::planted::{PlantedFault, planted};
use walbrook_eventlog::chain::{self, Generations};
use walbrook_eventlog::{LogError, TopicPartition};

/// How far generations are written and copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The ends of the partitions asked about, in the order asked.
    pub ends: Vec<i64>,
    /// Below these offsets of them everything is copied; -1: nobody has begun.
    pub copied: Vec<i64>,
}

/// p on its way to other generations.
#[derive(Debug)]
pub(super) struct Switching {
    to: Generations,
    /// The partitions of the generations it leaves.
    left: Vec<TopicPartition>,
    /// Their ends, asked for after p's last transaction.
    through: Option<Vec<i64>>,
    done: bool,
}

impl Running {
    /// Whether p may write where the control plane says. Asked between its transactions.
    pub(super) fn may_write(&mut self, control: &dyn ControlView, setting: &Setting) -> bool {
        let to = control.generations();
        let from = &self.lane.partition().stamp().generations;
        if to == *from || planted(PlantedFault::SwitchedWithoutWaiting) {
            self.switching = None;
            return true;
        }
        match &self.switching {
            Some(switching) if switching.to == to => switching.done,
            _ => {
                let left = left(from, &to, setting);
                tracing::info!(partition = self.lane.partition().number(), %to,
                    "p waits until what it wrote is copied to the next generation");
                self.switching = Some(Switching {
                    to,
                    left,
                    through: None,
                    done: false,
                });
                false
            }
        }
    }

    fn waits_for(&self) -> Option<&Switching> {
        self.switching.as_ref().filter(|switching| !switching.done)
    }
}

/// Every partition of the generations that are left for others.
fn left(from: &Generations, to: &Generations, setting: &Setting) -> Vec<TopicPartition> {
    let others = to
        .later()
        .filter(|(purpose, generation)| from.of(purpose) != *generation);
    others
        .flat_map(|(purpose, _)| {
            let topic = chain::topic(purpose, from.of(purpose));
            let full = setting.namespace.name(&topic);
            (0..setting.partitions).map(move |number| TopicPartition::new(full.as_str(), number))
        })
        .collect()
}

impl Machine {
    /// Asks how far generations are copied, where a p waits for that; otherwise goes on to the barrier.
    pub(super) fn compare(&mut self, around: &Around<'_>, effects: &mut Vec<Effect>) {
        let waits = self.running().filter_map(Running::waits_for);
        let mut asked: Vec<TopicPartition> = waits.flat_map(|one| one.left.clone()).collect();
        if asked.is_empty() {
            return self.barrier(around, effects);
        }
        asked.sort();
        asked.dedup();
        self.stage = Stage::Comparing(asked.clone());
        effects.push(Effect::AskCopied(asked));
    }

    pub(super) fn compared(
        &mut self,
        result: Result<Copied, LogError>,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Stage::Comparing(asked) = std::mem::replace(&mut self.stage, Stage::Polling) else {
            return self.poll(effects);
        };
        match result {
            Ok(copied) => {
                for number in self.numbers() {
                    let running = self.running_mut(number);
                    let switching = running.and_then(|running| running.switching.as_mut());
                    let Some(one) = switching.filter(|one| !one.done) else {
                        continue;
                    };
                    one.look(&asked, &copied);
                    if one.done {
                        tracing::info!(partition = number, to = %one.to,
                            "what p wrote is copied: it goes over to the next generation");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "how far generations are copied is not known; events wait");
                effects.push(Effect::Rest(FIRST_PAUSE));
            }
        }
        self.barrier(around, effects);
    }
}

impl Switching {
    fn look(&mut self, asked: &[TopicPartition], copied: &Copied) {
        let of = |all: &[i64]| -> Option<Vec<i64>> {
            let each = self.left.iter();
            each.map(|at| all.get(asked.binary_search(at).ok()?).copied())
                .collect()
        };
        let (Some(ends), Some(reached)) = (of(&copied.ends), of(&copied.copied)) else {
            return;
        };
        let through = self.through.get_or_insert(ends);
        self.done = through
            .iter()
            .zip(&reached)
            .all(|(end, copied)| copied >= end);
    }
}
