//! Every change of a copy is found, and the report says where.

use walbrook_auditor::Report;
use walbrook_event::headers;
use walbrook_eventlog::Record;
use walbrook_policy::outcome::{Outcome, Reason};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::{AgreementProposed, AgreementSigned};
use walbrook_proto::identity::v1::LinkRecord;
use walbrook_proto::shared::v1::Retraction;

use crate::held::{Held, Spot};

const SHARED: &str = "shared.rough-sleeping";
const PAGES: &str = "audit.decisions";

fn held() -> Held {
    Held::of(&crate::clean_run())
}

fn kind(record: &Record) -> &str {
    record.headers.text(headers::TYPE).unwrap_or("")
}

fn page(record: &Record) -> DecisionPage {
    DecisionPage::decode_exact(&record.value.as_deref().expect("a value")[5..]).expect("a page")
}

/// A page with a permit on it.
fn with_permit(record: &Record) -> bool {
    page(record)
        .entries
        .iter()
        .any(|entry| entry.outcome == Outcome::Permit.code())
}

fn is_release(record: &Record) -> bool {
    kind(record) == "housing.RentArrearsChanged"
}

/// The report says so, of that record or of what it is about.
#[track_caller]
fn says(report: &Report, check: &str, place: &str) {
    let found = report
        .differences()
        .iter()
        .any(|difference| difference.check == check && difference.place.contains(place));
    let listed: Vec<String> = report
        .differences()
        .iter()
        .take(10)
        .map(ToString::to_string)
        .collect();
    assert!(
        found,
        "no difference of `{check}` at {place}:\n{}",
        listed.join("\n")
    );
}

fn place(held: &mut Held, spot: &Spot) -> String {
    let offset = held.at(spot).offset;
    format!("{}[{}]@{offset}", spot.topic, spot.partition)
}

#[test]
fn untouched_it_is_clean() {
    assert!(held().audit().is_clean());
}

#[test]
fn one_byte_of_an_agreement() {
    let mut held = held();
    let spot = held.find("control.policy", |record| {
        kind(record) == AgreementProposed::FULL_NAME
    });
    held.edit::<AgreementProposed>(&spot, |agreement| {
        agreement.text = agreement.text.replacen("arrears", "arreart", 1)
    });
    let at = place(&mut held, &spot);
    says(&held.audit(), "control", &at);
}

#[test]
fn one_byte_of_a_signature() {
    let mut held = held();
    let spot = held.find("control.policy", |record| {
        kind(record) == AgreementSigned::FULL_NAME
    });
    held.edit::<AgreementSigned>(&spot, |signed| signed.signature[20] ^= 1);
    let at = place(&mut held, &spot);
    says(&held.audit(), "control", &at);
}

#[test]
fn an_agreement_changed_with_its_hash_no_longer_has_its_signatures() {
    let mut held = held();
    let spot = held.find("control.policy", |record| {
        kind(record) == AgreementProposed::FULL_NAME
    });
    held.edit::<AgreementProposed>(&spot, |agreement| {
        agreement.text = agreement
            .text
            .replacen("A test agreement", "A best agreement", 1);
        agreement.text_sha256 = walbrook_policy::agreement::sha256(&agreement.text).to_vec();
    });
    let signed = held.find("control.policy", |record| {
        kind(record) == AgreementSigned::FULL_NAME
    });
    let at = place(&mut held, &signed);
    says(&held.audit(), "control", &at);
}

/// Each change of a page alone is found.
#[test]
fn every_field_of_a_page() {
    type Change = (&'static str, fn(&mut DecisionPage));
    let changes: [Change; 19] = [
        ("kind", |page| page.kind = "POSITION".to_owned()),
        ("raw topic", |page| page.raw_topic = "raw.health".to_owned()),
        ("partition", |page| page.partition += 1),
        ("first offset", |page| page.first_offset += 1),
        ("last offset", |page| page.last_offset += 1),
        ("sequence", |page| page.sequence += 1),
        ("policy stamp", |page| page.policy_next = 0),
        ("policy stamp ahead", |page| page.policy_next += 100_000),
        ("links stamp ahead", |page| page.links_next += 100_000),
        ("pins epoch", |page| page.pins_epoch -= 1),
        ("rules", |page| page.rules_version += 1),
        ("agreement", |page| page.agreements[0].version += 1),
        ("time", |page| {
            page.decided_at = Some(prost_types::Timestamp {
                seconds: 1,
                nanos: 0,
            })
        }),
        ("outcome", |page| {
            permit(page).outcome = Outcome::Deny.code()
        }),
        ("reason", |page| permit(page).reason = Reason::TooOld.code()),
        ("mask", |page| permit(page).field_mask ^= 1),
        ("key", |page| permit(page).key_prefix ^= 1),
        ("event", |page| permit(page).event_prefix ^= 1),
        ("last day", |page| permit(page).not_after_day = Some(99_999)),
    ];
    let clean = held();
    let spot = clean.find(PAGES, with_permit);
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<DecisionPage>(&spot, change);
        let report = held.audit();
        assert!(!report.is_clean(), "a changed {name} was not found");
    }
}

