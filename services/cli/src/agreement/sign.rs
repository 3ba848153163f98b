//! `walbrook agreement sign`: a party's own signature. The key never leaves this program.

use std::path::PathBuf;

use clap::Args;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use futures::StreamExt;
use walbrook_domain::Organisation;
use walbrook_policy::Agreement;
use walbrook_policy::agreement::sha256;
use walbrook_proto::control::v1::{AgreementSummary, RegisterPartyKeyRequest, SignRequest};
use walbrook_runtime::keystore::KeyStore;

use super::{again, control, key, on_record};
use crate::caller::{CallerArgs, refused};
use crate::cluster::keys::parties;
use crate::table::table;
use crate::{Exit, Failure};

/// Calls that may be open at a time.
const AT_A_TIME: usize = 16;

/// What to sign, as whom.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["agreement", "all_local"]))]
pub struct SignArgs {
    /// The agreement
    #[arg(value_name = "ID")]
    pub agreement: Option<String>,
    /// The version; the newest when left out
    // `version` itself is the program's own flag.
    #[arg(long = "edition", value_name = "VERSION")]
    pub edition: Option<u32>,
    /// The party's private key (Ed25519, PKCS #8 PEM); on a local backbone its own key when left out
    #[arg(long, value_name = "PEM")]
    pub key: Option<PathBuf>,
    /// Register the public half first, as an operator
    #[arg(long)]
    pub register_key: bool,
    /// Sign the newest version of every agreement for every party that has a key on the local backbone, and register their keys
    #[arg(long, conflicts_with_all = ["key", "edition"])]
    pub all_local: bool,
    /// As whom
    #[command(flatten)]
    pub caller: CallerArgs,
}

pub(super) async fn run(args: SignArgs) -> Result<Exit, Failure> {
    let mut client = control(
        &args
            .caller
            .acting(&args.caller.organisation, "operator", &args.caller.subject),
        "operator",
    )
    .await?;
    let known = on_record(&mut client).await?;
    if args.all_local {
        return all_local(&args.caller, &known).await;
    }
    let id = args.agreement.as_deref().unwrap_or_default();
    let found = known
        .iter()
        .find(|one| one.agreement_id == id)
        .ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                format!("there is no agreement {id} on record: see `walbrook agreement list`"),
            )
        })?;
    let mut found = found.clone();
    if let Some(version) = args.edition.filter(|version| *version != found.version) {
        let document = super::history::document(&mut client, id, version).await?;
        found.version = document.version;
        found.text = document.text;
        found.text_sha256_hex = document.text_sha256_hex;
    }
    let found = &found;
    let signing = match &args.key {
        Some(path) => read_key(path)?,
        None => local_key(&args.caller, &args.caller.organisation)?,
    };
    if args.register_key {
        register(&args.caller, &args.caller.organisation, &signing).await?;
    }
    let offset = sign(&args.caller, &args.caller.organisation, found, &signing).await?;
    println!(
        "{} signed {id} version {} (sha-256 {}…), control.policy offset {offset}",
        args.caller.organisation,
        found.version,
        found.text_sha256_hex.get(..16).unwrap_or_default()
    );
    Ok(Exit::Done)
}

/// Every party with a key here signs what it is a party to and has not signed.
async fn all_local(caller: &CallerArgs, known: &[AgreementSummary]) -> Result<Exit, Failure> {
    let mut rows = table(["Agreement", "Version", "Signed now", "Parties in all"]);
    let mut registered = std::collections::BTreeSet::new();
    for summary in known {
        let agreement = Agreement::read(&summary.text)
            .map_err(|faults| Failure::new(Exit::Internal, faults))?;
        let mut wanted = Vec::new();
        for party in parties() {
            let organisation: Organisation = party
                .parse()
                .map_err(|error| Failure::new(Exit::Internal, error))?;
            // Whoever has signed an older version is asked for the newest; whoever left comes back only by its own act.
            let done = summary.parties.iter().any(|one| {
                one.organisation == party
                    && (one.signed_version >= summary.version || one.standing == "TERMINATED")
            });
            if agreement.party(&organisation).is_some() && !done {
                wanted.push((registered.insert(party.clone()), party));
            }
        }
        let count = wanted.len();
        let calls = wanted.into_iter().map(|(first, party)| async move {
            let signing = local_key(caller, &party)?;
            if first {
                register(caller, &party, &signing).await?;
            }
            sign(caller, &party, summary, &signing).await
        });
        let signed: Vec<_> = futures::stream::iter(calls)
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        for outcome in signed {
            outcome?;
        }
        let before = summary
            .parties
            .iter()
            .filter(|party| party.signed_version >= summary.version)
            .count();
        rows.add_row([
            summary.agreement_id.clone(),
            summary.version.to_string(),
            count.to_string(),
            (before + count).to_string(),
        ]);
    }
    println!("{rows}");
    Ok(Exit::Done)
}

async fn sign(
    caller: &CallerArgs,
    party: &str,
    summary: &AgreementSummary,
    signing: &SigningKey,
) -> Result<i64, Failure> {
    // The text is hashed here: a party signs what it can read, never a hash it was handed.
    let hash = sha256(&summary.text);
    if hex::encode(hash) != summary.text_sha256_hex {
        return Err(Failure::new(
            Exit::Refused,
            "the control plane's hash is not that of the text it shows: nothing was signed",
        ));
    }
    let client = control(&caller.acting(party, "control", &caller.subject), "control").await?;
    let request = SignRequest {
        agreement_id: summary.agreement_id.clone(),
        version: summary.version,
        key_id: key_id(signing),
        signature: signing.sign(&hash).to_bytes().to_vec(),
        idempotency_key: key(),
    };
    let answer = again(async || client.clone().sign(request.clone()).await).await;
    Ok(answer
        .map_err(refused("sign the agreement"))?
        .into_inner()
        .offset)
}

/// Registers the public half, unless it is there already.
async fn register(caller: &CallerArgs, party: &str, signing: &SigningKey) -> Result<(), Failure> {
    let client = control(
        &caller.acting("WALBROOK:local", "operator", &caller.subject),
        "operator",
    )
    .await?;
    let request = RegisterPartyKeyRequest {
        organisation: party.to_owned(),
        key_id: key_id(signing),
        public_key: signing.verifying_key().to_bytes().to_vec(),
        active: true,
        idempotency_key: format!("party-key/{party}/{}", key_id(signing)),
    };
    let answer = again(async || client.clone().register_party_key(request.clone()).await).await;
    answer.map_err(refused("register the party's key"))?;
    Ok(())
}

/// A key is named after itself, so that the same key is never registered under two names.
fn key_id(signing: &SigningKey) -> String {
    let public = hex::encode(signing.verifying_key().to_bytes());
    format!("ed25519-{}", public.get(..16).unwrap_or_default())
}

fn read_key(path: &std::path::Path) -> Result<SigningKey, Failure> {
    let wrong = |problem: String| {
        Failure::new(
            Exit::Input,
            format!("the key {}: {problem}", path.display()),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    SigningKey::from_pkcs8_pem(&text)
        .map_err(|_| wrong("not an Ed25519 key as PKCS #8 PEM".to_owned()))
}

fn local_key(caller: &CallerArgs, party: &str) -> Result<SigningKey, Failure> {
    caller
        .keys()?
        .party(party)
        .map_err(|error| Failure::new(Exit::Input, error))
}
