//! Events that are said to be of another person: identity is told of the record until a reviewer has decided, and what is kept is answered here.
//!
//! What stands on the log is what is asked about, so nothing is forgotten in a crash: a dispute is acknowledged before identity is told, and is
//! told again until identity says how it stands. Nobody here knows which record that is.

use crate::answer::{Reads, Served};
use crate::clock::{self, timestamp};
use crate::dispute::stands;
use crate::identity::Identity;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_proto::audit::v1::DisputeAnswer;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::dispute::{Disputed, IDENTITY, STANDS, WRONG_PERSON};

/// New disputes are told so soon.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Identity is asked about all that wait so often.
const ASKS_EVERY: Duration = Duration::from_secs(5);

/// What identity says of a link that a reader doubts.
const KEPT: &str = "KEPT";
const APART: &str = "APART";

/// Tells identity and takes in what its reviewers decided, until shutdown.
pub async fn follow(reads: Arc<Reads>, identity: Identity, stop: Shutdown) {
    let (mut known, mut asked): (i64, Option<Monotonic>) = (0, None);
    while !stop.is_requested() {
        let disputes = reads.ledger().disputes();
        let due = asked.is_none_or(|asked| asked.elapsed() >= ASKS_EVERY);
        if due || disputes.as_of() != known {
            (known, asked) = (disputes.as_of(), Some(Monotonic::now()));
            let waiting = disputes
                .all()
                .filter(|one| one.waits() && one.dispute.kind == WRONG_PERSON);
            for one in waiting {
                ask(&reads, &identity, one).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOKS_EVERY) => {}
            () = stop.requested() => {}
        }
    }
}

async fn ask(reads: &Reads, identity: &Identity, disputed: &Disputed) {
    let dispute = &disputed.dispute;
    let served: Option<Arc<Served>> = reads.view(&dispute.view);
    let Some(event) = served.and_then(|served| stands(&served, disputed)) else {
        // Whatever was said of it is said by its having gone.
        return;
    };
    let standing = match identity.doubt(dispute).await {
        Ok(standing) => standing,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "identity does not take a doubted link now");
            return;
        }
    };
    // The others of the person may have left, and this record stayed: then it is of nobody else any more.
    let settled = standing == KEPT || standing == APART && event.alone;
    if !settled {
        return;
    }
    let now = clock::now();
    let answer = DisputeAnswer {
        answer_id: uuid::Uuid::new_v4().to_string(),
        dispute_id: dispute.dispute_id.clone(),
        organisation: IDENTITY.to_owned(),
        answered_by: "identity".to_owned(),
        role: "service".to_owned(),
        purpose: dispute.purpose.clone(),
        view: dispute.view.clone(),
        answer: STANDS.to_owned(),
        answered_at: Some(timestamp(now)),
    };
    match reads.audit().answer(&answer, now).await {
        Ok(offset) => reads.read_through(offset).await,
        Err(error) => tracing::warn!(%error, "a kept link is not on record yet"),
    }
}
