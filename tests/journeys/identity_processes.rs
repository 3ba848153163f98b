//! Two identity processes, and one that is killed: a first load comes out as if nothing had happened, and who is gone is replaced.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tonic::Code;
use walbrook_event::framing;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{
    Demographics, IdentityRecord, LinkItem, LinkRequest, LinkResponse,
};
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::agreement_text;
use walbrook_tests::backbone::{Backbone, Connection, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON};

const SEED: u64 = 20_261_123;
const RECORDS: usize = 2_400;
const CALL: usize = 60;
const KILLS: usize = 4;
/// The first number of records that are no part of the load.
const PROBES: usize = 1_000_000;

fn client(backbone: &Backbone, process: &str) -> IdentityClient<Connection> {
    let caller = TokenRequest::new("WALBROOK:local", "housing", role::SERVICE);
    IdentityClient::new(backbone.connect(process, caller))
}

fn token(number: usize) -> Vec<u8> {
    Sha256::digest(format!("record {number}")).to_vec()
}

/// A number of the 999 range; `None` where its check digit would be ten.
fn nhs_number(person: u32) -> Option<String> {
    let nine = format!("999{person:06}");
    let weighted = nine.bytes().zip((2..=10).rev());
    let sum: u32 = weighted
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    match 11 - sum % 11 {
        11 => Some(format!("{nine}0")),
        10 => None,
        check => Some(format!("{nine}{check}")),
    }
}

const GIVEN: [&str; 16] = [
    "Amara", "Tomas", "Zaynab", "Ewan", "Ngozi", "Freya", "Idris", "Maeve", "Kofi", "Leila",
    "Piotr", "Sana", "Aled", "Bronte", "Chidi", "Delyth",
];
const FAMILY: [&str; 20] = [
    "Okafor",
    "Lindqvist",
    "Quillfeather",
    "Haddad",
    "Marsh",
    "Oduya",
    "Penhallow",
    "Rahman",
    "Szabo",
    "Trewin",
    "Achterberg",
    "Bellweather",
    "Calloway",
    "Dunmore",
    "Eastlake",
    "Fairbrother",
    "Gwilym",
    "Hollis",
    "Iveson",
    "Jaswal",
];

/// What is so of a person, whoever says it.
fn person(number: u32) -> Demographics {
    let mut random = ChaCha8Rng::seed_from_u64(SEED ^ u64::from(number));
    Demographics {
        given_name: GIVEN[random.random_range(0..GIVEN.len())].to_owned(),
        family_name: FAMILY[random.random_range(0..FAMILY.len())].to_owned(),
        birth_date: Some(Date {
            year: random.random_range(1950..2000),
            month: random.random_range(1..=12),
            day: random.random_range(1..=28),
        }),
        postcode: format!(
            "E{} {}A{}",
            random.random_range(1..=9),
            random.random_range(1..=9),
            ["B", "D", "E"][random.random_range(0..3)]
        ),
        ..Demographics::default()
    }
}

/// Two councils' records of the same people, with slips of the pen, numbers that are missing and addresses of before: some pairs are sure, some wait for a
/// reviewer, and which of them are follows from the records and their order, not from the ids they are given.
fn records() -> Vec<LinkItem> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let record = |number: usize| {
        let whose = random.random_range(0..900_u32);
        let mut said = person(whose);
        match random.random_range(0..8) {
            0 => said.family_name.push('e'),
            1 => said.family_name.insert(1, 'a'),
            2 => said.postcode = format!("N{} {}XY", whose % 9 + 1, whose % 7 + 1),
            3 => {
                let year = said.birth_date.map_or(0, |date| date.year);
                said.birth_date = said.birth_date.map(|date| Date {
                    year: year + 1,
                    ..date
                });
            }
            4 => said.given_name.truncate(1),
            _ => {}
        }
        said.nhs_number = nhs_number(whose)
            .filter(|_| random.random_bool(0.3))
            .unwrap_or_default();
        said.restricted = random.random_bool(0.02);
        item(number, [CAMDEN, ISLINGTON][number % 2], said)
    };
    (0..RECORDS).map(record).collect()
}

fn item(number: usize, organisation: &str, said: Demographics) -> LinkItem {
    LinkItem {
        token: token(number),
        organisation: organisation.to_owned(),
        agency: "housing".to_owned(),
        id_scheme: "LOCAL".to_owned(),
        demographics: Some(said),
        previous_token: Vec::new(),
    }
}

