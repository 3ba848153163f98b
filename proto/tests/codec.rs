//! Our Avro codec against apache-avro, for every record type, and against input that is not a record at all.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use apache_avro::schema::{Name, Schema};
use apache_avro::types::Value;
use apache_avro::{from_avro_datum, to_avro_datum};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;
use walbrook_proto::{RecordInfo, records};

/// Fields that are unsigned in protobuf: Avro's long is wider, so only their own range round-trips.
fn unsigned_fields() -> BTreeMap<String, i64> {
    let files = FileDescriptorSet::decode(walbrook_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut found = BTreeMap::new();
    for file in files.file {
        for message in &file.message_type {
            for field in &message.field {
                let most = match field.r#type() {
                    Type::Uint32 | Type::Fixed32 => i64::from(u32::MAX),
                    Type::Uint64 | Type::Fixed64 => i64::MAX,
                    _ => continue,
                };
                found.insert(
                    format!("{}.{}.{}", file.package(), message.name(), field.name()),
                    most,
                );
            }
        }
    }
    found
}

/// Draws any value of a schema that the contracts can mean.
struct Drawing {
    named: HashMap<Name, Schema>,
    unsigned: BTreeMap<String, i64>,
}

impl Drawing {
    fn value(&mut self, schema: &Schema, place: &str) -> BoxedStrategy<Value> {
        match schema {
            Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
            Schema::Int => any::<i32>().prop_map(Value::Int).boxed(),
            Schema::Long => match self.unsigned.get(place) {
                Some(most) => (0..=*most).prop_map(Value::Long).boxed(),
                None => any::<i64>().prop_map(Value::Long).boxed(),
            },
            Schema::Bytes => vec(any::<u8>(), 0..40).prop_map(Value::Bytes).boxed(),
            Schema::String => self.text(place),
            Schema::Date => (-719_162..=2_932_896_i32).prop_map(Value::Date).boxed(),
            Schema::TimestampMicros => any::<i64>().prop_map(Value::TimestampMicros).boxed(),
            Schema::Null => Just(Value::Null).boxed(),
            Schema::Union(union) => {
                let inner = self.value(&union.variants()[1], place);
                let null = Just(Value::Union(0, Box::new(Value::Null)));
                prop_oneof![
                    null,
                    inner.prop_map(|value| Value::Union(1, Box::new(value)))
                ]
                .boxed()
            }
            Schema::Array(array) => vec(self.value(&array.items, place), 0..5)
                .prop_map(Value::Array)
                .boxed(),
            Schema::Record(record) => {
                self.named.insert(record.name.clone(), schema.clone());
                let full_name = record.name.fullname(None);
                let mut fields: BoxedStrategy<Vec<(String, Value)>> = Just(Vec::new()).boxed();
                for field in &record.fields {
                    let name = field.name.clone();
                    let value = self.value(&field.schema, &format!("{full_name}.{name}"));
                    fields = (fields, value)
                        .prop_map(move |(mut fields, value)| {
                            fields.push((name.clone(), value));
                            fields
                        })
                        .boxed();
                }
                fields.prop_map(Value::Record).boxed()
            }
            Schema::Ref { name } => {
                let schema = self.named[name].clone();
                self.value(&schema, place)
            }
            other => panic!("no record uses {other:?}"),
        }
    }

    fn text(&self, place: &str) -> BoxedStrategy<Value> {
        let is_it = |known: &&walbrook_proto::EnumField| {
            format!("{}.{}", known.record, known.field) == place
        };
        match walbrook_proto::enum_fields().iter().find(is_it) {
            Some(known) => proptest::sample::select(known.names)
                .prop_map(|name| Value::String(name.to_owned()))
                .boxed(),
            None => any::<String>().prop_map(Value::String).boxed(),
        }
    }
}

