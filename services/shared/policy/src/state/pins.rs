//! What decisions are pinned to.

use super::Illegal;
use crate::agreement::sha256;
use std::collections::BTreeMap;
use walbrook_domain::control::{PinFact, PinKind};
use walbrook_domain::generation::Stage;

/// A pin in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Where it stands on `control.policy`.
    pub offset: i64,
    /// Registry id of a schema; 0 otherwise.
    pub schema_id: i32,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// The content, where kept.
    pub content: String,
}

/// Every pin: the newest of its kind and name, and every schema ever admitted by its id.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    newest: BTreeMap<(PinKind, String), Pin>,
    schemas: BTreeMap<i32, (String, Pin)>,
    epoch: i64,
}

impl Pins {
    /// The pins epoch: the next `control.policy` offset after the newest pin; 0 when there is none.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The newest pin of a kind and name.
    pub fn get(&self, kind: PinKind, name: &str) -> Option<&Pin> {
        self.newest.get(&(kind, name.to_owned()))
    }

    /// Every newest pin of a kind, in the order of names.
    pub fn of(&self, kind: PinKind) -> impl Iterator<Item = (&str, &Pin)> {
        self.newest
            .iter()
            .filter(move |((of, _), _)| *of == kind)
            .map(|((_, name), pin)| (name.as_str(), pin))
    }

    /// An admitted schema by its registry id: name (record full name) and pin. Older versions stay admitted.
    pub fn schema(&self, id: i32) -> Option<(&str, &Pin)> {
        self.schemas
            .get(&id)
            .map(|(name, pin)| (name.as_str(), pin))
    }

    /// Every schema ever admitted, in the order of ids: registry id, name (record full name) and pin.
    pub fn schemas(&self) -> impl Iterator<Item = (i32, &str, &Pin)> {
        self.schemas
            .iter()
            .map(|(id, (name, pin))| (*id, name.as_str(), pin))
    }

    /// Every version ever admitted of a schema, the newest first.
    pub fn versions(&self, name: &str) -> Vec<&Pin> {
        let of_name = self.schemas.values().filter(|(of, _)| of == name);
        let mut versions: Vec<&Pin> = of_name.map(|(_, pin)| pin).collect();
        versions.sort_by_key(|pin| std::cmp::Reverse(pin.offset));
        versions
    }

    /// Where a purpose's topic stands in the course of its generations; `None`: it is in its first.
    pub fn stage(&self, purpose: &str) -> Option<Stage> {
        let pin = self.get(PinKind::Generation, purpose)?;
        pin.content.parse().ok()
    }

    /// The decision rules in force; `None`: none pinned, so nothing may be decided.
    pub fn rules_version(&self) -> Option<u32> {
        self.of(PinKind::DecisionRules)
            .last()
            .and_then(|(_, pin)| pin.content.parse().ok())
    }

    /// Whether a pin says the same as the newest of its kind and name: then it need not be written again.
    pub fn holds(&self, fact: &PinFact) -> bool {
        match fact.kind {
            PinKind::Schema => self
                .schemas
                .get(&fact.schema_id)
                .is_some_and(|(_, pin)| pin.sha256 == fact.sha256),
            kind => self
                .get(kind, &fact.name)
                .is_some_and(|pin| pin.sha256 == fact.sha256),
        }
    }

    /// Whether a record would be legal.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, fact: &PinFact) -> Result<(), Illegal> {
        let illegal = |problem| {
            Err(Illegal::Pin {
                name: fact.name.clone(),
                problem,
            })
        };
        if fact.name.is_empty() {
            return illegal("has no name");
        }
        if !fact.content.is_empty() && sha256(&fact.content) != fact.sha256 {
            return illegal("holds content with another hash");
        }
        if fact.kind == PinKind::DecisionRules && fact.content.parse::<u32>().is_err() {
            return illegal("is no rules version");
        }
        if fact.kind == PinKind::Generation {
            return match fact.content.parse::<Stage>() {
                Err(_) => illegal("is no generation"),
                Ok(stage) if stage.follows(self.stage(&fact.name).as_ref()) => Ok(()),
                Ok(_) => illegal("is not the generation that follows"),
            };
        }
        if fact.kind != PinKind::Schema {
            return Ok(());
        }
        if fact.schema_id <= 0 || fact.content.is_empty() {
            return illegal("is a schema without id or text");
        }
        match self.schemas.get(&fact.schema_id) {
            Some((_, pin)) if pin.sha256 != fact.sha256 => {
                illegal("gives a schema id another text")
            }
            _ => Ok(()),
        }
    }

    /// Applies a record.
    ///
    /// # Errors
    /// When it is no legal change; nothing changes.
    pub fn apply(&mut self, offset: i64, fact: &PinFact) -> Result<(), Illegal> {
        self.check(fact)?;
        let pin = Pin {
            offset,
            schema_id: fact.schema_id,
            sha256: fact.sha256,
            content: fact.content.clone(),
        };
        self.epoch = self.epoch.max(offset + 1);
        if fact.kind == PinKind::Schema {
            self.schemas
                .insert(fact.schema_id, (fact.name.clone(), pin.clone()));
        }
        self.newest.insert((fact.kind, fact.name.clone()), pin);
        Ok(())
    }
}
