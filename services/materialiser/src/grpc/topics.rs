//! The topics that rows are delivered to, as they stand.

use super::Service;
use crate::answer::Served;
use crate::clock;
use crate::error::ReadError;
use crate::publish::topic::{Topics, of_plain, plain};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant as Monotonic;
use walbrook_domain::{Instant, Organisation};
use walbrook_policy::read::{Delivered, delivered};
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::{BookReading, Reading as _, Viewer};

impl Service {
    /// The caller organisation's own.
    pub(super) async fn topics(
        &self,
        principal: &Principal,
    ) -> Result<proto::ListTopicsResponse, ReadError> {
        let organisation: Organisation = principal
            .organisation
            .parse()
            .map_err(|_| ReadError::Organisation)?;
        let mut topics: Vec<proto::DeliveredTopic> = self
            .reads
            .board()
            .views()
            .iter()
            .map(|served| self.topic(served, &organisation))
            .collect();
        let on_log = Arc::clone(&self.topics);
        let counted = tokio::task::spawn_blocking(move || {
            count(&on_log, &organisation, &mut topics)?;
            Ok::<_, crate::publish::PublishError>(topics)
        });
        let counted = counted.await.map_err(|_| ReadError::Work)?;
        let mut topics = counted.map_err(|error| {
            tracing::warn!(%error, "topics of rows cannot be looked at");
            ReadError::Work
        })?;
        topics.retain(|topic| topic.last_written.is_some() || topic.state != "ENDED");
        Ok(proto::ListTopicsResponse { topics })
    }

    /// What agreements say of it.
    fn topic(&self, served: &Arc<Served>, organisation: &Organisation) -> proto::DeliveredTopic {
        let (view, agreements) = (&served.view, self.reads.book().now());
        let (now, of) = (clock::now(), (&view.purpose, view.name.as_str()));
        let granted = delivered(&agreements.book, organisation, of, now.london_day());
        let (role, mut state) = match granted {
            None => (String::new(), "ENDED"),
            Some(Delivered::TwoRoles) => (String::new(), "TWO_ROLES"),
            Some(Delivered::To(role)) => (role, "DELIVERED"),
        };
        let kept = served.bound.check(Monotonic::now()).is_ok();
        if state == "DELIVERED" && !(kept && served.is_allowed(&agreements)) {
            state = "WAITS";
        }
        let topic = plain(&view.name, organisation).unwrap_or_default();
        let viewer = Viewer {
            organisation: organisation.clone(),
            role: role.clone(),
            reader: topic.clone(),
        };
        let reading = BookReading::delivered(&agreements.book, &viewer, view, now);
        let deliver = reading.entitlements().into_iter();
        proto::DeliveredTopic {
            view: view.name.clone(),
            organisation: organisation.to_string(),
            role,
            topic,
            state: state.to_owned(),
            agreements: deliver
                .map(|(id, version)| proto::DeliveringAgreement {
                    agreement_id: id.to_string(),
                    version: version.0,
                })
                .collect(),
            ..proto::DeliveredTopic::default()
        }
    }
}

/// What stands on them, and on those of views that nobody computes any more. Blocks.
fn count(
    on_log: &Topics,
    organisation: &Organisation,
    topics: &mut Vec<proto::DeliveredTopic>,
) -> Result<(), crate::publish::PublishError> {
    let found = on_log.found()?;
    for plain in &found {
        let of = of_plain(plain).filter(|(_, of)| of == organisation);
        let Some((view, _)) = of.filter(|_| topics.iter().all(|one| one.topic != *plain)) else {
            continue;
        };
        topics.push(proto::DeliveredTopic {
            view: view.to_owned(),
            organisation: organisation.to_string(),
            topic: plain.clone(),
            state: "ENDED".to_owned(),
            ..proto::DeliveredTopic::default()
        });
    }
    let stop = Shutdown::new();
    for topic in topics {
        let (mut standing, mut last) = (BTreeSet::new(), None);
        if found.contains(&topic.topic) {
            for number in 0..on_log.partitions {
                on_log.read(&on_log.at(&topic.topic, number), &stop, |record| {
                    let key = record.key.clone();
                    match record.value {
                        Some(_) => standing.insert(key),
                        None => standing.remove(&key),
                    };
                    last = last.max(Some(record.timestamp_ms));
                })?;
            }
        }
        topic.rows = u64::try_from(standing.len()).unwrap_or(u64::MAX);
        let at = last.map(|ms| Instant(ms.saturating_mul(1_000)));
        topic.last_written = at.map(clock::timestamp);
        topic.topic = on_log.namespace.name(&topic.topic);
    }
    Ok(())
}
