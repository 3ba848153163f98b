//! What clients were built against stays: no field, number, type, value or call of `proto/contract.lock` is taken away or changed.
//!
//! `WALBROOK_WRITE_SCHEMAS=1 cargo test -p walbrook-proto --test contract` (part of `make schemas`) adds what is new. It never takes a line out: what was
//! never published is taken out by hand, what was published stays, and its successor gets a number, a name or a package of its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

/// Areas that organisations build clients for. The others are between our own processes, or records of our own topics.
const PUBLIC: [&str; 12] = [
    "audit",
    "city",
    "common",
    "control",
    "health",
    "housing",
    "police",
    "quarantine",
    "social_care",
    "tfl",
    "view",
    "identity",
];

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract.lock")
}

fn set() -> FileDescriptorSet {
    FileDescriptorSet::decode(walbrook_proto::FILE_DESCRIPTOR_SET).unwrap()
}

/// One line for each thing that a client's code or bytes may rest on.
fn contract(set: &FileDescriptorSet) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in set.file.iter().filter(|file| is_public(file)) {
        let package = file.package();
        for message in &file.message_type {
            of_message(package, message, &mut lines);
        }
        for values in &file.enum_type {
            of_enum(package, values, &mut lines);
        }
        for service in &file.service {
            of_service(package, service, &mut lines);
        }
    }
    lines
}

fn is_public(file: &FileDescriptorProto) -> bool {
    // Records of our topics are internal: their form is frozen by their schemas, not by this file.
    let mut parts = file.package().split('.');
    let ours = parts.next() == Some("walbrook");
    ours && parts.next().is_some_and(|area| PUBLIC.contains(&area))
        && !file.name().ends_with("records.proto")
}

fn of_message(within: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{within}.{}", message.name());
    lines.insert(format!("message {name}"));
    for field in &message.field {
        lines.insert(of_field(&name, message, field));
    }
    for inner in &message.nested_type {
        of_message(&name, inner, lines);
    }
    for values in &message.enum_type {
        of_enum(&name, values, lines);
    }
}

fn of_field(name: &str, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        plain => plain
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    };
    let oneof = field
        .oneof_index
        .filter(|_| !field.proto3_optional())
        .map(|at| &message.oneof_decl[usize::try_from(at).unwrap()]);
    let shape = match (field.label(), oneof) {
        (Label::Repeated, _) => "repeated ".to_owned(),
        (_, Some(oneof)) => format!("oneof {} ", oneof.name()),
        _ if field.proto3_optional() => "optional ".to_owned(),
        _ => String::new(),
    };
    let (number, field) = (field.number(), field.name());
    format!("field {name} {number} {shape}{kind} {field}")
}

fn of_enum(within: &str, values: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
    for value in &values.value {
        let (number, value) = (value.number(), value.name());
        lines.insert(format!("value {within}.{} {number} {value}", values.name()));
    }
}

fn of_service(within: &str, service: &ServiceDescriptorProto, lines: &mut BTreeSet<String>) {
    for call in &service.method {
        let flow = |streams: bool| if streams { "stream " } else { "" };
        lines.insert(format!(
            "call {within}.{}/{} {}{} -> {}{}",
            service.name(),
            call.name(),
            flow(call.client_streaming()),
            call.input_type().trim_start_matches('.'),
            flow(call.server_streaming()),
            call.output_type().trim_start_matches('.')
        ));
    }
}

/// Promises that are no longer kept.
fn broken(locked: &BTreeSet<String>, now: &BTreeSet<String>) -> Vec<String> {
    locked.difference(now).cloned().collect()
}

fn locked() -> BTreeSet<String> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn nothing_that_clients_rest_on_was_taken_away() {
    let (mut locked, now) = (locked(), contract(&set()));
    assert!(now.len() > 300, "the contract was not read: {}", now.len());
    let gone = broken(&locked, &now);
    assert!(
        gone.is_empty(),
        "clients rest on what is gone or changed:\n  {}\nPut it back; a successor gets a number, a name or a package (v2) of its own. Only what was never \
         published may be taken out of proto/contract.lock.",
        gone.join("\n  ")
    );
    if env::var_os("WALBROOK_WRITE_SCHEMAS").is_some() && locked != now {
        locked.extend(now.iter().cloned());
        let lines: Vec<_> = locked.iter().map(String::as_str).collect();
        fs::write(file(), lines.join("\n") + "\n").unwrap();
    }
    let new: Vec<_> = now.difference(&locked).cloned().collect();
    assert!(
        new.is_empty(),
        "not in proto/contract.lock yet, run `make schemas`:\n  {}",
        new.join("\n  ")
    );
}

/// The contract after a change to the message `Receipt`.
fn changed(change: impl FnOnce(&mut DescriptorProto)) -> BTreeSet<String> {
    let mut set = set();
    let message = set
        .file
        .iter_mut()
        .filter(|file| file.package() == "walbrook.common.v1")
        .flat_map(|file| &mut file.message_type)
        .find(|message| message.name() == "Receipt")
        .unwrap();
    change(message);
    contract(&set)
}

#[test]
fn planted_breaks_are_found_and_additions_are_none() {
    let before = contract(&set());
    let broken_by = |change: fn(&mut DescriptorProto)| broken(&before, &changed(change));
    assert!(before.contains("field walbrook.common.v1.Receipt 2 string receipt_id"));

    let removed = broken_by(|message| message.field.retain(|field| field.name() != "receipt_id"));
    assert_eq!(
        removed,
        ["field walbrook.common.v1.Receipt 2 string receipt_id"]
    );
    let cases: [fn(&mut DescriptorProto); 5] = [
        |message| message.field[1].number = Some(9),
        |message| message.field[1].name = Some("place".into()),
        |message| message.field[1].set_type(Type::Bytes),
        |message| message.field[1].set_label(Label::Repeated),
        |message| message.name = Some("Acknowledgement".into()),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        assert!(!broken_by(case).is_empty(), "case {number} went unseen");
    }

    let added = changed(|message| {
        let mut field = message.field[1].clone();
        (field.name, field.number) = (Some("colour".into()), Some(99));
        message.field.push(field);
    });
    assert_eq!(broken(&before, &added), Vec::<String>::new());
    assert_eq!(added.difference(&before).count(), 1);
}

#[test]
fn a_call_and_a_value_that_go_are_found_too() {
    let mut set = set();
    let before = contract(&set);
    for file in &mut set.file {
        for service in &mut file.service {
            service.method.retain(|call| call.name() != "PublishStream");
        }
        file.enum_type
            .retain(|values| values.name() != "SubjectKind");
    }
    let gone = broken(&before, &contract(&set));
    assert!(gone.iter().any(|line| {
        line.starts_with("call walbrook.housing.v1.HousingEvents/PublishStream stream")
    }));
    assert!(
        gone.iter()
            .any(|line| line.starts_with("value walbrook.common.v1.SubjectKind 1"))
    );
}
