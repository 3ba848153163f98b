use std::sync::Arc;
use std::time::SystemTime;

use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::{CallerError, Principal, Verifier};

/// Puts the [`Principal`] into each request's extensions, or refuses the call.
#[derive(Debug, Clone)]
pub struct CallerCheck {
    verifier: Arc<Verifier>,
}

impl CallerCheck {
    /// Checks against a key set.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier }
    }
}

impl Interceptor for CallerCheck {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let token = bearer(&request)?;
        let principal = self.verifier.verify(token, SystemTime::now())?;
        request.extensions_mut().insert(principal);
        Ok(request)
    }
}

fn bearer(request: &Request<()>) -> Result<&str, CallerError> {
    let value = request
        .metadata()
        .get("authorization")
        .ok_or(CallerError::Missing)?;
    let malformed = || CallerError::Malformed {
        problem: "authorization is not `Bearer <token>`".into(),
    };
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(malformed());
    }
    Ok(token.trim())
}

/// The caller of a request that passed the check.
///
/// # Errors
/// `Unchecked` when the service was not put behind it.
pub fn principal<T>(request: &Request<T>) -> Result<Arc<Principal>, CallerError> {
    request
        .extensions()
        .get::<Arc<Principal>>()
        .cloned()
        .ok_or(CallerError::Unchecked)
}
