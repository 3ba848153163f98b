use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use zeroize::Zeroizing;

use super::{KeyStore, KeyStoreError, SecretKey};
use crate::callers::Issuer;

/// Keys in a folder of mode 0700, each file of mode 0600.
#[derive(Debug, Clone)]
pub struct FileKeyStore {
    folder: PathBuf,
}

impl FileKeyStore {
    /// Opens a folder, refusing one that others may enter.
    ///
    /// # Errors
    /// When it is missing or open to others.
    pub fn open(folder: &Path) -> Result<Self, KeyStoreError> {
        check_mode(folder, 0o700)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The local issuer of tokens.
    ///
    /// # Errors
    /// When its key cannot be had.
    pub fn issuer(&self, name: &str) -> Result<Issuer, KeyStoreError> {
        Ok(Issuer::new(
            name,
            self.signing_key(&self.folder.join("callers/issuer.pem"))?,
        ))
    }

    /// Ids of a purpose's keys, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn purpose_key_ids(&self, purpose: &str) -> Result<Vec<String>, KeyStoreError> {
        let prefix = format!("{}.", checked_name(purpose)?);
        let folder = self.folder.join("purpose");
        let failed = |cause| KeyStoreError::File {
            path: folder.clone(),
            cause,
        };
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(".key"));
            ids.extend(id.filter(|id| !id.contains('.')).map(str::to_owned));
        }
        ids.sort();
        Ok(ids)
    }

    fn secret(&self, path: &Path) -> Result<SecretKey, KeyStoreError> {
        let text = self.read(path)?;
        let malformed = || KeyStoreError::Malformed {
            path: path.into(),
            expected: "32 bytes as 64 hex digits",
        };
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| malformed())?;
        Ok(SecretKey::new(*bytes))
    }

    fn signing_key(&self, path: &Path) -> Result<SigningKey, KeyStoreError> {
        let text = self.read(path)?;
        SigningKey::from_pkcs8_pem(&text).map_err(|_| KeyStoreError::Malformed {
            path: path.into(),
            expected: "an Ed25519 key as PKCS #8 PEM",
        })
    }

    fn read(&self, path: &Path) -> Result<Zeroizing<String>, KeyStoreError> {
        check_mode(path, 0o600)?;
        let text = std::fs::read_to_string(path).map_err(|cause| KeyStoreError::File {
            path: path.into(),
            cause,
        })?;
        Ok(Zeroizing::new(text))
    }
}

impl KeyStore for FileKeyStore {
    fn agency(&self, agency: &str) -> Result<SecretKey, KeyStoreError> {
        self.secret(&agency_path(&self.folder, agency)?)
    }

    fn agency_before(&self, agency: &str) -> Result<Option<SecretKey>, KeyStoreError> {
        match self.secret(&agency_before_path(&self.folder, agency)?) {
            Ok(key) => Ok(Some(key)),
            Err(KeyStoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn identity(&self) -> Result<SecretKey, KeyStoreError> {
        self.secret(&identity_path(&self.folder))
    }

    fn purpose(&self, purpose: &str, key_id: &str) -> Result<SecretKey, KeyStoreError> {
        self.secret(&purpose_path(&self.folder, purpose, key_id)?)
    }

    fn party(&self, organisation: &str) -> Result<SigningKey, KeyStoreError> {
        self.signing_key(&party_path(&self.folder, organisation)?)
    }

    fn auditor(&self) -> Result<SigningKey, KeyStoreError> {
        self.signing_key(&self.folder.join("auditor.pem"))
    }
}

pub(super) fn agency_path(folder: &Path, agency: &str) -> Result<PathBuf, KeyStoreError> {
    Ok(folder
        .join("agency")
        .join(format!("{}.key", checked_name(agency)?)))
}

pub(super) fn agency_before_path(folder: &Path, agency: &str) -> Result<PathBuf, KeyStoreError> {
    Ok(folder
        .join("agency/previous")
        .join(format!("{}.key", checked_name(agency)?)))
}

pub(super) fn identity_path(folder: &Path) -> PathBuf {
    folder.join("identity.key")
}

pub(super) fn purpose_path(
    folder: &Path,
    purpose: &str,
    key_id: &str,
) -> Result<PathBuf, KeyStoreError> {
    Ok(folder.join("purpose").join(format!(
        "{}.{}.key",
        checked_name(purpose)?,
        checked_name(key_id)?
    )))
}

pub(super) fn party_path(folder: &Path, organisation: &str) -> Result<PathBuf, KeyStoreError> {
    Ok(folder.join("parties").join(format!(
        "{}.pem",
        checked_name(organisation)?.replace(':', "_")
    )))
}

fn checked_name(name: &str) -> Result<&str, KeyStoreError> {
    let known =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(known) {
        return Err(KeyStoreError::Name {
            name: name.to_owned(),
        });
    }
    Ok(name)
}

/// Refuses what group or others have any right to.
fn check_mode(path: &Path, wanted: u32) -> Result<(), KeyStoreError> {
    let metadata = std::fs::metadata(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => KeyStoreError::Missing { path: path.into() },
        _ => KeyStoreError::File {
            path: path.into(),
            cause,
        },
    })?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyStoreError::Open {
            path: path.into(),
            mode,
            wanted,
        });
    }
    Ok(())
}
