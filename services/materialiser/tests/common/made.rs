//! What a broker would have released: subject records, contacts, retractions, heartbeats; and a small city of them.

use super::*;

impl Place {
    fn shared(&self, person: u8, full_name: &str, body: &[u8]) -> NewRecord {
        let key = [person; 16];
        let partition = walbrook_eventlog::murmur2_partition(&key, PARTITIONS);
        let headers = Headers::new().with("ce_type", full_name);
        self.record(TOPIC, partition, &key, framing::frame(1, body), headers)
    }

    pub fn subject(&self, person: u8, organisation: &str) -> NewRecord {
        self.subject_with(person, organisation, &[])
    }

    /// A restricted record: seen by nobody but a responsible authority, of which there is none.
    pub fn restricted(&self, person: u8, organisation: &str) -> NewRecord {
        self.subject_with(person, organisation, &["R"])
    }

    fn subject_with(&self, person: u8, organisation: &str, restrictions: &[&str]) -> NewRecord {
        let body = SubjectRecord {
            handle_pseudonym: vec![person; 16],
            organisation: organisation.into(),
            restrictions: restrictions.iter().map(|one| (*one).into()).collect(),
            adult_from: walbrook_proto::common::v1::Date::new(2010, 1, 1),
            link_status: "MATCH".into(),
            link_score_ten_thousandths: 10_000,
            ..SubjectRecord::default()
        };
        self.shared(person, SubjectRecord::FULL_NAME, &body.to_vec().unwrap())
    }

    pub fn heartbeats(&self, organisation: &str) -> Vec<NewRecord> {
        let body = Heartbeat {
            organisation: organisation.into(),
            event_type: "housing.RoughSleepingContact".into(),
            last_accepted_on: walbrook_proto::common::v1::Date::new(2026, 5, 31),
        };
        (0..PARTITIONS)
            .map(|p| NewRecord {
                partition: Some(p),
                ..self.shared(1, Heartbeat::FULL_NAME, &body.to_vec().unwrap())
            })
            .collect()
    }

    /// A contact on a day of May 2026: the shared body has every field as an option.
    pub fn contact(&self, person: u8, event: u8, day: u8, organisation: &str) -> NewRecord {
        let mut body = vec![0]; // contact_at: null
        body.extend([2, 1]); // bedded_down: true
        body.extend([0; 5]);
        let envelope = ReleaseEnvelope {
            id: event_id(event).parse().unwrap(),
            event_type: "housing.RoughSleepingContact".parse().unwrap(),
            organisation: org(organisation),
            occurred_at: format!("2026-05-{day:02}").parse::<Day>().unwrap().start(),
            precision: Precision::Day,
            supersedes: None,
            key_id: "plain".into(),
            data_schema: "test".into(),
            agreement: agreement(),
            version: AgreementVersion(1),
            handle: HandlePseudonym::new([person; 16]),
            not_after: None,
            trace_parent: None,
        };
        let mut headers = Headers::new();
        for (name, value) in envelope.pairs() {
            headers.push(name, value.into_bytes());
        }
        let mut record = self.shared(person, "", &[]);
        record.value = Some(framing::frame(self.schema_id, &body).into());
        record.headers = headers;
        record.timestamp_ms = Some(1_780_000_000_000);
        record
    }

    /// The record of a read as another process would have written it.
    pub fn read_of_another(&self, read: &ReadRecord) -> NewRecord {
        let headers = Headers::new().with("ce_type", ReadRecord::FULL_NAME);
        let body = framing::frame(1, &read.to_vec().unwrap());
        let organisation = read.organisation.as_bytes().to_vec();
        self.record(topics::READS, 0, &organisation, body, headers)
    }

    /// One event falls, or all of the person's, for a reason.
    pub fn falls(&self, person: u8, event: Option<u8>, reason: &str) -> NewRecord {
        let body = Retraction {
            handle_pseudonym: vec![person; 16],
            event_id: event.map(event_id),
            reason: reason.into(),
            ..Retraction::default()
        };
        self.shared(person, Retraction::FULL_NAME, &body.to_vec().unwrap())
    }

    pub fn retraction(&self, person: u8) -> NewRecord {
        let body = Retraction {
            handle_pseudonym: vec![person; 16],
            reason: "WITHDRAWAL".into(),
            ..Retraction::default()
        };
        self.shared(person, Retraction::FULL_NAME, &body.to_vec().unwrap())
    }
}

/// The id of a contact.
pub fn event_id(event: u8) -> String {
    format!("{event:02}000000-0000-8000-8000-000000000000")
}

/// People 1 to 3 of Camden, seen 1 to 3 times, and 4 of Hackney.
pub fn city(place: &mut Place) {
    let mut records = place.heartbeats(CAMDEN);
    records.extend(place.heartbeats(HACKNEY));
    for (person, organisation) in [(1, CAMDEN), (2, CAMDEN), (3, CAMDEN), (4, HACKNEY)] {
        records.push(place.subject(person, organisation));
        for contact in 0..person {
            records.push(place.contact(person, person * 10 + contact, 31 - contact, organisation));
        }
    }
    place.commit(records);
}
