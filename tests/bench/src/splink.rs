//! The Splink peer: the linkage tool of the Ministry of Justice, on DuckDB. Its versions and the settings its documentation shows stand in
//! `tests/bench/peers/splink`; it is installed from the package index into a virtual environment of its own under `target/bench/peers`, once for
//! each version of them.

use crate::{NoFigure, demand};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use walbrook_tests::backbone::root;

/// What is set for which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// Its own sample.
    Fake1000,
    /// The records of `walbrook city people`.
    People,
}

impl Recipe {
    const fn word(self) -> &'static str {
        match self {
            Recipe::Fake1000 => "fake_1000",
            Recipe::People => "people",
        }
    }
}

/// An installed Splink.
#[derive(Debug)]
pub struct Splink {
    python: PathBuf,
    program: PathBuf,
}

/// What it did with a file of records.
#[derive(Debug, Clone)]
pub struct Run {
    /// Seconds from reading the file to pairs and persons.
    pub took_s: f64,
    /// CPU-seconds of the same.
    pub cpu_s: f64,
    /// Most memory it had, MiB.
    pub peak_mib: f64,
    /// Scored pairs: two places in the file and the probability of a match.
    pub scored: Vec<(u32, u32, f64)>,
}

impl Splink {
    /// Installs it, unless that was done for the same files before.
    ///
    /// # Errors
    /// With a sentence that says what is missing: a system without Python or without the package index has no peer.
    pub fn install() -> Result<Self, NoFigure> {
        let source = root().join("tests/bench/peers/splink");
        let (wanted, program) = (source.join("requirements.txt"), source.join("dedupe.py"));
        let version: String = hex::encode(Sha256::digest(std::fs::read(&wanted)?))
            .chars()
            .take(12)
            .collect();
        let folder = root().join(format!("target/bench/peers/splink-{version}"));
        let python = folder.join("bin/python");
        if !folder.join("built").exists() {
            eprintln!("installing the Splink peer (the package index sends about 80 MB, once)");
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(&folder);
            finished("python3 -m venv (Python 3.10 or later with venv)", venv)?;
            let mut pip = Command::new(&python);
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&wanted);
            finished("pip install of Splink (the Python package index)", pip)?;
            std::fs::write(folder.join("built"), "")?;
        }
        Ok(Self { python, program })
    }

    /// Trains on a file of records without labels, scores pairs and makes persons of them. `places` knows the place in the file of each record by its
    /// name there.
    ///
    /// # Errors
    /// When it fails, or names what is not in the file.
    pub fn run(
        &self,
        recipe: Recipe,
        records: &Path,
        folder: &Path,
        places: &HashMap<String, u32>,
    ) -> Result<Run, NoFigure> {
        let pairs = folder.join(format!("{}.pairs.csv", recipe.word()));
        let mut command = Command::new(&self.python);
        command
            .arg(&self.program)
            .arg(recipe.word())
            .arg(records)
            .arg(&pairs)
            .env("PYTHONHASHSEED", "0");
        let printed = finished("Splink", command)?;
        let line = printed.lines().rev().find(|line| line.starts_with('{'));
        let figures: serde_json::Value = serde_json::from_str(line.unwrap_or_default())?;
        let figure = |name: &str| {
            figures
                .get(name)
                .and_then(serde_json::Value::as_f64)
                .ok_or_else(|| NoFigure(format!("Splink did not say {name}")))
        };
        Ok(Run {
            took_s: figure("took_s")?,
            cpu_s: figure("cpu_s")?,
            peak_mib: figure("peak_mib")?,
            scored: scored(&pairs, places)?,
        })
    }
}

fn scored(pairs: &Path, places: &HashMap<String, u32>) -> Result<Vec<(u32, u32, f64)>, NoFigure> {
    let mut reader = csv::Reader::from_path(pairs)?;
    let mut scored = Vec::new();
    for line in reader.records() {
        let line = line?;
        let cell = |at: usize| line.get(at).unwrap_or_default();
        let place = |at: usize| places.get(cell(at)).copied();
        // The weight in bits orders pairs that a probability rounds to one.
        let (Some(a), Some(b), Ok(weight)) = (place(0), place(1), cell(2).parse()) else {
            return Err(NoFigure(
                "Splink wrote a pair of records that are not in the file".to_owned(),
            ));
        };
        scored.push((a, b, weight));
    }
    Ok(scored)
}

/// Runs a command; what it printed, or why not.
fn finished(what: &str, mut command: Command) -> Result<String, NoFigure> {
    let output = command
        .output()
        .map_err(|error| NoFigure(format!("{what} does not run: {error}")))?;
    demand(output.status.success(), || {
        let printed = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = printed.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(6)..)
            .unwrap_or_default();
        format!("{what} failed: {}", end.join("\n"))
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
