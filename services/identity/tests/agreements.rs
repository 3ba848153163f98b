//! The cover of matching agreements, from the records that stand on `control.agreements`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use ed25519_dalek::{Signer, SigningKey};
use std::sync::Arc;
use walbrook_domain::Organisation;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{Headers, NewRecord, Transactor, topics};
use walbrook_identity::cover::{AgreementCover, follow};
use walbrook_identity::linkage::MatchingCover;
use walbrook_identity::linkage::demographics::Strategy;
use walbrook_policy::Agreement;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::{
    AgreementProposed, AgreementSigned, AgreementStanding, PartyKey,
};
use walbrook_runtime::shutdown::Shutdown;

const MATCHING: &str = r#"
id = "matching-test"
version = 1
title = "Matching"
summary = "Compares records so that one person is one person."
purpose = "matching"
kind = "matching"
retention_days = 365
processor = "Walbrook operator"

[matching]
strategies = ["nhs-number", "exact-demographics"]

[law]
gateways = ["children-act-2004-s11"]
article_6 = ["e"]

[period]
effective = 2026-01-01
review = 2026-12-01
expiry = 2027-01-01

[[party]]
class = "london-authority"
role = "controller"
contact = "dpo@example.org"
"#;

struct Board {
    log: MemoryLog,
    writer: walbrook_eventlog::memory::MemoryTransactor,
    topic: String,
}

impl Board {
    fn new() -> Self {
        let (log, format) = memory();
        let mut writer = log.transactor("broker");
        writer.init().unwrap();
        let topic = format.namespace.name(topics::AGREEMENTS);
        Self { log, writer, topic }
    }

    fn write<R: AvroRecord>(&mut self, message: &R) {
        let body = message.to_vec().unwrap();
        self.writer.begin().unwrap();
        self.writer
            .send(NewRecord {
                topic: self.topic.as_str().into(),
                partition: Some(0),
                key: Some("k".into()),
                value: Some(walbrook_event::framing::frame(9, &body).into()),
                headers: Headers::new().with("ce_type", R::FULL_NAME),
                timestamp_ms: None,
            })
            .unwrap();
        self.writer.commit().unwrap();
    }

    fn propose(&mut self) -> [u8; 32] {
        let text = Agreement::read(MATCHING).unwrap().canonical_text();
        let hash = walbrook_policy::agreement::sha256(&text);
        self.write(&AgreementProposed {
            agreement_id: "matching-test".into(),
            version: 1,
            text,
            text_sha256: hash.to_vec(),
            proposed_by_organisation: CAMDEN.into(),
            proposed_by: "dpo".into(),
            ..AgreementProposed::default()
        });
        hash
    }

    fn sign(&mut self, party: &str, hash: [u8; 32], signed_with: u8) {
        let key = SigningKey::from_bytes(&[signed_with; 32]);
        self.write(&AgreementSigned {
            agreement_id: "matching-test".into(),
            version: 1,
            party: party.into(),
            key_id: "p1".into(),
            signature: key.sign(&hash).to_bytes().to_vec(),
            text_sha256: hash.to_vec(),
            ..AgreementSigned::default()
        });
    }

    fn register(&mut self, party: &str, seed: u8) {
        self.write(&PartyKey {
            organisation: party.into(),
            key_id: "p1".into(),
            public_key: SigningKey::from_bytes(&[seed; 32])
                .verifying_key()
                .to_bytes()
                .to_vec(),
            active: true,
            ..PartyKey::default()
        });
    }

    /// The cover after everything on the log, on a day.
    fn cover(&self, today: &str) -> Arc<AgreementCover> {
        let cover = Arc::new(AgreementCover::default());
        let stop = Shutdown::new();
        let (_, format) = memory();
        let told = stop.clone();
        follow(
            &Memory(self.log.clone()),
            &format.namespace,
            &cover,
            &stop,
            || told.request(),
        )
        .unwrap();
        cover.set_today(day(today));
        cover
    }
}

#[test]
fn both_must_have_signed_with_their_own_key_and_the_agreement_must_run() {
    let (camden, hackney): (Organisation, Organisation) =
        (CAMDEN.parse().unwrap(), HACKNEY.parse().unwrap());
    let covers = |board: &Board, today: &str| board.cover(today).covers(&camden, &hackney);
    let mut board = Board::new();
    assert!(!covers(&board, "2026-06-01"), "no agreement");
    board.register(CAMDEN, 1);
    board.register(HACKNEY, 2);
    let hash = board.propose();
    assert!(!covers(&board, "2026-06-01"), "nobody signed");
    board.sign(CAMDEN, hash, 1);
    assert!(!covers(&board, "2026-06-01"), "one signed");
    board.sign(HACKNEY, hash, 1);
    assert!(
        !covers(&board, "2026-06-01"),
        "signed with another party's key"
    );
    board.sign(HACKNEY, hash, 2);
    assert!(covers(&board, "2026-06-01"));
    assert!(!covers(&board, "2025-12-31"), "not yet effective");
    assert!(!covers(&board, "2027-06-01"), "expired");

    let cover = board.cover("2026-06-01");
    assert!(cover.allows(&hackney, &camden, Strategy::NhsNumber));
    assert!(
        !cover.allows(&hackney, &camden, Strategy::Upn),
        "a strategy that the agreement does not name"
    );
    let barnet = "GSS:E09000003".parse().unwrap();
    assert!(
        !cover.covers(&camden, &barnet),
        "of the class, but it has not signed"
    );
    let before = cover.generation();
    cover.set_today(day("2026-06-02"));
    assert!(cover.generation() > before, "a new day is looked at again");

    board.write(&AgreementStanding {
        agreement_id: "matching-test".into(),
        version: 1,
        party: Some(HACKNEY.into()),
        standing: "TERMINATED".into(),
        reason: walbrook_policy::state::STANDING_REASONS[0].into(),
        recorded_by_organisation: HACKNEY.into(),
        recorded_by: "dpo".into(),
        ..AgreementStanding::default()
    });
    assert!(!covers(&board, "2026-06-01"), "one party left");
}
