//! The examples of `proto/examples` against a running service: what an organisation's developer copies must work as it stands.
//!
//! Each installs what it needs from its package registry, once, under `target/clients`, so they run in `make nightly` only. A tool that is missing is said,
//! and its example skipped.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use walbrook_event::headers;
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::{agreement_text, contact};
use walbrook_tests::backbone::{Backbone, Common, Options, journey, root};
use walbrook_tests::people::{CAMDEN, Person, event_id};

const GRPCURL: &str = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3";
const STREAMED: usize = 500;

async fn agency() -> Arc<Backbone> {
    static AGENCY: Common = Common::new();
    AGENCY
        .get(|| Backbone::start(Options::only(&["identity", "broker", "housing"])))
        .await
}

/// Where an example keeps what it installed.
fn place(name: &str) -> PathBuf {
    let folder = root().join("target/clients").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn has(program: &str, argument: &str) -> bool {
    let found = Command::new(program).arg(argument).output();
    let found = found.is_ok_and(|done| done.status.success());
    if !found {
        eprintln!("skipped: {program} is not here; install it to run this example");
    }
    found
}

/// Runs a program to its end; its standard output.
fn run(what: &str, command: &mut Command) -> String {
    let done = command
        .output()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{what}: {out}\n{said}");
    out
}

fn token(backbone: &Backbone) -> String {
    let caller = TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["housing.*"]);
    let caller = caller.lifetime(Duration::from_secs(3_600));
    let issued = backbone.issuer().token(&caller, SystemTime::now());
    issued.expect("a token")
}

fn host(backbone: &Backbone) -> String {
    backbone
        .address("housing")
        .trim_start_matches("http://")
        .to_owned()
}

/// What an example says it did, against what stands on the log.
fn check(backbone: &Backbone, said: &str) {
    let word = |line: &str, at: usize| -> String {
        // Maven colours what is not its own.
        let mut lines = said
            .lines()
            .map(|known| known.trim_start_matches("\u{1b}[0m"));
        let found = lines.find(|known| known.starts_with(line));
        let found = found.unwrap_or_else(|| panic!("no line `{line}` in\n{said}"));
        found.split_whitespace().nth(at).expect("a word").to_owned()
    };
    let id = word("receipt", 1);
    assert_eq!(word("again", 1), id);
    assert!(word("receipt", 2).starts_with("raw.housing/"), "{said}");
    assert_eq!(word("refused", 1), "CODE_NOT_IN_LIST");
    assert_eq!(word("refused", 2), "rent_arrears_changed.landlord_type");
    assert_eq!(
        (word("stream", 1), word("stream", 4)),
        (STREAMED.to_string(), STREAMED.to_string())
    );
    let records = backbone.records("raw.housing");
    let of_the_event = records
        .iter()
        .filter(|record| record.headers.text(headers::ID) == Some(&id));
    assert_eq!(of_the_event.count(), 2, "sent twice; it will count once");
}

fn token_file(backbone: &Backbone, name: &str) -> PathBuf {
    let file = backbone.folder().join(name);
    std::fs::write(&file, token(backbone)).expect("the token is written");
    file
}

#[test]
#[ignore = "installs from the Python package index: make nightly"]
fn the_python_example_publishes() {
    if !has("python3", "--version") {
        return;
    }
    let source = root().join("proto/examples/python");
    let python = virtual_environment("python", &source);
    journey(async {
        let backbone = agency().await;
        let file = token_file(&backbone, "python.token");
        let said = run(
            "publish.py",
            Command::new(python)
                .arg(source.join("publish.py"))
                .args(["--endpoint", &host(&backbone), "--token-file"])
                .arg(file)
                .args(["--events", &STREAMED.to_string()]),
        );
        check(&backbone, &said);
    });
}

/// Python with what the example needs, installed once.
fn virtual_environment(name: &str, source: &Path) -> PathBuf {
    let folder = place(name);
    let (python, done) = (folder.join("bin/python"), folder.join("installed"));
    let wanted = std::fs::read_to_string(source.join("requirements.txt")).expect("requirements");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    run(
        "python3 -m venv",
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    );
    run(
        "pip install",
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("-r")
            .arg(source.join("requirements.txt")),
    );
    std::fs::write(done, wanted).expect("written");
    python
}

/// Where the council's rows are delivered, and how many people are met.
const ROWS: &str = "view.rough_sleeping_risk.GSS-E09000007";
const MET: u32 = 3;

/// People whose rows stand on the topic.
fn standing(backbone: &Backbone) -> BTreeSet<Vec<u8>> {
    let mut stands = BTreeSet::new();
    for record in backbone.records(ROWS) {
        let person = record.key.expect("a person").to_vec();
        match record.value {
            Some(_) => stands.insert(person),
            None => stands.remove(&person),
        };
    }
    stands
}

async fn delivered(backbone: &Backbone, wanted: usize) {
    backbone
        .until("rows on the council's topic", || async {
            match standing(backbone).len() {
                count if count == wanted => Ok(()),
                count => Err(format!("{count} stand")),
            }
        })
        .await;
}

