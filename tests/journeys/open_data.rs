//! The city's open data, datasets whose schemas others made, heartbeats, and two versions of one event type side by side.

use crate::violations;
use std::sync::Arc;
use tonic::Code;
use walbrook_auditor::Checked;
use walbrook_event::dataset::JsonWriter;
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::topics::{Cleanup, TimestampType, Topic};
use walbrook_eventlog::{Headers, NewRecord};
use walbrook_eventlog_kafka::{Registry, RegistryError};
use walbrook_proto::city::v1::city_events_client::CityEventsClient;
use walbrook_proto::city::v1::{self as city, AirQualityMeasured, OpenIndicatorPublished};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::heartbeats_client::HeartbeatsClient;
use walbrook_proto::common::v1::{Date, EventHead, HeartbeatRequest, NothingToReport, Receipt};
use walbrook_proto::control::v1::{ListDatasetsRequest, RegisterDatasetRequest};
use walbrook_proto::housing::v1::event::Body;
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::{agreement_text, midnight};
use walbrook_tests::backbone::{Backbone, Common, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, arrears, event_id};

/// The Greater London Authority.
const GLA: &str = "GSS:E12000007";
const ARREARS: &str = "housing.RentArrearsChanged";
const NOTICES: &str = "housing.PossessionNotice";

async fn backbone() -> Arc<Backbone> {
    static CITY: Common = Common::new();
    CITY.get(|| async {
        let services = ["identity", "broker", "materialiser", "housing", "city"];
        let backbone = Backbone::start(Options::only(&services)).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN, ISLINGTON]).await;
        for name in ["open-air-quality", "open-indicators"] {
            backbone.agree(&agreement_text(name), &[GLA]).await;
        }
        backbone
    })
    .await
}

async fn publish(backbone: &Backbone, body: city::event::Body) -> Result<Receipt, tonic::Status> {
    let caller = TokenRequest::new(GLA, "datastore", role::PRODUCER).events(&["city.*"]);
    let mut client = CityEventsClient::new(backbone.connect("city", caller));
    let head = EventHead {
        event_id: event_id(),
        when: Some(When::OccurredAt(midnight(1))),
        ..Default::default()
    };
    let event = city::Event {
        head: Some(head),
        body: Some(body),
    };
    let request = city::PublishRequest { event: Some(event) };
    Ok(client.publish(request).await?.into_inner())
}

fn reading(site_code: &str) -> city::event::Body {
    city::event::Body::AirQualityMeasured(AirQualityMeasured {
        site_code: site_code.into(),
        species_code: "NO2".into(),
        measured_at: Some(midnight(1)),
        value_thousandths: 21_500,
        unit: "UG_M3".into(),
        network: "LAQN".into(),
        ratified: false,
        authority_gss: Some("E09000007".into()),
    })
}

fn indicator(count: Option<i64>, out_of: Option<i64>) -> city::event::Body {
    city::event::Body::OpenIndicatorPublished(OpenIndicatorPublished {
        indicator_code: "rough-sleepers".into(),
        area_gss: "E09000007".into(),
        period_start: Date::new(2026, 1, 1),
        period_end: Date::new(2026, 3, 31),
        derived_from_people: true,
        suppressed: count.is_none(),
        count,
        out_of,
        ..Default::default()
    })
}

#[test]
fn open_data_reaches_its_dataset_and_no_small_number_of_people_does() {
    journey(async {
        let backbone = backbone().await;
        publish(&backbone, reading("BL0")).await.expect("a reading");
        // Trap 15: suppression of small cells in open data.
        for (count, out_of) in [
            (Some(9), None),
            (Some(0), None),
            (Some(100), Some(105)),
            (None, Some(4)),
        ] {
            let refused = publish(&backbone, indicator(count, out_of)).await;
            let refused = refused.expect_err("a small number");
            assert_eq!(refused.code(), Code::InvalidArgument);
            let field = "open_indicator_published.count".to_owned();
            assert_eq!(violations(&refused), [(field, "SMALL_NUMBER".to_owned())]);
        }
        for count in [Some(10), None] {
            let published = publish(&backbone, indicator(count, None)).await;
            published.expect("enough people, or nothing said");
        }
        backbone.decided().await;
        let air = backbone.records("open.air-quality");
        let keys: Vec<_> = air.iter().map(|record| record.key.as_deref()).collect();
        assert_eq!(keys, [Some(b"BL0".as_slice())]);
        assert_eq!(backbone.records("open.indicators").len(), 2);
        let report = backbone.assert_audit_is_clean();
        assert!(report.checked(Checked::OpenRecords) >= 3);
    });
}

