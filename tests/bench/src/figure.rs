//! What comes out of a benchmark: one line, and one file.

use crate::{Args, NoFigure};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// The peer's side.
#[derive(Debug, Clone)]
pub struct Reference {
    /// What it is.
    pub name: &'static str,
    /// Its value in each run.
    pub values: Vec<f64>,
}

/// A measured figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Unit of every value.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// Its value in each run.
    pub values: Vec<f64>,
    /// The peer, where there is one.
    pub reference: Option<Reference>,
    /// SHA-256 of the workload.
    pub workload_hash: String,
    /// Load average of the last minute when it began.
    pub load_average: f64,
}

impl Figure {
    /// Prints the line and writes `target/bench/<name>.json`.
    ///
    /// # Errors
    /// When there are no values or the file cannot be written.
    pub fn publish(&self, args: &Args) -> Result<(), NoFigure> {
        let value = median(&self.values).ok_or_else(|| NoFigure("no run ended".to_owned()))?;
        let reference = self
            .reference
            .as_ref()
            .and_then(|peer| Some((peer.name, median(&peer.values)?)));
        let ratio = reference.map(|(_, peer)| value / peer);
        let (unit, name) = (self.unit, self.name);
        match (reference, ratio) {
            (Some((_, peer)), Some(ratio)) => println!(
                "{name}: {} {unit} (reference: {} {unit}, ratio {ratio:.2})",
                shown(value),
                shown(peer)
            ),
            _ => println!("{name}: {} {unit} (reference: none)", shown(value)),
        }
        let better = match self.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        let record = json!({
            "name": name,
            "value": value,
            "unit": unit,
            "better": better,
            "reference": reference.map(|(peer, _)| peer),
            "reference_value": reference.map(|(_, peer)| peer),
            "ratio": ratio,
            "runs": self.values.len(),
            "spread": spread(&self.values),
            "seed": args.seed,
            "load_average": self.load_average,
            "workload_hash": self.workload_hash,
            "full": args.full,
            "commit": commit(),
        });
        let file = file(name);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, format!("{record:#}\n"))?;
        Ok(())
    }
}

fn file(name: &str) -> PathBuf {
    walbrook_tests::backbone::root()
        .join("target/bench")
        .join(format!("{name}.json"))
}

/// Removes the figure of an earlier run: a run without a figure leaves none.
pub fn forget(name: &str) {
    let file = file(name);
    if let Err(error) = std::fs::remove_file(&file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("{} of an earlier run stays: {error}", file.display());
    }
}

fn shown(value: f64) -> String {
    if value < 1_000.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

/// The middle value; of an even number the mean of the two in the middle.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The distance of the extremes as a share of the median.
fn spread(values: &[f64]) -> Option<f64> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let most = values.iter().copied().max_by(f64::total_cmp)?;
    median(values).map(|middle| (most - least) / middle)
}

/// Load average of the last minute; 0 where the system does not say.
#[must_use]
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}

/// The commit this was built from, as far as git knows, with `+` where files were changed since.
fn commit() -> Option<String> {
    let git = |words: &[&str]| {
        let done = Command::new("git")
            .args(words)
            .current_dir(walbrook_tests::backbone::root())
            .output()
            .ok()?;
        done.status
            .success()
            .then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_none_or(|changes| !changes.is_empty());
    Some(if changed { format!("{head}+") } else { head })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_spreads() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(spread(&[2.0, 1.0, 4.0]), Some(1.5));
    }
}
