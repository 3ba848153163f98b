//! Each agency's service takes every event type of its package, and no other.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

fn files() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(walbrook_proto::FILE_DESCRIPTOR_SET)
        .unwrap()
        .file
}

fn message(files: &[FileDescriptorProto], package: &str, name: &str) -> DescriptorProto {
    let mut all = files
        .iter()
        .filter(|file| file.package() == package)
        .flat_map(|file| &file.message_type);
    all.find(|message| message.name() == name)
        .unwrap_or_else(|| panic!("{package} has no {name}"))
        .clone()
}

#[test]
fn the_body_of_an_event_is_any_event_type_of_its_package() {
    let files = files();
    let mut packages: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for info in walbrook_proto::records()
        .iter()
        .filter(|info| info.event.is_some())
    {
        let package = info.full_name.rsplit_once('.').unwrap().0;
        packages
            .entry(package)
            .or_default()
            .insert(format!(".{}", info.full_name));
    }
    // What every agency may say.
    let of_all = packages.remove("walbrook.common.v1").unwrap();
    assert_eq!(packages.len(), 6);
    for (package, mut types) in packages {
        let event = message(&files, package, "Event");
        assert_eq!(
            event
                .oneof_decl
                .iter()
                .map(|one| one.name())
                .collect::<Vec<_>>(),
            ["body"]
        );
        let in_body = event
            .field
            .iter()
            .filter(|field| field.oneof_index.is_some());
        let bodies: BTreeSet<_> = in_body.map(|field| field.type_name().to_owned()).collect();
        types.extend(of_all.intersection(&bodies).cloned());
        assert_eq!(bodies, types, "{package}");
    }
}

#[test]
fn each_agency_publishes_by_call_and_by_stream() {
    let services: Vec<_> = files()
        .iter()
        .flat_map(|file| file.service.clone())
        .filter(|service| service.name().ends_with("Events"))
        .collect();
    assert_eq!(services.len(), 6);
    for service in services {
        let calls: Vec<_> = service
            .method
            .iter()
            .map(|call| {
                (
                    call.name(),
                    call.client_streaming(),
                    call.server_streaming(),
                    call.output_type(),
                )
            })
            .collect();
        let receipts = (
            ".walbrook.common.v1.Receipt",
            ".walbrook.common.v1.FrameReceipt",
        );
        let expected = [
            ("Publish", false, false, receipts.0),
            ("PublishStream", true, true, receipts.1),
        ];
        assert_eq!(calls, expected, "{}", service.name());
    }
}

/// What must never stand in an event: who somebody is.
#[test]
fn no_event_has_a_field_for_who_somebody_is() {
    let banned = [
        "name",
        "birth",
        "dob",
        "postcode",
        "home_post",
        "address",
        "nhs_number",
        "upn",
        "urn",
        "ethnic",
        "mother",
        "note",
        "text",
        "oyster",
    ];
    for info in walbrook_proto::records()
        .iter()
        .filter(|info| info.event.is_some())
    {
        for field in info.fields {
            let words: Vec<_> = field.split('_').collect();
            for word in banned {
                let found = words.contains(&word) || (word.contains('_') && field.contains(word));
                assert!(
                    !found,
                    "{}.{field}: it belongs to identity, or nowhere",
                    info.full_name
                );
            }
        }
    }
}
