//! What the rules look at: the repository's tracked files and the manifests of its crates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// One crate of the workspace and what it may use of the others and from outside.
#[derive(Clone, Debug, Default)]
pub struct Crate {
    pub name: String,
    /// Names of direct dependencies, ours and others', by kind.
    pub normal: BTreeSet<String>,
    pub dev: BTreeSet<String>,
    pub build: BTreeSet<String>,
}

/// A text file of the repository, its path relative to the root.
#[derive(Clone, Debug)]
pub struct Text {
    pub path: String,
    pub content: String,
}

impl Text {
    pub fn new(path: &str, content: &str) -> Self {
        Self {
            path: path.to_owned(),
            content: content.to_owned(),
        }
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests crate has a parent folder")
        .to_owned()
}

/// The crates of the workspace, from `cargo metadata`.
pub fn crates() -> Vec<Crate> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("`cargo metadata` reads the workspace");
    let mut crates: Vec<Crate> = metadata
        .packages
        .iter()
        .map(|package| {
            let of = |kind: DependencyKind| {
                package
                    .dependencies
                    .iter()
                    .filter(|d| d.kind == kind)
                    .map(|d| d.name.clone())
                    .collect()
            };
            Crate {
                name: package.name.to_string(),
                normal: of(DependencyKind::Normal),
                dev: of(DependencyKind::Development),
                build: of(DependencyKind::Build),
            }
        })
        .collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(
        crates.len() > 15,
        "the workspace was not read: {} crates",
        crates.len()
    );
    crates
}

/// Runs git in the repository; `None` when there is no repository (a source archive).
pub fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root())
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The paths git tracks or would track, or, in a source archive, every file outside build folders.
pub fn tracked() -> Vec<String> {
    let paths: Vec<String> = match git(&[
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]) {
        Some(list) => list
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
        None => walk(&root(), &root()),
    };
    assert!(
        paths.iter().any(|path| path == "Cargo.toml"),
        "the file list of the repository was not read"
    );
    paths
}

fn walk(root: &Path, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("a folder of the repository is readable")
        .flatten()
    {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && name != ".git" && name != ".walbrook" {
                found.extend(walk(root, &path));
            }
        } else if let Ok(relative) = path.strip_prefix(root) {
            found.push(relative.to_string_lossy().into_owned());
        }
    }
    found
}

/// The tracked text files whose path satisfies `wanted`; deleted and binary ones are left out.
pub fn texts(wanted: impl Fn(&str) -> bool) -> Vec<Text> {
    tracked()
        .into_iter()
        .filter(|path| wanted(path))
        .filter_map(|path| {
            std::fs::read_to_string(root().join(&path))
                .ok()
                .map(|content| Text { path, content })
        })
        .collect()
}

/// Rust sources of a crate's `src`, without its tests.
pub fn sources(folder: &str) -> Vec<Text> {
    let prefix = format!("{folder}/src/");
    let found = texts(|path| {
        path.starts_with(&prefix)
            && path.ends_with(".rs")
            && !path.ends_with("/tests.rs")
            && !path.contains("/tests/")
    });
    // A module of the crate's own tests may read files.
    let library = std::fs::read_to_string(root().join(&prefix).join("lib.rs")).unwrap_or_default();
    let found: Vec<Text> = found
        .into_iter()
        .filter(|text| {
            let name = text
                .path
                .rsplit('/')
                .next()
                .unwrap_or("")
                .trim_end_matches(".rs");
            !library.contains(&format!("#[cfg(test)]\nmod {name};"))
        })
        .collect();
    assert!(!found.is_empty(), "no sources under {prefix}");
    found
}

/// A line without its comment. Good enough for a scan: a `//` within a string ends the line early, which hides nothing we look for.
pub fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}
