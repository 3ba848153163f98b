//! `import.ssda903_s` and `import.memory_growth`: the command `walbrook import ssda903` over the sample return of 2,675 children, each time for an
//! authority that nobody has heard of, so that every child is linked; and its largest memory at twenty times the rows beside that at one.
//!
//! The growth of a return is what it holds a child: 24 bytes where a header row stands, 12 of what became of it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use walbrook_eventlog::topics;
use walbrook_tests::backbone::{Backbone, Options, root};

use crate::figure::{Better, Figure, load_average};
use crate::{Args, NoFigure, RUNS, demand, town};

/// Seconds of an import.
pub const SECONDS: &str = "import.ssda903_s";
/// Largest memory at twenty times the rows, in parts of that at one time.
pub const GROWTH: &str = "import.memory_growth";
/// The sample, beside the repository.
const SAMPLE: &str = "../shared/data/ssda903";
/// Its tables of which the rows make events.
const TOLD: [&str; 6] = ["episodes", "reviews", "oc2", "oc3", "missing", "dolo"];
const YEAR: &str = "2017/18";
/// How many times the rows.
const TIMES: usize = 20;
/// Runs at twenty times: short form, stated size.
const LARGE_RUNS: (usize, usize) = (1, 3);

/// Runs them.
///
/// # Errors
/// Why there are no figures.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let sample = root().join(SAMPLE);
    demand(sample.is_dir(), || {
        format!("the sample return {SAMPLE} is not here")
    })?;
    let folder = tempfile::tempdir()?;
    town::create_keys(&folder.path().join("keys"))?;
    let services = Options::only(&["identity", "broker", "social-care"]);
    let backbone = Backbone::start(services.with_keys(&folder.path().join("keys"))).await;
    // The broker registers the schemas; then it is in the way.
    town::stop(&backbone, &["broker"]);
    let house = House {
        backbone,
        folder: folder.path().to_owned(),
    };
    let mut authorities = (1..=33).map(|number| format!("E09{number:06}"));
    let mut next = || authorities.next().unwrap_or_default();
    let (mut seconds, mut small) = (Vec::new(), Vec::new());
    for number in 0..=RUNS {
        let done = house.import(&sample, &next(), 1)?;
        eprintln!("{SECONDS} run {number}: {done}");
        // The first warms both sides up.
        if number > 0 {
            seconds.push(done.took.as_secs_f64());
            small.push(done.peak_kib);
        }
    }
    let mut growth = Vec::new();
    if wanted.contains(&GROWTH) {
        let large = house.folder.join("large");
        multiply(&sample, &large)?;
        let runs = if args.full {
            LARGE_RUNS.1
        } else {
            LARGE_RUNS.0
        };
        for (number, small) in (1..=runs).zip(&small) {
            let done = house.import(&large, &next(), TIMES)?;
            eprintln!("{GROWTH} run {number}: {done}");
            growth.push(done.peak_kib / small);
        }
    }
    let of = |name, unit, values| Figure {
        name,
        unit,
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: "../shared/data/ssda903".to_owned(),
        load_average: load,
    };
    let mut figures = vec![of(SECONDS, "s", seconds), of(GROWTH, "times", growth)];
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

struct House {
    backbone: Backbone,
    folder: PathBuf,
}

struct Done {
    took: Duration,
    peak_kib: f64,
    rows: u64,
    events: u64,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, kib) = (self.took.as_secs_f64(), self.peak_kib);
        write!(
            f,
            "{} rows, {} events in {seconds:.2} s, at most {kib:.0} KiB",
            self.rows, self.events
        )
    }
}

impl House {
    /// Runs the command and checks that every row is accounted for and every event is on the log.
    fn import(&self, sample: &Path, authority: &str, times: usize) -> Result<Done, NoFigure> {
        let partitions = town::partitions_of(&self.backbone, &topics::raw("social-care"));
        let before: i64 = town::ends(&self.backbone.kafka, &partitions)?.iter().sum();
        let program = std::env::current_exe()?.with_file_name("walbrook");
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(["import", "ssda903"])
            .arg(sample)
            .args(["--authority", authority, "--year", YEAR, "--json", "--dir"])
            .arg(&self.folder)
            .arg("--rejects")
            .arg(self.folder.join("rejects.csv"))
            .args(["--endpoint", &self.backbone.address("social-care")])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut peak_kib = 0.0_f64;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            peak_kib = peak_kib.max(largest_kib(child.id()));
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = started.elapsed();
        let mut text = String::new();
        if let Some(mut out) = child.stdout.take() {
            out.read_to_string(&mut text)?;
        }
        // The sample has rows that are refused: that is exit code 1.
        demand(status.code().is_some_and(|code| code <= 1), || {
            format!("the import ended with {status}")
        })?;
        let account: serde_json::Value = serde_json::from_str(&text)?;
        let at = |place: &str| {
            let number = account.pointer(place).and_then(serde_json::Value::as_u64);
            number.unwrap_or_default()
        };
        let number = |table: &str, name: &str| at(&format!("/tables/{table}/{name}"));
        let rows = at("/total/read");
        let events = TOLD
            .iter()
            .map(|table| number(table, "accepted") + number(table, "queried"))
            .sum();
        let expected = sample_rows(sample)?;
        demand(rows == expected, || {
            format!("{rows} of {expected} rows are accounted for")
        })?;
        let after: i64 = town::ends(&self.backbone.kafka, &partitions)?.iter().sum();
        let arrived = u64::try_from(after - before).unwrap_or_default();
        demand(arrived == events && events > 0, || {
            format!("{events} events have receipts, {arrived} are on the log, {times} times")
        })?;
        Ok(Done {
            took,
            peak_kib,
            rows,
            events,
        })
    }
}

/// The most memory a process had so far, KiB; 0 when it is gone.
pub(crate) fn largest_kib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

fn tables(folder: &Path) -> Result<Vec<PathBuf>, NoFigure> {
    let mut tables = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            tables.push(path);
        }
    }
    Ok(tables)
}

fn sample_rows(folder: &Path) -> Result<u64, NoFigure> {
    let mut rows = 0;
    for path in tables(folder)? {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path)?;
        rows += u64::try_from(reader.byte_records().count())?;
    }
    Ok(rows)
}

/// The same rows again and again, each time of other children.
fn multiply(sample: &Path, into: &Path) -> Result<(), NoFigure> {
    std::fs::create_dir(into)?;
    for path in tables(sample)? {
        let name = path.file_name().unwrap_or_default();
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_path(into.join(name))?;
        for time in 0..TIMES {
            let mut reader = csv::ReaderBuilder::new()
                .flexible(true)
                .has_headers(false)
                .from_path(&path)?;
            for (place, record) in reader.byte_records().enumerate() {
                let record = record?;
                match (place, time) {
                    (0, 0) => writer.write_byte_record(&record)?,
                    (0, _) => {}
                    _ => {
                        let child = record.get(0).unwrap_or_default();
                        let child = [child, format!("-{time}").as_bytes()].concat();
                        let rest = record.iter().skip(1);
                        let cells = std::iter::once(child.as_slice()).chain(rest);
                        writer.write_byte_record(&cells.collect())?;
                    }
                }
            }
        }
        writer.flush()?;
    }
    Ok(())
}
