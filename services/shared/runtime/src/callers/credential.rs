use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::{Issuer, TokenRequest, role};
use crate::config::Common;
use crate::keystore::{FileKeyStore, KeyStoreError};
use crate::telemetry;

const LIFETIME: Duration = Duration::from_secs(3600);
/// A token is renewed (minted or read again) after this long.
const RENEW_AFTER: Duration = Duration::from_secs(300);

/// The process cannot show who it is.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The local issuer's key cannot be had.
    #[error("no key to make service tokens with; `walbrook up` creates one")]
    Issuer(#[source] KeyStoreError),
    /// The token file cannot be read.
    #[error("the token file {path} cannot be read", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// There is no token file in the configuration.
    #[error("no token to show to other processes: set callers.token_file")]
    Missing,
}

/// What a process shows to others when it calls them: use it as the interceptor of a generated client. It also carries
/// the current trace on.
#[derive(Debug, Clone)]
pub struct Credential {
    source: Arc<Source>,
    current: Arc<Mutex<Option<(Instant, tonic::metadata::AsciiMetadataValue)>>>,
}

#[derive(Debug)]
enum Source {
    Minted {
        issuer: Box<Issuer>,
        request: TokenRequest,
    },
    File(PathBuf),
}

impl Credential {
    /// The credential of a process: with `local` it mints its own, else it reads its token file, again and again, so
    /// that a renewed token is picked up.
    ///
    /// # Errors
    /// When the key or the file cannot be read.
    pub fn of_process(name: &str, common: &Common) -> Result<Self, CredentialError> {
        if common.local {
            let keys = FileKeyStore::open(&common.keys_dir).map_err(CredentialError::Issuer)?;
            let issuer = keys
                .issuer(&common.callers.issuer)
                .map_err(CredentialError::Issuer)?;
            return Ok(Self::minted(
                issuer,
                TokenRequest::new("WALBROOK:local", name, role::SERVICE),
            ));
        }
        let path = common
            .callers
            .token_file
            .clone()
            .ok_or(CredentialError::Missing)?;
        std::fs::read_to_string(&path).map_err(|cause| CredentialError::File {
            path: path.clone(),
            cause,
        })?;
        Ok(Self::new(Source::File(path)))
    }

    /// A credential whose tokens `issuer` makes.
    #[must_use]
    pub fn minted(issuer: Issuer, request: TokenRequest) -> Self {
        Self::new(Source::Minted {
            issuer: Box::new(issuer),
            request: request.lifetime(LIFETIME),
        })
    }

    /// A credential read from a token file, again and again, so that a renewed token is picked up.
    #[must_use]
    pub fn of_file(path: &std::path::Path) -> Self {
        Self::new(Source::File(path.to_owned()))
    }

    fn new(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            current: Arc::default(),
        }
    }

    fn value(&self) -> Option<tonic::metadata::AsciiMetadataValue> {
        let mut current = self.current.lock();
        if let Some((since, value)) = &*current
            && since.elapsed() < RENEW_AFTER
        {
            return Some(value.clone());
        }
        let token = match &*self.source {
            Source::Minted { issuer, request } => issuer.token(request, SystemTime::now())?,
            Source::File(path) => std::fs::read_to_string(path).ok()?.trim().to_owned(),
        };
        let mut value: tonic::metadata::AsciiMetadataValue =
            format!("Bearer {token}").parse().ok()?;
        value.set_sensitive(true);
        *current = Some((Instant::now(), value.clone()));
        Some(value)
    }
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = self
            .value()
            .ok_or_else(|| Status::unavailable("this process has no token to show for now"))?;
        request.metadata_mut().insert("authorization", value);
        telemetry::inject(request.metadata_mut());
        Ok(request)
    }
}
