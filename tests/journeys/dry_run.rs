//! What a dry run foretells is what happens: the same events, sent again after the parties signed, are released as it said, to whom it said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use walbrook_auditor::dry_run::{Asked, Forecast, run};
use walbrook_domain::Instant;
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::{Ends as _, TopicPartition, topics};
use walbrook_policy::Reason;
use walbrook_policy::agreement::Agreement;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord as _;
use walbrook_proto::housing::v1::Event;
use walbrook_tests::acts::{CONTACT, PURPOSE, agreement_text, contact};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, arrears, event_id};

const AGREEMENT: &str = "pan-london-rough-sleeping";
const ARREARS: &str = "housing.RentArrearsChanged";

/// Two people of Camden's, one of whom refused, and one of Islington's.
fn people() -> [Person; 3] {
    [701, 702, 703].map(Person::number)
}

/// The same story again, under new ids.
fn story() -> Vec<(&'static str, Event)> {
    let [talks, refused, other] = people();
    vec![
        (CAMDEN, contact(&event_id(), &talks, 9)),
        (CAMDEN, contact(&event_id(), &talks, 4)),
        (CAMDEN, arrears(&event_id(), &talks, 50_000)),
        (CAMDEN, contact(&event_id(), &refused, 6)),
        (ISLINGTON, contact(&event_id(), &other, 3)),
    ]
}

async fn tell(backbone: &Backbone) {
    for (organisation, event) in story() {
        let sent = backbone.publish(organisation, event).await;
        sent.expect("a receipt");
    }
    backbone.decided().await;
}

fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(i64::try_from(since.expect("a clock").as_micros()).expect("this century"))
}

/// The next offset of every partition of every topic.
fn ends(backbone: &Backbone) -> BTreeMap<String, i64> {
    let table = topics::table(&backbone.namespace, backbone.partitions());
    let at: Vec<TopicPartition> = table
        .iter()
        .flat_map(|topic| {
            (0..topic.partitions)
                .map(|partition| TopicPartition::new(topic.name.as_str(), partition))
        })
        .collect();
    let mut client = backbone.kafka.ends().expect("a client for ends");
    let found = client.high_watermarks(&at, Duration::from_secs(10));
    at.iter()
        .map(ToString::to_string)
        .zip(found.expect("the ends"))
        .collect()
}

/// Asks, and proves that it wrote nothing: the processes write too, so it is asked until they were quiet meanwhile. What a run wrote itself
/// would move an end each time.
async fn foretell(backbone: &Backbone) -> Forecast {
    let agreement = Agreement::read(&agreement_text(AGREEMENT)).expect("readable");
    backbone
        .until("a dry run during which no topic moved", || async {
            let asked = Asked {
                agreement: agreement.clone(),
                parties: None,
                since: None,
                now: now(),
            };
            let before = ends(backbone);
            let mut source = backbone.source();
            let forecast = run(source.as_mut(), &asked, &walbrook_event::Plain, &mut |_| {});
            let forecast = forecast.map_err(|error| error.to_string())?;
            let after = ends(backbone);
            let moved: Vec<_> = before
                .iter()
                .filter(|(at, end)| after.get(*at) != Some(end))
                .collect();
            if moved.is_empty() {
                Ok(forecast)
            } else {
                Err(format!("moved: {moved:?}"))
            }
        })
        .await
}

/// What the pages say happened to raw records from these offsets on, under the agreement: permits by event type, their fields, and denials by reason.
#[derive(Debug, Default, PartialEq, Eq)]
struct Happened {
    released: BTreeMap<String, u64>,
    fields: BTreeMap<String, u64>,
    denied: BTreeMap<i32, u64>,
}

fn happened(backbone: &Backbone, from: &BTreeMap<String, i64>) -> Happened {
    let types: BTreeMap<(i32, i64), String> = backbone
        .records("raw.housing")
        .iter()
        .map(|record| {
            let event = record.headers.text(headers::TYPE).expect("a type");
            ((record.at.partition, record.offset), event.to_owned())
        })
        .collect();
    let mut happened = Happened::default();
    for record in backbone.records(topics::DECISIONS) {
        let (_, body) = unframe(record.value.as_deref()).expect("framed");
        let page = DecisionPage::decode_exact(body).expect("a page");
        let topic = backbone.namespace.name("raw.housing");
        let first = from[&TopicPartition::new(topic, page.partition).to_string()];
        for entry in &page.entries {
            let named = usize::try_from(entry.agreement_index).ok();
            let agreement = named.and_then(|at| page.agreements.get(at));
            let ours = agreement.is_some_and(|named| named.agreement_id == AGREEMENT);
            if !ours || entry.first_offset < first || page.raw_topic != "raw.housing" {
                continue;
            }
            let event = &types[&(page.partition, entry.first_offset)];
            if entry.outcome == 1 {
                *happened.released.entry(event.clone()).or_default() += 1;
                *happened.fields.entry(event.clone()).or_default() |=
                    entry.field_mask.cast_unsigned();
            } else {
                *happened.denied.entry(entry.reason).or_default() += 1;
            }
        }
    }
    happened
}

