//! Kafka Streams programs in a Java virtual machine. Their source and their jars' versions stand in `tests/bench/peers/streams`; they are built here, once
//! for each version of them, under `target/bench/peers`.

use crate::{NoFigure, demand};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use walbrook_testkit::process::{Launch, Running};
use walbrook_tests::backbone::root;

const JVM: [&str; 4] = [
    "-Xms768m",
    "-Xmx768m",
    "-XX:+UseParallelGC",
    "-XX:ParallelGCThreads=2",
];
const PROGRAMS: [&str; 2] = ["Projection", "Features"];

/// Builds the programs and says how one of them is started, with its settings.
///
/// # Errors
/// When it cannot be built or the settings cannot be written.
pub async fn launch(program: &str, folder: &Path, settings: &[String]) -> Result<Launch, NoFigure> {
    let built = tokio::task::spawn_blocking(build).await??;
    std::fs::create_dir_all(folder)?;
    let file = folder.join("streams.properties");
    std::fs::write(&file, settings.join("\n"))?;
    let mut launch = Launch::new("streams", java(), folder.join("streams.log"));
    for argument in JVM {
        launch = launch.arg(argument);
    }
    let jars = built.join("jars");
    let classes = format!("{}:{}/*", built.join("classes").display(), jars.display());
    Ok(launch
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        .arg("-cp")
        .arg(classes)
        .arg(program)
        .arg(file.display().to_string()))
}

/// Starts it.
///
/// # Errors
/// When there is no Java.
pub fn start(launch: &Launch) -> Result<Running, NoFigure> {
    Ok(launch.start()?)
}

fn java() -> PathBuf {
    std::env::var_os("JAVA_HOME")
        .map(|home| Path::new(&home).join("bin/java"))
        .filter(|java| java.exists())
        .unwrap_or_else(|| PathBuf::from("java"))
}

/// Fetches the jars with Maven and compiles the program, unless that was done for the same files before. Returns the folder.
fn build() -> Result<PathBuf, NoFigure> {
    let source = root().join("tests/bench/peers/streams");
    let pom = source.join("pom.xml");
    let programs = PROGRAMS.map(|name| source.join(format!("src/{name}.java")));
    let mut hash = Sha256::new();
    for file in std::iter::once(&pom).chain(&programs) {
        hash.update(std::fs::read(file)?);
    }
    let version: String = hex::encode(hash.finalize()).chars().take(12).collect();
    let folder = root().join(format!("target/bench/peers/streams-{version}"));
    if folder.join("built").exists() {
        return Ok(folder);
    }
    eprintln!("building the Kafka Streams peers (Maven fetches about 100 MB, once)");
    let (jars, classes) = (folder.join("jars"), folder.join("classes"));
    std::fs::create_dir_all(&classes)?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-B", "-q", "-f"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", jars.display()));
    finish("mvn dependency:copy-dependencies", maven)?;
    // A Java runtime has no compiler; this one is a jar among the jars.
    let mut compile = Command::new(java());
    compile
        .arg("-cp")
        .arg(format!("{}/*", jars.display()))
        .args([
            "org.eclipse.jdt.internal.compiler.batch.Main",
            "-17",
            "-nowarn",
        ])
        .arg("-cp")
        .arg(class_path(&jars)?)
        .arg("-d")
        .arg(&classes)
        .args(&programs);
    finish("compiling the Kafka Streams peers", compile)?;
    std::fs::write(folder.join("built"), "")?;
    Ok(folder)
}

/// The compiler knows no wildcards.
fn class_path(jars: &Path) -> Result<String, NoFigure> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(jars)? {
        paths.push(entry?.path().display().to_string());
    }
    paths.sort();
    Ok(paths.join(":"))
}

fn finish(what: &str, mut command: Command) -> Result<(), NoFigure> {
    let output = command.output()?;
    demand(output.status.success(), || {
        let printed = [output.stdout.clone(), output.stderr.clone()].concat();
        let printed = String::from_utf8_lossy(&printed);
        let lines: Vec<&str> = printed.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(15)..)
            .unwrap_or_default();
        format!("{what} failed: {}", end.join("\n"))
    })
}