fn permit(page: &mut DecisionPage) -> &mut walbrook_proto::audit::v1::DecisionEntry {
    page.entries
        .iter_mut()
        .find(|entry| entry.outcome == Outcome::Permit.code())
        .expect("a permit")
}

#[test]
fn what_causes_demanded() {
    type Change = (&'static str, fn(&mut DecisionPage));
    let changes: [Change; 6] = [
        ("retraction left out", |page| drop(page.retractions.pop())),
        ("reason of a retraction", |page| {
            page.retractions[0].reason = "OBJECTION".to_owned()
        }),
        ("person of a retraction", |page| {
            page.retractions[0].person_pseudonym[3] ^= 1
        }),
        ("handle of a retraction", |page| {
            page.retractions[0].handle[3] ^= 1
        }),
        ("cause", |page| page.causes[0].offset += 100_000),
        ("raw cut", |page| page.raw_cut[1].next_offset += 1),
    ];
    let clean = held();
    let spot = clean.find(PAGES, |record| {
        let page = page(record);
        page.kind == "REDECISION" && !page.retractions.is_empty() && !page.redecided.is_empty()
    });
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<DecisionPage>(&spot, change);
        assert!(!held.audit().is_clean(), "a changed {name} was not found");
    }
}

/// A withdrawal whose retractions were never written, neither on the page nor on the topic, is found all the same.
#[test]
fn a_cause_without_its_page_and_records() {
    let withdrawal = |record: &Record| {
        let page = page(record);
        page.retractions
            .iter()
            .any(|one| one.reason == "WITHDRAWAL")
    };
    let clean = crate::clean_runs()
        .map(|world| Held::of(&world))
        .find(|held| held.has(PAGES, withdrawal))
        .expect("a run with a withdrawal");
    let spot = clean.find(PAGES, withdrawal);
    let mut held = clean.clone();
    let mut gone = Vec::new();
    held.edit::<DecisionPage>(&spot, |page| {
        gone = page
            .retractions
            .extract_if(.., |one| one.reason == "WITHDRAWAL")
            .collect();
    });
    for one in gone {
        let retracted = held.find(SHARED, |record| {
            kind(record) == Retraction::FULL_NAME
                && record.key.as_deref() == Some(one.person_pseudonym.as_slice())
                && {
                    let body =
                        Retraction::decode_exact(&record.value.as_deref().expect("a value")[5..])
                            .expect("a retraction");
                    body.handle_pseudonym == one.handle_pseudonym && body.reason == "WITHDRAWAL"
                }
        });
        held.remove(&retracted);
    }
    // The transaction as a whole misses them: the report names its last page.
    says(
        &held.audit(),
        "retraction",
        &format!("{PAGES}[{}]", spot.partition),
    );
}

#[test]
fn every_byte_of_a_released_body() {
    let clean = held();
    let spot = clean.find(SHARED, is_release);
    let length = clean
        .clone()
        .at(&spot)
        .value
        .as_ref()
        .expect("a value")
        .len();
    for byte in 0..length {
        let mut held = clean.clone();
        let record = held.at(&spot);
        let mut value = record.value.clone().expect("a value").to_vec();
        value[byte] ^= 1;
        record.value = Some(value.into());
        let at = place(&mut held, &spot);
        let report = held.audit();
        assert!(report.difference_count() > 0, "byte {byte}");
        says(
            &report,
            if (1..5).contains(&byte) {
                "schema"
            } else {
                "body"
            },
            &at,
        );
    }
}

