//! Dependencies are declared once, used, and come from one place.

use std::collections::BTreeSet;

use crate::workspace::{self, Text};
use crate::{assert_found, assert_none};

fn table<'a>(value: &'a toml::Value, path: &[&str]) -> Option<&'a toml::Table> {
    path.iter()
        .try_fold(value, |value, key| value.get(key))?
        .as_table()
}

fn dependency_tables(manifest: &toml::Value) -> Vec<&toml::Table> {
    let mut found: Vec<&toml::Table> = ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|key| table(manifest, &[key]))
        .collect();
    if let Some(targets) = table(manifest, &["target"]) {
        for target in targets.values() {
            found.extend(
                ["dependencies", "dev-dependencies", "build-dependencies"]
                    .iter()
                    .filter_map(|key| table(target, &[key])),
            );
        }
    }
    found
}

/// Workspace dependencies no crate uses, and crate dependencies that are not the workspace's.
fn undeclared_or_unused(root: &str, members: &[Text]) -> Vec<String> {
    let root: toml::Value = toml::from_str(root).expect("the root manifest is TOML");
    let declared: BTreeSet<&String> = table(&root, &["workspace", "dependencies"])
        .expect("the root manifest has workspace dependencies")
        .keys()
        .collect();
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    for member in members {
        let manifest: toml::Value = toml::from_str(&member.content).expect("a manifest is TOML");
        for (name, dependency) in dependency_tables(&manifest).into_iter().flatten() {
            used.insert(name.clone());
            if dependency.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                faults.push(format!(
                    "{}: {name} is not taken from the workspace's table",
                    member.path
                ));
            }
        }
    }
    faults.extend(
        declared
            .iter()
            .filter(|name| !used.contains(**name))
            .map(|name| format!("Cargo.toml: {name} is used by no crate")),
    );
    faults
}

/// Sections of our own packages in the manifests: lints are the workspace's everywhere.
fn without_lints(members: &[Text]) -> Vec<String> {
    members
        .iter()
        .filter(|member| {
            let manifest: toml::Value =
                toml::from_str(&member.content).expect("a manifest is TOML");
            manifest
                .get("lints")
                .and_then(|lints| lints.get("workspace"))
                .and_then(toml::Value::as_bool)
                != Some(true)
        })
        .map(|member| format!("{}: does not take the workspace's lints", member.path))
        .collect()
}

/// The standard source line of the lock file.
const OURS: &str = concat!("registry+https://github.com/rust-lang/crates", ".io-index");

/// Packages of the lock file that come from anywhere but the standard registry or this repository.
fn foreign_sources(lock: &str) -> Vec<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = \""))
        .map(|source| source.trim_end_matches('"'))
        .filter(|source| *source != OURS)
        .map(|source| format!("Cargo.lock: a package comes from {source}"))
        .collect()
}

fn members() -> Vec<Text> {
    workspace::texts(|path| path.ends_with("/Cargo.toml"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace::root().join(path)).expect("a file of the root is readable")
}

#[test]
fn every_workspace_dependency_is_used_and_every_used_one_declared() {
    assert_none(
        "one table of dependencies",
        &undeclared_or_unused(&read("Cargo.toml"), &members()),
    );
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    assert_none("one set of lints", &without_lints(&members()));
}

#[test]
fn every_package_comes_from_one_registry() {
    assert_none(
        "one source of packages",
        &foreign_sources(&read("Cargo.lock")),
    );
}

#[test]
fn planted_manifests_are_found() {
    let root = "[workspace.dependencies]\nserde = \"1\"\nidle = \"1\"\n";
    let member = Text::new(
        "a/Cargo.toml",
        "[dependencies]\nserde.workspace = true\nown = \"2\"\n",
    );
    let found = undeclared_or_unused(root, std::slice::from_ref(&member));
    assert_found(&found, "idle is used by no crate");
    assert_found(
        &found,
        "a/Cargo.toml: own is not taken from the workspace's table",
    );
    assert_found(&without_lints(&[member]), "a/Cargo.toml: does not take");
    assert_found(
        &foreign_sources("source = \"git+https://example.org/x\"\n"),
        "git+https://example.org/x",
    );
    assert_none(
        "our registry",
        &foreign_sources(&format!("source = \"{OURS}\"\n")),
    );
}