/// The same from the forecast.
fn foretold(forecast: &Forecast) -> Happened {
    let mut happened = Happened::default();
    for flow in &forecast.flows {
        if flow.released_after > 0 {
            *happened
                .released
                .entry(flow.event_type.clone())
                .or_default() += flow.released_after;
        }
        let info = walbrook_proto::event(&flow.event_type).expect("an event of ours");
        for field in flow
            .fields_new_to_purpose
            .iter()
            .chain(&flow.fields_as_before)
        {
            let bit = info
                .fields
                .iter()
                .position(|name| name == field)
                .expect("a field");
            *happened.fields.entry(flow.event_type.clone()).or_default() |= 1 << bit;
        }
        for withheld in &flow.withheld {
            let reason = Reason::ALL
                .iter()
                .find(|reason| reason.as_str() == withheld.reason);
            *happened
                .denied
                .entry(reason.expect("a reason").code())
                .or_default() += withheld.events;
        }
    }
    happened
}

fn people_after(forecast: &Forecast, organisation: &str) -> u64 {
    let reader = forecast
        .readers
        .iter()
        .find(|one| one.organisation == organisation);
    reader.map_or(0, |one| one.people_after)
}

/// Waits until an officer's list has so many rows.
async fn await_rows(backbone: &Backbone, organisation: &str, wanted: u64) {
    backbone
        .until("the rows foretold", || async {
            let listed = backbone.list(organisation).await;
            let listed = listed.map_err(|refused| refused.to_string())?;
            if listed.rows.len() as u64 == wanted {
                Ok(())
            } else {
                Err(format!(
                    "{} rows of {wanted} for {organisation}",
                    listed.rows.len()
                ))
            }
        })
        .await;
}

#[test]
fn what_a_dry_run_foretells_happens_after_signing_and_nothing_before() {
    journey(async {
        let backbone = Backbone::start(Options::river()).await;
        tell(&backbone).await;
        let [_, refused, _] = people();
        let receipt = backbone.consent(CAMDEN, &refused, "REFUSED", 0).await;
        receipt.expect("recorded");
        let forecast = foretell(&backbone).await;
        assert!(
            forecast.purpose_is_new && !forecast.on_record,
            "{forecast:?}"
        );
        assert_eq!(forecast.replayed.concerned, 5);
        assert_eq!(forecast.people.under_agreement, 2);
        assert_eq!(forecast.people.new_to_purpose, 2);
        let expected = foretold(&forecast);
        assert_eq!(
            expected.released,
            BTreeMap::from([(ARREARS.to_owned(), 1), (CONTACT.to_owned(), 3)])
        );
        assert_eq!(
            expected.denied,
            BTreeMap::from([(Reason::ConsentRefused.code(), 1)])
        );
        assert_eq!(
            (
                people_after(&forecast, CAMDEN),
                people_after(&forecast, ISLINGTON)
            ),
            (1, 1)
        );
        assert_eq!(forecast.at_once.released, 0);

        backbone.agree_on_rough_sleeping(&[CAMDEN, ISLINGTON]).await;
        let signed = ends(&backbone);
        tell(&backbone).await;
        assert_eq!(happened(&backbone, &signed), expected);
        let released = [ARREARS, CONTACT]
            .map(|event| backbone.releases(PURPOSE, event))
            .concat();
        let about: BTreeSet<_> = released.iter().map(|record| record.key.clone()).collect();
        // Nothing at once: what stands on the topic is the second telling alone.
        assert_eq!(
            released.len() as u64,
            expected.released.values().sum::<u64>()
        );
        assert_eq!(about.len() as u64, forecast.people.under_agreement);
        for organisation in [CAMDEN, ISLINGTON] {
            await_rows(
                &backbone,
                organisation,
                people_after(&forecast, organisation),
            )
            .await;
        }
        let again = foretell(&backbone).await;
        assert!(again.on_record && !again.purpose_is_new);
        for flow in &again.flows {
            assert_eq!(flow.released_before, flow.released_after, "{flow:?}");
        }
        backbone.assert_audit_is_clean();
    });
}