/// Links until there is an answer, as a gateway must: the same items again.
async fn link(backbone: &Backbone, process: &str, items: &[LinkItem]) -> LinkResponse {
    let request = || async {
        let request = LinkRequest {
            items: items.to_vec(),
        };
        match client(backbone, process).link(request).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => {
                let passing = [Code::Unavailable, Code::Cancelled, Code::Unknown];
                assert!(passing.contains(&status.code()), "{status}");
                Err(status.to_string())
            }
        }
    };
    backbone.until("an answer of identity", request).await
}

/// The persons on the log, each as its records' tokens: handles and persons are random in every namespace.
fn persons(backbone: &Backbone) -> BTreeSet<BTreeSet<Vec<u8>>> {
    let mut last: BTreeMap<Vec<u8>, IdentityRecord> = BTreeMap::new();
    for record in backbone.records("identity.records") {
        let (_, body) = framing::unframe(record.value.as_deref()).expect("framed");
        let read = IdentityRecord::decode_exact(body).expect("an identity record");
        last.insert(read.token.clone(), read);
    }
    let links = backbone.links();
    assert_eq!(links.len(), last.len(), "every record has its link");
    let mut persons: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (token, record) in last {
        assert_eq!(links[&record.handle].person, record.person);
        persons.entry(record.person).or_default().insert(token);
    }
    persons.into_values().collect()
}

async fn start(keys: &Path) -> Backbone {
    let options = Options::only(&["identity", "broker"]).with_keys(keys);
    let backbone = Backbone::start(options).await;
    backbone
        .agree(&agreement_text("london-matching"), &[CAMDEN, ISLINGTON])
        .await;
    compares(&backbone).await;
    backbone
}

/// Waits until identity knows of the agreement: two records of one number are one person. Whatever it knew when it linked them, they are the first two of
/// every load.
async fn compares(backbone: &Backbone) {
    let said = Demographics {
        nhs_number: nhs_number(900_001)
            .or_else(|| nhs_number(900_002))
            .unwrap_or_default(),
        ..Demographics::default()
    };
    let pair = [(PROBES, CAMDEN), (PROBES + 1, ISLINGTON)];
    let pair = pair.map(|(number, organisation)| item(number, organisation, said.clone()));
    let linked = link(backbone, "identity", &pair).await;
    let one_person = || async {
        let links = backbone.links();
        let of = |at: usize| Some(&links.get(&linked.outcomes[at].handle)?.person);
        (of(0) == of(1))
            .then_some(())
            .ok_or_else(|| "two persons".to_owned())
    };
    backbone
        .until("two records to be compared", one_person)
        .await;
}

async fn load(backbone: &Backbone, kills: &[usize]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut handles = BTreeMap::new();
    for (number, items) in records().chunks(CALL).enumerate() {
        if kills.contains(&number) {
            // While the call is on its way: before, in or after its transaction.
            let pause = std::time::Duration::from_millis(number as u64 * 3 % 40);
            let (answer, ()) = tokio::join!(link(backbone, "identity", items), async {
                tokio::time::sleep(pause).await;
                backbone.kill_9("identity");
                backbone.relaunch("identity");
            });
            note(&mut handles, items, answer);
        } else {
            let answer = link(backbone, "identity", items).await;
            note(&mut handles, items, answer);
        }
    }
    handles
}

fn note(handles: &mut BTreeMap<Vec<u8>, Vec<u8>>, items: &[LinkItem], answer: LinkResponse) {
    for (item, outcome) in items.iter().zip(answer.outcomes) {
        assert!(outcome.linked);
        handles.insert(item.token.clone(), outcome.handle);
    }
}

#[test]
fn a_first_load_comes_out_the_same_whatever_is_killed() {
    journey(async {
        let folder = tempfile::tempdir().expect("a folder");
        walbrook_tests::backbone::create_keys(&folder.path().join("keys"));
        let undisturbed = start(&folder.path().join("keys")).await;
        load(&undisturbed, &[]).await;
        let expected = persons(&undisturbed);
        drop(undisturbed);
        assert!(
            expected.iter().any(|person| person.len() > 3),
            "people meet"
        );

        let disturbed = start(&folder.path().join("keys")).await;
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let calls = RECORDS / CALL;
        let kills: Vec<usize> = (0..KILLS).map(|_| random.random_range(0..calls)).collect();
        let handles = load(&disturbed, &kills).await;
        assert!(
            persons(&disturbed) == expected,
            "seed {SEED}, kills at {kills:?}"
        );
        // What was answered is what is on the log.
        let links = disturbed.links();
        assert!(handles.values().all(|handle| links.contains_key(handle)));
        assert_eq!(handles.len(), RECORDS);
    });
}