#[test]
fn every_header_of_a_release() {
    let clean = held();
    let spot = clean.find(SHARED, is_release);
    let names: Vec<String> = clean
        .clone()
        .at(&spot)
        .headers
        .iter()
        .map(|header| header.name.to_string())
        .collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in &names {
        let mut held = clean.clone();
        let headers = &mut held.at(&spot).headers;
        let mut value = headers.get(name).expect("a value").to_vec();
        let first = value
            .iter()
            .position(|byte| byte.is_ascii_alphanumeric())
            .expect("a letter");
        value[first] = if value[first] == b'1' { b'2' } else { b'1' };
        headers.set(name, value);
        // The trace is new and random: nothing follows from it but that it is not the raw one.
        assert_eq!(
            held.audit().is_clean(),
            name == headers::TRACE_PARENT,
            "{name}"
        );
    }
    let mut held = clean.clone();
    held.at(&spot).headers.push("x-latitude", "51.5");
    let at = place(&mut held, &spot);
    says(&held.audit(), "headers", &at);
    let mut held = clean;
    held.at(&spot).timestamp_ms += 1;
    says(&held.audit(), "timestamp", &at);
}

#[test]
fn the_raw_trace_on_a_release() {
    let mut held = held();
    let spot = held.find(SHARED, is_release);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    held.at(&spot).headers.set(headers::TRACE_PARENT, trace);
    let at = place(&mut held, &spot);
    says(&held.audit(), "headers", &at);
}

#[test]
fn a_release_gone_or_twice() {
    let clean = held();
    let spot = clean.find(SHARED, is_release);
    let mut held = clean.clone();
    held.remove(&spot);
    says(&held.audit(), "release", SHARED);
    let mut held = clean;
    let mut again = held.at(&spot).clone();
    again.offset += 1_000_000;
    let records = held
        .records
        .get_mut(&(spot.topic.clone(), spot.partition))
        .expect("a partition");
    records.push(again);
    // Past the end it would not be read.
    records.iter_mut().last().expect("a record").offset = records[records.len() - 2].offset;
    says(&held.audit(), "release", SHARED);
}

#[test]
fn a_retraction_moved_before_what_it_retracts() {
    let clean = held();
    let spot = clean.find(SHARED, |record| kind(record) == Retraction::FULL_NAME);
    let mut held = clean;
    let handle = held
        .at(&spot)
        .headers
        .text(headers::HANDLE)
        .map(str::to_owned);
    let records = held
        .records
        .get_mut(&(spot.topic.clone(), spot.partition))
        .expect("a partition");
    let first = records
        .iter()
        .position(|record| record.headers.text(headers::HANDLE).map(str::to_owned) == handle)
        .expect("one");
    let retraction = records.remove(spot.index);
    records.insert(first, retraction);
    says(&held.audit(), "order", SHARED);
}

#[test]
fn pages_gone_from_the_middle_and_from_the_end() {
    let clean = held();
    let spot = clean.find(PAGES, with_permit);
    let mut held = clean.clone();
    held.remove(&spot);
    says(&held.audit(), "page", PAGES);
    let mut held = clean;
    let last = held
        .records
        .get_mut(&(PAGES.to_owned(), spot.partition))
        .expect("pages");
    let cut = last.iter().rposition(with_permit).expect("a permit");
    last.truncate(cut);
    // What the last pages demanded stands without them.
    says(&held.audit(), "release", SHARED);
}

#[test]
fn a_raw_record_or_a_link_changed_afterwards() {
    let clean = held();
    let mut held = clean.clone();
    let release = clean.find(PAGES, with_permit);
    let first = page(held.at(&release))
        .entries
        .iter()
        .find(|entry| entry.outcome == Outcome::Permit.code())
        .expect("one")
        .first_offset;
    let spot = clean.find("raw.housing", |record| {
        record.offset == first && record.at.partition == release.partition
    });
    let record = held.at(&spot);
    let mut value = record.value.clone().expect("a value").to_vec();
    let last = value.len() - 2;
    value[last] ^= 2;
    record.value = Some(value.into());
    assert!(!held.audit().is_clean());

    // A link that nothing was released under, or that is the only one of its person, leaves no trace without the purpose key.
    let links: Vec<Spot> = spots(&clean, "control.links");
    let found = links.iter().filter(|spot| {
        let mut held = clean.clone();
        held.edit::<LinkRecord>(spot, |link| link.person[0] ^= 1);
        !held.audit().is_clean()
    });
    let found = found.count();
    assert!(
        found >= 3,
        "{found} of {} changed links were found",
        links.len()
    );
}

fn spots(held: &Held, topic: &str) -> Vec<Spot> {
    let partitions = held.records.iter().filter(|((name, _), _)| name == topic);
    partitions
        .flat_map(|((topic, partition), records)| {
            (0..records.len()).map(|index| Spot {
                topic: topic.clone(),
                partition: *partition,
                index,
            })
        })
        .collect()
}
