//! Configuration: a TOML file, then the environment, then types. Everything is read and checked before anything is
//! opened, and every fault is named at once.

mod common;
mod section;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use common::{Callers, Common, Kafka, Peers};
pub use section::Section;

/// Exit code of a process whose configuration cannot be used (`EX_USAGE`).
pub const EXIT_CODE: u8 = 64;

/// What a process is told on its command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// Configuration file (TOML). Environment variables WALBROOK_… come after it and win.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One node on this machine: defaults for everything, keys from the local key folder.
    #[arg(long)]
    pub local: bool,
    /// Only read the configuration, name every fault, and exit.
    #[arg(long)]
    pub check: bool,
}

/// What a process knows about itself before it has read anything.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// Name of the process: `police`.
    pub name: &'static str,
    /// gRPC port on loopback; metrics stand 100 above it.
    pub grpc_port: u16,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `kafka.bootstrap` or `WALBROOK_KAFKA`.
    pub place: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

/// The configuration cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file that was read, when one was.
    pub file: Option<PathBuf>,
    /// Every fault, in the order found.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(out, "configuration {} cannot be used:", file.display())?,
            None => write!(out, "configuration cannot be used:")?,
        }
        for fault in &self.faults {
            write!(out, "\n  {}: {}", fault.place, fault.problem)?;
        }
        Ok(())
    }
}

/// The settings that only one process has. They stand beside the common ones in its file.
pub trait Settings: Sized {
    /// Reads them, naming each fault to `section`; `None` when there was one.
    fn read(section: &mut Section) -> Option<Self>;
}

/// A process without settings of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSettings;

impl Settings for NoSettings {
    fn read(_: &mut Section) -> Option<Self> {
        Some(Self)
    }
}

/// Environment variables that overrule a key of the file.
const OVERRIDES: [(&str, &[&str]); 14] = [
    ("WALBROOK_KAFKA", &["kafka", "bootstrap"]),
    ("WALBROOK_REGISTRY", &["registry"]),
    ("WALBROOK_NAMESPACE", &["namespace"]),
    ("WALBROOK_KEYS", &["keys_dir"]),
    ("WALBROOK_DATA", &["data_dir"]),
    ("WALBROOK_LISTEN", &["listen"]),
    ("WALBROOK_METRICS", &["metrics"]),
    ("WALBROOK_IDENTITY", &["peers", "identity"]),
    ("WALBROOK_BROKER", &["peers", "broker"]),
    ("WALBROOK_MATERIALISER", &["peers", "materialiser"]),
    ("WALBROOK_AUDITOR", &["peers", "auditor"]),
    ("WALBROOK_TOKEN_FILE", &["callers", "token_file"]),
    ("WALBROOK_PARTITIONS", &["partitions"]),
    ("WALBROOK_LOCAL", &["local"]),
];

/// Reads the file and the process's environment.
///
/// # Errors
/// Every fault found, or that the file cannot be read or is not TOML.
pub fn load<S: Settings>(
    arguments: &Arguments,
    defaults: Defaults,
) -> Result<(Common, S), ConfigError> {
    let text = arguments.config.as_deref().map(read_file).transpose()?;
    resolve(text.as_deref(), arguments, defaults, &|name| {
        std::env::var(name).ok()
    })
}

/// Resolves a file's text and an environment. Pure, so that tests need neither.
///
/// # Errors
/// As [`load`].
pub fn resolve<S: Settings>(
    text: Option<&str>,
    arguments: &Arguments,
    defaults: Defaults,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Common, S), ConfigError> {
    let file = arguments.config.clone();
    let table = match text.unwrap_or_default().parse::<toml::Table>() {
        Ok(table) => table,
        Err(cause) => {
            let fault = Fault {
                place: "file".into(),
                problem: format!("is not TOML: {}", cause.message()),
            };
            return Err(ConfigError {
                file,
                faults: vec![fault],
            });
        }
    };
    let mut section = Section::new(table);
    overrule(&mut section, environment);
    if arguments.local {
        section.overrule(&["local"], "--local", toml::Value::Boolean(true));
    }
    if text.is_none() && section.boolean("local", false) == Some(false) {
        let problem =
            "is missing: give --config FILE, or --local for one node on this machine".into();
        return Err(ConfigError {
            file,
            faults: vec![Fault {
                place: "--config".into(),
                problem,
            }],
        });
    }
    let common = Common::read(&mut section, defaults);
    let own = S::read(&mut section);
    let faults = section.finish();
    match (common, own) {
        (Some(common), Some(own)) if faults.is_empty() => Ok((common, own)),
        _ => Err(ConfigError { file, faults }),
    }
}

fn overrule(section: &mut Section, environment: &dyn Fn(&str) -> Option<String>) {
    for (variable, path) in OVERRIDES {
        let Some(text) = environment(variable).filter(|text| !text.is_empty()) else {
            continue;
        };
        let value = match path {
            ["local"] => toml::Value::Boolean(matches!(text.as_str(), "1" | "true" | "yes")),
            ["partitions"] => text
                .parse()
                .map_or(toml::Value::String(text), toml::Value::Integer),
            _ => toml::Value::String(text),
        };
        section.overrule(path, variable, value);
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|cause| ConfigError {
        file: Some(path.to_owned()),
        faults: vec![Fault {
            place: "file".into(),
            problem: format!("cannot be read: {cause}"),
        }],
    })
}

/// Key-value pairs of a table whose keys are not ours (Kafka client properties).
pub type Properties = BTreeMap<String, String>;

#[cfg(test)]
mod tests;
