//! Dry-run on a log in memory: what it counts, what it says of readers and of agreements that meet, and that it writes nothing.

use ed25519_dalek::{Signer as _, SigningKey};
use walbrook_auditor::LiveSource;
use walbrook_auditor::dry_run::forecast::{AtOnceChange, PeopleChange};
use walbrook_auditor::dry_run::inference::How;
use walbrook_auditor::dry_run::{Asked, DryRunError, Forecast, Progress, run};
use walbrook_domain::control::{ControlFact, GroundKind, GroundState, PinFact, PinKind};
use walbrook_domain::{Day, EventId, Handle, Instant, PersonId};
use walbrook_event::framing::{frame, unframe};
use walbrook_event::{Plain, Seal, headers};
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{Appender, Ends, NewRecord, TopicPartition, murmur2_partition, topics};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::outcome::{Outcome, Reason};
use walbrook_proto::audit::v1::{DecisionEntry, DecisionPage};
use walbrook_proto::avro::AvroRecord as _;
use walbrook_proto::identity::v1::{LinkMember, LinkRecord};
use walbrook_tests::records::{
    CAMDEN, City, ISLINGTON, document, event_id, ground, organisation, schema_id,
};
use walbrook_tests::seal::Mixed;

const PARTITIONS: i32 = 2;

fn partition_of(handle: Handle) -> i32 {
    murmur2_partition(handle.as_bytes(), PARTITIONS)
}

/// The machine's clock of these tests.
const NOW: Instant = Instant(1_780_000_600_000_000);
const EVENT: &str = "housing.RentArrearsChanged";

/// A log with three people: one known to both councils, two to Camden alone.
struct Town {
    city: City,
    log: MemoryLog,
}

fn handle(number: u8) -> Handle {
    Handle::new([number; 16])
}

fn person(number: u8) -> PersonId {
    PersonId::new([number; 16])
}