fn drawn(info: &RecordInfo) -> (Schema, BoxedStrategy<Value>) {
    let schema = Schema::parse_str(info.schema).unwrap();
    let mut drawing = Drawing {
        named: HashMap::new(),
        unsigned: unsigned_fields(),
    };
    let values = drawing.value(&schema, "");
    (schema, values)
}

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn bytes_of_apache_avro_are_read_and_written_back_equal() {
    for info in records() {
        let (schema, values) = drawn(info);
        runner()
            .run(&values, |value| {
                let theirs = to_avro_datum(&schema, value).unwrap();
                let ours =
                    (info.recode)(&theirs).map_err(|e| TestCaseError::fail(e.to_string()))?;
                prop_assert_eq!(ours, theirs, "{}", info.full_name);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_cut_body_is_refused_and_so_is_a_longer_one() {
    for info in records() {
        let (schema, values) = drawn(info);
        runner()
            .run(&(values, any::<prop::sample::Index>()), |(value, cut)| {
                let mut body = to_avro_datum(&schema, value).unwrap();
                prop_assert!((info.recode)(&body[..cut.index(body.len())]).is_err());
                body.push(0);
                prop_assert!((info.recode)(&body).is_err());
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn noise_never_panics_and_what_is_read_apache_avro_reads_too() {
    for info in records() {
        let (schema, values) = drawn(info);
        let noise = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        let bodies = prop_oneof![
            vec(any::<u8>(), 0..200),
            (values, noise).prop_map({
                let schema = schema.clone();
                move |(value, noise)| {
                    let mut body = to_avro_datum(&schema, value).unwrap();
                    for (at, byte) in noise {
                        let at = at.index(body.len());
                        body[at] = byte;
                    }
                    body
                }
            })
        ];
        runner()
            .run(&bodies, |body| {
                if let Ok(again) = (info.recode)(&body) {
                    let theirs = from_avro_datum(&schema, &mut body.as_slice(), None).unwrap();
                    let ours = from_avro_datum(&schema, &mut again.as_slice(), None).unwrap();
                    prop_assert_eq!(ours, theirs, "{}", info.full_name);
                }
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn the_table_is_sorted_and_each_schema_names_its_record_and_fields() {
    let names: Vec<_> = records().iter().map(|info| info.full_name).collect();
    assert!(names.is_sorted(), "record() searches by halves");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for info in records() {
        assert_eq!(
            walbrook_proto::record(info.full_name).map(|found| found.full_name),
            Some(info.full_name)
        );
        let (name, fields) = shape(info.schema);
        assert_eq!(name, info.full_name);
        assert_eq!(
            fields
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            info.fields
        );
        let Some(event) = info.event else { continue };
        let (name, shared) = shape(event.shared_schema);
        assert_eq!(name, event.shared_name);
        assert_eq!(
            shared
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            info.fields
        );
        assert!(
            shared.iter().all(|(_, nullable)| *nullable),
            "{}: every shared field is nullable",
            name
        );
        for (field, _) in event.codes {
            assert!(info.fields.contains(field));
        }
    }
}

#[test]
fn the_event_types_of_the_agencies_are_all_there() {
    let mut types: Vec<_> = records()
        .iter()
        .filter_map(|info| Some(info.event?.event_type))
        .collect();
    types.sort_unstable();
    assert_eq!(
        types,
        [
            "city.AiModelRegistered",
            "city.AiModelReviewed",
            "city.AiModelSuspended",
            "city.AirQualityMeasured",
            "city.DaqiPublished",
            "city.DatasetPublished",
            "city.OpenIndicatorPublished",
            "city.OpenRecordPublished",
            "city.PlanningApplicationStatusChanged",
            "common.NothingToReport",
            "health.AccommodationStatusRecorded",
            "health.CicHealthAssessment",
            "health.DutyToReferSent",
            "health.EdAttendance",
            "health.GpRegistrationChanged",
            "health.InpatientDischarge",
            "health.MentalHealthReferral",
            "health.SubstanceTreatmentStarted",
            "housing.DutyDecision",
            "housing.HomelessnessApplication",
            "housing.HostelStay",
            "housing.PossessionNotice",
            "housing.RentArrearsChanged",
            "housing.RoughSleepingContact",
            "housing.TemporaryAccommodation",
            "housing.TenancyEnded",
            "housing.TenancyStarted",
            "police.AsbIncident",
            "police.BiometricDeployment",
            "police.BwvRecordRegistered",
            "police.CustodyReleased",
            "police.DomesticAbuseRiskAssessed",
            "police.MissingEpisode",
            "police.PoliceProtectionUsed",
            "police.ProtectionNotification",
            "police.S136Detention",
            "police.StopSearch",
            "social_care.AssessmentCompleted",
            "social_care.CareEpisode",
            "social_care.CareLeaverContact",
            "social_care.ChildProtection",
            "social_care.ContactReferral",
            "social_care.DeprivationOfLiberty",
            "social_care.HealthOutcomes",
            "social_care.MissingEpisode",
            "social_care.PlacementChanged",
            "social_care.ReviewHeld",
            "social_care.SocialWorkerVisit",
            "tfl.AirQualityForecast",
            "tfl.ArrivalPrediction",
            "tfl.BikePointStatus",
            "tfl.ConcessionGranted",
            "tfl.CrowdingLive",
            "tfl.LiftDisruption",
            "tfl.LineStatusChanged",
            "tfl.OutreachNotified",
            "tfl.RoadDisruption",
        ]
    );
}

/// Full name, and (field, may be null and is null by default).
fn shape(schema: &str) -> (String, Vec<(String, bool)>) {
    let Schema::Record(record) = Schema::parse_str(schema).unwrap() else {
        panic!("a record")
    };
    let nullable = |schema: &Schema| match schema {
        Schema::Union(union) => union.variants()[0] == Schema::Null && union.variants().len() == 2,
        _ => false,
    };
    let fields = record.fields.iter().map(|field| {
        let null = nullable(&field.schema) && field.default == Some(serde_json::Value::Null);
        (field.name.clone(), null)
    });
    (record.name.fullname(None), fields.collect())
}
