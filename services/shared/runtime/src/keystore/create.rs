use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use zeroize::Zeroizing;

use super::file::{agency_path, identity_path, party_path, purpose_path};
use super::{FIRST_KEY_ID, FileKeyStore, KeyStoreError};

/// Which keys a cluster on one machine needs.
#[derive(Debug, Clone, Copy)]
pub struct LocalKeys<'a> {
    /// Names of agencies: `police`.
    pub agencies: &'a [&'a str],
    /// Purposes: `rough-sleeping`.
    pub purposes: &'a [&'a str],
    /// Organisations that sign agreements in the demo: `GSS:E09000007`.
    pub parties: &'a [&'a str],
}

/// Makes every key that is not there yet, and keeps those that are: a cluster that is started again must find the same
/// handles and pseudonyms. The key set is written anew from the issuer's key.
///
/// # Errors
/// When a file cannot be written, or one that is there cannot be used.
pub fn create_local(folder: &Path, keys: &LocalKeys<'_>) -> Result<FileKeyStore, KeyStoreError> {
    for name in ["", "agency", "purpose", "callers", "parties"] {
        create_folder(&folder.join(name))?;
    }
    for agency in keys.agencies {
        create_secret(&agency_path(folder, agency)?)?;
    }
    for purpose in keys.purposes {
        create_secret(&purpose_path(folder, purpose, FIRST_KEY_ID)?)?;
    }
    create_secret(&identity_path(folder))?;
    for party in keys.parties {
        create_signing_key(&party_path(folder, party)?)?;
    }
    create_signing_key(&folder.join("auditor.pem"))?;
    create_signing_key(&folder.join("callers/issuer.pem"))?;
    let store = FileKeyStore::open(folder)?;
    let key_set = store.issuer("any")?.key_set();
    replace(&folder.join("callers/jwks.json"), key_set.as_bytes())?;
    Ok(store)
}

pub(super) fn create_folder(path: &Path) -> Result<(), KeyStoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| KeyStoreError::File {
        path: path.into(),
        cause,
    })
}

fn create_secret(path: &Path) -> Result<(), KeyStoreError> {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    let text = Zeroizing::new(hex::encode(bytes.as_slice()) + "\n");
    create(path, text.as_bytes())
}

/// Puts a new secret in the place of one, whole or not at all.
pub(super) fn replace_secret(path: &Path) -> Result<(), KeyStoreError> {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    let text = Zeroizing::new(hex::encode(bytes.as_slice()) + "\n");
    replace(path, text.as_bytes())
}

fn create_signing_key(path: &Path) -> Result<(), KeyStoreError> {
    let seed = Zeroizing::new(rand::random::<[u8; 32]>());
    let key = SigningKey::from_bytes(&seed);
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|cause| KeyStoreError::File {
            path: path.into(),
            cause: std::io::Error::other(cause),
        })?;
    create(path, pem.as_bytes())
}

/// Writes a file that is not there yet, whole or not at all; two that create at once end with the same one.
fn create(path: &Path, content: &[u8]) -> Result<(), KeyStoreError> {
    if path.exists() {
        return Ok(());
    }
    let draft = write_draft(path, content)?;
    let linked = match std::fs::hard_link(&draft, path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    let removed = std::fs::remove_file(&draft);
    linked.and(removed).map_err(|cause| KeyStoreError::File {
        path: path.into(),
        cause,
    })
}

fn replace(path: &Path, content: &[u8]) -> Result<(), KeyStoreError> {
    let draft = write_draft(path, content)?;
    std::fs::rename(&draft, path).map_err(|cause| KeyStoreError::File {
        path: path.into(),
        cause,
    })
}

fn write_draft(path: &Path, content: &[u8]) -> Result<std::path::PathBuf, KeyStoreError> {
    let draft = path.with_extension(format!("draft-{}", uuid::Uuid::new_v4().simple()));
    let failed = |cause| KeyStoreError::File {
        path: draft.clone(),
        cause,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(failed)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(draft)
}