#[test]
#[ignore = "installs from the Python package index: make nightly"]
fn the_warehouse_example_keeps_the_rows_that_stand() {
    if !has("python3", "--version") {
        return;
    }
    let source = root().join("proto/examples/warehouse");
    let python = virtual_environment("warehouse", &source);
    let calls = "beyond_scope = \"case-reference\"\n";
    let agreement = agreement_text("pan-london-rough-sleeping");
    let agreement = agreement.replacen(calls, &format!("{calls}delivery = \"topic\"\n"), 1);
    journey(async {
        let backbone = Backbone::start(Options::river()).await;
        backbone.agree(&agreement, &[CAMDEN]).await;
        for number in 0..MET {
            let met = contact(&event_id(), &Person::number(number), 1);
            backbone.publish(CAMDEN, met).await.expect("a receipt");
        }
        delivered(&backbone, 3).await;
        let database = backbone.folder().join("rows.sqlite");
        let copy = || {
            run(
                "warehouse.py",
                Command::new(&python)
                    .arg(source.join("warehouse.py"))
                    .args(["--kafka", backbone.kafka.bootstrap()])
                    .args(["--registry", backbone.registry()])
                    .args(["--topic", &backbone.namespace.name(ROWS)])
                    .arg("--database")
                    .arg(&database)
                    .arg("--until-end"),
            )
        };
        let said = copy();
        assert!(said.ends_with("at the end: 3 rows stand\n"), "{said}");
        let told = run(
            "a query",
            Command::new(&python).args(["-c", QUERY]).arg(&database),
        );
        let people = standing(&backbone).into_iter();
        let wanted: String = people
            .map(|one| format!("{} 1\n", hex::encode(one)))
            .collect();
        assert_eq!(told, wanted, "each person's contacts in 28 days");

        let first = Person::number(0);
        let withdrawn = backbone.consent(CAMDEN, &first, "WITHDRAWN", 0).await;
        backbone
            .await_removal(&withdrawn.expect("acknowledged"))
            .await;
        delivered(&backbone, 2).await;
        let said = copy();
        assert!(said.contains("1 left: "), "{said}");
        assert!(!said.contains("no reason given"), "{said}");
        assert!(said.ends_with("at the end: 2 rows stand\n"), "{said}");
        let said = copy();
        assert_eq!(said, "at the end: 2 rows stand\n", "nothing is told twice");
    });
}

/// Each person with the contacts in 28 days, from the warehouse's table.
const QUERY: &str = "import json, sqlite3, sys
for person, row in sqlite3.connect(sys.argv[1]).execute('SELECT person, row FROM rows ORDER BY person'):
    print(person.hex(), json.loads(row)['contacts_28d'])";

#[test]
#[ignore = "installs from Maven Central: make nightly"]
fn the_java_example_publishes() {
    if !has("javac", "-version") || !has("mvn", "-v") {
        return;
    }
    let source = root().join("proto/examples/java");
    journey(async {
        let backbone = agency().await;
        let file = token_file(&backbone, "java.token");
        let arguments = format!("{} {} {STREAMED}", host(&backbone), file.display());
        let said = run(
            "mvn compile exec:java",
            Command::new("mvn")
                .current_dir(source)
                .args(["-q", "-B", "compile", "exec:java"])
                .arg(format!("-DbuildFolder={}", place("java").display()))
                .arg(format!("-Dexec.args={arguments}")),
        );
        check(&backbone, &said);
    });
}

/// grpcurl from the path, or installed with Go.
fn grpcurl() -> Option<PathBuf> {
    let own = place("go").join("grpcurl");
    if own.exists() {
        return Some(own);
    }
    if Command::new("grpcurl").arg("-version").output().is_ok() {
        return Some("grpcurl".into());
    }
    if !has("go", "version") {
        return None;
    }
    run(
        "go install",
        Command::new("go")
            .args(["install", GRPCURL])
            .env("GOBIN", place("go")),
    );
    Some(own)
}

#[test]
#[ignore = "installs with Go: make nightly"]
fn the_shell_line_publishes() {
    let Some(grpcurl) = grpcurl() else {
        return;
    };
    let mut path = grpcurl.parent().expect("a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    journey(async {
        let backbone = agency().await;
        let line = |landlord: &str| {
            let mut command = Command::new(root().join("proto/examples/grpcurl/publish.sh"));
            command
                .arg(host(&backbone))
                .env("PATH", &path)
                .env("TOKEN", token(&backbone))
                .env("LANDLORD", landlord);
            command
        };
        let said = run("publish.sh", &mut line("LA"));
        assert!(said.contains("\"receiptId\": \"raw.housing/"), "{said}");
        let refused = line("A FRIEND").output().expect("grpcurl");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success());
        assert!(
            said.contains("InvalidArgument") && said.contains("CODE_NOT_IN_LIST"),
            "{said}"
        );
    });
}