const LEVELS: &str = r#"{"type":"record","name":"Level","namespace":"org.rivers","fields":[
  {"name":"gauge","type":"string"},
  {"name":"metres","type":"double"},
  {"name":"visitors","type":["null","long"],"default":null}]}"#;

fn rivers(schema: &str) -> RegisterDatasetRequest {
    RegisterDatasetRequest {
        dataset: "river-levels".into(),
        schema: schema.into(),
        people_counts: vec!["visitors".into()],
        idempotency_key: String::new(),
    }
}

/// The open agreement of a dataset of others.
fn rivers_agreement() -> String {
    agreement_text("open-air-quality")
        .replace("open-air-quality", "open-river-levels")
        .replace("dataset = \"air-quality\"", "dataset = \"river-levels\"")
        .replace("city.AirQualityMeasured", "city.OpenRecordPublished")
        .lines()
        .map(|line| match line.starts_with("fields = ") {
            true => "fields = [\"dataset\", \"schema_sha256\", \"record\"]\nwhere = 'dataset = \"river-levels\"'",
            false => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_schema_of_others_is_registered_without_code_and_its_records_stand_under_it() {
    journey(async {
        let backbone = backbone().await;
        let refused = backbone.operator().register_dataset(rivers(LEVELS)).await;
        let refused = refused.expect_err("there is no topic");
        assert_eq!(
            violations(&refused),
            [("dataset".to_owned(), "NO_TOPIC".to_owned())]
        );
        let topic = Topic {
            name: backbone.namespace.name("open.river-levels"),
            plain: "open.river-levels".into(),
            partitions: 1,
            cleanup: Cleanup::Delete,
            timestamps: TimestampType::CreateTime,
        };
        let admin = backbone.kafka.admin().expect("an admin client");
        admin.create(&[topic], 1, 1).await.expect("the topic");
        backbone
            .operator()
            .register_dataset(rivers(LEVELS))
            .await
            .expect("registered");
        let again = backbone.operator().register_dataset(rivers(LEVELS)).await;
        assert!(again.expect("known").into_inner().repeated_call);

        // A version that older readers cannot read: caught here, and by the real registry when it is asked past us.
        let broken = LEVELS.replace("\"double\"", "\"string\"");
        let refused = backbone.operator().register_dataset(rivers(&broken)).await;
        let refused = refused.expect_err("incompatible");
        assert_eq!(
            violations(&refused),
            [("schema".to_owned(), "INCOMPATIBLE".to_owned())]
        );
        let registry = Registry::new(backbone.registry());
        let subject = backbone
            .namespace
            .name("open.river-levels-org.rivers.Level");
        let asked = registry.register(&subject, &broken).await;
        assert!(
            matches!(asked, Err(RegistryError::Refused { .. })),
            "{asked:?}"
        );

        // The next version adds a field with a default.
        let wider = LEVELS.replace(
            "\"default\":null}]",
            "\"default\":null},{\"name\":\"source\",\"type\":\"string\",\"default\":\"\"}]",
        );
        backbone
            .operator()
            .register_dataset(rivers(&wider))
            .await
            .expect("the next version");
        let listed = backbone
            .operator()
            .list_datasets(ListDatasetsRequest {})
            .await;
        let versions = listed.expect("a list").into_inner().datasets;
        assert_eq!(
            versions.iter().map(|one| one.newest).collect::<Vec<_>>(),
            [false, true]
        );

        backbone.agree(&rivers_agreement(), &[GLA]).await;
        let mut wanted = Vec::new();
        for (version, record) in [
            (
                &versions[0],
                r#"{"gauge": "T-1", "metres": 1.5, "visitors": 12}"#,
            ),
            (
                &versions[1],
                r#"{"gauge": "T-2", "metres": 0.5, "visitors": null, "source": "tide"}"#,
            ),
        ] {
            let writer = JsonWriter::new(&version.schema).expect("a schema");
            let record = writer.body_of_text(record).expect("a record");
            let body = |sha256: &str, record: &[u8]| {
                city::event::Body::OpenRecordPublished(city::OpenRecordPublished {
                    dataset: "river-levels".into(),
                    schema_sha256: sha256.to_owned(),
                    record: record.to_vec(),
                })
            };
            // The gateway follows what is registered.
            backbone
                .until("the gateway to know the schema", || async {
                    let sent = publish(&backbone, body(&version.schema_sha256, &record)).await;
                    sent.map_err(|refused| refused.to_string())
                })
                .await;
            wanted.push((version.schema_id, record.clone()));
            let cut = publish(&backbone, body(&version.schema_sha256, &record[1..])).await;
            let cut = violations(&cut.expect_err("not a record"));
            assert_eq!(cut[0].1, "NOT_A_REGISTERED_RECORD");
            let few = writer
                .body_of_text(r#"{"gauge": "T-1", "metres": 1.5, "visitors": 9, "source": ""}"#);
            let few = publish(
                &backbone,
                body(&version.schema_sha256, &few.expect("a record")),
            )
            .await;
            assert_eq!(
                violations(&few.expect_err("few people"))[0].1,
                "SMALL_NUMBER"
            );
        }
        backbone.decided().await;
        let found: Vec<(i32, Vec<u8>)> = backbone
            .records("open.river-levels")
            .iter()
            .map(|record| {
                let (id, body) = unframe(record.value.as_deref()).expect("framed");
                (id, body.to_vec())
            })
            .collect();
        assert_eq!(
            found, wanted,
            "as they came, each under its own registered schema"
        );
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn an_organisation_with_nothing_to_say_is_heard() {
    journey(async {
        let backbone = backbone().await;
        let person = Person::number(8_101);
        let sent = backbone
            .publish(CAMDEN, arrears(&event_id(), &person, 5_000))
            .await;
        sent.expect("a receipt");
        let statement = || async {
            let row = backbone.row(CAMDEN, &person.local_id).await;
            let row = row
                .map_err(|refused| refused.to_string())?
                .ok_or("no row yet")?;
            let source = row
                .sources
                .iter()
                .find(|source| source.event_type == NOTICES);
            let source = source.ok_or("no such source")?;
            Ok::<_, String>((source.statement.clone(), source.last_heard_on))
        };
        let before = backbone.until("a row", statement).await;
        assert_eq!(before, ("not known".to_owned(), None));

        let caller =
            TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["housing.*"]);
        let mut client = HeartbeatsClient::new(backbone.connect("housing", caller));
        let say = |event_type: &str| HeartbeatRequest {
            head: Some(EventHead {
                event_id: event_id(),
                when: Some(When::OccurredAt(midnight(1))),
                ..Default::default()
            }),
            nothing_to_report: Some(NothingToReport {
                event_type: event_type.to_owned(),
            }),
        };
        for (event_type, code) in [
            ("police.MissingEpisode", Code::InvalidArgument),
            ("housing.NoSuchThing", Code::InvalidArgument),
        ] {
            let refused = client.say(say(event_type)).await;
            let refused = refused.expect_err("no event type of this agency");
            assert_eq!(refused.code(), code, "{event_type}: {refused}");
        }
        // Who publishes nothing has nothing of which there could be nothing to report; nor does a token for other types do.
        for (organisation, events, code) in [
            ("LANDLORD:L1234", "housing.*", Code::FailedPrecondition),
            (CAMDEN, "housing.HostelStay", Code::PermissionDenied),
        ] {
            let caller =
                TokenRequest::new(organisation, "another", role::PRODUCER).events(&[events]);
            let mut another = HeartbeatsClient::new(backbone.connect("housing", caller));
            let refused = another
                .say(say(NOTICES))
                .await
                .expect_err("not theirs to say");
            assert_eq!(refused.code(), code, "{organisation}: {refused}");
        }
        client.say(say(NOTICES)).await.expect("a receipt");
        let heard = backbone
            .until("the source to be heard", || async {
                let found = statement().await?;
                (found != before)
                    .then_some(found)
                    .ok_or_else(|| "not yet".to_owned())
            })
            .await;
        assert_eq!(heard.0, "heard");
        assert!(heard.1.is_some());
        backbone.decided().await;
        let report = backbone.assert_audit_is_clean();
        assert!(report.checked(Checked::Heartbeats) > 0);
    });
}

/// A record that a gateway of the release before wrote: the body without the newest field, under the id of the first version.
fn of_version_1(record: &walbrook_eventlog::Record, id: i32, subject: &str) -> NewRecord {
    let (_, body) = unframe(record.value.as_deref()).expect("framed");
    let (last, older) = body.split_last().expect("a body");
    assert_eq!(*last, 0, "the newest field is null");
    let mut written = Headers::new();
    for header in record.headers.iter() {
        let value = String::from_utf8(header.value.to_vec()).expect("text");
        let value = match header.name {
            headers::ID => event_id(),
            headers::DATA_SCHEMA => format!("{subject}/{id}"),
            _ => value,
        };
        written.push(header.name, value);
    }
    NewRecord {
        topic: "raw.housing".into(),
        partition: Some(record.at.partition),
        key: record.key.clone(),
        value: Some(frame(id, older).into()),
        headers: written,
        timestamp_ms: None,
    }
}

#[test]
fn old_records_and_new_ones_of_one_event_type_are_read_side_by_side() {
    journey(async {
        let backbone = backbone().await;
        let person = Person::number(8_102);
        // An old producer says nothing of months; a new one does.
        let old_producer = arrears(&event_id(), &person, 10_100);
        let mut new_producer = arrears(&event_id(), &person, 10_200);
        if let Some(Body::RentArrearsChanged(changed)) = &mut new_producer.body {
            (changed.owed_weeks, changed.owed_months) = (None, Some(2));
        }
        let first = backbone
            .publish(CAMDEN, old_producer)
            .await
            .expect("a receipt");
        backbone
            .publish(CAMDEN, new_producer)
            .await
            .expect("a receipt");

        let registry = Registry::new(backbone.registry());
        let frozen = |full_name: &str, version: u32| {
            let mut all = walbrook_schemas::all().iter();
            all.find(|one| one.full_name == full_name && one.version == version)
                .expect("a schema")
                .text
        };
        let raw = "walbrook.housing.v1.RentArrearsChanged";
        let subject = backbone.namespace.name(&format!("raw.housing-{raw}"));
        let mut ids = Vec::new();
        for version in [1, 2] {
            let id = registry.lookup(&subject, frozen(raw, version)).await;
            ids.push(id.expect("an answer").expect("registered"));
        }
        assert_ne!(ids[0], ids[1]);
        // The registry itself holds the subject to FULL_TRANSITIVE: a field without a default gets no further.
        let planted = frozen(raw, 2).replace(
            "\"default\":null}]}",
            "\"default\":null},{\"name\":\"x\",\"type\":\"string\"}]}",
        );
        let asked = registry.register(&subject, &planted).await;
        assert!(
            matches!(asked, Err(RegistryError::Refused { .. })),
            "{asked:?}"
        );

        let place = first.receipt_id.clone();
        let written = backbone.records("raw.housing").into_iter().find(|record| {
            place == format!("raw.housing/{}/{}", record.at.partition, record.offset)
        });
        backbone
            .append(of_version_1(
                &written.expect("the record"),
                ids[0],
                &subject,
            ))
            .await;
        backbone.decided().await;

        let shared = "walbrook.housing.v1.shared.RentArrearsChanged";
        let subject = backbone
            .namespace
            .name(&format!("shared.rough-sleeping-{shared}"));
        let mut wanted = Vec::new();
        for version in [1, 2] {
            let id = registry.lookup(&subject, frozen(shared, version)).await;
            wanted.push(id.expect("an answer").expect("registered"));
        }
        let handles: std::collections::BTreeSet<_> = backbone
            .releases("rough-sleeping", ARREARS)
            .iter()
            .map(|record| unframe(record.value.as_deref()).expect("framed").0)
            .collect();
        assert_eq!(
            handles,
            wanted.into_iter().collect(),
            "each in the shared form of its version"
        );
        // The row is made of all three, and nothing waits in quarantine.
        backbone
            .until("a row", || async {
                let row = backbone.row(CAMDEN, &person.local_id).await;
                row.map_err(|refused| refused.to_string())?
                    .ok_or_else(|| "none".to_owned())
            })
            .await;
        assert!(backbone.records("quarantine.housing").is_empty());
        backbone.assert_audit_is_clean();
    });
}
