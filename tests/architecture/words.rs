//! What must not stand in any tracked file: paths of the machine it was written on, and hosts that others cannot reach.

use std::path::Path;

use crate::workspace::{self, Text};
use crate::{assert_found, assert_none};

/// Folders under which people keep their checkouts; a name follows.
const HOMES: &[&str] = &["/home/", "/Users/", "C:\\Users\\"];

/// Hosts that build files (manifests, lock, pom, make, shell) may fetch from or name.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "confluent.io",
    "docs.rs",
    "github.com",
    "localhost",
    "maven.apache.org",
    "rust-lang.org",
    "static.rust-lang.org",
    "sh.rustup.rs",
    "www.w3.org",
];

/// Paths of this machine: where the checkout, its home and its build folder are.
fn machine_paths() -> Vec<String> {
    let mut paths = vec![workspace::root().to_string_lossy().into_owned()];
    for variable in ["HOME", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME"] {
        paths.extend(std::env::var(variable).ok());
    }
    // A very short path (`/`, `/root` in a container) says nothing about a machine unless something stands below it.
    paths.retain(|path| Path::new(path).components().count() > 1);
    paths
        .iter_mut()
        .for_each(|path| *path = format!("{}/", path.trim_end_matches('/')));
    paths.sort();
    paths.dedup();
    paths
}

fn machine_words(texts: &[Text], paths: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for text in texts {
        for (index, line) in text.content.lines().enumerate() {
            let home = HOMES.iter().any(|home| {
                line.split(home)
                    .skip(1)
                    .any(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
            });
            if home || paths.iter().any(|path| line.contains(path.as_str())) {
                faults.push(format!(
                    "{}:{}: a path of somebody's machine",
                    text.path,
                    index + 1
                ));
            }
        }
    }
    faults
}

fn is_build_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(
        name,
        "Cargo.toml"
            | "Cargo.lock"
            | "config.toml"
            | "pom.xml"
            | "Makefile"
            | "rust-toolchain.toml"
            | ".deny.toml"
    ) || path.ends_with(".sh")
        || path.starts_with(".ci/")
        || path.starts_with(".cargo/")
}

fn unknown_hosts(texts: &[Text]) -> Vec<String> {
    let mut faults = Vec::new();
    for text in texts {
        for (index, line) in text.content.lines().enumerate() {
            for rest in line.split("://").skip(1) {
                let host: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
                    .collect();
                if !host.is_empty() && !HOSTS.contains(&host.as_str()) {
                    faults.push(format!(
                        "{}:{}: the host {host} is not one that a build may name",
                        text.path,
                        index + 1
                    ));
                }
            }
        }
    }
    faults
}

#[test]
fn no_file_names_somebodys_machine() {
    // This file names the patterns themselves.
    let texts = workspace::texts(|path| path != "tests/architecture/words.rs");
    assert_none(
        "paths of a machine",
        &machine_words(&texts, &machine_paths()),
    );
}

#[test]
fn build_files_name_only_public_hosts() {
    let texts = workspace::texts(is_build_file);
    assert!(
        texts.len() > 10,
        "the build files were not read: {}",
        texts.len()
    );
    assert_none("hosts in build files", &unknown_hosts(&texts));
}

#[test]
fn planted_words_are_found() {
    let text = Text::new(
        "deploy/x.toml",
        "data = \"/home/ada/walbrook\"\nkeys = \"/srv/checkout/keys\"\nurl = \"https://mirror.example/api\"\n",
    );
    let found = machine_words(std::slice::from_ref(&text), &["/srv/checkout/".to_owned()]);
    assert_found(&found, "deploy/x.toml:1");
    assert_found(&found, "deploy/x.toml:2");
    assert_found(&unknown_hosts(&[text]), "mirror.example");
    assert!(
        machine_paths()
            .iter()
            .any(|path| path.starts_with(&*workspace::root().to_string_lossy())),
        "the checkout's own path is looked for"
    );
}
