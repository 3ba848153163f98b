//! Pseudonyms held against identity's verify call. The auditor has no purpose key; identity answers yes or no, and each call is on record.

use walbrook_auditor::pseudonyms::Subject;
use walbrook_auditor::{Checked, Found};
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{MatchItem, MatchesRequest};

use super::VerifyArgs;
use crate::caller::CallerArgs;
use crate::{Exit, Failure};

/// Pairs in one call.
const BATCH: usize = 500;
/// Pairs of a sample.
const SAMPLE: usize = 2_000;

/// Asks identity about a sample of the pairs, or with `--full` about all.
///
/// # Errors
/// When identity does not answer.
pub async fn confirm(args: &VerifyArgs, found: &mut Found) -> Result<(), Failure> {
    let mut items = items(found);
    if !args.full && items.len() > SAMPLE {
        // Pairs are ordered by pseudonym, which is as good as random: every n-th of them is a fair sample.
        let step = items.len() / SAMPLE + 1;
        items = items.into_iter().step_by(step).collect();
    }
    let caller = CallerArgs {
        dir: args.log.dir.clone(),
        organisation: "WALBROOK:local".to_owned(),
        role: None,
        subject: "walbrook-audit".to_owned(),
        token_file: args.token_file.clone(),
        endpoint: args.endpoint.clone(),
    };
    let mut identity = IdentityClient::new(caller.connect("identity", "auditor").await?);
    for batch in items.chunks(BATCH) {
        let request = MatchesRequest {
            items: batch.to_vec(),
        };
        let answer = identity.matches(request).await.map_err(|status| {
            Failure::new(
                Exit::NotRunning,
                format!("identity did not confirm pseudonyms: {}", status.message()),
            )
        })?;
        let matches = answer.into_inner().matches;
        for (index, item) in batch.iter().enumerate() {
            found.report.count(Checked::PseudonymsConfirmed, 1);
            if matches.get(index) != Some(&true) {
                let place = format!("shared.{}", item.purpose);
                let expected = format!(
                    "a pseudonym of the {} it stands for",
                    item.kind.to_lowercase()
                );
                found.report.differ(
                    "pseudonym",
                    place,
                    expected,
                    "one that identity does not confirm",
                );
            }
        }
    }
    Ok(())
}

fn items(found: &Found) -> Vec<MatchItem> {
    let pairs = found.pseudonyms.pairs().into_iter();
    let item = |(purpose, subject, pseudonym): (&str, &Subject, [u8; 16])| {
        let (bytes, organisation, event_id) = match subject {
            Subject::Person(person) => (person.to_bytes(), String::new(), String::new()),
            Subject::Handle(handle) => (handle.to_bytes(), String::new(), String::new()),
            Subject::Event(organisation, handle, event) => (
                handle.to_bytes(),
                organisation.to_string(),
                event.to_string(),
            ),
        };
        MatchItem {
            kind: subject.kind().to_owned(),
            purpose: purpose.to_owned(),
            key_id: found.key_ids.get(purpose).cloned().unwrap_or_default(),
            subject: bytes.to_vec(),
            organisation,
            event_id,
            pseudonym: pseudonym.to_vec(),
        }
    };
    pairs.map(item).collect()
}
