//! Who calls, and where: what every command that talks to a service takes.
//!
//! On a local backbone the token is minted from the key that `walbrook up` made; elsewhere it is read from a file and the endpoint is given.

use crate::cluster::{LocalBackbone, LocalError};
use crate::{Exit, Failure};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;
use walbrook_runtime::callers::{Credential, TokenRequest};
use walbrook_runtime::keystore::FileKeyStore;

/// A connection that shows the caller's token with each call.
pub type Connection = InterceptedService<Channel, Credential>;

/// Who calls, and where the backbone is.
#[derive(Debug, Clone, Args)]
pub struct CallerArgs {
    /// The folder of the local backbone
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = ".walbrook",
        env = "WALBROOK_DIR"
    )]
    pub dir: PathBuf,
    /// The organisation the call is made for, as scheme:code
    #[arg(
        long = "as",
        value_name = "ORGANISATION",
        default_value = "WALBROOK:local"
    )]
    pub organisation: String,
    /// The role acted in
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// The caller's own name, as it stands on record
    #[arg(long = "name", value_name = "NAME", default_value = "walbrook-cli")]
    pub subject: String,
    /// Use the token in this file instead of a local one
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The service's address, when it is not on the local backbone (http://host:port)
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

impl CallerArgs {
    /// The backbone of this folder, and no caller in particular.
    #[must_use]
    pub fn here() -> Self {
        Self {
            dir: ".walbrook".into(),
            organisation: "WALBROOK:local".to_owned(),
            role: None,
            subject: "walbrook-cli".to_owned(),
            token_file: None,
            endpoint: None,
        }
    }

    /// The same place, another caller.
    #[must_use]
    pub fn acting(&self, organisation: &str, role: &str, subject: &str) -> Self {
        Self {
            organisation: organisation.to_owned(),
            role: Some(role.to_owned()),
            subject: subject.to_owned(),
            ..self.clone()
        }
    }

    /// A connection to a service (`police`, `broker`, …), acting in the role given or else in `default_role`.
    ///
    /// # Errors
    /// When there is no backbone, no key, or nobody answers.
    pub async fn connect(&self, service: &str, default_role: &str) -> Result<Connection, Failure> {
        let request = TokenRequest::new(
            &self.organisation,
            &self.subject,
            self.role.as_deref().unwrap_or(default_role),
        );
        self.connect_with(service, request).await
    }

    /// A connection that may send these event types (patterns such as `housing.*`).
    ///
    /// # Errors
    /// As [`CallerArgs::connect`].
    pub async fn connect_producer(
        &self,
        service: &str,
        events: &[&str],
    ) -> Result<Connection, Failure> {
        let request =
            TokenRequest::new(&self.organisation, &self.subject, "producer").events(events);
        self.connect_with(service, request).await
    }

    async fn connect_with(
        &self,
        service: &str,
        request: TokenRequest,
    ) -> Result<Connection, Failure> {
        let url = self.url(service)?;
        let credential = self.credential(request)?;
        let endpoint = Endpoint::from_shared(url.clone())
            .map_err(|error| Failure::new(Exit::Usage, error))?
            .connect_timeout(Duration::from_secs(5));
        let channel = endpoint.connect().await.map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("{service} at {url} does not answer: {error}; is the backbone up (`walbrook status`)?"),
            )
        })?;
        Ok(InterceptedService::new(channel, credential))
    }

    /// The address of a service.
    ///
    /// # Errors
    /// When no endpoint is given and no local backbone runs.
    pub fn url(&self, service: &str) -> Result<String, Failure> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        self.local()?
            .address(service)
            .map(|address| format!("http://{address}"))
            .ok_or_else(|| {
                Failure::new(
                    Exit::NotRunning,
                    format!("{service} does not run here: see `walbrook status`"),
                )
            })
    }

    /// The local backbone.
    ///
    /// # Errors
    /// When none runs in the folder.
    pub fn local(&self) -> Result<LocalBackbone, Failure> {
        LocalBackbone::running(&self.dir)
            .map_err(|error: LocalError| Failure::new(Exit::NotRunning, error))
    }

    /// The keys of the local backbone.
    ///
    /// # Errors
    /// When they are not there or readable for others.
    pub fn keys(&self) -> Result<FileKeyStore, Failure> {
        FileKeyStore::open(&self.keys_dir()).map_err(|error| Failure::new(Exit::Usage, error))
    }

    /// The folder of the local backbone's keys.
    #[must_use]
    pub fn keys_dir(&self) -> PathBuf {
        self.dir.join("keys")
    }

    fn credential(&self, request: TokenRequest) -> Result<Credential, Failure> {
        if let Some(file) = &self.token_file {
            return Ok(Credential::of_file(file));
        }
        let issuer = self
            .keys()?
            .issuer(ISSUER)
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        Ok(Credential::minted(issuer, request))
    }

    /// A token of the local issuer, for other clients (grpcurl).
    ///
    /// # Errors
    /// When the keys are not there.
    pub fn token(&self, events: &[&str], role: &str) -> Result<String, Failure> {
        let request = TokenRequest::new(
            &self.organisation,
            &self.subject,
            self.role.as_deref().unwrap_or(role),
        )
        .events(events)
        .lifetime(Duration::from_secs(12 * 3_600));
        let issuer = self
            .keys()?
            .issuer(ISSUER)
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        issuer
            .token(&request, std::time::SystemTime::now())
            .ok_or_else(|| {
                Failure::new(
                    Exit::Internal,
                    "the token could not be made: is this machine's clock right?",
                )
            })
    }
}

/// The issuer name that local services expect.
pub const ISSUER: &str = "walbrook-local";

/// A gRPC refusal as a failure of this command, with what the service said.
pub fn refused(operation: &'static str) -> impl Fn(tonic::Status) -> Failure {
    move |status| {
        let exit = match status.code() {
            tonic::Code::Unavailable | tonic::Code::DeadlineExceeded => Exit::Unavailable,
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange => Exit::Input,
            tonic::Code::Internal | tonic::Code::Unknown => Exit::Internal,
            _ => Exit::Refused,
        };
        let mut words = format!("{operation}: {} ({:?})", status.message(), status.code());
        let details = status.get_error_details();
        for violation in details
            .bad_request()
            .iter()
            .flat_map(|bad| &bad.field_violations)
        {
            words.push_str(&format!(
                "\n  {}: {} ({})",
                violation.field, violation.description, violation.reason
            ));
        }
        Failure::new(exit, words)
    }
}
