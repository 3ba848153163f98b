use super::*;
use crate::framing::{FramingError, frame, unframe};
use proptest::prelude::*;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, Handle, HandlePseudonym, Instant,
    Organisation, PersonId, Precision,
};

fn raw() -> RawEnvelope {
    RawEnvelope {
        id: "0192d3f4-7c1e-7d2a-9b1c-3e5f7a9b1c3d".parse().unwrap(),
        event_type: EventType::new("housing.RentArrearsChanged").unwrap(),
        organisation: "GSS:E09000007".parse().unwrap(),
        occurred_at: Instant::parse_rfc3339("2026-07-01T12:00:00.000001Z").unwrap(),
        precision: Precision::Instant,
        supersedes: Some("0192d3f4-7c1e-7d2a-9b1c-3e5f7a9b1c3e".parse().unwrap()),
        key_id: "plain".into(),
        data_schema: "t.raw.housing-walbrook.housing.v1.RentArrearsChanged/7".into(),
        queries: vec!["nhs-number-check-digit".into()],
        trace_parent: None,
    }
}

fn look_up<'a>(pairs: &'a headers::Pairs, wanted: &str) -> Option<&'a [u8]> {
    pairs
        .iter()
        .find(|(key, _)| *key == wanted)
        .map(|(_, value)| value.as_bytes())
}

#[test]
fn an_envelope_and_its_headers_agree() {
    let raw = raw();
    let pairs = raw.pairs();
    assert_eq!(
        RawEnvelope::read(|name| look_up(&pairs, name)),
        Ok(raw.clone())
    );
    let release = ReleaseEnvelope {
        id: raw.id,
        event_type: raw.event_type,
        organisation: raw.organisation,
        occurred_at: raw.occurred_at.truncated(Precision::Day),
        precision: Precision::Day,
        supersedes: None,
        key_id: raw.key_id,
        data_schema: raw.data_schema,
        agreement: AgreementId::new("pan-london-rough-sleeping").unwrap(),
        version: AgreementVersion(3),
        handle: HandlePseudonym::new([7; 16]),
        not_after: Some("2026-12-31".parse::<Day>().unwrap()),
        trace_parent: None,
    };
    let pairs = release.pairs();
    assert_eq!(
        ReleaseEnvelope::read(|name| look_up(&pairs, name)),
        Ok(release)
    );
}

#[test]
fn each_needed_header_is_missed_by_name() {
    let pairs = raw().pairs();
    for name in [
        headers::ID,
        headers::TYPE,
        headers::ORGANISATION,
        headers::TIME,
        headers::PRECISION,
        headers::KEY,
    ] {
        let without: headers::Pairs = pairs
            .iter()
            .filter(|(key, _)| *key != name)
            .cloned()
            .collect();
        assert_eq!(
            RawEnvelope::read(|asked| look_up(&without, asked)),
            Err(headers::HeaderError::Missing { name })
        );
    }
}

#[test]
fn pseudonyms_of_two_purposes_and_of_two_kinds_share_nothing() {
    let purposes = [
        PurposeKey::new(Key::new([1; 32])),
        PurposeKey::new(Key::new([2; 32])),
    ];
    let bytes = [9; 16];
    let camden: Organisation = "GSS:E09000007".parse().unwrap();
    let event: EventId = "0192d3f4-7c1e-7d2a-9b1c-3e5f7a9b1c3d".parse().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for purpose in &purposes {
        seen.insert(purpose.person(PersonId::new(bytes)).to_bytes());
        seen.insert(purpose.handle(Handle::new(bytes)).to_bytes());
        let id = purpose.event(&camden, Handle::new(bytes), event);
        assert_eq!(id.uuid().get_version_num(), 8);
        seen.insert(*id.as_bytes());
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn parts_do_not_run_together() {
    let key = Key::new([3; 32]);
    let camden: Organisation = "GSS:E09000007".parse().unwrap();
    assert_ne!(
        lookup_token(&key, &camden, "LOCAL", "12"),
        lookup_token(&key, &camden, "LOCAL1", "2")
    );
    assert_eq!(format!("{key:?}"), "Key(…)");
}

#[test]
fn another_magic_byte_or_a_short_value_is_refused() {
    assert_eq!(unframe(None), Err(FramingError::Missing));
    assert_eq!(
        unframe(Some(&[0, 0, 0, 1])),
        Err(FramingError::Short { length: 4 })
    );
    assert_eq!(unframe(Some(&[1, 0, 0, 0, 1])), Err(FramingError::Magic));
    assert_eq!(unframe(Some(&[0, 0, 0, 0, 1])), Ok((1, &[][..])));
}

proptest! {
    #[test]
    fn framing_is_undone_by_unframing(id in any::<i32>(), body in prop::collection::vec(any::<u8>(), 0..64)) {
        let value = frame(id, &body);
        prop_assert_eq!(unframe(Some(&value)), Ok((id, body.as_slice())));
    }

    #[test]
    fn reading_headers_never_panics(name in "ce_[a-z]{2,6}|wb_[a-z]{2,6}", value in prop::collection::vec(any::<u8>(), 0..40)) {
        let pairs = raw().pairs();
        let get = |wanted: &str| if wanted == name { Some(value.as_slice()) } else { look_up(&pairs, wanted) };
        let _ = RawEnvelope::read(get);
        let _ = ReleaseEnvelope::read(get);
    }
}

#[test]
fn an_event_s_pseudonym_is_over_the_organisation_as_it_is_written() {
    let organisation: walbrook_domain::Organisation = "POLICE_FORCE:metropolitan".parse().unwrap();
    let (handle, event) = (
        walbrook_domain::Handle::new([7; 16]),
        EventId::new(uuid::Uuid::from_u128(5)),
    );
    let written = organisation.to_string();
    let hash = crate::pseudonym::keyed_hash(
        &Key::new([1; 32]),
        &[
            b"event",
            written.as_bytes(),
            handle.as_bytes(),
            event.as_bytes(),
        ],
    );
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    let made = PurposeKey::new(Key::new([1; 32])).event(&organisation, handle, event);
    assert_eq!(
        made.uuid(),
        uuid::Builder::from_custom_bytes(short).into_uuid()
    );
}
