use super::*;
use proptest::prelude::*;
use walbrook_domain::control::{GroundKind, GroundState, Standing};
use walbrook_domain::{EventId, Organisation};

fn organisation() -> impl Strategy<Value = Organisation> {
    "(GSS:E0900000[1-9]|ODS:R[A-Z]{2})".prop_map(|text| text.parse().unwrap())
}

fn agreement_fact() -> impl Strategy<Value = AgreementFact> {
    let id = "[a-z]{1,9}";
    let version = (1u32..9).prop_map(AgreementVersion);
    prop_oneof![
        (
            id,
            version.clone(),
            "\\PC{0,40}",
            any::<[u8; 32]>(),
            organisation(),
            "[a-z.]{0,9}"
        )
            .prop_map(|(id, version, text, text_sha256, by_organisation, by)| {
                AgreementFact::Proposed(AgreementProposed {
                    agreement: id.parse().unwrap(),
                    version,
                    text,
                    text_sha256,
                    by_organisation,
                    by,
                })
            }),
        (id, version.clone(), organisation(), any::<[u8; 32]>()).prop_map(
            |(id, version, party, text_sha256)| {
                AgreementFact::Signed(AgreementSigned {
                    agreement: id.parse().unwrap(),
                    version,
                    party,
                    key_id: "k1".to_owned(),
                    signature: [7; 64],
                    text_sha256,
                })
            }
        ),
        (id, version.clone()).prop_map(|(id, version)| {
            AgreementFact::Commenced(AgreementCommenced {
                agreement: id.parse().unwrap(),
                version,
            })
        }),
        (
            id,
            version,
            prop::option::of(organisation()),
            organisation()
        )
            .prop_map(|(id, version, party, by_organisation)| {
                AgreementFact::Standing(StandingChange {
                    agreement: id.parse().unwrap(),
                    version,
                    party,
                    standing: Standing::Suspended,
                    reason: "incident".to_owned(),
                    by_organisation,
                    by: "dpo".to_owned(),
                })
            }),
        (organisation(), any::<[u8; 32]>(), any::<bool>()).prop_map(
            |(organisation, public_key, active)| {
                AgreementFact::PartyKey(PartyKey {
                    organisation,
                    key_id: "k1".to_owned(),
                    public_key,
                    active,
                })
            }
        ),
        (organisation(), any::<bool>()).prop_map(|(organisation, revoked)| {
            AgreementFact::Reader(ReaderRevocation {
                organisation,
                reader: "p.green".to_owned(),
                revoked,
                by: "operator".to_owned(),
            })
        }),
        (organisation(), organisation(), 0u32..9, 1u32..40_000).prop_map(
            |(organisation, controller, version, retention_days)| {
                AgreementFact::Schedule(PublicationSchedule {
                    version,
                    entries: (0..version % 3)
                        .map(|number| ScheduleEntry {
                            event_type: format!("housing.Event{number}").parse().unwrap(),
                            controller: controller.clone(),
                            reason: "a duty".to_owned(),
                            retention_days,
                        })
                        .collect(),
                    by_organisation: controller,
                    by: "dpo".to_owned(),
                    organisation,
                })
            }
        ),
    ]
}

fn ground_fact() -> impl Strategy<Value = GroundFact> {
    (
        any::<[u8; 16]>(),
        prop::sample::select(GroundKind::ALL),
        prop::sample::select(GroundState::ALL),
        prop::option::of("[a-z]{1,9}"),
        prop::option::of(any::<u128>()),
        prop::option::of(0i32..40_000),
        0i64..4_000_000_000_000_000,
        organisation(),
    )
        .prop_map(
            |(handle, kind, state, purpose, event, not_after, stated_at, by_organisation)| {
                GroundFact {
                    ground_id: "0".repeat(32),
                    version: 1,
                    handle: Handle::new(handle),
                    kind,
                    state,
                    purpose: purpose.map(|text| text.parse().unwrap()),
                    agreement: None,
                    event: event.map(|bits| EventId::new(uuid::Uuid::from_u128(bits))),
                    not_after: not_after.map(Day),
                    stated_at: Instant(stated_at),
                    chosen_authority: not_after.map(|_| by_organisation.clone()),
                    by_organisation,
                    by: "officer".to_owned(),
                }
            },
        )
}

fn fact() -> impl Strategy<Value = ControlFact> {
    prop_oneof![
        agreement_fact().prop_map(ControlFact::Agreement),
        ground_fact().prop_map(ControlFact::Ground),
        (
            prop::sample::select(PinKind::ALL),
            any::<[u8; 32]>(),
            "\\PC{0,20}"
        )
            .prop_map(|(kind, sha256, content)| ControlFact::Pin(PinFact {
                kind,
                name: "walbrook.police.v1.MissingEpisode".to_owned(),
                schema_id: 7,
                sha256,
                content,
            })),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(fact in fact(), key in "[a-z0-9-]{0,20}") {
        let encoded = write(&fact, Instant(1_700_000_000_000_000), &key).unwrap();
        let read = read(encoded.full_name, &encoded.body, 42, Instant(5)).unwrap();
        prop_assert_eq!(&read.fact, &fact);
        prop_assert_eq!(read.offset, 42);
        // Nobody called for these.
        let by_itself = matches!(
            fact,
            ControlFact::Pin(_) | ControlFact::Agreement(AgreementFact::Commenced(_))
        );
        prop_assert_eq!(read.idempotency_key, if by_itself { String::new() } else { key });
        prop_assert!(!encoded.key.is_empty());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for name in [proto::GroundRecorded::FULL_NAME, proto::PinSet::FULL_NAME, "walbrook.other"] {
            let _ = read(name, &bytes, 0, Instant(0));
        }
    }
}

#[test]
fn grounds_are_never_copied_and_the_agreement_half_always_is() {
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&fact(), |fact| {
            let encoded = write(&fact, Instant(0), "").unwrap();
            let expected = match &fact {
                ControlFact::Agreement(_) => true,
                ControlFact::Ground(_) => false,
                ControlFact::Pin(pin) => pin.kind == PinKind::ViewFile,
            };
            prop_assert_eq!(encoded.copied, expected);
            Ok(())
        })
        .unwrap();
}
