use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use jwt_compact::alg::Ed25519;
use jwt_compact::{AlgorithmExt, ParseError, UntrustedToken, ValidationError};
use parking_lot::RwLock;

use super::{CallerError, Claims, EventPatterns, LEEWAY, Principal, unix_seconds};

/// Tokens remembered as verified, so that a client's thousand calls cost one signature check. Forgotten all at once
/// when full: a bound, not a cache policy.
const MOST_REMEMBERED: usize = 4_096;
const MOST_TOKEN_BYTES: usize = 8 * 1024;

/// The key set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The file cannot be read.
    #[error("the key set {path} cannot be read", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// It is no JWKS.
    #[error("the key set {path} is not a JSON Web Key Set", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: serde_json::Error,
    },
    /// It holds no key that can be used.
    #[error("the key set {path} holds no Ed25519 key with a kid", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Checks tokens against a public key set. Only EdDSA is accepted, whatever a token says about itself.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    keys: HashMap<String, VerifyingKey>,
    verified: RwLock<HashMap<String, Verified>>,
}

#[derive(Debug, Clone)]
struct Verified {
    principal: Arc<Principal>,
    expires_at_s: i64,
}

#[derive(serde::Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(serde::Deserialize)]
struct PublicKey {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    kid: Option<String>,
}

impl Verifier {
    /// From a JWKS file and the issuer whose tokens count.
    ///
    /// # Errors
    /// When the file cannot be read, is no key set, or holds no Ed25519 key.
    pub fn from_file(path: &Path, issuer: &str) -> Result<Self, KeySetError> {
        let text = std::fs::read_to_string(path).map_err(|cause| KeySetError::Read {
            path: path.into(),
            cause,
        })?;
        let set: KeySet = serde_json::from_str(&text).map_err(|cause| KeySetError::Parse {
            path: path.into(),
            cause,
        })?;
        let keys: HashMap<_, _> = set.keys.into_iter().filter_map(ed25519_key).collect();
        if keys.is_empty() {
            return Err(KeySetError::Empty { path: path.into() });
        }
        Ok(Self::new(keys, issuer))
    }

    pub(super) fn new(keys: HashMap<String, VerifyingKey>, issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            keys,
            verified: RwLock::default(),
        }
    }

    /// Who holds the token.
    ///
    /// # Errors
    /// What is wrong with it; all of these mean `UNAUTHENTICATED`.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Principal>, CallerError> {
        let now_s = unix_seconds(now);
        let remembered = self.verified.read().get(token).cloned();
        let verified = match remembered {
            Some(verified) => verified,
            None => self.check(token, now_s)?,
        };
        // Leeway is for a clock that runs behind the issuer's, so it is not added to a token's end.
        if verified.expires_at_s <= now_s {
            return Err(CallerError::Expired);
        }
        Ok(verified.principal)
    }

    fn check(&self, text: &str, now_s: i64) -> Result<Verified, CallerError> {
        if text.len() > MOST_TOKEN_BYTES {
            return Err(malformed("longer than 8 KiB"));
        }
        let token = UntrustedToken::new(text).map_err(|cause| match cause {
            ParseError::MalformedHeader(_) => malformed("its header is not JSON"),
            ParseError::InvalidBase64Encoding => malformed("it is not base64url"),
            _ => malformed("it is not three parts with a dot between them"),
        })?;
        if token.algorithm() != "EdDSA" {
            return Err(malformed("its algorithm is not EdDSA"));
        }
        let kid = token
            .header()
            .key_id
            .as_deref()
            .ok_or_else(|| malformed("it names no key (kid)"))?;
        let key = self.keys.get(kid).ok_or(CallerError::UnknownKey)?;
        let token =
            Ed25519
                .validator::<Claims>(key)
                .validate(&token)
                .map_err(|cause| match cause {
                    ValidationError::MalformedClaims(_) => {
                        malformed("its claims are not those used here")
                    }
                    _ => CallerError::WrongSignature,
                })?;
        let claims = token.claims();
        let expires_at_s = claims
            .expiration
            .ok_or_else(|| malformed("it has no end (exp)"))?
            .timestamp();
        let issued_at_s = claims
            .issued_at
            .ok_or_else(|| malformed("it has no time of issue (iat)"))?
            .timestamp();
        let leeway_s = i64::try_from(LEEWAY.as_secs()).unwrap_or(0);
        let begins_at_s = claims
            .not_before
            .map_or(issued_at_s, |moment| moment.timestamp().max(issued_at_s));
        if begins_at_s > now_s.saturating_add(leeway_s) {
            return Err(CallerError::NotYetValid);
        }
        if claims.custom.iss != self.issuer {
            return Err(CallerError::WrongIssuer);
        }
        let verified = Verified {
            principal: Arc::new(principal(claims.custom.clone(), expires_at_s)?),
            expires_at_s,
        };
        if expires_at_s > now_s {
            self.remember(text, &verified);
        }
        Ok(verified)
    }

    fn remember(&self, token: &str, verified: &Verified) {
        let mut remembered = self.verified.write();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(token.to_owned(), verified.clone());
    }
}

fn principal(claims: Claims, expires_at_s: i64) -> Result<Principal, CallerError> {
    let scheme_and_code = claims.org.split_once(':');
    if !scheme_and_code.is_some_and(|(scheme, code)| !scheme.is_empty() && !code.is_empty()) {
        return Err(malformed("its organisation (org) is not `scheme:code`"));
    }
    if claims.sub.is_empty() || claims.jti.is_empty() {
        return Err(malformed("its subject (sub) or id (jti) is empty"));
    }
    Ok(Principal {
        organisation: claims.org,
        subject: claims.sub,
        roles: claims.roles,
        events: EventPatterns::new(claims.events),
        token_id: claims.jti,
        expires_at: SystemTime::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(expires_at_s).unwrap_or(0)),
    })
}

fn malformed(problem: &str) -> CallerError {
    CallerError::Malformed {
        problem: problem.to_owned(),
    }
}

fn ed25519_key(key: PublicKey) -> Option<(String, VerifyingKey)> {
    if key.kty != "OKP" || key.crv.as_deref() != Some("Ed25519") {
        return None;
    }
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(key.x?).ok()?.try_into().ok()?;
    Some((key.kid?, VerifyingKey::from_bytes(&bytes).ok()?))
}
