//! The pinned jars: fetched once through Maven, checked on every start, kept outside the build folder.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use fs2::FileExt;
use sha2::{Digest, Sha256};

use super::{ClusterError, files};

const POM: &str = include_str!("../../../../../deploy/pom.xml");
const PINS: &str = include_str!("../../../../../deploy/jars.sha256");
const CHUNK_BYTES: usize = 256 * 1024;

/// Checked files, ready to run.
#[derive(Debug, Clone)]
pub struct Jars {
    kafka: PathBuf,
    registry: PathBuf,
}

impl Jars {
    /// Kafka's class path.
    #[must_use]
    pub fn kafka_class_path(&self) -> String {
        format!("{}/*", self.kafka.display())
    }

    /// The registry's runnable jar.
    #[must_use]
    pub fn registry_jar(&self) -> &Path {
        &self.registry
    }
}

struct Pin {
    file: &'static str,
    sha256: &'static str,
}

/// Where jars are kept: `WALBROOK_CACHE`, else `walbrook` under `XDG_CACHE_HOME` or `~/.cache`.
#[must_use]
pub fn cache_folder() -> PathBuf {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("WALBROOK_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("walbrook")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/walbrook")))
        .unwrap_or_else(|| env::temp_dir().join("walbrook-cache"))
}

/// Returns the jars, each checked against its pin; fetches those that are missing or not as pinned. Processes that ask at
/// the same time wait for one another. `say` is told when something is fetched or waited for.
///
/// # Errors
/// [`ClusterError::Missing`] without Maven or tar; [`ClusterError::Failed`] when Maven cannot fetch;
/// [`ClusterError::Checksum`] when what it fetched is not what is pinned.
pub fn ensure_jars(say: &dyn Fn(&str)) -> Result<Jars, ClusterError> {
    ensure_jars_in(&cache_folder(), PINS, say)
}

pub(super) fn ensure_jars_in(
    cache: &Path,
    pins: &'static str,
    say: &dyn Fn(&str),
) -> Result<Jars, ClusterError> {
    // The folder is named after the pins: other pins, another folder, and two checkouts never fight over one.
    let version: String = hex::encode(Sha256::digest(pins)).chars().take(12).collect();
    let folder = cache.join(format!("cluster-{version}"));
    let (jars, registry) = (folder.join("jars"), folder.join("registry"));
    files::create_folder(&jars)?;
    let lock = files::open_lock(&folder.join("lock"))?;
    if FileExt::try_lock_exclusive(&lock).is_err() {
        say("waiting for another process that is checking or fetching the jars");
        FileExt::lock_exclusive(&lock).map_err(files::failed("lock", &folder.join("lock")))?;
    }
    let pins = parse_pins(pins)?;
    let unpacked = runner_in(&registry).is_some();
    // The archive is only the wrapping of the registry: once unpacked whole, it is not read again.
    let wanted: Vec<&Pin> = pins
        .iter()
        .filter(|pin| !(unpacked && is_archive(pin)))
        .collect();
    let bad: Vec<&&Pin> = wanted
        .iter()
        .filter(|pin| check(&jars, pin).is_err())
        .collect();
    if !bad.is_empty() {
        say(&format!(
            "fetching {} of {} pinned files of Kafka and the registry (about 180 MB, once) into {}",
            bad.len(),
            pins.len(),
            folder.display()
        ));
        fetch(&folder, &jars, &wanted)?;
    }
    if !unpacked {
        unpack(&jars, &registry, &pins)?;
    }
    let registry = runner_in(&registry).ok_or_else(|| ClusterError::Failed {
        what: "unpacking the registry",
        output: format!("no *-runner.jar in {}", registry.display()),
    })?;
    Ok(Jars {
        kafka: jars,
        registry,
    })
}

fn parse_pins(text: &'static str) -> Result<Vec<Pin>, ClusterError> {
    let parse = |(index, line): (usize, &'static str)| match line.split_once("  ") {
        Some((sha256, file)) if sha256.len() == 64 && !file.contains('/') && !file.is_empty() => {
            Ok(Pin { file, sha256 })
        }
        _ => Err(ClusterError::Pins { line: index + 1 }),
    };
    text.lines().enumerate().map(parse).collect()
}

fn is_archive(pin: &Pin) -> bool {
    pin.file.ends_with(".tar.gz")
}

fn check(folder: &Path, pin: &Pin) -> Result<(), ClusterError> {
    let path = folder.join(pin.file);
    let found = match sha256_of(&path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => "missing".to_owned(),
        Err(error) => return Err(files::failed("read", &path)(error)),
    };
    if found == pin.sha256 {
        return Ok(());
    }
    Err(ClusterError::Checksum {
        file: pin.file.to_owned(),
        pinned: pin.sha256.to_owned(),
        found,
    })
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(hex::encode(digest.finalize()));
        }
        digest.update(chunk.get(..read).unwrap_or_default());
    }
}

fn fetch(folder: &Path, jars: &Path, wanted: &[&Pin]) -> Result<(), ClusterError> {
    let (pom, download) = (folder.join("pom.xml"), folder.join("download"));
    files::write(&pom, POM)?;
    files::remove_folder(&download)?;
    files::create_folder(&download)?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-B", "-q", "-f"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    maven.arg(format!("-DoutputDirectory={}", download.display()));
    run(maven, "mvn dependency:copy-dependencies", "mvn", "maven")?;
    for pin in wanted {
        if let Err(error) = check(&download, pin) {
            files::remove_folder(&download)?;
            return Err(error);
        }
    }
    for pin in wanted {
        files::rename(&download.join(pin.file), &jars.join(pin.file))?;
    }
    // What is not pinned does not get onto the class path.
    files::remove_folder(&download)
}

fn unpack(jars: &Path, registry: &Path, pins: &[Pin]) -> Result<(), ClusterError> {
    let partial = registry.with_extension("partial");
    files::remove_folder(&partial)?;
    files::remove_folder(registry)?;
    files::create_folder(&partial)?;
    for pin in pins.iter().filter(|pin| is_archive(pin)) {
        let mut tar = Command::new("tar");
        tar.arg("-xzf")
            .arg(jars.join(pin.file))
            .arg("-C")
            .arg(&partial);
        run(tar, "unpacking the registry", "tar", "tar")?;
    }
    files::rename(&partial, registry)
}

fn runner_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| path.to_string_lossy().ends_with("-runner.jar"))
}

/// Runs a program that does one thing and ends.
pub(super) fn run(
    mut command: Command,
    what: &'static str,
    program: &'static str,
    package: &'static str,
) -> Result<(), ClusterError> {
    let output = command.output().map_err(|source| ClusterError::Missing {
        program,
        package,
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let lines: Vec<&str> = printed.lines().collect();
    let end = lines
        .get(lines.len().saturating_sub(15)..)
        .unwrap_or_default()
        .join("\n");
    Err(ClusterError::Failed { what, output: end })
}
