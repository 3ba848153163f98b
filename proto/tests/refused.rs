//! Messages that cannot be records stop the build with a text that says what to do; those that can get the right schema.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[path = "../build/model.rs"]
#[allow(
    dead_code,
    reason = "the build's own module; the codec writer reads the rest of it"
)]
mod model;
#[path = "../build/schema.rs"]
mod schema;

use std::fs;

use walbrook_proto as _;

/// Reads the records of a file that holds these messages.
fn read(messages: &str) -> Result<schema::Records, String> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "syntax = \"proto3\";\npackage walbrook.test.v1;\nimport \"common/v1/options.proto\";\n\
         import \"google/protobuf/timestamp.proto\";\n{messages}"
    );
    fs::write(folder.path().join("test.proto"), text).unwrap();
    let mut compiler =
        protox::Compiler::new([folder.path().to_str().unwrap(), env!("CARGO_MANIFEST_DIR")])
            .unwrap();
    compiler.include_imports(true);
    compiler.open_file("test.proto").unwrap();
    model::read(&compiler.descriptor_pool())
}

fn fault(messages: &str) -> String {
    read(messages).err().expect("a fault")
}

/// A record with these lines.
fn record(lines: &str) -> String {
    format!("message M {{ option (walbrook.common.v1.record) = true; {lines} }}")
}

/// An event with these options and lines.
fn event(options: &str, lines: &str) -> String {
    format!("message M {{ option (walbrook.common.v1.event) = {{ {options} }}; {lines} }}")
}

#[test]
fn what_avro_or_the_design_cannot_carry_is_refused_by_name() {
    let person = "subject: SUBJECT_KIND_PERSON";
    let wide: String = (1..=65).map(|at| format!("string f{at} = {at};")).collect();
    let cases = [
        (
            record("map<string, string> a = 1;"),
            "walbrook.test.v1.M.a: a record has no maps",
        ),
        (
            record("oneof x { string a = 1; bool b = 2; }"),
            "M.a: a record has no oneof",
        ),
        (
            record("double a = 1;"),
            "M.a: a record has no floating-point numbers",
        ),
        (
            record("repeated float a = 1;"),
            "M.a: a record has no floating-point numbers",
        ),
        (record("M a = 1;"), "M: a record cannot contain itself"),
        (record(""), "M: a record has at least one field"),
        (
            record("message N { string a = 1; } N n = 1;"),
            "M.N: declare a record at the top level",
        ),
        (
            record("string a = 1 [(walbrook.common.v1.required) = true];"),
            "M.a: only a single message field",
        ),
        (
            record("int32 a = 1 [(walbrook.common.v1.codes) = \"x\"];"),
            "M.a: only a string field has a code list",
        ),
        (
            record("E a = 1;") + "enum E { OTHER = 0; }",
            "OTHER: start its name with E_",
        ),
        (
            event("", "string a = 1;"),
            "M: the event option must name its subject",
        ),
        (
            event("subject: SUBJECT_KIND_AREA", "string a = 1;"),
            "M: an area or open event",
        ),
        (
            event("subject: SUBJECT_KIND_OPEN key: \"b\"", "string a = 1;"),
            "M: an area or open event",
        ),
        (
            event("subject: SUBJECT_KIND_PERSON key: \"a\"", "string a = 1;"),
            "M: an area or open event",
        ),
        (event(person, &wide), "M: an event has at most 64 fields"),
    ];
    for (messages, expected) in cases {
        let fault = fault(&messages);
        assert!(fault.contains(expected), "{messages}\n{fault}");
    }
}

#[test]
fn a_nested_record_is_defined_once_and_named_afterwards() {
    let messages = record(
        "N a = 1; repeated N b = 2; google.protobuf.Timestamp c = 3 [(walbrook.common.v1.required) = true];",
    ) + "message N { E e = 1; uint32 u = 2; optional bytes b = 3; } enum E { E_ONE = 0; E_TWO = 1; }";
    let records = read(&messages).unwrap();
    let nested = concat!(
        r#"{"name":"walbrook.test.v1.N","type":"record","fields":[{"name":"e","type":"string"},"#,
        r#"{"name":"u","type":"long"},{"name":"b","type":["null","bytes"],"default":null}]}"#
    );
    let expected = format!(
        concat!(
            r#"{{"name":"walbrook.test.v1.M","type":"record","fields":[{{"name":"a","type":["null",{}],"default":null}},"#,
            r#"{{"name":"b","type":{{"type":"array","items":"walbrook.test.v1.N"}}}},"#,
            r#"{{"name":"c","type":{{"type":"long","logicalType":"timestamp-micros"}}}}]}}"#
        ),
        nested
    );
    let record = &records["walbrook.test.v1.M"];
    assert_eq!(schema::raw(record, &records), expected);
    assert!(
        !records["walbrook.test.v1.N"].marked,
        "it stands on no topic by itself"
    );
    let shared = schema::shared(record, &records);
    assert!(shared.contains(r#""name":"walbrook.test.v1.shared.M""#));
    assert_eq!(
        shared.matches(r#""default":null"#).count(),
        4,
        "three fields, and the nested record's own"
    );
    apache_avro::Schema::parse_str(&shared).unwrap();
}

#[test]
fn an_event_says_its_type_agency_and_version() {
    let records = read(&event(
        "subject: SUBJECT_KIND_AREA key: \"a\" version: 3",
        "string a = 1;",
    ))
    .unwrap();
    let record = &records["walbrook.test.v1.M"];
    let event = record.event.as_ref().unwrap();
    assert_eq!(
        (
            record.version,
            event.event_type.as_str(),
            event.agency.as_str()
        ),
        (3, "test.M", "test")
    );
    assert_eq!((event.subject, event.key.as_deref()), ("Area", Some("a")));
}
