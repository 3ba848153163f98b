//! The calls about publication schedules.

use super::{Caller, Service, invalid, optional, timestamp, word};
use crate::error::ControlError;
use walbrook_domain::Organisation;
use walbrook_domain::control::PublicationSchedule;
use walbrook_event::control::{read_schedule_entry, schedule_entry};
use walbrook_policy::state::Published;
use walbrook_proto::control::v1 as proto;

impl Service {
    /// What a call publishes. That it follows the version on record is the fold's to say.
    pub(super) fn schedule(
        &self,
        caller: &Caller,
        request: proto::PublishScheduleRequest,
    ) -> Result<PublicationSchedule, ControlError> {
        let mut entries = Vec::with_capacity(request.entries.len());
        for (number, entry) in request.entries.into_iter().enumerate() {
            let field = format!("entries[{number}]");
            let entry = read_schedule_entry(entry)
                .map_err(|error| invalid(&field, "WORD", &error.problem))?;
            if self.catalogue.event(&entry.event_type).is_none() {
                let field = format!("{field}.event_type");
                return Err(invalid(&field, "NOT_IN_LIST", "no such event type"));
            }
            entries.push(entry);
        }
        let schedule = PublicationSchedule {
            organisation: word("organisation", &request.organisation)?,
            version: request.expected_version.saturating_add(1),
            entries,
            by_organisation: caller.organisation.clone(),
            by: caller.name(),
        };
        match schedule.fault() {
            Some(problem) => Err(invalid(
                "entries",
                "SCHEDULE",
                &format!("the schedule {problem}"),
            )),
            None => Ok(schedule),
        }
    }

    /// The schedules in force.
    pub(super) fn schedules(
        &self,
        request: &proto::ListSchedulesRequest,
    ) -> Result<proto::ListSchedulesResponse, ControlError> {
        let only: Option<Organisation> = optional("organisation", request.organisation.as_deref())?;
        let schedules = self.desk.read(|state| {
            let schedules = state.book().schedules();
            match &only {
                Some(organisation) => schedules.of(organisation).map(shown).into_iter().collect(),
                None => schedules.all().map(shown).collect(),
            }
        })?;
        Ok(proto::ListSchedulesResponse { schedules })
    }
}

fn shown(published: &Published) -> proto::ScheduleInForce {
    let schedule = &published.schedule;
    proto::ScheduleInForce {
        organisation: schedule.organisation.to_string(),
        version: schedule.version,
        entries: schedule.entries.iter().map(schedule_entry).collect(),
        since: Some(timestamp(published.since)),
    }
}
