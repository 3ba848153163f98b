//! Faults are planted for the simulation and for nothing else: no crate is built with them unless the simulation's own feature is named on the command
//! line, and nothing that ships names it.

use crate::workspace::{self, Text};
use crate::{assert_found, assert_none};
use cargo_metadata::{Metadata, MetadataCommand};

const FEATURE: &str = "planted-faults";
/// Who has the faults, and the only one who may ask for them.
const BROKER: &str = "walbrook-broker";
const TESTS: &str = "walbrook-tests";

/// What a manifest says of features: its name, its features, and each dependency with the features it asks for.
struct Manifest {
    name: String,
    features: Vec<(String, Vec<String>)>,
    asks: Vec<(String, Vec<String>)>,
}

fn manifests(metadata: &Metadata) -> Vec<Manifest> {
    metadata
        .packages
        .iter()
        .map(|package| Manifest {
            name: package.name.to_string(),
            features: package
                .features
                .iter()
                .map(|(name, what)| (name.clone(), what.clone()))
                .collect(),
            asks: package
                .dependencies
                .iter()
                .map(|dependency| (dependency.name.clone(), dependency.features.clone()))
                .collect(),
        })
        .collect()
}

fn faults(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        for (dependency, features) in &manifest.asks {
            if features.iter().any(|feature| feature == FEATURE) {
                faults.push(format!("{} asks {dependency} for {FEATURE}", manifest.name));
            }
        }
        for (feature, what) in &manifest.features {
            let turns_on = what.iter().any(|one| {
                one == FEATURE
                    || one
                        .strip_suffix(FEATURE)
                        .is_some_and(|one| one.ends_with('/'))
            });
            let allowed = manifest.name == TESTS && feature == FEATURE;
            if turns_on && !allowed {
                faults.push(format!(
                    "the feature {feature} of {} turns {FEATURE} on",
                    manifest.name
                ));
            }
        }
        let has_it = manifest.features.iter().any(|(name, _)| name == FEATURE);
        if has_it && ![BROKER, TESTS].contains(&manifest.name.as_str()) {
            faults.push(format!("{} has a feature {FEATURE}", manifest.name));
        }
    }
    faults
}

/// Scripts and recipes that build with faults, beside the one that runs the simulation.
fn recipes(texts: &[Text]) -> Vec<String> {
    let mut faults = Vec::new();
    for text in texts {
        for (number, line) in (1..).zip(text.content.lines()) {
            if line.contains(FEATURE)
                && !(line.contains("cargo test") && line.contains("--test simulation"))
            {
                faults.push(format!("{}:{number}: {line}", text.path));
            }
        }
    }
    faults
}

#[test]
fn no_planted_fault_is_built_into_anything_that_ships() {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("`cargo metadata` reads the workspace");
    let manifests = manifests(&metadata);
    assert!(
        manifests.iter().any(|manifest| manifest.name == BROKER
            && manifest.features.iter().any(|(name, _)| name == FEATURE)),
        "the broker has the feature, or this test looks at nothing"
    );
    assert_none("no planted fault ships", &faults(&manifests));
    let texts = workspace::texts(|path| {
        path == "Makefile"
            || path.starts_with("deploy/")
            || path.starts_with(".github/")
            || path.starts_with(".cargo/")
    });
    assert_none("only the simulation is built with faults", &recipes(&texts));
}

#[test]
fn a_planted_breach_of_it_is_found() {
    let manifest = |name: &str, feature: &str, what: &[&str], asks: &[(&str, &[&str])]| Manifest {
        name: name.to_owned(),
        features: vec![(
            feature.to_owned(),
            what.iter().map(|one| (*one).to_owned()).collect(),
        )],
        asks: asks
            .iter()
            .map(|(name, features)| {
                let features = features.iter().map(|one| (*one).to_owned()).collect();
                ((*name).to_owned(), features)
            })
            .collect(),
    };
    assert_found(
        &faults(&[manifest(BROKER, "default", &[FEATURE], &[])]),
        "the feature default of walbrook-broker",
    );
    assert_found(
        &faults(&[manifest(
            "walbrook-cli",
            "x",
            &["walbrook-broker/planted-faults"],
            &[],
        )]),
        "the feature x of walbrook-cli",
    );
    assert_found(
        &faults(&[manifest(
            "walbrook-bench",
            "x",
            &[],
            &[(BROKER, &[FEATURE])],
        )]),
        "walbrook-bench asks walbrook-broker",
    );
    assert_found(
        &recipes(&[Text::new(
            "Makefile",
            "release: ; cargo build --release --features planted-faults",
        )]),
        "Makefile:1",
    );
}
