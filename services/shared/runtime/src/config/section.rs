//! Raw configuration: a TOML table that remembers what was asked of it, so that what nobody asked for is a fault too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::{Fault, Properties};

/// The raw table of one file with the environment laid over it. Paths are dotted: `kafka.bootstrap`.
#[derive(Debug)]
pub struct Section {
    table: toml::Table,
    asked: BTreeSet<String>,
    overruled: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Section {
    pub(super) fn new(table: toml::Table) -> Self {
        Self {
            table,
            asked: BTreeSet::new(),
            overruled: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    pub(super) fn overrule(&mut self, path: &[&str], origin: &str, value: toml::Value) {
        let Some((last, tables)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.table;
        for name in tables {
            let entry = table
                .entry(*name)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if !entry.is_table() {
                *entry = toml::Value::Table(toml::Table::new());
            }
            let toml::Value::Table(inner) = entry else {
                return;
            };
            table = inner;
        }
        table.insert((*last).to_owned(), value);
        self.overruled.insert(path.join("."), origin.to_owned());
    }

    /// Names a fault at a key.
    pub fn fault(&mut self, key: &str, problem: impl Into<String>) {
        let place = self
            .overruled
            .get(key)
            .cloned()
            .unwrap_or_else(|| key.to_owned());
        self.faults.push(Fault {
            place,
            problem: problem.into(),
        });
    }

    /// Whether a fault was named so far.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The value at a key, if there is one.
    pub fn value(&mut self, key: &str) -> Option<toml::Value> {
        self.asked.insert(key.to_owned());
        let mut names = key.split('.');
        let mut value = self.table.get(names.next()?)?;
        for name in names {
            value = value.as_table()?.get(name)?;
        }
        Some(value.clone())
    }

    /// A text, if given.
    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.value(key)? {
            toml::Value::String(text) => Some(text),
            other => {
                self.fault(key, format!("must be a text, is {}", other.type_str()));
                None
            }
        }
    }

    /// A text that must be given.
    pub fn required_text(&mut self, key: &str) -> Option<String> {
        if self.value(key).is_none() {
            self.fault(key, "is missing");
            return None;
        }
        self.text(key)
    }

    /// A path, if given.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// A whole number within bounds; `default` when not given.
    pub fn integer(&mut self, key: &str, within: RangeInclusive<i64>, default: i64) -> Option<i64> {
        match self.value(key) {
            None => Some(default),
            Some(toml::Value::Integer(number)) if within.contains(&number) => Some(number),
            Some(toml::Value::Integer(number)) => {
                self.fault(
                    key,
                    format!(
                        "is {number}, must be {} to {}",
                        within.start(),
                        within.end()
                    ),
                );
                None
            }
            Some(other) => {
                self.fault(
                    key,
                    format!("must be a whole number, is {}", other.type_str()),
                );
                None
            }
        }
    }

    /// A truth value; `default` when not given.
    pub fn boolean(&mut self, key: &str, default: bool) -> Option<bool> {
        match self.value(key) {
            None => Some(default),
            Some(toml::Value::Boolean(truth)) => Some(truth),
            Some(other) => {
                self.fault(
                    key,
                    format!("must be true or false, is {}", other.type_str()),
                );
                None
            }
        }
    }

    /// A value read by its own `FromStr`; `default` when not given.
    pub fn parsed<T>(&mut self, key: &str, expected: &str, default: Option<T>) -> Option<T>
    where
        T: std::str::FromStr,
    {
        match (self.text(key), default) {
            (Some(text), _) => match text.parse() {
                Ok(value) => Some(value),
                Err(_) => {
                    self.fault(key, format!("must be {expected}"));
                    None
                }
            },
            (None, Some(default)) => Some(default),
            (None, None) => {
                if self.value(key).is_none() {
                    self.fault(key, format!("is missing; must be {expected}"));
                }
                None
            }
        }
    }

    /// A list of texts; empty when not given.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let texts = value.as_array().and_then(|list| {
            list.iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        texts.unwrap_or_else(|| {
            self.fault(key, "must be a list of texts");
            Vec::new()
        })
    }

    /// A table whose keys are not ours; numbers and truth values become texts.
    pub fn properties(&mut self, key: &str) -> Properties {
        let Some(value) = self.value(key) else {
            return Properties::new();
        };
        let Some(table) = value.as_table() else {
            self.fault(key, "must be a table");
            return Properties::new();
        };
        let mut properties = Properties::new();
        for (name, value) in table {
            match value {
                toml::Value::String(text) => properties.insert(name.clone(), text.clone()),
                toml::Value::Integer(number) => properties.insert(name.clone(), number.to_string()),
                toml::Value::Boolean(truth) => properties.insert(name.clone(), truth.to_string()),
                _ => {
                    self.fault(
                        &format!("{key}.{name}"),
                        "must be a text, a number, true or false",
                    );
                    None
                }
            };
        }
        properties
    }

    /// All faults, with every key that nobody asked for.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        let mut unknown = Vec::new();
        collect_unknown("", &self.table, &self.asked, &mut unknown);
        for key in unknown {
            self.fault(&key, "is not a setting of this process");
        }
        self.faults
    }
}

fn collect_unknown(
    prefix: &str,
    table: &toml::Table,
    asked: &BTreeSet<String>,
    unknown: &mut Vec<String>,
) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if asked.contains(&key) {
            continue;
        }
        let opens_asked = asked.iter().any(|other| {
            other
                .strip_prefix(&key)
                .is_some_and(|rest| rest.starts_with('.'))
        });
        match value {
            toml::Value::Table(inner) if opens_asked => {
                collect_unknown(&key, inner, asked, unknown)
            }
            _ => unknown.push(key),
        }
    }
}