impl Town {
    fn new() -> Self {
        let city = City::new("t", PARTITIONS);
        let table = topics::table(&city.namespace, PARTITIONS);
        let log = MemoryLog::new(
            table
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions)),
        );
        log.set_now_ms(NOW.micros() / 1_000 - 1_000_000);
        let town = Self { city, log };
        town.append(town.city.founding());
        let view = std::fs::read_to_string(
            walbrook_tests::backbone::root().join("deploy/views/rough_sleeping_risk.toml"),
        )
        .unwrap();
        town.append(vec![town.city.control(&ControlFact::Pin(PinFact {
            kind: PinKind::ViewFile,
            name: "rough_sleeping_risk".into(),
            schema_id: 0,
            sha256: sha256(&view),
            content: view,
        }))]);
        // Handles 1 and 4 are one person, the latter Islington's record.
        town.link(1, 1, CAMDEN, &[1, 4]);
        town.link(4, 1, ISLINGTON, &[1, 4]);
        town.link(2, 2, CAMDEN, &[2]);
        town.link(3, 3, CAMDEN, &[3]);
        for (of, number) in [(1, 10), (1, 11), (2, 12)] {
            town.arrears(of, event_id(number), None);
        }
        // A retry, and a correction that takes its first event's place: neither is one more.
        town.arrears(1, event_id(10), None);
        town.arrears(3, event_id(13), None);
        town.arrears(3, event_id(14), Some(event_id(13)));
        town
    }

    fn append(&self, records: Vec<NewRecord>) {
        let (done, outcome) = std::sync::mpsc::channel();
        self.log.append(
            records,
            Box::new(move |result| done.send(result).expect("a test waits")),
        );
        outcome.recv().unwrap().unwrap();
    }

    fn link(&self, of: u8, person_number: u8, holder: &str, members: &[u8]) {
        let record = self.city.link(handle(of), person(person_number), &[], 1);
        let members = members.iter().map(|member| LinkMember {
            handle: handle(*member).as_bytes().to_vec(),
            organisation: CAMDEN.into(),
        });
        let link = LinkRecord {
            handle: handle(of).as_bytes().to_vec(),
            organisation: holder.into(),
            person: person(person_number).as_bytes().to_vec(),
            status: "MATCH".into(),
            score_ten_thousandths: 10_000,
            strategy: "manual@1".into(),
            adult_from: walbrook_proto::common::v1::Date::new(2020, 1, 1),
            members: members.collect(),
            revision: 1,
            recorded_at: Some(prost_types::Timestamp::default()),
            ..LinkRecord::default()
        };
        let value = frame(schema_id(LinkRecord::FULL_NAME), &link.to_vec().unwrap());
        self.append(vec![NewRecord {
            value: Some(value.into()),
            ..record
        }]);
    }

    fn arrears(&self, of: u8, event: EventId, supersedes: Option<EventId>) {
        self.append(vec![self.city.arrears(
            handle(of),
            event,
            1_200,
            supersedes,
        )]);
    }

    /// The next offset of a partition.
    fn ends_of(&self, at: &TopicPartition) -> i64 {
        let mut ends = self.log.clone();
        let at = std::slice::from_ref(at);
        ends.high_watermarks(at, std::time::Duration::ZERO).unwrap()[0]
    }

    /// A page that sends one record of `raw.housing` to quarantine, as far as a dry run looks at it.
    fn quarantine(&self, partition: i32, offset: i64) -> NewRecord {
        let page = DecisionPage {
            kind: "LIVE".into(),
            raw_topic: "raw.housing".into(),
            partition,
            first_offset: offset,
            last_offset: offset,
            entries: vec![DecisionEntry {
                first_offset: offset,
                offset_count: 1,
                agreement_index: -1,
                outcome: Outcome::Quarantine.code(),
                reason: Reason::Unreadable.code(),
                ..DecisionEntry::default()
            }],
            decided_at: Some(prost_types::Timestamp::default()),
            cursor_before: "-".into(),
            cursor_after: "-".into(),
            ..DecisionPage::default()
        };
        let value = frame(schema_id(DecisionPage::FULL_NAME), &page.to_vec().unwrap());
        NewRecord {
            topic: self.city.topic(topics::DECISIONS).into(),
            partition: Some(partition),
            key: Some(format!("raw.housing/{partition}").into_bytes().into()),
            value: Some(value.into()),
            headers: walbrook_eventlog::Headers::new(),
            timestamp_ms: None,
        }
    }

    fn ends(&self) -> Vec<(String, i64)> {
        let mut ends = self.log.clone();
        let table = topics::table(&self.city.namespace, PARTITIONS);
        let at: Vec<TopicPartition> = table
            .iter()
            .flat_map(|topic| {
                (0..topic.partitions)
                    .map(|partition| TopicPartition::new(topic.name.as_str(), partition))
            })
            .collect();
        let found = ends
            .high_watermarks(&at, std::time::Duration::from_secs(1))
            .unwrap();
        at.iter().map(ToString::to_string).zip(found).collect()
    }

    fn ask(&self, document: &str) -> Result<Forecast, DryRunError> {
        self.asked(Asked {
            agreement: Agreement::read(document).expect("a readable agreement"),
            parties: None,
            since: None,
            now: NOW,
        })
    }

    fn asked(&self, asked: Asked) -> Result<Forecast, DryRunError> {
        self.asked_through(&Plain, asked)
    }

    fn asked_through(&self, seal: &dyn Seal, asked: Asked) -> Result<Forecast, DryRunError> {
        let table = topics::table(&self.city.namespace, PARTITIONS);
        let counts = move |name: &str| {
            let topic = table.iter().find(|topic| topic.name == name);
            topic.map(|topic| topic.partitions)
        };
        let mut source = LiveSource::new(
            self.city.namespace.clone(),
            self.log.reader(),
            self.log.clone(),
            counts,
        );
        let before = self.ends();
        let (mut total, mut read) = (0, 0);
        let answer = run(&mut source, &asked, seal, &mut |progress| match progress {
            Progress::Total(records) => total = records,
            Progress::Read => read += 1,
        });
        assert!(
            read <= total,
            "the bar went past its end: {read} of {total}"
        );
        assert_eq!(self.ends(), before, "a dry run wrote something");
        answer
    }
}

/// A third agreement beside those of the city: it grants one field that they grant too, and one that they do not.
fn proposal(consent: &str) -> String {
    let fields: &[&str] = &["tenancy_ref", "arrears_pence"];
    document("third", 1, consent, &[(EVENT, fields)])
}

