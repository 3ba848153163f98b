use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use jwt_compact::alg::Ed25519;
use jwt_compact::{AlgorithmExt, Header};
use serde_json::json;

use super::{Claims, Verifier, unix_seconds};

/// Makes tokens for a cluster on this machine and for tests. Elsewhere an identity provider does.
#[derive(Clone)]
pub struct Issuer {
    name: String,
    key: SigningKey,
    key_id: String,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Issuer")
            .field("name", &self.name)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The organisation, `GSS:E09000007`.
    pub organisation: String,
    /// The person or system.
    pub subject: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Event types a producer may send.
    pub events: Vec<String>,
    /// How long it holds.
    pub lifetime: Duration,
}

impl TokenRequest {
    /// A token of one hour for one role.
    #[must_use]
    pub fn new(organisation: &str, subject: &str, role: &str) -> Self {
        Self {
            organisation: organisation.to_owned(),
            subject: subject.to_owned(),
            roles: vec![role.to_owned()],
            events: Vec::new(),
            lifetime: Duration::from_secs(3600),
        }
    }

    /// The event types it may send: `police.*`.
    #[must_use]
    pub fn events(mut self, patterns: &[&str]) -> Self {
        self.events = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        self
    }

    /// One more role.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(role.to_owned());
        self
    }

    /// Another lifetime.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

impl Issuer {
    /// An issuer of this name with its key.
    #[must_use]
    pub fn new(name: &str, key: SigningKey) -> Self {
        let key_id = hex::encode(
            key.verifying_key()
                .as_bytes()
                .first_chunk::<8>()
                .unwrap_or(&[0; 8]),
        );
        Self {
            name: name.to_owned(),
            key,
            key_id,
        }
    }

    /// An issuer with a key of the moment, for tests.
    #[must_use]
    pub fn ephemeral(name: &str) -> Self {
        Self::new(name, SigningKey::from_bytes(&rand::random()))
    }

    /// A signed token. `None` only when claims cannot be written as JSON, which texts and numbers always can.
    #[must_use]
    pub fn token(&self, request: &TokenRequest, now: SystemTime) -> Option<String> {
        let issued_at_s = unix_seconds(now);
        let lifetime_s = i64::try_from(request.lifetime.as_secs()).unwrap_or(i64::MAX);
        let custom = Claims {
            iss: self.name.clone(),
            sub: request.subject.clone(),
            org: request.organisation.clone(),
            roles: request.roles.clone(),
            events: request.events.clone(),
            jti: uuid::Uuid::new_v4().to_string(),
        };
        let mut all = serde_json::to_value(&custom).ok()?;
        let fields = all.as_object_mut()?;
        fields.insert("iat".into(), issued_at_s.into());
        fields.insert("exp".into(), issued_at_s.saturating_add(lifetime_s).into());
        let claims: jwt_compact::Claims<Claims> = serde_json::from_value(all).ok()?;
        let header = Header::empty()
            .with_key_id(&self.key_id)
            .with_token_type("JWT");
        Ed25519.token(&header, &claims, &self.key).ok()
    }

    /// The public half as a JSON Web Key Set.
    #[must_use]
    pub fn key_set(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.key_id, "x": x});
        format!("{:#}\n", json!({ "keys": [key] }))
    }

    /// A verifier that trusts this issuer alone.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::new(
            HashMap::from([(self.key_id.clone(), self.key.verifying_key())]),
            &self.name,
        )
    }
}
