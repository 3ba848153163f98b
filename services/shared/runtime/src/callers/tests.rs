use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const ISSUER: &str = "walbrook-local";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn request() -> TokenRequest {
    TokenRequest::new("GSS:E09000007", "housing-system", role::PRODUCER)
        .events(&["housing.*", "health.EdAttendance"])
}

fn refused(token: &str, issuer: &Issuer, at: SystemTime) -> CallerError {
    issuer.verifier().verify(token, at).expect_err("refused")
}

#[test]
fn a_token_says_who_calls() {
    let issuer = Issuer::ephemeral(ISSUER);
    let token = issuer.token(&request(), now()).expect("token");
    let verifier = issuer.verifier();
    for _ in 0..2 {
        let caller = verifier.verify(&token, now()).expect("valid");
        assert_eq!(caller.organisation, "GSS:E09000007");
        assert_eq!(caller.subject, "housing-system");
        assert_eq!(caller.require_unexpired(now()), Ok(()));
        let hour_later = now() + Duration::from_secs(3600);
        assert_eq!(
            caller.require_unexpired(hour_later),
            Err(CallerError::Expired)
        );
        assert!(!caller.token_id.is_empty());
        assert_eq!(caller.require_role(role::PRODUCER), Ok(()));
        assert_eq!(
            caller.require_role(role::CONTROL),
            Err(CallerError::WrongRole {
                needed: "control".into()
            })
        );
        assert_eq!(caller.require_event("housing.PossessionNotice"), Ok(()));
        assert_eq!(caller.require_event("health.EdAttendance"), Ok(()));
        assert!(caller.require_event("health.CicHealthAssessment").is_err());
        assert_eq!(caller.require_organisation(None), Ok(()));
        assert_eq!(
            caller.require_organisation(Some("GSS:E09000008")),
            Err(CallerError::WrongOrganisation)
        );
    }
}

#[test]
fn event_patterns_end_at_a_dot() {
    let allow = |pattern: &str, event: &str| EventPatterns::new(vec![pattern.into()]).allow(event);
    assert!(allow("*", "police.MissingEpisode"));
    assert!(allow("police.*", "police.MissingEpisode"));
    assert!(!allow("pol*", "police.MissingEpisode"));
    assert!(!allow("police.Missing", "police.MissingEpisode"));
    assert!(!EventPatterns::default().allow("police.MissingEpisode"));
}

#[test]
fn an_expired_token_is_refused_also_when_it_was_seen_before() {
    let issuer = Issuer::ephemeral(ISSUER);
    let token = issuer
        .token(&request().lifetime(Duration::from_secs(10)), now())
        .expect("token");
    let verifier = issuer.verifier();
    assert!(
        verifier
            .verify(&token, now() + Duration::from_secs(9))
            .is_ok()
    );
    assert_eq!(
        verifier.verify(&token, now() + Duration::from_secs(10)),
        Err(CallerError::Expired)
    );
    assert_eq!(
        refused(&token, &issuer, now() + Duration::from_secs(11)),
        CallerError::Expired
    );
    assert_eq!(
        refused(&token, &issuer, now() - Duration::from_secs(61)),
        CallerError::NotYetValid
    );
}

#[test]
fn another_key_or_issuer_is_refused() {
    let (ours, theirs) = (Issuer::ephemeral(ISSUER), Issuer::ephemeral(ISSUER));
    let token = theirs.token(&request(), now()).expect("token");
    assert_eq!(refused(&token, &ours, now()), CallerError::UnknownKey);
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let (ours, named_otherwise) = (
        Issuer::new(ISSUER, key.clone()),
        Issuer::new("elsewhere", key),
    );
    let token = named_otherwise.token(&request(), now()).expect("token");
    assert_eq!(refused(&token, &ours, now()), CallerError::WrongIssuer);
}

#[test]
fn a_changed_claim_voids_the_signature() {
    let issuer = Issuer::ephemeral(ISSUER);
    let token = issuer.token(&request(), now()).expect("token");
    let parts: Vec<&str> = token.split('.').collect();
    let claims =
        String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).expect("base64")).expect("json");
    let forged = URL_SAFE_NO_PAD.encode(claims.replace("E09000007", "E09000033"));
    let forged = [parts[0], &forged, parts[2]].join(".");
    assert_eq!(
        refused(&forged, &issuer, now()),
        CallerError::WrongSignature
    );
}

#[test]
fn a_token_cannot_choose_its_algorithm() {
    let issuer = Issuer::ephemeral(ISSUER);
    let token = issuer.token(&request(), now()).expect("token");
    let claims = token.split('.').nth(1).expect("claims");
    for algorithm in ["none", "HS256"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#));
        let found = refused(&format!("{header}.{claims}."), &issuer, now());
        assert!(matches!(found, CallerError::Malformed { .. }), "{found}");
    }
    for text in ["", "x", "a.b.c", "é"] {
        assert!(
            matches!(refused(text, &issuer, now()), CallerError::Malformed { .. }),
            "{text}"
        );
    }
}

#[test]
fn each_fault_has_its_grpc_code() {
    let code = |error: CallerError| tonic::Status::from(error).code();
    assert_eq!(code(CallerError::Missing), tonic::Code::Unauthenticated);
    assert_eq!(code(CallerError::Expired), tonic::Code::Unauthenticated);
    assert_eq!(
        code(CallerError::WrongRole {
            needed: "auditor".into()
        }),
        tonic::Code::PermissionDenied
    );
    assert_eq!(
        code(CallerError::WrongOrganisation),
        tonic::Code::PermissionDenied
    );
}
