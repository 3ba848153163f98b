use super::*;

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn head() -> Head {
    Head {
        origin: "walbrook/city/audit.reads/0".to_owned(),
        size: 42,
        root: [9; 32],
    }
}

#[test]
fn a_signed_head_opens() {
    let note = sign(&head(), "walbrook-auditor", &signer());
    assert_eq!(
        open(&note, "walbrook-auditor", &signer().verifying_key()),
        Ok(head())
    );
    assert!(
        note.starts_with("walbrook/city/audit.reads/0\n42\nCQkJ"),
        "{note}"
    );
    assert!(note.contains("\n\n\u{2014} walbrook-auditor "), "{note}");
}

#[test]
fn the_published_key_hash() {
    // From the Go package note: the key PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW.
    let key = STANDARD
        .decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        .unwrap();
    let key = VerifyingKey::from_bytes(key[1..].try_into().unwrap()).unwrap();
    assert_eq!(hex::encode(key_hash("PeterNeumann", &key)), "c74f20a3");
}

#[test]
fn a_changed_note_does_not_open() {
    let note = sign(&head(), "walbrook-auditor", &signer());
    let key = signer().verifying_key();
    assert_eq!(
        open(&note.replace("\n42\n", "\n43\n"), "walbrook-auditor", &key),
        Err(NoteError::Signature)
    );
    assert_eq!(
        open(&note.replace("\n42\n", "\n042\n"), "walbrook-auditor", &key),
        Err(NoteError::Form)
    );
    let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
    assert_eq!(
        open(&note, "walbrook-auditor", &other),
        Err(NoteError::NoSignature("walbrook-auditor".to_owned()))
    );
    assert_eq!(
        open("nothing", "walbrook-auditor", &key),
        Err(NoteError::Form)
    );
}
