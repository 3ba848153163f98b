//! `walbrook conformance` as an organisation runs it against its sandbox: with its own token, at the service's address.

use crate::river;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::ISLINGTON;

/// The program, beside this test's folder.
fn walbrook() -> Command {
    let own = std::env::current_exe().expect("this program");
    let place = own.ancestors().nth(2).expect("its folder").join("walbrook");
    assert!(
        place.exists(),
        "{} is missing: cargo build --workspace --bins",
        place.display()
    );
    Command::new(place)
}

fn try_out(backbone: &Backbone, token: TokenRequest, name: &str) -> Output {
    let token = token.lifetime(Duration::from_secs(600));
    let token = backbone.issuer().token(&token, SystemTime::now());
    let file: PathBuf = backbone.folder().join(name);
    std::fs::write(&file, token.expect("a token")).expect("written");
    walbrook()
        .args(["conformance", "--agency", "housing", "--json", "--endpoint"])
        .arg(backbone.address("housing"))
        .arg("--token-file")
        .arg(file)
        .output()
        .expect("walbrook runs")
}

/// (rules that passed, rules that failed), by the program's JSON.
fn verdicts(output: &Output) -> (Vec<String>, Vec<String>) {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let words = |line: &str| line.split('"').nth(3).map(str::to_owned);
    let mut found = (Vec::new(), Vec::new());
    let mut rule = String::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("\"rule\"") {
            rule = words(line).expect("a rule");
        } else if line.starts_with("\"passed\": true") {
            found.0.push(rule.clone());
        } else if line.starts_with("\"passed\": false") {
            found.1.push(rule.clone());
        }
    }
    assert!(found.0.len() + found.1.len() > 20, "{text}\n{said}");
    found
}

#[test]
fn a_sandbox_organisation_passes_every_rule_and_one_without_the_right_sees_where_it_fails() {
    journey(async {
        let backbone = river().await;
        let producer = TokenRequest::new(ISLINGTON, "sandbox", role::PRODUCER);
        let good = try_out(
            &backbone,
            producer.clone().events(&["housing.*"]),
            "good.token",
        );
        let (passed, failed) = verdicts(&good);
        let text = String::from_utf8_lossy(&good.stdout).into_owned();
        assert!(failed.is_empty(), "{text}");
        assert_eq!(good.status.code(), Some(0));
        for rule in [
            "RECEIPT",
            "RETRY",
            "BACK_PRESSURE",
            "RESUME",
            "CLOCK",
            "ALL_AT_ONCE",
        ] {
            assert!(passed.iter().any(|one| one == rule), "{rule} in {text}");
        }

        let wrong = try_out(&backbone, producer.events(&["police.*"]), "wrong.token");
        let (passed, failed) = verdicts(&wrong);
        assert_eq!(wrong.status.code(), Some(1));
        assert!(failed.iter().any(|rule| rule == "RECEIPT"), "{failed:?}");
        assert!(
            passed.iter().any(|rule| rule == "TOKEN_MISSING"),
            "{passed:?}"
        );
    });
}