#[test]
fn events_people_and_fields_are_counted_once() {
    let found = Town::new().ask(&proposal("not-needed")).unwrap();
    assert_eq!(found.signatories, [CAMDEN, ISLINGTON]);
    // Six records, of which one is a retry and one was corrected.
    assert_eq!((found.replayed.records, found.replayed.events), (6, 4));
    let [flow] = &found.flows[..] else {
        panic!("{:?}", found.flows);
    };
    assert_eq!(
        (flow.event_type.as_str(), flow.source.as_str()),
        (EVENT, "london-authority")
    );
    assert_eq!(
        (flow.events, flow.released_before, flow.released_after),
        (4, 0, 4)
    );
    assert_eq!(flow.people, 3);
    assert_eq!(flow.fields_new_to_purpose, ["tenancy_ref"]);
    assert_eq!(flow.fields_new_here, ["arrears_pence"]);
    // The city's agreement on a duty shares something about each of them already.
    let expected = PeopleChange {
        under_agreement: 3,
        new_to_purpose: 0,
        no_longer: 0,
    };
    assert_eq!((found.people, found.purpose_is_new), (expected, false));
    assert_eq!(
        found.at_once,
        AtOnceChange::default(),
        "a new agreement reaches nothing back"
    );
}

#[test]
fn what_stands_in_quarantine_uses_up_no_id() {
    let town = Town::new();
    let broken = town.city.arrears(handle(2), event_id(20), 1_200, None);
    let (schema, body) = unframe(broken.value.as_deref()).unwrap();
    let cut = frame(schema, &body[..body.len() - 1]);
    let raw = TopicPartition::new(broken.topic.clone(), partition_of(handle(2)));
    let at = town.ends_of(&raw);
    town.append(vec![NewRecord {
        value: Some(cut.into()),
        ..broken
    }]);
    let (is, partition) = (at, raw.partition);
    // Sent again, corrected, under the same id: counted once the broker's page says where the first stands.
    town.arrears(2, event_id(20), None);
    let counted = |town: &Town| {
        let found = town.ask(&proposal("not-needed")).unwrap();
        (found.replayed.events, found.replayed.unreadable)
    };
    assert_eq!(counted(&town), (4, 1), "until then it is taken for a retry");
    town.append(vec![town.quarantine(partition, is)]);
    assert_eq!(counted(&town), (5, 1));
}

#[test]
fn bodies_are_opened_through_the_seal() {
    let town = Town::new();
    let mut sealed = town.city.arrears(handle(3), event_id(30), 1_200, None);
    let (schema, body) = unframe(sealed.value.as_deref()).unwrap();
    let closed = Mixed.seal(handle(3).as_bytes(), body.to_vec()).unwrap();
    sealed.value = Some(frame(schema, &closed.body).into());
    sealed.headers.set(headers::KEY, closed.key_id.into_bytes());
    town.append(vec![sealed]);
    let events = |seal: &dyn Seal| {
        let asked = Asked {
            agreement: Agreement::read(&proposal("not-needed")).unwrap(),
            parties: None,
            since: None,
            now: NOW,
        };
        town.asked_through(seal, asked).unwrap().replayed.events
    };
    assert_eq!(events(&Plain), 4);
    // Only what it sealed opens through this one.
    assert_eq!(events(&Mixed), 1);
}

#[test]
fn readers_are_told_with_the_people_within_their_scope() {
    let found = Town::new().ask(&proposal("not-needed")).unwrap();
    let of = |organisation: &str| {
        let found = found
            .readers
            .iter()
            .find(|one| one.organisation == organisation);
        found.unwrap_or_else(|| panic!("{organisation} is a reader"))
    };
    for (council, people) in [(CAMDEN, 3), (ISLINGTON, 1)] {
        let reader = of(council);
        assert_eq!(
            (reader.people_before, reader.people_after),
            (people, people),
            "{council}"
        );
        assert_eq!(
            reader.fields_new,
            [format!("{EVENT}.tenancy_ref")],
            "{council}"
        );
        assert!(reader.entitled_before && reader.entitled_after);
    }
}

#[test]
fn what_two_agreements_give_on_one_line_is_named_for_third_parties_alone() {
    let found = Town::new().ask(&proposal("not-needed")).unwrap();
    let joined: Vec<_> = found
        .inferable
        .iter()
        .filter(|one| one.how == How::Joined)
        .collect();
    let [joined] = &joined[..] else {
        panic!("{:?}", found.inferable);
    };
    assert_eq!(joined.what, EVENT);
    assert_eq!(joined.agreements, ["duty", "third"]);
    // Islington reads Camden's record of one person; what Camden sent itself teaches it nothing.
    assert_eq!((joined.organisations, joined.rows), (1, 1));
    assert!(
        joined.from.contains("tenancy_ref under third"),
        "{}",
        joined.from
    );
    assert!(
        joined.from.contains("landlord_type under duty"),
        "{}",
        joined.from
    );
}

