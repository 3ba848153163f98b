//! The shipped publication schedules, published as `walbrook schedule publish deploy/schedules` does.

use super::children::http_text;
use super::{Backbone, root};
use walbrook_broker::control::registrar;
use walbrook_domain::control::ScheduleEntry;
use walbrook_event::control::schedule_entry;
use walbrook_policy::schedule::{ScheduleFile, united};
use walbrook_proto::control::v1::{ControlReceipt, PublishScheduleRequest};

/// What each organisation of `deploy/schedules` publishes.
fn shipped() -> Vec<(String, Vec<ScheduleEntry>)> {
    let catalogue = registrar::catalogue(&[]).expect("a catalogue");
    let files = std::fs::read_dir(root().join("deploy/schedules")).expect("the schedules");
    let read = files.map(|entry| {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a file");
        ScheduleFile::read(&text, &catalogue)
            .unwrap_or_else(|faults| panic!("{}: {faults}", path.display()))
    });
    let read: Vec<_> = read.collect();
    united(&read)
        .expect("one for each")
        .into_iter()
        .map(|(organisation, entries)| (organisation.to_string(), entries))
        .collect()
}

impl Backbone {
    /// Publishes the shipped schedules, and waits until these agencies know them.
    pub async fn publish_shipped_schedules(&self, agencies: &[&str]) {
        let wanted = shipped();
        let count = i64::try_from(wanted.len()).expect("few");
        let mut calls = tokio::task::JoinSet::new();
        for (organisation, entries) in wanted {
            let mut operator = self.operator();
            let request = PublishScheduleRequest {
                organisation,
                entries: entries.iter().map(schedule_entry).collect(),
                expected_version: 0,
                idempotency_key: String::new(),
            };
            calls.spawn(async move { operator.publish_schedule(request).await });
        }
        while let Some(call) = calls.join_next().await {
            call.expect("a call").expect("the schedule is published");
        }
        for agency in agencies {
            self.await_number(agency, "walbrook_gateway_schedules", count)
                .await;
        }
    }

    /// Publishes what an organisation publishes from now on, as the organisation itself, and waits until the agency knows it.
    ///
    /// # Errors
    /// The control plane's refusal.
    pub async fn publish_schedule(
        &self,
        agency: &str,
        organisation: &str,
        expected_version: u32,
        event_types: &[&str],
    ) -> Result<ControlReceipt, tonic::Status> {
        let name = "walbrook_gateway_schedule_versions";
        let known = self.number(agency, name).unwrap_or(0);
        let entry = |event_type: &&str| ScheduleEntry {
            event_type: event_type.parse().expect("an event type"),
            controller: organisation.parse().expect("an organisation"),
            reason: "a duty of the organisation".to_owned(),
            retention_days: 365,
        };
        let entries: Vec<_> = event_types.iter().map(entry).collect();
        let request = PublishScheduleRequest {
            organisation: organisation.to_owned(),
            entries: entries.iter().map(schedule_entry).collect(),
            expected_version,
            idempotency_key: String::new(),
        };
        let receipt = self.control(organisation).publish_schedule(request).await?;
        self.await_number(agency, name, known + 1).await;
        Ok(receipt.into_inner())
    }

    /// Waits until a number that a process tells has grown to `wanted`.
    pub async fn await_number(&self, process: &str, name: &str, wanted: i64) {
        let what = format!("{name} of {process} to be {wanted}");
        self.until(&what, || async {
            let found = self.number(process, name);
            if found.is_some_and(|found| found >= wanted) {
                Ok(())
            } else {
                Err(format!("{found:?} now"))
            }
        })
        .await;
    }

    /// A number that a process tells on `/metrics`, by its whole name with labels.
    #[must_use]
    pub fn number(&self, process: &str, name: &str) -> Option<i64> {
        let text = http_text(self.metrics_port(process)).ok()?;
        text.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(' ')?
                .trim()
                .parse()
                .ok()
        })
    }

    /// Of two brokers the one that writes the control plane, and the other.
    pub async fn writer_of<'a>(&self, brokers: [&'a str; 2]) -> (&'a str, &'a str) {
        self.until("one writer among two brokers", || async {
            let writes = |name| self.number(name, "walbrook_control_writer") == Some(1);
            match brokers.map(writes) {
                [true, false] => Ok((brokers[0], brokers[1])),
                [false, true] => Ok((brokers[1], brokers[0])),
                both => Err(format!("{both:?}")),
            }
        })
        .await
    }
}
