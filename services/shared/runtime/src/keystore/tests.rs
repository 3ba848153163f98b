use std::os::unix::fs::PermissionsExt;

use super::*;

const KEYS: LocalKeys<'_> = LocalKeys {
    agencies: &["police", "social-care"],
    purposes: &["rough-sleeping"],
    parties: &["GSS:E09000007"],
};

#[test]
fn a_local_folder_holds_every_key_and_keeps_them() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let first = create_local(&path, &KEYS).expect("created");
    let police = *first.agency("police").expect("agency").as_bytes();
    assert_ne!(
        police,
        *first.agency("social-care").expect("agency").as_bytes()
    );
    let purpose = *first
        .purpose("rough-sleeping", FIRST_KEY_ID)
        .expect("purpose")
        .as_bytes();
    let party = first.party("GSS:E09000007").expect("party").verifying_key();

    let again = create_local(&path, &KEYS).expect("again");
    assert_eq!(police, *again.agency("police").expect("agency").as_bytes());
    assert_eq!(
        purpose,
        *again
            .purpose("rough-sleeping", FIRST_KEY_ID)
            .expect("purpose")
            .as_bytes()
    );
    assert_eq!(
        party,
        again.party("GSS:E09000007").expect("party").verifying_key()
    );
    assert_eq!(
        again.purpose_key_ids("rough-sleeping").expect("ids"),
        ["k1"]
    );
    assert!(again.auditor().is_ok());
    assert!(matches!(
        again.agency("health"),
        Err(KeyStoreError::Missing { .. })
    ));
}

#[test]
fn a_key_that_others_may_read_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let store = create_local(&path, &KEYS).expect("created");
    let file = path.join("agency/police.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let refused = store
        .agency("police")
        .expect_err("open to others")
        .to_string();
    assert!(
        refused.contains("mode 0644") && refused.contains("chmod 600"),
        "{refused}"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let refused = FileKeyStore::open(&path)
        .expect_err("open to others")
        .to_string();
    assert!(refused.contains("chmod 700"), "{refused}");
}

#[test]
fn a_name_never_leaves_the_folder() {
    let folder = tempfile::tempdir().expect("folder");
    let store = create_local(&folder.path().join("keys"), &KEYS).expect("created");
    for name in ["../callers/issuer", "", "a/b", ".hidden"] {
        assert!(
            matches!(store.agency(name), Err(KeyStoreError::Name { .. })),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_key_is_said_without_showing_it() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let store = create_local(&path, &KEYS).expect("created");
    std::fs::write(path.join("agency/police.key"), "abc").expect("write");
    let refused = store.agency("police").expect_err("no key").to_string();
    assert!(
        refused.ends_with("does not hold 32 bytes as 64 hex digits"),
        "{refused}"
    );
    assert_eq!(
        format!("{:?}", store.agency("social-care").expect("key")),
        "SecretKey(…)"
    );
}

#[test]
fn tokens_of_the_local_issuer_pass_the_key_set_beside_it() {
    use crate::callers::{TokenRequest, Verifier, role};
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let store = create_local(&path, &KEYS).expect("created");
    let issuer = store.issuer("walbrook-local").expect("issuer");
    let verifier =
        Verifier::from_file(&path.join("callers/jwks.json"), "walbrook-local").expect("key set");
    let now = std::time::SystemTime::now();
    let token = issuer
        .token(
            &TokenRequest::new("GSS:E09000007", "clerk", role::PRODUCER),
            now,
        )
        .expect("token");
    assert_eq!(
        verifier.verify(&token, now).expect("valid").organisation,
        "GSS:E09000007"
    );
}

#[test]
fn a_rotated_agency_key_leaves_the_one_before_until_it_is_retired() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let store = create_local(&path, &KEYS).expect("created");
    let first = *store.agency("police").expect("agency").as_bytes();
    assert!(store.agency_before("police").expect("none").is_none());

    rotate_agency(&path, "police").expect("rotated");
    let second = *store.agency("police").expect("agency").as_bytes();
    let before = store.agency_before("police").expect("readable");
    assert_ne!(first, second);
    assert_eq!(before.expect("kept").as_bytes(), &first);
    let mode = std::fs::metadata(path.join("agency/previous/police.key")).expect("there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);

    let refused = rotate_agency(&path, "police").expect_err("under way");
    assert!(matches!(refused, KeyStoreError::UnderWay { .. }));
    create_local(&path, &KEYS).expect("a start of the cluster changes nothing");
    assert_eq!(store.agency("police").expect("agency").as_bytes(), &second);

    retire_agency(&path, "police").expect("retired");
    assert!(store.agency_before("police").expect("none").is_none());
    let nothing = retire_agency(&path, "police").expect_err("nothing to retire");
    assert!(matches!(nothing, KeyStoreError::Missing { .. }));
}

#[test]
fn a_rotation_that_was_cut_short_is_finished_by_the_same_command() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let store = create_local(&path, &KEYS).expect("created");
    let first = *store.agency("police").expect("agency").as_bytes();
    std::fs::create_dir(path.join("agency/previous")).expect("folder");
    let (current, before) = ("agency/police.key", "agency/previous/police.key");
    std::fs::hard_link(path.join(current), path.join(before)).expect("as far as it came");

    rotate_agency(&path, "police").expect("finished");
    assert_ne!(store.agency("police").expect("agency").as_bytes(), &first);
    let kept = store.agency_before("police").expect("readable");
    assert_eq!(kept.expect("kept").as_bytes(), &first);
}

#[test]
fn identity_has_a_key_of_its_own() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys");
    let key = *create_local(&path, &KEYS)
        .expect("created")
        .identity()
        .expect("key")
        .as_bytes();
    let again = create_local(&path, &KEYS).expect("again");
    assert_eq!(again.identity().expect("key").as_bytes(), &key);
}