#[test]
fn consents_of_today_decide_and_reasons_are_counted() {
    let town = Town::new();
    town.append(vec![town.city.control(&ground(
        handle(2),
        GroundKind::Consent,
        GroundState::Given,
        1,
    ))]);
    let found = town.ask(&proposal("required")).unwrap();
    let flow = &found.flows[0];
    assert_eq!((flow.released_after, flow.people), (1, 1));
    let [withheld] = &flow.withheld[..] else {
        panic!("{:?}", flow.withheld);
    };
    assert_eq!(
        (withheld.reason.as_str(), withheld.events),
        ("consent-missing", 3)
    );
}

#[test]
fn a_document_that_reaches_back_says_so_and_one_that_narrows_too() {
    let town = Town::new();
    let back = proposal("not-needed").replace(
        "effective = 2020-01-02",
        "effective = 2020-01-02\nbackfill_from = 2020-01-02",
    );
    let found = town.ask(&back).unwrap();
    assert_eq!(
        (found.at_once.released, found.at_once.released_people),
        (4, 3)
    );

    // The next version of the city's agreement on a duty: one field less.
    let narrower = proposal("not-needed")
        .replace("id = \"third\"", "id = \"duty\"")
        .replace("version = 1", "version = 2")
        .replace("\"tenancy_ref\", \"arrears_pence\"", "\"landlord_type\"");
    let found = town.ask(&narrower).unwrap();
    assert_eq!(found.previous_version, Some(1));
    let flow = &found.flows[0];
    assert_eq!((flow.released_before, flow.released_after), (4, 4));
    assert_eq!(flow.fields_no_longer, ["arrears_pence"]);
    assert_eq!(flow.fields_as_before, ["landlord_type"]);
}

#[test]
fn since_a_day_only_what_was_accepted_then_is_looked_at() {
    let town = Town::new();
    let agreement = Agreement::read(&proposal("not-needed")).unwrap();
    let asked = |since: Day| Asked {
        agreement: agreement.clone(),
        parties: None,
        since: Some(since),
        now: NOW,
    };
    let today = NOW.london_day();
    assert_eq!(
        town.asked(asked(today.plus(-30))).unwrap().replayed.events,
        4
    );
    let found = town.asked(asked(today.plus(1))).unwrap();
    assert_eq!((found.replayed.events, found.flows.len()), (0, 0));
}

#[test]
fn what_the_control_plane_would_refuse_is_refused_with_why() {
    let town = Town::new();
    let agreement = Agreement::read(&proposal("not-needed")).unwrap();
    let stranger = town.asked(Asked {
        agreement,
        parties: Some(vec![organisation("ODS:RRV")]),
        since: None,
        now: NOW,
    });
    assert!(
        matches!(stranger, Err(DryRunError::NoParty(_))),
        "{stranger:?}"
    );
    let skipped = town.ask(&proposal("not-needed").replace("version = 1", "version = 3"));
    assert!(
        matches!(skipped, Err(DryRunError::Version { current: 0, .. })),
        "{skipped:?}"
    );
    let other_purpose = proposal("not-needed")
        .replace("id = \"third\"", "id = \"duty\"")
        .replace("version = 1", "version = 2")
        .replace(
            "purpose = \"rough-sleeping\"",
            "purpose = \"children-in-care\"",
        );
    let refused = town.ask(&other_purpose);
    assert!(
        matches!(refused, Err(DryRunError::Refused { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_pretended_signature_is_worth_nothing_elsewhere() {
    // The key of a dry run is known to everybody: no control plane has registered it, so what it signs counts nowhere.
    let agreement = Agreement::read(&proposal("not-needed")).unwrap();
    let hash = sha256(&agreement.canonical_text());
    let pretended = SigningKey::from_bytes(&[7; 32]).sign(&hash);
    let camden = SigningKey::from_bytes(&[1; 32]).verifying_key();
    let verified =
        walbrook_policy::agreement::verify(&camden.to_bytes(), &hash, &pretended.to_bytes());
    assert!(verified.is_err());
}
