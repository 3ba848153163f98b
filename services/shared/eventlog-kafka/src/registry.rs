//! The schema registry, through the API that Confluent's, Karapace and Apicurio (`/apis/ccompat/v7`) share.
//!
//! Apicurio's differences, measured: the default compatibility is NONE, so it is set per subject before the first version; another layout of the
//! same schema gets another id, so only one canonical form is sent, and it is looked up before it is registered.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

const ANSWER_LIMIT: usize = 4 * 1024 * 1024;
const WAIT: Duration = Duration::from_secs(10);
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const SET_LEVEL: &str = "set the compatibility";

/// A call to the registry that failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry did not answer; nothing is known about the request. Try again.
    #[error(
        "the schema registry at {url} does not answer ({operation}): {message}; is it running and is the address right?"
    )]
    Unreachable {
        /// The registry's address.
        url: String,
        /// What was asked.
        operation: &'static str,
        /// The connection's own words.
        message: String,
    },
    /// It answered with a refusal.
    #[error("the schema registry refused to {operation} for {subject}: {status} {message}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// Subject or id.
        subject: String,
        /// HTTP status.
        status: u16,
        /// The registry's own words.
        message: String,
    },
    /// It answered with something else than the API says.
    #[error("the schema registry's answer to {operation} for {subject} cannot be read: {message}")]
    Unreadable {
        /// What was asked.
        operation: &'static str,
        /// Subject or id.
        subject: String,
        /// What was wrong.
        message: String,
    },
}

/// A client of one registry.
#[derive(Debug, Clone)]
pub struct Registry {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Deserialize)]
struct IdAnswer {
    id: i32,
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
}

impl Registry {
    /// A registry at this address, with its API path, for example `http://127.0.0.1:18081/apis/ccompat/v7`.
    pub fn new(base: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(3)));
        Self {
            base: base.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The subjects known.
    ///
    /// # Errors
    /// When the registry does not answer or refuses.
    pub async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        let (status, body) = self
            .call(Method::GET, "/subjects", None, "list subjects")
            .await?;
        self.read("list subjects", "all", status, &body)
    }

    /// The id of a schema under a subject; `None` when the subject does not have it.
    ///
    /// # Errors
    /// When the registry does not answer or refuses.
    pub async fn lookup(&self, subject: &str, schema: &str) -> Result<Option<i32>, RegistryError> {
        let body = json!({ "schema": schema }).to_string();
        let path = format!("/subjects/{subject}");
        let (status, answer) = self
            .call(Method::POST, &path, Some(body), "look a schema up")
            .await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let found: IdAnswer = self.read("look a schema up", subject, status, &answer)?;
        Ok(Some(found.id))
    }

    /// Registers a schema under a subject with compatibility FULL_TRANSITIVE, unless it is there already. Returns its id.
    ///
    /// # Errors
    /// When the registry does not answer, or refuses (an incompatible schema among others).
    pub async fn register(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        if let Some(id) = self.lookup(subject, schema).await? {
            return Ok(id);
        }
        // Apicurio keeps rules per existing artifact: for a subject without a version the level is set once it has one.
        let level_is_set = self.set_level(subject).await?;
        let id = self.add(subject, schema).await?;
        if !level_is_set {
            self.require_level(subject).await?;
        }
        Ok(id)
    }

    /// The same for a subject that is known to have no version yet, with half the calls.
    ///
    /// # Errors
    /// As [`Registry::register`].
    pub async fn register_first(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        let id = self.add(subject, schema).await?;
        self.require_level(subject).await?;
        Ok(id)
    }

    async fn add(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        let body = json!({ "schema": schema }).to_string();
        let path = format!("/subjects/{subject}/versions");
        let (status, answer) = self
            .call(Method::POST, &path, Some(body), "register a schema")
            .await?;
        let registered: IdAnswer = self.read("register a schema", subject, status, &answer)?;
        Ok(registered.id)
    }

    async fn require_level(&self, subject: &str) -> Result<(), RegistryError> {
        if self.set_level(subject).await? {
            return Ok(());
        }
        Err(RegistryError::Refused {
            operation: SET_LEVEL,
            subject: subject.to_owned(),
            status: StatusCode::NOT_FOUND.as_u16(),
            message: "the subject was registered a moment ago and is not found".to_owned(),
        })
    }

    /// Sets the compatibility; false where the registry does not know the subject yet.
    async fn set_level(&self, subject: &str) -> Result<bool, RegistryError> {
        let level = json!({ "compatibility": "FULL_TRANSITIVE" }).to_string();
        let path = format!("/config/{subject}");
        let (status, answer) = self
            .call(Method::PUT, &path, Some(level), SET_LEVEL)
            .await?;
        match status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            status => Err(refusal(SET_LEVEL, subject, status, &answer)),
        }
    }

    /// The schema text of an id; `None` when there is no such id.
    ///
    /// # Errors
    /// When the registry does not answer or refuses.
    pub async fn schema(&self, id: i32) -> Result<Option<String>, RegistryError> {
        let (status, answer) = self
            .call(
                Method::GET,
                &format!("/schemas/ids/{id}"),
                None,
                "fetch a schema",
            )
            .await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let found: SchemaAnswer = self.read("fetch a schema", &id.to_string(), status, &answer)?;
        Ok(Some(found.schema))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        operation: &'static str,
    ) -> Result<(StatusCode, Bytes), RegistryError> {
        let unreachable = |message: String| RegistryError::Unreachable {
            url: self.base.clone(),
            operation,
            message,
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", CONTENT_TYPE)
            .header("accept", CONTENT_TYPE)
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| unreachable(error.to_string()))?;
        let answer = async {
            let response = self.client.request(request).await.map_err(|error| {
                use std::error::Error;
                error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string)
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT)
                .collect()
                .await
                .map_err(|error| error.to_string())?
                .to_bytes();
            Ok::<_, String>((status, body))
        };
        match tokio::time::timeout(WAIT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(message)) => Err(unreachable(message)),
            Err(_) => Err(unreachable(format!(
                "no answer within {} s",
                WAIT.as_secs()
            ))),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        subject: &str,
        status: StatusCode,
        body: &Bytes,
    ) -> Result<T, RegistryError> {
        if !status.is_success() {
            return Err(refusal(operation, subject, status, body));
        }
        serde_json::from_slice(body).map_err(|error| RegistryError::Unreadable {
            operation,
            subject: subject.to_owned(),
            message: error.to_string(),
        })
    }
}

fn refusal(
    operation: &'static str,
    subject: &str,
    status: StatusCode,
    body: &Bytes,
) -> RegistryError {
    let text = String::from_utf8_lossy(body);
    RegistryError::Refused {
        operation,
        subject: subject.to_owned(),
        status: status.as_u16(),
        message: text.chars().take(400).collect(),
    }
}
