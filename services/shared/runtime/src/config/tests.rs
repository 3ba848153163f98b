use super::*;

const DEFAULTS: Defaults = Defaults {
    name: "example",
    grpc_port: 7199,
};

#[derive(Debug)]
struct Own {
    window: i64,
}

impl Settings for Own {
    fn read(section: &mut Section) -> Option<Self> {
        Some(Self {
            window: section.integer("window", 1..=64, 8)?,
        })
    }
}

fn with(
    text: Option<&str>,
    local: bool,
    environment: &[(&str, &str)],
) -> Result<(Common, Own), ConfigError> {
    let arguments = Arguments {
        config: None,
        local,
        check: false,
    };
    resolve(text, &arguments, DEFAULTS, &|name| {
        environment
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn faults(result: Result<(Common, Own), ConfigError>) -> Vec<String> {
    let faults = result.expect_err("faults").faults;
    faults
        .into_iter()
        .map(|fault| format!("{}: {}", fault.place, fault.problem))
        .collect()
}

#[test]
fn local_needs_nothing() {
    let (common, own) = with(None, true, &[]).expect("defaults");
    assert_eq!(common.listen.to_string(), "127.0.0.1:7199");
    assert_eq!(common.metrics.to_string(), "127.0.0.1:7299");
    assert_eq!(common.kafka.bootstrap, "127.0.0.1:19092");
    assert_eq!(
        (common.kafka.replication, common.partitions, own.window),
        (1, 4, 8)
    );
    assert_eq!(common.peers.identity.to_string(), "http://127.0.0.1:7110/");
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "namespace = 'one'\nwindow = 3\n[kafka]\nbootstrap = 'a:1'\nproperties = { 'security.protocol' = 'SSL' }";
    let environment = [
        ("WALBROOK_NAMESPACE", "two"),
        ("WALBROOK_KAFKA", "b:2"),
        ("WALBROOK_LOCAL", "1"),
    ];
    let (common, own) = with(Some(file), false, &environment).expect("config");
    assert_eq!(
        (
            common.namespace.as_str(),
            common.kafka.bootstrap.as_str(),
            own.window
        ),
        ("two", "b:2", 3)
    );
    assert_eq!(
        common
            .kafka
            .properties
            .get("security.protocol")
            .map(String::as_str),
        Some("SSL")
    );
    assert!(common.local);
}

#[test]
fn every_fault_is_named_at_once() {
    let file = "namespace = 'Ünder'\nlisten = 'here'\nwindow = 99\ntypo = 1\n[kafka]\nreplication = 1\nbootstrop = 'x'";
    let found = faults(with(Some(file), false, &[("WALBROOK_METRICS", "nowhere")]));
    for expected in [
        "namespace:",
        "listen:",
        "WALBROOK_METRICS:",
        "kafka.bootstrap:",
        "registry:",
        "callers.token_file:",
        "window: is 99",
    ] {
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{expected} in {found:#?}"
        );
    }
    assert!(
        found.contains(&"typo: is not a setting of this process".to_owned()),
        "{found:#?}"
    );
    assert!(
        found.contains(&"kafka.bootstrop: is not a setting of this process".to_owned()),
        "{found:#?}"
    );
}

#[test]
fn outside_local_replication_is_three() {
    let file = "registry = 'r:1'\ncallers.token_file = 't'\n[kafka]\nbootstrap = 'a:1'\nreplication = 2\nmin_insync = 1";
    let found = faults(with(Some(file), false, &[]));
    assert!(
        found
            .iter()
            .any(|fault| fault.starts_with("kafka.replication: is 2")),
        "{found:#?}"
    );
    assert!(
        found
            .iter()
            .any(|fault| fault.starts_with("kafka.min_insync: is 1")),
        "{found:#?}"
    );
}

#[test]
fn other_machines_are_not_served_in_plain_text() {
    let found = faults(with(None, true, &[("WALBROOK_LISTEN", "0.0.0.0:7101")]));
    assert!(
        found
            .iter()
            .any(|fault| fault.starts_with("WALBROOK_LISTEN: 0.0.0.0:7101 can be reached")),
        "{found:#?}"
    );
    let allowed = with(
        Some("allow_plaintext = true"),
        true,
        &[("WALBROOK_LISTEN", "0.0.0.0:7101")],
    );
    assert_eq!(allowed.expect("allowed").0.listen.port(), 7101);
}

#[test]
fn without_a_file_and_without_local_it_says_what_to_give() {
    assert!(faults(with(None, false, &[]))[0].contains("give --config FILE"));
}

#[test]
fn what_is_not_toml_is_said_without_a_stack_of_faults() {
    let found = faults(with(Some("namespace ="), true, &[]));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("file: is not TOML"));
}
