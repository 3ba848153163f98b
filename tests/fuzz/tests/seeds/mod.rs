//! The seeds of the corpus that are easier made than typed.

use prost::Message;
use walbrook_fuzz::places;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::{health, housing, police, social_care};

/// Writes them when `WALBROOK_WRITE_CORPUS` is set.
pub fn write_where_asked() {
    if std::env::var_os("WALBROOK_WRITE_CORPUS").is_none() {
        return;
    }
    frames();
    bodies();
    documents();
}

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let folder = places::folder(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

fn head(number: u8) -> EventHead {
    EventHead {
        event_id: format!("0192d3f4-7c1e-7d2a-9b1c-0000000000{number:02}"),
        organisation: None,
        subject: Some(Subject {
            scheme: "LOCAL".into(),
            local_id: format!("P-{number}"),
            demographics: Some(Demographics {
                given_name: "Aveline".into(),
                family_name: "Quillfeather".into(),
                birth_date: Date::new(1987, 3, 14),
                postcode: "NW1 0XX".into(),
                nhs_number: Some("9990000018".into()),
                nhs_number_verified: true,
                ..Demographics::default()
            }),
        }),
        supersedes_event_id: None,
        when: Some(When::OccurredOn(Date::new(2026, 4, 7).unwrap())),
    }
}

fn notice() -> housing::v1::PossessionNotice {
    housing::v1::PossessionNotice {
        tenancy_ref: Some("T-100".into()),
        notice_type: "S8".into(),
        grounds: vec!["8".into(), "10".into()],
        served_on: Date::new(2026, 4, 7),
        expires_on: Date::new(2026, 6, 7),
        stage: "NOTICE".into(),
    }
}

fn missing() -> police::v1::MissingEpisode {
    police::v1::MissingEpisode {
        episode_ref: "MIS-88".into(),
        phase: "REPORTED".into(),
        risk: "MEDIUM".into(),
        ..Default::default()
    }
}

fn status() -> health::v1::AccommodationStatusRecorded {
    health::v1::AccommodationStatusRecorded {
        code: "MA01".into(),
        recorded_in: "ED".into(),
        ..Default::default()
    }
}

fn review() -> social_care::v1::ReviewHeld {
    social_care::v1::ReviewHeld {
        reviewed_on: Date::new(2026, 3, 2),
        review_code: "PN1".into(),
        due_on: None,
    }
}

/// One event of each of four agencies in a frame, and a frame of forty.
fn frames() {
    macro_rules! frame {
        ($package:ident, $variant:ident, $body:expr, $count:expr) => {
            $package::v1::PublishFrame {
                sequence: 1,
                events: (0..$count)
                    .map(|number| $package::v1::Event {
                        head: Some(head(number)),
                        body: Some($package::v1::event::Body::$variant($body)),
                    })
                    .collect(),
            }
            .encode_to_vec()
        };
    }
    write(
        "frames",
        "housing",
        frame!(housing, PossessionNotice, notice(), 1),
    );
    write(
        "frames",
        "housing-forty",
        frame!(housing, PossessionNotice, notice(), 40),
    );
    write(
        "frames",
        "police",
        frame!(police, MissingEpisode, missing(), 2),
    );
    write(
        "frames",
        "health",
        frame!(health, AccommodationStatusRecorded, status(), 2),
    );
    write(
        "frames",
        "social-care",
        frame!(social_care, ReviewHeld, review(), 2),
    );
}

fn bodies() {
    let notice = notice().to_vec().unwrap();
    write("bodies", "notice", &notice);
    write("bodies", "missing", missing().to_vec().unwrap());
    write("bodies", "status", status().to_vec().unwrap());
    write("bodies", "review", review().to_vec().unwrap());
    // A list that says it has a billion items, and a text longer than its body.
    write(
        "bodies",
        "long-list",
        [b"\x80\x94\xeb\xdc\x03".as_slice(), &notice].concat(),
    );
    let framed = [b"\x00\x00\x00\x00\x07".as_slice(), &notice].concat();
    let names = "0192d3f4-7c1e-7d2a-9b1c-000000000001|housing.PossessionNotice|1.0|urn:walbrook:housing|2026-04-06T23:00:00.000000Z|t/7|application/avro|GSS:E09000007|day|plain";
    let head = [16, u8::try_from(names.len()).unwrap()];
    let whole = [&head[..], &[7; 16], names.as_bytes(), &framed].concat();
    write("raw", "notice", &whole);
    write(
        "raw",
        "no-key",
        [&[0, head[1]][..], names.as_bytes(), &framed].concat(),
    );
    write("raw", "empty", b"");
    for record in walbrook_proto::records() {
        let name = record.full_name.strip_prefix("walbrook.control.v1.");
        if let Some(name) = name {
            // Zeros are empty texts, absent options, numbers of nothing: many records are read from them.
            write("control", name, [0_u8; 24]);
        }
    }
}

fn documents() {
    write(
        "csv",
        "episodes",
        "CHILD,DECOM,LS,NOTE\n1,01/04/2025,C2,\"a \"\"quoted\"\" word\"\n2,02/04/2025,L1,\"two\nlines, one cell\"\n",
    );
    write(
        "csv",
        "mark",
        b"\xef\xbb\xbfCHILD,NAME\r\n1,Zo\xc3\xab\r\n2,Zo\xeb\r\n",
    );
    write(
        "csv",
        "open-quote",
        "CHILD,NAME\n1,\"never closed\n2,x\n3,y\n",
    );
    write("csv", "title-above", "An extract\nCHILD,NAME\n1,x\n");
    write(
        "json",
        "array",
        r#"[{"site":"A","value":1.5},{"site":"B","value":"No data"},null]"#,
    );
    write(
        "json",
        "nested",
        r#"{"rows":[{"a":[[[[1]]]]},{"a":"\u00e9\n"}]}"#,
    );
    write("json", "single", r#"{"rows":{"a":1}}"#);
    write(
        "json",
        "inside-a-string",
        r#"{"rows":"[{\"a\":\"b \\\"c\\\"\"}]"}"#,
    );
    write("json", "deep", "[".repeat(10_000));
    write(
        "xml",
        "rows",
        "<?xml version=\"1.0\"?><rows><row a=\"1\"><b>x</b></row><row><b>y &amp; z</b></row></rows>",
    );
    write(
        "xml",
        "entities",
        "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><rows><row><b>&b;&b;</b></row></rows>",
    );
    write("xml", "deep", "<rows>".to_owned() + &"<row>".repeat(5_000));
    write(
        "fhir",
        "patient",
        r#"{"resourceType":"Patient","meta":{"security":[{"code":"U"}]},"birthDate":"2010-10-22","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"use":"usual","family":"Quillfeather","given":["Aveline"]}],"address":[{"use":"home","postalCode":"NW1 0XX"}]}"#,
    );
    write(
        "fhir",
        "restricted",
        r#"{"resourceType":"Patient","meta":{"security":[{"code":"R"}]},"name":[{"given":[]}]}"#,
    );
    write("fhir", "deep", "{\"extension\":[".repeat(2_000));
    write(
        "tokens",
        "three-parts",
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJvcmciOiJHU1M6RTA5MDAwMDA3IiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAA",
    );
    write("tokens", "no-algorithm", "eyJhbGciOiJub25lIn0.e30.");
    write("tokens", "empty", "");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    for (target, folder) in [("agreements", "agreements"), ("views", "views")] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            write(target, &name, std::fs::read(&path).unwrap());
        }
        write(target, "nested", "a = [".repeat(3_000));
        write(target, "empty", "");
    }
}