#[test]
fn a_second_identity_process_takes_over() {
    journey(async {
        let folder = tempfile::tempdir().expect("a folder");
        walbrook_tests::backbone::create_keys(&folder.path().join("keys"));
        let backbone = start(&folder.path().join("keys")).await;
        backbone.launch("identity", "identity-2");
        backbone.await_ready("identity-2");
        let items = records();
        let (known, new) = items.split_at(CALL);
        let first = link(&backbone, "identity", known).await;
        // Either process answers for both: what takes the writer is handed on to it, what is known is answered at once.
        let said = |items: &[LinkItem]| -> Vec<LinkItem> {
            let unsaid = items.iter().cloned().map(|mut item| {
                item.demographics = None;
                item
            });
            unsaid.collect()
        };
        assert_eq!(link(&backbone, "identity-2", known).await, first);
        assert_eq!(link(&backbone, "identity-2", &said(known)).await, first);
        let more = link(&backbone, "identity-2", &new[..CALL]).await;
        assert_eq!(link(&backbone, "identity", &said(&new[..CALL])).await, more);

        // Whichever of them writes is killed; the other one goes on with everything that was acknowledged.
        let writes = |process: &str| {
            let log = backbone.whole_log_of(process);
            log.matches("this process writes links").count()
        };
        let (writer, other) = if writes("identity-2") > 0 {
            ("identity-2", "identity")
        } else {
            ("identity", "identity-2")
        };
        let before = writes(other);
        backbone.kill_9(writer);
        // A replica needs no writer for what is known.
        assert_eq!(link(&backbone, other, &said(known)).await, first);
        let after = link(&backbone, other, &new[CALL..2 * CALL]).await;
        assert_eq!(writes(other), before + 1, "it took over");
        assert_eq!(link(&backbone, other, known).await, first);
        assert_eq!(
            persons(&backbone).iter().map(BTreeSet::len).sum::<usize>(),
            3 * CALL + 2
        );

        // The dead one comes back beside it, and answers.
        backbone.relaunch(writer);
        backbone.await_ready(writer);
        assert_eq!(link(&backbone, writer, &new[CALL..2 * CALL]).await, after);
    });
}

/// The patients of the samples, as their general practice states them to identity.
fn patient(number: &str) -> Option<LinkItem> {
    let file = format!("../shared/data/pds/patient_{number}.json");
    let file = walbrook_tests::backbone::root().join(file);
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not here", file.display());
        return None;
    };
    let patient: serde_json::Value = serde_json::from_str(&text).expect("a patient");
    let word = |at: &str| {
        let found = patient.pointer(at).and_then(serde_json::Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let said = Demographics {
        given_name: word("/name/0/given/0"),
        family_name: word("/name/0/family"),
        nhs_number: number.to_owned(),
        // PDS: U is unrestricted, R restricted, V very restricted.
        restricted: word("/meta/security/0/code") != "U",
        ..Demographics::default()
    };
    assert!(!said.family_name.is_empty());
    let place: usize = number.bytes().map(usize::from).sum();
    Some(item(PROBES + place, CAMDEN, said))
}

#[test]
fn a_restricted_patient_is_restricted_on_the_link_within_the_same_call() {
    let (Some(restricted), Some(open)) = (patient("9000000025"), patient("9000000009")) else {
        return;
    };
    journey(async {
        let backbone = Backbone::start(Options::only(&["identity", "broker"])).await;
        let answer = link(&backbone, "identity", &[restricted, open]).await;
        // The answer is here: now, not later, it stands on the log.
        let links = backbone.links();
        let of = |at: usize| links[&answer.outcomes[at].handle].restrictions.clone();
        assert_eq!(of(0), ["RESTRICTED"]);
        assert!(answer.outcomes[0].restricted);
        assert!(of(1).is_empty());
        assert!(!answer.outcomes[1].restricted);
    });
}
